"""A progress bar on standard error, for analyses that take long enough to wonder about."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from analyzer.capture.source import Source

DELAY = 0.5
"""Seconds before the bar appears: shorter analyses are better left alone, and rich takes 60 ms to import."""
INTERVAL = 0.1
"""Seconds between two drawings."""


class Bar:
    """Call it after each batch; `close` wipes it off."""

    def __init__(self, source: Source) -> None:
        """A bar over the bytes of ``source``; without a total where that is a pipe."""
        self._source = source
        self._due = time.monotonic() + DELAY
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + INTERVAL
        if self._progress is None:
            self._start()
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=self._source.position, refresh=True)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

        console = Console(file=sys.stderr, markup=False, highlight=False)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._task = self._progress.add_task("", total=self._source.size)
        self._progress.start()

    def close(self) -> None:
        """Remove the bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
