"""What the terminal wants, and the one way to talk on standard error."""

from __future__ import annotations

import os
import shutil
import sys

from analyzer.report.escape import visible

WIDTH = 100
"""Columns where standard output is not a terminal."""


def say(message: str) -> None:
    """One line on standard error, made visible, after the program's name."""
    try:
        sys.stderr.write(f"wsanalyzer: {visible(message)}\n")  # what its encoding lacks, Python writes as escapes
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody listens


def use_color(wish: str, stdout: bool = True) -> bool:
    """Whether to use colour. ``auto``: on a terminal that has not said no (NO_COLOR, TERM=dumb)."""
    if wish != "auto":
        return wish == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stdout and sys.stdout.isatty()


def width() -> int:
    """Columns of standard output."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
