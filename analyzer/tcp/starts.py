"""Where streams start: what SYNs say, and what is known of a stream from the other side's numbers alone.

A SYN takes the number before its stream's first byte. Where a stream's own SYN was not captured, but the other side's
was and answered it, the first number that side acknowledged is the stream's first as well. Where neither was, the
segments that came tell (`analyzer.tcp.joining`). Acknowledged numbers are noted also for streams of which nothing at
all is captured: how far they rose is what the capture lacks.
"""

from __future__ import annotations

from typing import Any

from analyzer.tcp.columns import column, longer
from analyzer.tcp.streams import distance

ANSWERING = 2
"""Of a side whose SYN was captured: it acknowledged the other's, and so says where that side starts."""


class Starts:
    """By direction; of one whose start is not known, the numbers its peer acknowledged."""

    def __init__(self) -> None:
        self._synced: Any = column(0)
        """Whether the SYN was captured; ANSWERING: it acknowledged one."""
        self._first: Any = column(0)
        """The first number acknowledged by a peer whose own SYN was captured; -1: none."""
        self._lowest: Any = column(0)
        """The first number acknowledged by any peer; -1: none."""
        self._promised: Any = column(0)

    def grow(self, directions: int) -> None:
        """Room for so many."""
        self._synced = longer(self._synced, directions)
        self._first = longer(self._first, directions, -1)
        self._lowest = longer(self._lowest, directions, -1)
        self._promised = longer(self._promised, directions)

    def forget(self, d: int) -> None:
        """Another stream has this number now."""
        self._synced[d] = 0
        self._first[d] = self._lowest[d] = -1
        self._promised[d] = 0

    def syn(self, d: int, *, answers: bool = False) -> None:
        """The SYN came, and perhaps acknowledged one."""
        self._synced[d] = ANSWERING if answers else 1

    def acknowledged(self, d: int, ack: int) -> None:
        """The peer acknowledged a number of ``d``, whose start is not known."""
        if self._synced[d ^ 1] and self._first[d] < 0:
            self._first[d] = ack
        if self._lowest[d] < 0:
            self._lowest[d] = ack
        self._promised[d] = max(self._promised[d], distance(ack, self._lowest[d]))

    def synced(self, d: int) -> bool:
        """The SYN was captured."""
        return bool(self._synced[d])

    def answered(self, d: int) -> bool:
        """The peer's SYN was captured and acknowledged that of ``d``: `first` is where ``d`` starts."""
        return bool(self._synced[d ^ 1] == ANSWERING)

    def first(self, d: int) -> int:
        """The first number acknowledged by a peer whose SYN was captured; -1: none."""
        return int(self._first[d])

    def promised(self, d: int) -> int:
        """How far the numbers that the peer acknowledged have risen."""
        return int(self._promised[d])
