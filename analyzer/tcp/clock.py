"""Elapsed capture time, from time stamps that may jump.

Packets of several interfaces come slightly out of order, clocks are set back, and a damaged record may claim
any time at all. What waits for time to pass must neither fire for ever nor never again after such a jump. The
clock therefore adds up forward steps: it never goes back, and where the time stamps go back by more than
`JITTER`, it goes on from there.
"""

from __future__ import annotations

from analyzer.settings import SECOND
from analyzer.tcp.streams import EARLIEST, LATEST

JITTER = 60 * SECOND
"""Time stamps this much older than the latest are out of order; older ones mean that the clock was set back."""


class Clock:
    """Nanoseconds of capture time gone by."""

    def __init__(self) -> None:
        self.now = 0
        self._latest: int | None = None

    def see(self, time_ns: int) -> None:
        """A packet was captured at ``time_ns``."""
        if self._latest is None or time_ns < self._latest - JITTER:
            self._latest = time_ns
        elif time_ns > self._latest:
            self.now += time_ns - self._latest
            self._latest = time_ns

    def bounds(self) -> tuple[int, int]:
        """The earliest and the latest time stamp that need no attention: those of this second, and out of order."""
        if self._latest is None:
            return LATEST, EARLIEST
        end_of_second = (self._latest // SECOND + 1) * SECOND - 1
        return max(self._latest - JITTER, EARLIEST), min(end_of_second, LATEST)
