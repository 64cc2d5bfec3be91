"""What waits, of all directions, and how many bytes of memory that is.

Few directions wait for anything at a time; the others have no entry. Those that hold pieces are known in the order in
which they began to, because where all of it together is too much, those that have waited longest make room.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from analyzer.tcp.waiting import Waiting

_Result = TypeVar("_Result")


class Shelf:
    """By direction: its `Waiting`."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes that wait, in all; whoever keeps others under the same limit adds them."""
        self._waiting: dict[int, Waiting] = {}
        # Ordered, because what is first is asked for and removed again and again: a plain dict looks for its first
        # entry among all that were removed before it.
        self._holding: OrderedDict[int, None] = OrderedDict()

    def __contains__(self, d: int) -> bool:
        return d in self._waiting

    def of(self, d: int) -> Waiting | None:
        """What ``d`` waits for, if it waits."""
        return self._waiting.get(d)

    def wait(self, d: int) -> Waiting:
        """What ``d`` waits for, from now on if it did not before."""
        waiting = self._waiting.get(d)
        if waiting is None:
            waiting = self._waiting[d] = Waiting()
        return waiting

    def change(self, d: int, waiting: Waiting, change: Callable[[], _Result]) -> _Result:
        """Do something to what waits, and keep count of it."""
        before = waiting.size
        result = change()
        self.size += waiting.size - before
        if waiting.pieces:
            self._holding.setdefault(d, None)
        else:
            self._holding.pop(d, None)
        return result

    def oldest(self) -> int | None:
        """The direction that has held pieces longest; None: nobody holds any."""
        return next(iter(self._holding), None)

    def forget(self, d: int) -> None:
        """Direction ``d`` waits for nothing."""
        waiting = self._waiting.pop(d, None)
        if waiting is not None:
            self.change(d, waiting, waiting.drop)
