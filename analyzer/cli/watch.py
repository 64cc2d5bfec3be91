"""What a terminal shows while ``sniff`` listens: how many connections, how fast, what was found last, what was lost.

Drawn on standard error after a batch, twice a second at most, and wiped off at the end: the report follows. The key
``q`` ends the capture as Ctrl-C does.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from analyzer.model import Finding, Record, Severity
from analyzer.report.concise import line
from analyzer.report.escape import visible

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live as Drawing

    from analyzer.capture.live import Live
    from analyzer.connections import Glance

INTERVAL = 0.5
"""Seconds between two drawings."""
LATEST = 10
"""Findings that are shown."""
STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "default"}
UNITS = ("B", "kB", "MB", "GB", "TB")
QUIT = b"q"


class View:
    """Call it after each batch; a context manager that owns the terminal meanwhile."""

    def __init__(self, live: Live, console: Console | None = None) -> None:
        """A view of ``live``."""
        self._live = live
        self._console = console
        self._drawing: Drawing | None = None
        self._findings: deque[Finding] = deque(maxlen=LATEST)
        self._counts = dict.fromkeys(Severity, 0)
        self._due = 0.0
        self._before: tuple[float, tuple[int, int]] | None = None
        self._terminal: list[Any] | None = None
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to draw, and to listen to the keyboard."""
        from rich.console import Console
        from rich.live import Live as Drawing

        console = self._console or Console(file=sys.stderr, markup=False, highlight=False)
        self._drawing = Drawing(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._drawing.start()
        with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
            import termios
            import tty

            if sys.stdin.isatty():
                self._terminal = termios.tcgetattr(sys.stdin)
                tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back as it was."""
        if self._terminal is not None:
            import termios

            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._terminal)
        if self._drawing is not None:
            self._drawing.stop()

    def see(self, record: Record) -> None:
        """Remember a finding."""
        if isinstance(record, Finding):
            self._counts[record.severity] += record.count
            if record.severity is not Severity.INFO:
                self._findings.append(record)

    def __call__(self, look: Callable[[], Glance]) -> None:
        """Draw, if it is time to; end the capture where somebody asked for it."""
        if self._terminal is not None and select.select([sys.stdin], [], [], 0)[0]:
            keys = os.read(sys.stdin.fileno(), 64)
            if not keys or QUIT in keys.lower():
                self._live.stop()
        now = time.monotonic()
        if now < self._due or self._drawing is None:
            return
        self._due = now + INTERVAL
        self._drawing.update(self._drawn(look(), now), refresh=True)

    def _drawn(self, glance: Glance, now: float) -> Group:
        from rich.console import Group
        from rich.text import Text

        rates = self._rates(glance, now)
        found = ", ".join(f"{count} {severity}" for severity, count in self._counts.items())
        lost = self._live.drops + sum(self._live.limits.values())
        lines = [
            Text(visible(f"{self._live.notes[0]}, {now - self._started:.0f} s; q ends it"), "bold"),
            Text(f"connections {glance.open} open, {glance.seen} seen   frames {glance.frames}"),
            Text(f"clients {size(rates[0])}/s   servers {size(rates[1])}/s   open messages {glance.messages}"),
            Text(
                f"dropped {lost}   waiting {size(self._live.backlog)}   memory {size(memory())}", "red" if lost else ""
            ),
            Text(f"found {found}"),
        ]
        lines += [Text(visible(line(finding)), STYLES[finding.severity], no_wrap=True) for finding in self._findings]
        return Group(*lines)

    def _rates(self, glance: Glance, now: float) -> tuple[float, float]:
        """Bytes of frames in a second since the last drawing, by role."""
        before, self._before = self._before, (now, glance.sent)
        if before is None or now <= before[0]:
            return 0.0, 0.0
        one, other = ((new - old) / (now - before[0]) for new, old in zip(glance.sent, before[1], strict=True))
        return one, other


def size(count: float) -> str:
    """Bytes as people write them."""
    at = 0
    while count >= 1000 and at < len(UNITS) - 1:
        count /= 1000
        at += 1
    return f"{count:.0f} {UNITS[at]}" if at == 0 else f"{count:.1f} {UNITS[at]}"


def memory() -> int:
    """Bytes of memory in use; where the system does not tell, the most there were."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
