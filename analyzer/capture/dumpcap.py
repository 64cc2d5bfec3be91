"""Captures with Wireshark's dumpcap: a small program that is allowed to, and gives up what else it was allowed.

It reads the kernel's ring of packets in a process of its own and writes pcapng, with what was lost at the end.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence

from analyzer.capture.child import Child
from analyzer.capture.privileges import ADVICE, wrapper
from analyzer.errors import AnalyzerError, InputError, MissingDependencyError, UsageError
from analyzer.settings import Settings

MEBIBYTE = 1 << 20


class NotPermittedError(InputError):
    """Somebody else, or another back end, may be permitted to do this."""


def present() -> bool:
    """Whether dumpcap is installed and may be started."""
    return shutil.which("dumpcap") is not None


def start(interfaces: Sequence[str], expression: str | None, settings: Settings) -> Child:
    """A running dumpcap. Raises MissingDependencyError, NotPermittedError, UsageError, InputError."""
    program = shutil.which("dumpcap")
    if program is None:
        raise MissingDependencyError("dumpcap is not installed, or you may not run it: install Wireshark's dumpcap")
    each = [word for name in interfaces for word in ("-i", name, *(("-f", expression) if expression else ()))]
    buffer = max(1, settings.capture_buffer // MEBIBYTE)
    command = [*wrapper(), program, "-q", "-B", str(buffer), *each, "-w", "-"]
    child = Child(command, interrupt=True)
    if child.started():
        return child
    said = child.said()
    child.close()
    raise explain(said, interfaces, expression)


def explain(said: str, interfaces: Sequence[str], expression: str | None) -> AnalyzerError:
    """One line for the many that dumpcap says when it cannot start."""
    names = ", ".join(interfaces)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    wrong = [line for line in lines if not line.startswith(("Capturing on", "File:"))]
    text = " ".join(wrong).lower()
    if "invalid capture filter" in text:
        why = re.search(r"valid capture filter (\(.*\))", " ".join(wrong))
        return UsageError(f"--bpf {expression}: not a capture filter{f' {why[1]}' if why else ''}")
    if "permi" in text or "privilege" in text:
        return NotPermittedError(f"{names}: {ADVICE}")
    reason = wrong[0].removeprefix("dumpcap: ") if wrong else "dumpcap said nothing"
    return InputError(f"{names}: dumpcap cannot capture: {reason}")
