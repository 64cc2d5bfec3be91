"""Ctrl-C ends the reading, not the report: what was read until then is judged and written.

So does SIGTERM. The first signal makes the source look as if the capture ended there. It breaks into a read that
waits for a silent pipe, but never into the analysis, which could not go on from the middle of a batch. The second
signal is the usual KeyboardInterrupt, for whoever does not want to wait.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from analyzer.capture.batch import Batch
    from analyzer.capture.source import Source


SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Whether the user has had enough."""

    def __init__(self, *, expected: bool = False) -> None:
        """Not yet. ``expected``: the input has no end of its own, so this is how the user ends it."""
        self.expected = expected
        self._stop: Callable[[], None] | None = None
        self.number: int | None = None
        """The signal that came."""
        self.reading = False
        """Whether the source is at work, so that breaking in does no harm."""

    @property
    def happened(self) -> bool:
        """Whether a signal came."""
        return self.number is not None

    def stops(self, stop: Callable[[], None]) -> None:
        """From now on the first signal calls ``stop``, because the source ends when told to; so does one that came."""
        self._stop = stop
        if self.happened:
            stop()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals while the block runs. Outside the main thread, where Python delivers none, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._first) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _first(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        for each in SIGNALS:
            signal.signal(each, signal.default_int_handler)
        if self._stop is not None:
            self._stop()
        elif self.reading:
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
            rest = "what comes later" if self._interrupt.expected else "the rest"
            self._added.append(f"interrupted after {packets} packets; {rest} was not read")

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
