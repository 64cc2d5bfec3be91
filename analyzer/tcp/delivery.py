"""Writing chunks: what the slow way of reassembly delivers, row by row, and how far that takes a stream.

Every byte of a stream leaves here or in the fast pass exactly once, as DATA or within a GAP, in order; the sums
of their lengths are the stream's length.
"""

from __future__ import annotations

from typing import NamedTuple

from analyzer.capture.batch import Batch
from analyzer.tcp.packets import Segments
from analyzer.tcp.streams import DATA, END, GAP, OPEN, SNAPLEN, TICK, Chunks, Streams
from analyzer.tcp.waiting import Piece

SEQUENCES = 1 << 32


class Spot(NamedTuple):
    """Where the byte in question was captured; see `analyzer.model.Place`."""

    file: int
    packet: int
    time_ns: int
    file_offset: int


class Delivery:
    """The chunks of the batch at hand, and what was lost so far in the run."""

    def __init__(self, streams: Streams, rows: int) -> None:
        self.chunks = Chunks(rows)
        self.gaps = 0
        self.gap_bytes = 0
        self.row = 0
        """The packet of the batch that is being looked at."""
        self._streams = streams
        self._opened: set[int] = set()
        """Slots whose connection has given chunks."""
        self.ends: list[bytes] = []
        """By slot: the connection's endpoints, packed (see `analyzer.tcp.packets.unpacked`)."""

    def take_up(self, batch: Batch, segments: Segments) -> None:
        """A new batch."""
        self._batch = batch
        self._segments = segments

    def opened(self, slot: int) -> bool:
        """Whether the connection in ``slot`` has given chunks."""
        return slot in self._opened

    def here(self) -> Spot:
        """The packet at hand, from its first byte."""
        batch, row = self._batch, self.row
        return Spot(int(batch.file[row]), int(batch.number[row]), int(batch.time_ns[row]), int(batch.file_offset[row]))

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

    def end(self, slot: int, synced: bool) -> None:
        """Say that the connection in ``slot`` is over, if it was announced, and whether a SYN of it was captured."""
        if slot in self._opened:
            self._opened.remove(slot)
            self.emit(END, 2 * slot, 0, int(synced), 0, self.here())

    def tick(self) -> None:
        """Say that a second of capture time has begun."""
        self.emit(TICK, 0, 0, 0, 0, self.here())

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
        self.gaps += 1
        self.gap_bytes += length

    def _advance(self, d: int, length: int) -> None:
        self._streams.next_offset[d] += length
        self._streams.next_seq[d] = (self._streams.next_seq[d] + length) % SEQUENCES
