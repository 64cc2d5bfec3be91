"""Several captures as one timeline: one after another where they do not overlap, merged by time where they do.

Rotated files follow each other, so the usual case is free: a batch goes by untouched, and a file is opened when it is
due and closed at its end. A file is due when its first packet is not later than the last one in hand. While two or more
are open, what their batches hold up to the earliest end among them is copied together and sorted.

The order is (time, argument, place in the file), where a packet's time is the latest so far in its own file: a file's
own order is kept even where its clock goes backwards. No row depends on how the reading was chopped.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Protocol

import numpy as np

from analyzer.capture.batch import I64, PACKET_COLUMNS, Batch
from analyzer.capture.buffer import ALIGNMENT
from analyzer.errors import AnalyzerError

SMALLEST_BUFFER = 64 << 10
"""A reader's buffer shrinks to this, in bytes, while many are open."""

EARLIEST = -(1 << 63)
"""The start of a file that has no time of its own."""
LATEST = (1 << 63) - 1
"""The start of a file that has no packet yet, but will."""


class Packets(Protocol):
    """One input, being read."""

    def read(self) -> Batch | None:
        """The next packets, at least one, valid until the next call; None at the end. Raises InputError."""

    def close(self) -> None:
        """Read no more."""


class Lane:
    """One input on its way through the timeline."""

    def __init__(
        self,
        index: int,
        start: int,
        opened: Callable[[int], Packets],
        refused: Callable[[int, AnalyzerError], None],
    ) -> None:
        """Input number ``index``, whose first packet is at ``start``; ``opened`` gives a reader with a buffer size.

        ``refused`` is told where nothing of the input can be read; it may raise.
        """
        self.index = index
        self.start = start
        self._open = opened
        self._refused = refused
        self._reader: Packets | None = None
        self._batch: Batch | None = None
        self._latest = EARLIEST
        self.keys: I64 = np.zeros(0, dtype=np.int64)
        """Time of each row in hand, never falling."""
        self.taken = 0
        """Rows in hand that have been handed on."""

    @property
    def end(self) -> tuple[int, int]:
        """Where the rows in hand end; all later ones of this lane sort after."""
        return int(self.keys[-1]), self.index

    def open(self, size: int) -> bool:
        """Start reading with a buffer of ``size`` bytes; False where there are no packets."""
        try:
            self._reader = self._open(size)
            return self.advance()
        except AnalyzerError as error:
            self.close()
            self._refused(self.index, error)
            return False

    def advance(self) -> bool:
        """Take the next batch in hand; False, and closed, at the end."""
        if self._reader is None:
            return False
        self._batch = self._reader.read()
        self.taken = 0
        if self._batch is None:
            self.close()
            return False
        times = self._batch.time_ns[: self._batch.count]
        self.keys = np.maximum.accumulate(times)
        np.maximum(self.keys, self._latest, out=self.keys)
        self._latest = int(self.keys[-1])
        return True

    def close(self) -> None:
        """Stop reading, and keep no buffer."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._batch = None

    @property
    def batch(self) -> Batch:
        """The batch in hand."""
        if self._batch is None:
            raise AssertionError("a lane without a batch has no rows")
        return self._batch

    def until(self, bound: tuple[int, int]) -> int:
        """How many rows in hand sort up to and including ``bound``."""
        key, index = bound
        return int(np.searchsorted(self.keys, key, side="right" if self.index <= index else "left"))


def timeline(lanes: list[Lane], size: int, rows: int) -> Generator[Batch, None, None]:
    """All packets of ``lanes`` in order, in batches of at most ``rows``; ``size`` bytes is one reader's buffer.

    A batch is valid until the next is asked for.
    """
    waiting = sorted(lanes, key=lambda lane: (lane.start, lane.index))
    active: list[Lane] = []
    try:
        while waiting or active:
            bound = min((lane.end for lane in active), default=None)
            while waiting and (bound is None or (waiting[0].start, waiting[0].index) <= bound):
                lane = waiting.pop(0)
                if lane.open(max(size // (len(active) + 1), min(size, SMALLEST_BUFFER))):
                    active.append(lane)
                    bound = min(bound, lane.end) if bound is not None else lane.end
            if bound is None:
                continue
            yield from _up_to(bound, active, rows)
            active = [lane for lane in active if lane.taken < len(lane.keys) or lane.advance()]
    finally:
        for lane in lanes:
            lane.close()


def _up_to(bound: tuple[int, int], active: list[Lane], rows: int) -> Iterator[Batch]:
    """The rows in hand that sort up to ``bound``."""
    if len(active) == 1 and not active[0].taken:
        active[0].taken = len(active[0].keys)
        yield active[0].batch
        return
    parts = []
    for lane in sorted(active, key=lambda lane: lane.index):
        stop = lane.until(bound)
        if stop > lane.taken:
            parts.append((lane, lane.taken, stop))
        lane.taken = max(lane.taken, stop)
    yield from _merged(parts, rows)


def _merged(parts: list[tuple[Lane, int, int]], rows: int) -> Iterator[Batch]:
    """Rows ``start`` to ``stop`` of each lane, by key; lanes come in the order that equal keys are to have."""
    keys = np.concatenate([lane.keys[start:stop] for lane, start, stop in parts])
    order = np.argsort(keys, kind="stable")
    columns = {
        name: np.concatenate([getattr(lane.batch, name)[start:stop] for lane, start, stop in parts])[order]
        for name in PACKET_COLUMNS
        if name != "offset"
    }
    data = bytearray()
    offsets = []
    for lane, start, stop in parts:
        batch = lane.batch
        first = int(batch.offset[start])
        last = int(batch.offset[stop - 1] + batch.captured[stop - 1])
        offsets.append(batch.offset[start:stop] - first + len(data))
        data += memoryview(batch.data)[first:last]
    data += bytes(-len(data) % ALIGNMENT or (0 if data else ALIGNMENT))
    columns["offset"] = np.concatenate(offsets)[order]
    for start in range(0, len(order), rows):
        batch = Batch(data, 0)
        batch.count = min(rows, len(order) - start)
        for name in PACKET_COLUMNS:
            setattr(batch, name, columns[name][start : start + rows])
        yield batch
