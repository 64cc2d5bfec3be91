"""Reads pcap: the file header through its schema, the records through the walk.

The magic number tells byte order and unit of time (`analyzer.wire.pcap.VARIANTS`); both are arguments of the walk, so
one walk reads all variants.
"""

from __future__ import annotations

import numpy as np

from analyzer.capture import layout, records
from analyzer.capture.batch import Batch
from analyzer.capture.buffer import Buffer
from analyzer.capture.ledger import Ledger
from analyzer.capture.stream import DamageError
from analyzer.settings import Settings
from analyzer.wire import pcap

COLUMNS = ("offset", "captured", "wire", "time_ns", "number", "file_offset")
"""What the walk fills, in the order of its arguments; the link type is the file's."""


class Pcap:
    """One pcap file from its first byte on."""

    header = "header"
    """What the file begins with, for messages."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        """Nothing read yet."""
        self._limit = settings.packet_size
        self._ledger = ledger
        self._variant = pcap.VARIANTS[pcap.u32(pcap.LITTLE).build(pcap.MICROSECONDS)]
        self._head = 0
        self._link = 0
        self._state = np.zeros(layout.STATE, dtype=np.int64)
        self._state_view = self._state.data

    @property
    def at(self) -> int:
        """Position in the buffer of the first byte not consumed."""
        return int(self._state[layout.AT])

    @property
    def boundary(self) -> int:
        """Where the last whole record ends."""
        return self.at

    def moved(self) -> None:
        """The buffer's unread rest was moved to its front."""
        self._state[layout.AT] = 0

    def begin(self, buffer: Buffer, batch: Batch) -> int:
        """Read the file header; how many bytes it needs, 0 when it is read."""
        size = pcap.HEADER[pcap.LITTLE].sizeof()
        if buffer.end < size:
            return int(size)
        raw = bytes(buffer.view[:size])
        self._variant = pcap.VARIANTS[raw[: len(next(iter(pcap.VARIANTS)))]]
        self._head = self._variant.record.sizeof()
        header = pcap.HEADER[self._variant.order].parse(raw)
        self._link = header.network.link
        self._state[layout.AT] = size
        return 0

    def walk(self, buffer: Buffer, batch: Batch, columns: dict[str, memoryview]) -> int:
        """Add to ``batch`` what ``buffer`` holds; how many bytes from `at` on are needed to go on, 0 for a full batch.

        Raises DamageError, after the batch has been brought up to date.
        """
        state = self._state
        state[layout.COUNT] = batch.count
        status = records.walk_pcap(
            buffer.view,
            buffer.end,
            buffer.base,
            self._variant.order == pcap.BIG,
            self._head,
            self._variant.unit,
            self._limit,
            self._state_view,
            *(columns[name] for name in COLUMNS),
        )
        # Whoever took the batch before may have written into its columns.
        batch.link[batch.count : int(state[layout.COUNT])] = self._link
        batch.count = int(state[layout.COUNT])
        self._ledger.packets = int(state[layout.NUMBER])
        if status == layout.DAMAGE:
            record = self._variant.record.parse(buffer.view[self.at : self.at + self._head])
            raise DamageError(f"packet {self._ledger.packets + 1} claims {record.captured} captured bytes")
        return int(state[layout.NEED]) if status == layout.MORE else 0

    def inside(self, buffer: Buffer) -> str | None:
        """What the end of the file cuts, None if nothing."""
        return f"packet {self._ledger.packets + 1}'s record" if buffer.end > self.at else None
