"""The last captured bytes, to compare retransmissions with.

A retransmission must carry the bytes of the first copy; where it does not, somebody injects or a middlebox
rewrites, and that is worth a finding (ST-009). The bytes are remembered by copying each batch, once; whose they
are is written in the trail (`analyzer.tcp.streams`). A *place* counts all the data ever remembered, so it stays
valid while the data behind it comes and goes.
"""

from __future__ import annotations

from bisect import bisect_right

BLOCK = 256 << 10
"""Bytes put together before they count as one block: batches may be tiny."""


class History:
    """The data of the latest batches."""

    def __init__(self, size: int) -> None:
        """Remember what came within the last ``size`` captured bytes."""
        self.size = size
        self._places: list[int] = []
        self._blocks: list[bytes | bytearray] = []
        self._ages: list[int] = []
        """Captured bytes of the run at the end of each block."""
        self.total = 0
        """The place at which the next batch's data will begin."""

    def remember(self, data: memoryview, captured: int) -> None:
        """Keep ``data``; ``captured`` bytes of packets had been captured in the run by its end."""
        if not self._blocks or len(self._blocks[-1]) >= BLOCK:
            self._places.append(self.total)
            self._blocks.append(bytearray())
            self._ages.append(captured)
        self._blocks[-1] += data
        self._ages[-1] = captured
        self.total += len(data)
        old = 0
        while self._ages[old] < captured - self.size:
            old += 1
        if old:
            del self._places[:old], self._blocks[:old], self._ages[:old]

    def read(self, place: int, length: int) -> bytes:
        """``length`` bytes from ``place`` on; fewer, or none, where they are no longer remembered."""
        block = bisect_right(self._places, place) - 1
        if block < 0:
            return b""
        start = place - self._places[block]
        return bytes(self._blocks[block][start : start + length])
