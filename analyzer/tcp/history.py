"""What was delivered lately, to compare retransmissions with.

A retransmission must carry the bytes of the first copy; where it does not, somebody injects or a middlebox
rewrites, and that is worth a finding (ST-009). The bytes are remembered by copying each batch, once, together
with a row for every segment that says whose bytes stand where. What is still remembered depends on the
captured bytes since, not on how they were cut into batches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]


class Segments(NamedTuple):
    """Delivered segments as arrays: whose (a number for each stream ever), where, and in which bytes."""

    stream: I64
    offset: I64
    """In the stream."""
    length: I64
    start: I64
    """In the block's data."""
    position: I64
    """Captured bytes of the run before the segment's packet: its age."""


class _Block(NamedTuple):
    data: bytes
    segments: Segments


class History:
    """The last captured bytes and the segments in them."""

    BLOCK = 256 << 10
    """Bytes put together before they are looked through as one: batches may be tiny."""

    def __init__(self, size: int) -> None:
        """Remember ``size`` captured bytes."""
        self._size = size
        self._blocks: list[_Block] = []
        self._data = bytearray()
        self._parts: list[Segments] = []

    def remember(self, data: bytes | bytearray | memoryview, segments: Segments) -> None:
        """Keep ``data`` and the segments in it; their ``start`` counts within ``data``."""
        base = len(self._data)
        self._data += data
        self._parts.append(segments._replace(start=segments.start + base))
        if len(self._data) < self.BLOCK:
            return
        self._blocks.append(_Block(bytes(self._data), self._joined()))
        self._data = bytearray()
        self._parts = []
        newest = int(self._blocks[-1].segments.position[-1])
        while int(self._blocks[0].segments.position[-1]) < newest - self._size:
            self._blocks.pop(0)

    def _joined(self) -> Segments:
        if len(self._parts) != 1:
            self._parts = [Segments(*(np.concatenate(column) for column in zip(*self._parts, strict=True)))]
        return self._parts[0]

    def overlaps(self, stream: int, offset: int, end: int, now: int) -> list[tuple[int, bytes]]:
        """Remembered bytes of ``stream`` within [offset, end): stream offset and bytes, newest first.

        ``now`` is the age of the packet that asks: what is older by ``size`` is forgotten.
        """
        found = []
        open_block = [_Block(b"", self._joined())] if self._parts else []
        for block in open_block + self._blocks[::-1]:
            s = block.segments
            data = block.data or self._data
            wanted = (s.stream == stream) & (s.offset < end) & (s.offset + s.length > offset)
            for i in np.flatnonzero(wanted & (s.position >= now - self._size))[::-1]:
                low = max(offset, int(s.offset[i]))
                at = int(s.start[i]) + low - int(s.offset[i])
                found.append((low, bytes(data[at : at + min(end, int(s.offset[i] + s.length[i])) - low])))
        return found
