"""A batch of packets: one buffer, and columns that say where each packet stands in it.

The buffer is reused for the next batch, so nothing may keep a view into it beyond the batch it came with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

PACKET_COLUMNS = ("offset", "captured", "wire", "time_ns", "number", "file", "link", "file_offset")


class Batch:
    """Packets in the order of the capture. Each column has at least ``count`` rows, one a packet."""

    __slots__ = ("captured", "count", "data", "file", "file_offset", "link", "number", "offset", "time_ns", "wire")

    data: bytearray
    """The captured bytes; its length is a multiple of 8."""
    offset: I64
    """Where the packet's first captured byte stands in ``data``."""
    captured: I64
    """Captured length in bytes."""
    wire: I64
    """Length on the wire in bytes, at least ``captured`` in a sane capture (not promised)."""
    time_ns: I64
    """Nanoseconds since 1970."""
    number: I64
    """Packet number within its file, from 1, as Wireshark counts."""
    file: I64
    """Index into the run's inputs."""
    link: I64
    """LINKTYPE_ value of the packet's interface."""
    file_offset: I64
    """Where the packet's first captured byte stands in its (decompressed) file."""

    def __init__(self, data: bytearray, rows: int) -> None:
        """An empty batch over ``data`` with room for ``rows`` packets."""
        self.data = data
        self.count = 0
        for name in PACKET_COLUMNS:
            setattr(self, name, np.zeros(rows, dtype=np.int64))
