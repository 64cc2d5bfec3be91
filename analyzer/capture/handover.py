"""From the thread that reads to the analysis: batches in a bounded queue, whose waiting a signal's handler may end.

Python's own queues will not do. ``queue.Queue`` and ``threading.Event`` hold a lock that is not reentrant, so a handler
must not touch them. ``queue.SimpleQueue.get`` with a time-out waits for ever where a handler is done after the time
was up (CPython 3.11 hands the lock what is left of the time, and less than nothing means no limit); on a busy machine
that happened. So the queue is a deque, and who waits polls a pipe, which is written to for each batch and by `wake`.
"""

from __future__ import annotations

import contextlib
import os
import select
import weakref
from collections import deque

from analyzer.capture.batch import PACKET_COLUMNS, Batch

ROW = 8 * len(PACKET_COLUMNS)
"""Bytes of a row of a batch."""
BATCH = 2048
"""What a batch counts beside its bytes and rows."""
DRAIN = 4096
"""Bytes that are read from the pipe at once."""


class Handover:
    """One thread offers, another one takes; any thread, and any signal's handler, wakes."""

    def __init__(self, size: int) -> None:
        """At most ``size`` bytes of batches wait."""
        self._size = size
        self._batches: deque[Batch | None] = deque()
        self._put = 0
        self._taken = 0
        """Bytes that went in, and that came out: each is written by one thread."""
        self._next: list[Batch] = []
        """A batch that was taken out of the queue, and did not fit."""
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._poll = select.poll()
        self._poll.register(self._reading, select.POLLIN)
        # Not sooner: whoever can still wake it must not write into a descriptor that is somebody else's by then.
        weakref.finalize(self, _close, self._reading, self._writing)

    @property
    def waiting(self) -> int:
        """Bytes that are in it."""
        return self._put - self._taken

    def offer(self, batch: Batch) -> bool:
        """Put a batch in; False where it does not fit."""
        cost = _cost(batch)
        if self.waiting + cost > self._size:
            return False
        self._put += cost
        self._batches.append(batch)
        self.wake()
        return True

    def end(self) -> None:
        """Nothing more comes."""
        self._batches.append(None)
        self.wake()

    def wake(self) -> None:
        """End the waiting of whoever takes, now or next."""
        with contextlib.suppress(BlockingIOError):  # full of what has not been read yet, which is as good
            os.write(self._writing, b"\0")

    def take(self, rows: int, size: int, patience: float) -> tuple[list[Batch], bool]:
        """What there is, as much as fits ``rows`` and about ``size`` bytes; whether nothing more comes.

        Where there is nothing: wait ``patience`` seconds for it, or until somebody wakes.
        """
        found, self._next = self._next, []
        if not found and not self._batches:
            self._wait(patience)
        count = sum(batch.count for batch in found)
        length = 0
        while self._batches and length < size:
            batch = self._batches[0]
            if batch is None:  # and there it stays, however often it is asked for
                return found, True
            self._batches.popleft()
            self._taken += _cost(batch)
            if found and count + batch.count > rows:
                self._next = [batch]
                break
            found.append(batch)
            count += batch.count
            length += len(batch.data)
        return found, False

    def _wait(self, patience: float) -> None:
        if self._poll.poll(1000 * patience):
            with contextlib.suppress(BlockingIOError):
                while len(os.read(self._reading, DRAIN)) == DRAIN:
                    pass


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _cost(batch: Batch) -> int:
    return len(batch.data) + batch.count * ROW + BATCH
