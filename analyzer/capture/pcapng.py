"""Reads pcapng: packet blocks through the walk, every other block here, through its schema.

Blocks that say nothing the analysis uses (names, custom, unknown ones) are passed over unread, whatever their size. A
section starts afresh with its own byte order and interfaces. Damage is a length that no block can have, or one that
its end contradicts: block boundaries are lost from there on, and reading stops.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from construct import Construct

from analyzer.capture import layout, records
from analyzer.capture.batch import Batch
from analyzer.capture.buffer import Buffer
from analyzer.capture.ledger import Ledger
from analyzer.capture.stream import DamageError
from analyzer.settings import SECOND, Settings
from analyzer.wire import pcap, pcapng

COLUMNS = ("offset", "captured", "wire", "time_ns", "number", "link", "file_offset")
"""What the walk fills, in the order of its arguments."""

FINEST = 18
"""The largest power of ten that fits 63 bits."""
NATIVE = pcap.LITTLE if sys.byteorder == "little" else pcap.BIG
TRAILER: int = pcapng.TRAILER[pcap.LITTLE].sizeof()
SMALLEST: int = pcapng.HEAD[pcap.LITTLE].sizeof() + TRAILER
STRANGE = "interface not described"
"""Why packets are skipped: neither their link type nor their clock is known."""


class Pcapng:
    """One pcapng file from its first byte on."""

    header = "first block"
    """What the file begins with, for messages."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        """Nothing read yet."""
        self._settings = settings
        self._ledger = ledger
        self._order = pcap.LITTLE
        self._trailer = 0
        self._secrets = 0
        self._settled_drops = 0
        self._interfaces = 0
        self._table = np.zeros(layout.INTERFACE, dtype=np.int64)
        self._state = np.zeros(layout.STATE, dtype=np.int64)
        self._state_view = self._state.data
        self._handlers: dict[int, tuple[dict[str, Construct], Callable[[Any, memoryview], None]]] = {
            pcapng.SECTION: (pcapng.SECTION_HEADER, self._section),
            pcapng.INTERFACE: (pcapng.INTERFACE_DESCRIPTION, self._interface),
            pcapng.OLD_PACKET: (pcapng.OLD_PACKET_BLOCK, self._old_packet),
            pcapng.STATISTICS: (pcapng.INTERFACE_STATISTICS, self._statistics),
            pcapng.SECRETS: (pcapng.DECRYPTION_SECRETS, self._decryption_secrets),
        }

    @property
    def at(self) -> int:
        """Position in the buffer of the first byte not consumed; beyond its end while a block is passed over."""
        return int(self._state[layout.AT])

    @property
    def boundary(self) -> int:
        """Where the last whole block ends; before the buffer's front while a block is passed over."""
        return self.at - (self._trailer - TRAILER if self._trailer else 0)

    def moved(self) -> None:
        """The buffer's unread rest was moved to its front."""
        self._state[layout.AT] = 0

    def begin(self, buffer: Buffer, batch: Batch) -> int:
        """Read the first block; how many bytes it needs, 0 when it is read. Raises DamageError."""
        return self._block(buffer)

    def walk(self, buffer: Buffer, batch: Batch, columns: dict[str, memoryview]) -> int:
        """Add to ``batch`` what ``buffer`` holds; how many bytes from `at` on are needed to go on, 0 for a full batch.

        Raises DamageError, after the batch has been brought up to date.
        """
        state = self._state
        state[layout.COUNT] = batch.count
        try:
            while True:
                if need := self._end_of_block(buffer):
                    return need
                status = records.walk_blocks(
                    buffer.view,
                    buffer.words,
                    buffer.end,
                    buffer.base,
                    self._order == pcap.BIG,
                    self._order != NATIVE,
                    self._interfaces,
                    self._table.data,
                    self._settings.packet_size,
                    self._settings.block_size,
                    self._state_view,
                    *(columns[name] for name in COLUMNS),
                )
                if status == layout.FULL:
                    return 0
                if status == layout.MORE:
                    return int(state[layout.NEED])
                if status == layout.DAMAGE:
                    raise DamageError(self._complaint(buffer))
                if state[layout.COUNT] and self._holds_secrets(buffer):
                    return 0  # they are for the packets after them
                if need := self._block(buffer):
                    return need
        finally:
            batch.count = int(state[layout.COUNT])
            self._ledger.packets = int(state[layout.NUMBER])
            self._ledger.drops = self._settled_drops + self._section_drops()
            if state[layout.STRANGE]:
                self._ledger.skipped[STRANGE] = int(state[layout.STRANGE])

    def inside(self, buffer: Buffer) -> str | None:
        """What the end of the file cuts, None if nothing."""
        at = self.at
        if at == buffer.end and not self._trailer:
            return None
        head = buffer.view[at : buffer.end]
        if not self._trailer and len(head) >= TRAILER:
            kind = pcap.u32(self._order).parse(head)
            if kind in (pcapng.PACKET, pcapng.SIMPLE_PACKET, pcapng.OLD_PACKET):
                return f"packet {self._ledger.packets + 1}'s block"
        return "a block"

    def _block(self, buffer: Buffer) -> int:
        """Deal with the block at `at`, whatever it is; how many bytes that needs, 0 when it is done."""
        at, have = self.at, buffer.end - self.at
        if have < SMALLEST:
            return SMALLEST
        if buffer.view[at : at + len(pcapng.MAGIC)] == pcapng.MAGIC:
            magic = bytes(buffer.view[at + SMALLEST - TRAILER : at + SMALLEST])
            if magic not in pcapng.ORDER_MAGIC:
                raise DamageError(f"a section header without the byte-order magic ({magic.hex(' ')})")
            self._order = pcapng.ORDER_MAGIC[magic]
        head = pcapng.HEAD[self._order].parse(buffer.view[at : at + SMALLEST])
        total: int = head.total
        if total < SMALLEST or total % pcapng.ALIGNMENT:
            raise DamageError(f"a block of {total} bytes, a length no block can have")
        schema, handle = self._handlers.get(head.type, (None, None))
        if schema is None or handle is None or total > self._settings.block_size:
            if head.type in (pcapng.SECTION, pcapng.INTERFACE, pcapng.OLD_PACKET):
                raise DamageError(f"a block of type {head.type} and {total} bytes, which is too long to be one")
            self._state[layout.AT] = at + total - TRAILER
            self._trailer = total
            return self._end_of_block(buffer)
        if have < total:
            return total
        block = buffer.view[at : at + total]
        self._check_end(total, block[total - TRAILER :])
        fixed = schema[self._order]
        if total < fixed.sizeof() + TRAILER:
            raise DamageError(f"a block of type {head.type} and {total} bytes, which is too short to be one")
        self._state[layout.AT] = at + total
        handle(fixed.parse(block), block[fixed.sizeof() : total - TRAILER])
        if head.type == pcapng.OLD_PACKET:
            self._renew(block)
            self._state[layout.AT] = at
        return 0

    def _end_of_block(self, buffer: Buffer) -> int:
        """Check the end of a block that was passed over; how many bytes that needs, 0 when there is none to check."""
        if not self._trailer:
            return 0
        at = self.at
        if buffer.end - at < TRAILER:
            return TRAILER
        total, self._trailer = self._trailer, 0
        self._check_end(total, buffer.view[at : at + TRAILER])
        self._state[layout.AT] = at + TRAILER
        return 0

    def _check_end(self, total: int, end: memoryview) -> None:
        again = pcapng.TRAILER[self._order].parse(end)
        if again != total:
            raise DamageError(f"a block that begins with a length of {total} and ends with {again} bytes")

    def _section(self, fixed: Any, rest: memoryview) -> None:
        self._settled_drops += self._section_drops()
        self._interfaces = 0
        self._table = np.zeros(layout.INTERFACE, dtype=np.int64)

    def _interface(self, fixed: Any, rest: memoryview) -> None:
        if self._interfaces >= self._settings.interfaces:
            self._ledger.reached("interfaces")
            return
        entry = self._interfaces * layout.INTERFACE
        if entry == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        values = dict(self._options(rest))
        unit, factor, most = _resolution(values.get(pcapng.TIME_RESOLUTION, pcapng.DEFAULT_RESOLUTION))
        shift = 0
        if len(values.get(pcapng.TIME_OFFSET, b"")) == pcapng.OFFSET[self._order].sizeof():
            shift = pcapng.OFFSET[self._order].parse(values[pcapng.TIME_OFFSET]) * SECOND
        row = self._table[entry : entry + layout.INTERFACE]
        row[layout.LINK] = fixed.link
        row[layout.SNAPLEN] = fixed.snaplen
        row[layout.UNIT], row[layout.FACTOR], row[layout.MOST] = unit, factor, most
        row[layout.SHIFT] = max(-layout.SHIFT_MOST, min(layout.SHIFT_MOST, shift))
        self._interfaces += 1

    def _options(self, rest: memoryview) -> Iterator[tuple[int, bytes]]:
        """Code and value of a block's options, as many as are looked at."""
        for number, option in enumerate(pcapng.options(bytes(rest), self._order)):
            if number == self._settings.options:
                self._ledger.reached("options")
                return
            yield option

    def _old_packet(self, fixed: Any, rest: memoryview) -> None:
        if fixed.interface < self._interfaces and fixed.drops != pcapng.UNKNOWN_DROPS:
            self._table[fixed.interface * layout.INTERFACE + layout.LOST] += fixed.drops

    def _holds_secrets(self, buffer: Buffer) -> bool:
        """The block at `at` is a Decryption Secrets Block."""
        head = buffer.view[self.at : buffer.end]
        return len(head) >= TRAILER and pcap.u32(self._order).parse(head) == pcapng.SECRETS

    def _renew(self, block: memoryview) -> None:
        """Turn the obsolete packet block into its successor, which has the same fields in the same places."""
        fields = pcapng.OLD_PACKET_BLOCK[self._order].parse(block)
        schema = pcapng.ENHANCED_PACKET[self._order]
        block[: schema.sizeof()] = schema.build({**fields, "type": pcapng.PACKET})

    def _statistics(self, fixed: Any, rest: memoryview) -> None:
        counter = pcapng.COUNTER[self._order]
        counts = [
            counter.parse(value)
            for code, value in self._options(rest)
            if code in (pcapng.INTERFACE_DROPS, pcapng.SYSTEM_DROPS) and len(value) == counter.sizeof()
        ]
        if counts and fixed.interface < self._interfaces:
            # Each block counts from the start of the capture, so the last one holds.
            self._table[fixed.interface * layout.INTERFACE + layout.STATED] = min(sum(counts), layout.COUNT_MOST)

    def _decryption_secrets(self, fixed: Any, rest: memoryview) -> None:
        secrets = bytes(rest[: fixed.length])
        if fixed.kind != pcapng.TLS_KEY_LOG or not secrets:
            return
        before, self._secrets = self._secrets, self._secrets + fixed.total
        if self._secrets <= self._settings.block_size:
            self._ledger.secrets.append(secrets)
        elif before <= self._settings.block_size:
            self._ledger.reached("block_size")
            self._ledger.note(f"more than {self._settings.block_size} bytes of TLS secrets; the rest are not used")

    def _section_drops(self) -> int:
        """Drops of the section so far: what its packets say or what its statistics say, interface by interface."""
        rows = self._table.reshape(-1, layout.INTERFACE)
        return int(np.maximum(rows[:, layout.LOST], rows[:, layout.STATED]).sum())

    def _complaint(self, buffer: Buffer) -> str:
        """Why the packet block at `at` cannot be one."""
        at = self.at
        packet = f"packet {int(self._state[layout.NUMBER]) + 1}"
        head = pcapng.HEAD[self._order].parse(buffer.view[at : buffer.end])
        total: int = head.total
        schema = (pcapng.ENHANCED_PACKET if head.type == pcapng.PACKET else pcapng.SIMPLE_PACKET_BLOCK)[self._order]
        if total < schema.sizeof() + TRAILER or total % pcapng.ALIGNMENT or total > self._settings.block_size:
            return f"{packet} is a block of {total} bytes, a length it cannot have"
        again = pcapng.TRAILER[self._order].parse(buffer.view[at + total - TRAILER : at + total])
        if again != total:
            return f"{packet}'s block begins with a length of {total} and ends with {again} bytes"
        fields = schema.parse(buffer.view[at : buffer.end])
        return f"{packet} claims {fields.captured if 'captured' in fields else fields.wire} captured bytes"


def _resolution(value: bytes) -> tuple[int, int, int]:
    """How an interface's time stamps count, from if_tsresol: its UNIT, FACTOR and MOST."""
    resolution = pcapng.RESOLUTION.parse(value if len(value) == 1 else pcapng.DEFAULT_RESOLUTION)
    exponent: int = resolution.exponent
    if resolution.binary:
        return layout.BINARY, exponent, layout.LATEST // SECOND
    nanoseconds = len(str(SECOND)) - 1
    if exponent <= nanoseconds:
        factor = 10 ** (nanoseconds - exponent)
        return layout.MULTIPLIED, factor, layout.LATEST // factor
    # In two steps, because 10^19 does not fit the table; what is finer than that counts no nanosecond in 64 bits.
    finer = exponent - nanoseconds
    first = min(finer, FINEST)
    if finer > FINEST + 1:
        return layout.DIVIDED, 0, 1
    return layout.DIVIDED, 10**first, 10 ** (finer - first)
