"""Writing chunks: what the slow way of reassembly delivers, row by row, and how far that takes a stream.

Every byte of a stream leaves here or in the fast pass exactly once, as DATA or within a GAP, in order; the sums
of their lengths are the stream's length.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from analyzer.capture.batch import Batch
from analyzer.tcp.columns import column, longer
from analyzer.tcp.packets import HOPS, REUSED, Segments
from analyzer.tcp.streams import (
    CONFLICT,
    DATA,
    END,
    GAP,
    LOST,
    OPEN,
    SIGN,
    SNAPLEN,
    SYNCED,
    TICK,
    UNHEARD,
    Chunks,
    Streams,
)
from analyzer.tcp.waiting import Difference, Piece

SEQUENCES = 1 << 32


class Spot(NamedTuple):
    """Where the byte in question was captured; see `analyzer.model.Place`."""

    file: int
    packet: int
    time_ns: int
    file_offset: int


class Copies(NamedTuple):
    """What a CONFLICT carries: the packet with the first copy, and both copies from the first difference on."""

    packet: int
    first: bytes
    again: bytes

    def pack(self) -> bytes:
        """As it stands in the store."""
        return _COPIES.pack(self.packet, len(self.first), len(self.again)) + self.first + self.again

    @staticmethod
    def unpack(store: Any, at: int) -> Copies:
        """What stands at ``at`` in the store."""
        packet, first, again = _COPIES.unpack_from(store, at)
        at += _COPIES.size
        return Copies(packet, bytes(store[at : at + first]), bytes(store[at + first : at + first + again]))


_COPIES = struct.Struct(">qBB")

NO_SIGN = -1


class Delivery:
    """The chunks of the batch at hand, and what was lost so far in the run."""

    def __init__(self, streams: Streams, rows: int) -> None:
        self.chunks = Chunks(rows)
        self.gaps = 0
        self.gap_bytes = 0
        self.row = 0
        """The packet of the batch that is being looked at."""
        self.before_ns = 0
        self.idle_ns: int | None = None
        """The time, where no packet tells it (see `analyzer.capture.live`)."""
        """Time of the last packet before the batch."""
        self._streams = streams
        self._opened: set[int] = set()
        """Slots whose connection has given chunks."""
        self.ends: list[bytes] = []
        """By slot: the connection's endpoints, packed (see `analyzer.tcp.packets.unpacked`)."""
        # By slot: whether addresses and ports were used before. By direction: how the hop limit changed before there
        # was anything to tell of the connection (a SIGN's detail), and how many bytes were lost.
        self._reused: Any = column(0)
        self._hops: Any = column(0)
        self._lost: Any = column(0)

    def grow(self, slots: int) -> None:
        """Make room for ``slots`` connections."""
        if slots > len(self._reused):
            self.ends += [b""] * (slots - len(self.ends))
            self._reused = longer(self._reused, slots)
            self._hops = longer(self._hops, 2 * slots, NO_SIGN)
            self._lost = longer(self._lost, 2 * slots)

    def start(self, slot: int, ends: bytes) -> None:
        """A new connection, between two endpoints."""
        self.ends[slot] = ends
        self._reused[slot] = 0
        for d in (2 * slot, 2 * slot + 1):
            self._hops[d] = NO_SIGN
            self._lost[d] = 0

    def take_up(self, batch: Batch, segments: Segments) -> None:
        """A new batch."""
        self.idle_ns = None
        self._batch = batch
        self._segments = segments

    def opened(self, slot: int) -> bool:
        """Whether the connection in ``slot`` has given chunks."""
        return slot in self._opened

    def here(self) -> Spot:
        """The packet at hand, from its first byte. Where nobody sends, the last one, and the time now."""
        batch, row = self._batch, self.row
        time_ns = int(batch.time_ns[row]) if self.idle_ns is None else self.idle_ns
        return Spot(int(batch.file[row]), int(batch.number[row]), time_ns, int(batch.file_offset[row]))

    def payload(self, i: int) -> Spot:
        """The first payload byte of segment ``i``, which is in the packet at hand."""
        here = self.here()
        skip = self._segments.start[i] - int(self._batch.offset[self.row])
        return here._replace(file_offset=here.file_offset + skip)

    def open(self, d: int, number: int, synced: bool, spot: Spot) -> None:
        """Announce the connection of ``d``, if that was not done: the ``number`` of its TCP stream, and whether a SYN
        of it was captured by now.
        """
        if d >> 1 not in self._opened:
            self._opened.add(d >> 1)
            at = len(self.chunks.store)
            self.chunks.store += self.ends[d >> 1]
            self.emit(OPEN, d, 0, number, at, spot, int(synced))
            if self._reused[d >> 1]:
                self.sign(2 * (d >> 1), REUSED, 0, spot)
            for e in (2 * (d >> 1), 2 * (d >> 1) + 1):
                if self._hops[e] != NO_SIGN:
                    self.sign(e, HOPS, self._hops[e], spot)

    def sign(self, d: int, kind: int, detail: int, spot: Spot) -> None:
        """Tell what was seen beside the bytes, as soon as there are any."""
        if d >> 1 in self._opened:
            self.emit(SIGN, d, self._streams.next_offset[d], kind, detail, spot)
        elif kind == REUSED:
            self._reused[d >> 1] = 1
        elif kind == HOPS:
            self._hops[d] = detail

    def conflict(self, d: int, found: Difference, spot: Spot) -> None:
        """Tell of bytes that came again and differ; ``spot`` is that of the first one."""
        at = len(self.chunks.store)
        self.chunks.store += Copies(found.packet, found.first, found.again).pack()
        self.emit(CONFLICT, d, found.offset, found.length, at, spot)

    def silent(self, d: int) -> bool:
        """Whether bytes of ``d`` were lost, and no other ones were captured."""
        return bool(self._lost[d] and self._lost[d] == self._streams.next_offset[d])

    def end(self, slot: int, synced: bool, unheard: list[bool]) -> None:
        """Say that the connection in ``slot`` is over, if it was announced; whether a SYN of it was captured, and of
        which side no byte was, although there were some.
        """
        if slot in self._opened:
            self._opened.remove(slot)
            told = sum((bit for side, bit in enumerate(UNHEARD) if unheard[side]), SYNCED if synced else 0)
            self.stop(END, 2 * slot, 0, told, self.here())

    def stop(self, kind: int, d: int, offset: int, length: int, spot: Spot) -> None:
        """Write an end of ``d``, with what each side has acknowledged of the other until then."""
        acked = self._streams.acked
        self.emit(kind, d, offset, length, int(acked[d]), spot, int(acked[d ^ 1]))

    def tick(self) -> None:
        """Say that a second of capture time has begun."""
        inside = self.row and self.idle_ns is None
        before = self._batch.time_ns[self.row - 1] if inside else self.before_ns
        self.emit(TICK, 0, int(before), 0, 0, self.here())

    def emit(self, kind: int, d: int, offset: int, length: int, start: int, spot: Spot, acked: int = -1) -> int:
        """Write one chunk. Its row."""
        chunks = self.chunks
        chunks.reserve(1)
        n = chunks.count
        chunks.kind[n], chunks.direction[n], chunks.offset[n] = kind, d, offset
        chunks.length[n], chunks.start[n], chunks.stored[n], chunks.acked[n] = length, start, 0, acked
        chunks.file[n], chunks.packet[n], chunks.time_ns[n], chunks.file_offset[n] = spot
        chunks.ordinal[n] = self._streams.ordinal + self.row
        chunks.count = n + 1
        return n

    def data(self, d: int, length: int, start: int, captured: int, acked: int, spot: Spot) -> None:
        """Deliver what is next in line from the batch's buffer; what the capture cut off is a gap."""
        if captured:
            self.emit(DATA, d, self._streams.next_offset[d], captured, start, spot, acked)
            self._advance(d, captured)
        if captured < length:
            self.gap(d, length - captured, SNAPLEN, spot)

    def piece(self, d: int, piece: Piece) -> None:
        """Deliver a piece that has waited."""
        spot = Spot(piece.file, piece.packet, piece.time_ns, piece.file_offset)
        if piece.data:
            store: bytearray = self.chunks.store
            n = self.emit(DATA, d, piece.offset, len(piece.data), len(store), spot, piece.acked)
            self.chunks.stored[n] = 1
            store += piece.data
            self._advance(d, len(piece.data))
        if len(piece.data) < piece.length:
            self.gap(d, piece.length - len(piece.data), SNAPLEN, spot)

    def gap(self, d: int, length: int, reason: int, spot: Spot) -> None:
        """Deliver ``length`` bytes that nobody has."""
        self.emit(GAP, d, self._streams.next_offset[d], length, reason, spot)
        self._advance(d, length)
        if reason == LOST:
            self._lost[d] += length
        self.gaps += 1
        self.gap_bytes += length

    def _advance(self, d: int, length: int) -> None:
        self._streams.next_offset[d] += length
        self._streams.next_seq[d] = (self._streams.next_seq[d] + length) % SEQUENCES
