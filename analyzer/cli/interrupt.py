"""Ctrl-C ends the reading, not the report: what was read until then is judged and written.

The first SIGINT makes the source look as if the capture ended there. It breaks into a read that waits for a
silent pipe, but never into the analysis, which could not go on from the middle of a batch. The second SIGINT
is the usual KeyboardInterrupt, for whoever does not want to wait.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from analyzer.capture.batch import Batch
    from analyzer.capture.source import Source


class Interrupt:
    """Whether the user has had enough."""

    def __init__(self) -> None:
        """Not yet."""
        self.happened = False
        self.reading = False
        """Whether the source is at work, so that breaking in does no harm."""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT while the block runs. Outside the main thread, where Python delivers none, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._first)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _first(self, number: int, frame: FrameType | None) -> None:
        self.happened = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.reading:
            raise KeyboardInterrupt

    def guard(self, source: Source) -> Source:
        """``source``, which ends early once the interrupt has happened."""
        return cast("Source", _Guarded(source, self))


class _Guarded:
    def __init__(self, source: Source, interrupt: Interrupt) -> None:
        self._source = source
        self._interrupt = interrupt
        self._added: list[str] = []

    @property
    def notes(self) -> list[str]:
        return [*self._source.notes, *self._added]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def batches(self) -> Iterator[Batch]:
        packets = 0
        unread = self._source.batches()
        while not self._interrupt.happened:
            batch = self._next(unread)
            if batch is None:
                break
            packets += batch.count
            yield batch
        if self._interrupt.happened:
            self._added.append(f"interrupted after {packets} packets; the rest was not read")

    def _next(self, unread: Iterator[Batch]) -> Batch | None:
        try:
            try:
                self._interrupt.reading = True
                return next(unread, None)
            finally:
                self._interrupt.reading = False
        except KeyboardInterrupt:  # outermost, because it may also come within the finally
            if not self._interrupt.happened:
                raise
            return None
