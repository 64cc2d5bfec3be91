"""Runs the command line as a user does: in a process of its own, from whatever folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import analyzer

WHERE = Path(analyzer.__file__).parent.parent
"""The folder of the package under test, installed or not, so that the process runs the same one."""

TIMEOUT = 120
"""Seconds after which a run counts as hung."""


def environment() -> dict[str, str]:
    """For a process that is to run the package under test, with output that does not depend on the terminal."""
    return {**os.environ, "PYTHONPATH": str(WHERE), "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"}


def python(*arguments: str | Path, folder: Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run the interpreter; standard output and error are captured."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment(),
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )


def wsanalyzer(*arguments: str | Path, folder: Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run ``python -m analyzer``."""
    return python("-m", "analyzer", *arguments, folder=folder, stdin=stdin)
