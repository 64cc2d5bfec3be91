"""The slow way of TCP reassembly: everything but the next segment in line.

Theory of operation. `Reassembly` is told of each segment the fast pass (`analyzer.tcp.streams`) would not
take, and works on the same state. The first copy of a byte wins; later copies are compared with it. Bytes
ahead of a hole wait in a `Waiting` list, sorted and free of overlap, until the hole is filled or given up. A
hole is given up only when waiting longer is pointless: the peer acknowledged bytes beyond it and some packets
or some time have gone by since (captures hold packets out of order, so an ACK may be recorded before its
data), the buffer is full, or the connection is over. It then becomes a GAP in the stream.

A direction without a SYN starts at the lowest sequence number among the connection's first packets, or where
the other side's first ACK says, once enough of them were seen to be sure that none is merely late.
"""

from __future__ import annotations

from bisect import bisect_left

import msgspec
import numpy as np

from analyzer.capture.batch import Batch
from analyzer.settings import SECOND, Settings
from analyzer.tcp.history import History
from analyzer.tcp.history import Segments as Remembered
from analyzer.tcp.packets import NEW, Segments
from analyzer.tcp.streams import (
    CONFLICT,
    DATA,
    DEAD,
    END,
    FIN,
    FINISHED,
    FLOWING,
    GAP,
    LIMIT,
    LOST,
    MARGIN,
    OPEN,
    RESET,
    RST,
    SNAPLEN,
    TICK,
    UNSET,
    Chunks,
    Streams,
    distance,
)
from analyzer.wire import link

SEQUENCES = 1 << 32
WINDOW = 1 << 30
"""The largest window TCP knows (RFC 7323 2.3): a segment farther off is not of this connection."""


class Piece(msgspec.Struct, gc=False):
    """Bytes waiting for a hole to be filled. ``data`` is shorter than ``length`` where the packet was cut."""

    offset: int
    length: int
    data: bytes
    acked: int
    file: int
    packet: int
    time_ns: int
    file_offset: int


class Early(msgspec.Struct, gc=False):
    """A segment seen before the start of its stream is known."""

    direction: int
    seq: int
    ack: int
    flags: int
    length: int
    data: bytes
    file: int
    packet: int
    time_ns: int
    file_offset: int


class Waiting(msgspec.Struct):
    """What one direction waits for."""

    pieces: list[Piece] = []
    size: int = 0
    fin: int | None = None
    """Stream offset of the FIN: where the stream ends."""
    rst: int | None = None
    promised: int = 0
    """Highest offset the peer has acknowledged."""
    since_ns: int = 0
    """When ``promised`` first went past the hole at ``hole``, and how many packets of the connection came since."""
    since_packets: int = 0
    hole: int = -1


class Joining(msgspec.Struct):
    """A connection whose SYN was not captured, while its first packets are collected."""

    segments: list[Early] = []
    start_ns: int = 0


class Reassembly:
    """All TCP streams of a run: feed it batches' segments, take chunks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.streams = Streams(self)
        self.chunks = Chunks(2 * settings.batch_packets)
        self._history = History(settings.history)
        self._ordinal = 0
        """Packets before the batch at hand."""
        self._captured = 0
        """Captured bytes before the batch at hand."""
        self._waiting: dict[int, Waiting] = {}
        """By direction."""
        self._joining: dict[int, Joining] = {}
        """By slot."""
        self._closing: dict[int, int] = {}
        """By slot: when the connection was over."""
        self._opened: dict[int, bool] = {}
        """By slot: the connection has given chunks."""
        self._numbers: dict[int, int] = {}
        """By slot: the number of the TCP stream, as tshark counts."""
        self._ids = np.zeros(0, dtype=np.int64)
        """The same as an array, which keeps the number of what is over."""
        self._synced: set[int] = set()
        """Directions whose SYN was seen."""
        self._first_ack: dict[int, int] = {}
        """By direction: the first ACK number the other side sent, where that side's SYN was seen."""
        self._size = 0
        """Bytes waiting, in all."""
        self.tcp_streams = 0
        self.limits: dict[str, int] = {}
        self.gaps = 0
        self.gap_bytes = 0
        self._now = 0

    # --- a batch

    def begin(self, batch: Batch, segments: Segments, slots: int) -> None:
        """Take up a batch; ``slots`` is how many connections the flow table knows."""
        self._batch = batch
        self._segments = segments
        self.streams.ordinal = self._ordinal
        self.streams.grow(2 * slots)
        if slots > len(self._ids):
            self._ids = np.concatenate((self._ids, np.zeros(slots, dtype=np.int64)))
        self.streams.accepted = memoryview(np.full(max(segments.count, 1), -1, dtype=np.int64))
        self._positions = np.cumsum(batch.captured[: batch.count]) - batch.captured[: batch.count] + self._captured

    def deliver(self, row: int) -> int:
        """Deliver from segment ``row`` on, until the batch or the second of capture time ends; the next row."""
        row = self.streams.deliver(self._batch, self._segments, row, self.chunks)
        if row < self._segments.count:
            self._tick(self._segments.row[row])
        return row

    def finish(self) -> None:
        """Remember the batch's bytes; the next batch may come."""
        segments, batch, count = self._segments, self._batch, self._segments.count
        accepted = np.asarray(self.streams.accepted)[:count]
        kept = np.flatnonzero(accepted >= 0)
        self._ordinal += batch.count
        self._row = batch.count - 1
        self._captured += int(batch.captured[: batch.count].sum())
        if not len(kept):
            return
        start = np.asarray(segments.start)[kept]
        length = np.asarray(segments.captured)[kept]
        low, high = int(start.min()), int((start + length).max())
        direction = np.asarray(segments.direction)[kept]
        numbers = self._ids[direction >> 1]
        self._history.remember(
            memoryview(batch.data)[low:high],
            Remembered(
                numbers * 2 + (direction & 1),
                accepted[kept],
                length,
                start - low,
                self._positions[np.asarray(segments.row)[kept]],
            ),
        )

    def end(self) -> None:
        """The capture is over: deliver what waits, end every connection, in the order of the streams' numbers."""
        for _, slot in sorted((number, slot) for slot, number in self._numbers.items()):
            self._end(slot)

    def synced(self, direction: int) -> bool:
        """Whether the direction's SYN was captured."""
        return direction in self._synced

    # --- a segment

    def segment(self, i: int) -> None:
        """Take segment ``i`` of the batch at hand."""
        s = self._segments
        d, flags, row = s.direction[i], s.flags[i], s.row[i]
        slot = d >> 1
        self._i, self._row = i, row
        batch = self._batch
        self._now = int(batch.time_ns[row])
        self.chunks.reserve(MARGIN)
        if flags & NEW:
            self._start(slot)
        state = self.streams.state
        if state[d] == DEAD:
            return
        seq = s.seq[i]
        if flags & link.TCP_SYN:
            if state[d] == UNSET:
                self._set(d, (seq + 1) % SEQUENCES, synced=True)
            elif distance((seq + 1) % SEQUENCES, self.streams.next_seq[d]) == -self.streams.next_offset[d]:
                self._synced.add(d)
            seq = (seq + 1) % SEQUENCES
        if flags & link.TCP_ACK and state[d] != UNSET and d in self._synced and state[d ^ 1] == UNSET:
            self._first_ack.setdefault(d ^ 1, s.ack[i])
        if state[d] == UNSET:
            self._early(i, d, seq)
        else:
            place = self._place(i)
            data_at = s.start[i]
            self._accept(d, seq, s.ack[i], flags, s.length[i], data_at, s.captured[i], None, place)
        self._settle(slot)

    def _place(self, i: int) -> tuple[int, int, int, int]:
        """File, packet, time and file offset of the first payload byte of segment ``i``."""
        batch, row = self._batch, self._row
        at = int(batch.file_offset[row]) + self._segments.start[i] - int(batch.offset[row])
        return int(batch.file[row]), int(batch.number[row]), int(batch.time_ns[row]), at

    def _accept(
        self,
        d: int,
        seq: int,
        ack: int,
        flags: int,
        length: int,
        start: int,
        captured: int,
        stored: bytes | None,
        place: tuple[int, int, int, int],
    ) -> None:
        """Take a segment of a direction whose start is known. Its bytes are ``stored``, or at ``start`` in the batch."""
        streams = self.streams
        offset = streams.next_offset[d] + distance(seq, streams.next_seq[d])
        if abs(offset - streams.next_offset[d]) > WINDOW:
            return
        acked = self._acknowledge(d, ack) if flags & link.TCP_ACK else -1
        if streams.state[d] == FLOWING and length:
            self._payload(d, offset, length, start, captured, stored, acked, place)
        waiting = self._waiting.get(d)
        if flags & link.TCP_FIN and streams.state[d] == FLOWING and (waiting is None or waiting.fin is None):
            waiting = self._wait(d)
            waiting.fin = offset + length
        if flags & link.TCP_RST and streams.state[d] in (FLOWING, FINISHED):
            waiting = self._wait(d)
            waiting.rst = offset
        if waiting is not None:
            self._drain(d, waiting, place)

    def _acknowledge(self, d: int, ack: int) -> int:
        """Note what ``d`` acknowledges of the other direction; as an offset, -1 where that has no start yet."""
        streams = self.streams
        e = d ^ 1
        if streams.state[e] == UNSET:
            return -1
        acked = streams.next_offset[e] + distance(ack, streams.next_seq[e])
        if abs(acked - streams.next_offset[e]) > WINDOW:
            return -1
        streams.acked[e] = max(streams.acked[e], acked)
        if acked > streams.next_offset[e] and streams.state[e] == FLOWING:
            waiting = self._wait(e)
            # a FIN takes a sequence number but no byte
            promised = acked - 1 if waiting.fin is not None and acked == waiting.fin + 1 else acked
            waiting.promised = max(waiting.promised, promised)
        return acked

    def _payload(
        self,
        d: int,
        offset: int,
        length: int,
        start: int,
        captured: int,
        stored: bytes | None,
        acked: int,
        place: tuple[int, int, int, int],
    ) -> None:
        streams = self.streams
        waiting = self._waiting.get(d)
        file, packet, time_ns, file_offset = place
        if offset == streams.next_offset[d] and (waiting is None or not waiting.pieces) and stored is None:
            self._emit_data(d, length, start, captured, acked, place)
            streams.accepted[self._i] = offset
            return
        data = stored if stored is not None else bytes(memoryview(self._batch.data)[start : start + captured])
        old = streams.next_offset[d] - offset
        if old > 0:
            keep_alive = old == 1 and length == 1  # RFC 1122 4.2.3.6: a probe may carry one byte of garbage
            if not keep_alive:
                self._compare(d, offset, data[:old], place)
            if old >= length:
                return
            offset, length, data, file_offset = offset + old, length - old, data[old:], file_offset + old
        waiting = self._wait(d)
        piece = Piece(offset, length, data, acked, file, packet, time_ns, file_offset)
        if stored is None:
            self._mark(offset, start + max(old, 0), len(data))
        self._insert(d, waiting, piece, place)
        if waiting.size > self._settings.stream_buffer or self._size > self._settings.total_stream_buffer:
            name = "stream_buffer" if waiting.size > self._settings.stream_buffer else "total_stream_buffer"
            self.limits[name] = self.limits.get(name, 0) + 1
            self._skip(d, waiting, LIMIT)

    def _mark(self, offset: int, start: int, captured: int) -> None:
        """Let the history know what the row at hand holds that is new."""
        i = self._i
        self.streams.accepted[i] = offset
        self._segments.start[i] = start
        self._segments.captured[i] = captured

    def _insert(self, d: int, waiting: Waiting, new: Piece, place: tuple[int, int, int, int]) -> None:
        """Put a piece among those waiting: what they hold already is compared, the rest fills the spaces."""
        pieces = waiting.pieces
        end = new.offset + new.length
        i = bisect_left(pieces, new.offset, key=lambda piece: piece.offset)
        if i and pieces[i - 1].offset + pieces[i - 1].length > new.offset:
            i -= 1
        at = new.offset
        while at < end:
            after = pieces[i] if i < len(pieces) and pieces[i].offset < end else None
            space_end = end if after is None else after.offset
            if at < space_end:
                skip = at - new.offset
                part = Piece(
                    at,
                    space_end - at,
                    new.data[skip : skip + space_end - at],
                    new.acked,
                    new.file,
                    new.packet,
                    new.time_ns,
                    new.file_offset + skip,
                )
                pieces.insert(i, part)
                waiting.size += len(part.data)
                self._size += len(part.data)
                i += 1
            if after is None:
                return
            low, high = max(at, after.offset), min(end, after.offset + after.length)
            first = after.data[low - after.offset : high - after.offset]
            again = new.data[low - new.offset : high - new.offset]
            self._differ(d, low, first, again, place)
            at = max(at, after.offset + after.length)
            i += 1

    def _drain(self, d: int, waiting: Waiting, place: tuple[int, int, int, int]) -> None:
        """Deliver what is next in line: pieces, then the end."""
        streams, pieces = self.streams, waiting.pieces
        done = 0
        while done < len(pieces) and pieces[done].offset == streams.next_offset[d]:
            self._emit_piece(d, pieces[done])
            waiting.size -= len(pieces[done].data)
            self._size -= len(pieces[done].data)
            done += 1
        if done:
            del pieces[:done]
        at = streams.next_offset[d]
        if waiting.fin is not None and at >= waiting.fin and streams.state[d] == FLOWING:
            self._emit(FIN, d, at, 0, 0, place)
            streams.state[d] = FINISHED
            self._drop(waiting)
            if streams.state[d ^ 1] in (FINISHED, RESET):
                self._closing.setdefault(d >> 1, self._now)
        if waiting.rst is not None and at >= waiting.rst and streams.state[d] in (FLOWING, FINISHED):
            self._emit(RST, d, at, 0, 0, place)
            streams.state[d] = RESET
            self._drop(waiting)
            self._closing.setdefault(d >> 1, self._now)

    def _wait(self, d: int) -> Waiting:
        """What direction ``d`` waits for."""
        waiting = self._waiting.get(d)
        if waiting is None:
            waiting = self._waiting[d] = Waiting()
        return waiting

    def _drop(self, waiting: Waiting) -> None:
        self._size -= waiting.size
        waiting.size = 0
        waiting.pieces = []

    def _settle(self, slot: int) -> None:
        """After a segment: give up holes that nothing will fill, and say which directions are quick."""
        for d in (2 * slot, 2 * slot + 1):
            waiting = self._waiting.get(d)
            if waiting is not None:
                waiting.since_packets += 1
                self._judge(d, waiting)
                if not waiting.pieces and waiting.promised <= self.streams.next_offset[d]:
                    if waiting.fin is None and waiting.rst is None:
                        del self._waiting[d]
        quick = slot in self._opened and not self._joining.get(slot)
        for d in (2 * slot, 2 * slot + 1):
            quick = quick and d not in self._waiting and self.streams.state[d] == FLOWING
        for d in (2 * slot, 2 * slot + 1):
            self.streams.quick[d] = 1 if quick else 0

    def _judge(self, d: int, waiting: Waiting) -> None:
        """Give up the hole at the head of the line if waiting longer is pointless."""
        streams = self.streams
        at = streams.next_offset[d]
        if streams.state[d] != FLOWING:
            return
        target = waiting.pieces[0].offset if waiting.pieces else waiting.promised
        alone = streams.state[d ^ 1] == UNSET  # nobody is there to acknowledge
        if target <= at or not (waiting.promised >= target or alone):
            waiting.hole = -1
            return
        if waiting.hole != at:
            waiting.hole, waiting.since_ns, waiting.since_packets = at, self._now, 0
            return
        late = self._now - waiting.since_ns >= self._settings.gap_time
        if late or waiting.since_packets >= self._settings.gap_packets:
            self._skip(d, waiting, LOST)
            self._judge(d, waiting)

    def _skip(self, d: int, waiting: Waiting, reason: int) -> None:
        """Turn the hole at the head of the line into a gap, and deliver what comes after it."""
        at = self.streams.next_offset[d]
        target = waiting.pieces[0].offset if waiting.pieces else waiting.promised
        if waiting.fin is not None and not waiting.pieces:
            target = min(target, waiting.fin)
        if not waiting.pieces and target - at == 1 and waiting.fin is None:
            waiting.promised = at  # one number without a byte: the ACK of a FIN that was not captured
            return
        if target > at:
            self._emit_gap(d, target - at, reason, self._here())
        self._drain(d, waiting, self._here())

    def _here(self) -> tuple[int, int, int, int]:
        batch, row = self._batch, self._row
        return int(batch.file[row]), int(batch.number[row]), int(batch.time_ns[row]), int(batch.file_offset[row])

    # --- starts and ends

    def _start(self, slot: int) -> None:
        """A new connection in ``slot``; the old one there is over."""
        if slot in self._numbers:
            self._end(slot)
        self._numbers[slot] = self._ids[slot] = self.tcp_streams
        self.tcp_streams += 1
        for d in (2 * slot, 2 * slot + 1):
            self.streams.state[d] = UNSET
            self.streams.quick[d] = 0
            self.streams.next_seq[d] = self.streams.next_offset[d] = self.streams.acked[d] = 0

    def _set(self, d: int, seq: int, *, synced: bool) -> None:
        """Fix the start of a direction."""
        self.streams.next_seq[d] = seq
        self.streams.next_offset[d] = 0
        self.streams.acked[d] = 0
        self.streams.state[d] = FLOWING
        if synced:
            self._synced.add(d)
            slot = d >> 1
            joining = self._joining.get(slot)
            if joining is not None and any(early.direction == d for early in joining.segments):
                mine = [early for early in joining.segments if early.direction == d]
                joining.segments = [early for early in joining.segments if early.direction != d]
                for early in mine:
                    self._replay(early)
            if joining is not None and not joining.segments:
                del self._joining[slot]

    def _early(self, i: int, d: int, seq: int) -> None:
        s, slot = self._segments, d >> 1
        joining = self._joining.get(slot)
        if joining is None:
            joining = self._joining[slot] = Joining(start_ns=self._now)
        start, captured = s.start[i], s.captured[i]
        file, packet, time_ns, file_offset = self._place(i)
        data = bytes(memoryview(self._batch.data)[start : start + captured])
        joining.segments.append(
            Early(d, seq, s.ack[i], s.flags[i], s.length[i], data, file, packet, time_ns, file_offset)
        )
        if len(joining.segments) >= self._settings.join_packets:
            self._join(slot)

    def _join(self, slot: int) -> None:
        """Fix the starts of a connection whose SYNs were not captured, and deliver what was collected."""
        joining = self._joining.pop(slot)
        for d in (2 * slot, 2 * slot + 1):
            if self.streams.state[d] != UNSET:
                continue
            mine = [early for early in joining.segments if early.direction == d]
            if not mine:
                continue
            if d in self._first_ack:
                base = self._first_ack[d]
            else:
                reference = mine[0].seq
                base = min((distance(early.seq, reference), early.seq) for early in mine)[1]
            self._set(d, base, synced=False)
        for early in joining.segments:
            self._replay(early)

    def _replay(self, early: Early) -> None:
        place = (early.file, early.packet, early.time_ns, early.file_offset)
        self._accept(
            early.direction, early.seq, early.ack, early.flags, early.length, 0, len(early.data), early.data, place
        )

    def _end(self, slot: int) -> None:
        """The connection in ``slot`` is over: deliver what waits, with gaps, and say so."""
        if slot in self._joining:
            self._join(slot)
        for d in (2 * slot, 2 * slot + 1):
            waiting = self._waiting.get(d)
            while waiting is not None and (waiting.pieces or waiting.promised > self.streams.next_offset[d]):
                before = (len(waiting.pieces), waiting.promised)
                self._skip(d, waiting, LOST)
                if (len(waiting.pieces), waiting.promised) == before and not waiting.pieces:
                    break
            if waiting is not None and self.streams.state[d] in (FLOWING, FINISHED):
                waiting.fin = None if waiting.fin is None else min(waiting.fin, self.streams.next_offset[d])
                waiting.rst = None if waiting.rst is None else min(waiting.rst, self.streams.next_offset[d])
                self._drain(d, waiting, self._here())
            self._waiting.pop(d, None)
            self._synced.discard(d)
            self._first_ack.pop(d, None)
            self.streams.state[d] = DEAD
            self.streams.quick[d] = 0
        if self._opened.pop(slot, False):
            self._emit(END, 2 * slot, 0, 0, 0, self._here())
        self._numbers.pop(slot, None)
        self._closing.pop(slot, None)

    def _tick(self, row: int) -> None:
        """A new second of capture time begins with the packet in ``row``."""
        self._row = row
        now = self._now = max(self._now, int(self._batch.time_ns[row]))
        self.streams.tick = (now // SECOND + 1) * SECOND
        self.chunks.reserve(MARGIN)
        for slot in [s for s, joining in self._joining.items() if now - joining.start_ns >= self._settings.gap_time]:
            self._join(slot)
            self._settle(slot)
        for d, waiting in list(self._waiting.items()):
            self._judge(d, waiting)
        for slot in [s for s, since in self._closing.items() if now - since >= self._settings.teardown_timeout]:
            self._end(slot)
        self._emit(TICK, 0, 0, 0, 0, self._here())

    # --- comparing copies

    def _compare(self, d: int, offset: int, data: bytes, place: tuple[int, int, int, int]) -> None:
        """Compare retransmitted ``data`` with what was delivered."""
        stream = self._numbers[d >> 1] * 2 + (d & 1)
        end = offset + len(data)
        now = int(self._positions[self._row])
        s, batch_data = self._segments, self._batch.data
        accepted = np.asarray(self.streams.accepted)[: self._i]
        rows = np.flatnonzero(
            (np.asarray(s.direction)[: self._i] == d)
            & (accepted >= 0)
            & (accepted < end)
            & (accepted + np.asarray(s.captured)[: self._i] > offset)
        )
        copies: list[tuple[int, bytes]] = []
        for j in rows.tolist():
            low = max(offset, int(accepted[j]))
            at = s.start[j] + low - int(accepted[j])
            high = min(end, int(accepted[j]) + s.captured[j])
            copies.append((low, bytes(memoryview(batch_data)[at : at + high - low])))
        copies += self._history.overlaps(stream, offset, end, now)
        for low, first in copies:
            if self._differ(d, low, first, data[low - offset : low - offset + len(first)], place):
                return

    def _differ(self, d: int, offset: int, first: bytes, again: bytes, place: tuple[int, int, int, int]) -> bool:
        size = min(len(first), len(again))
        if first[:size] == again[:size]:
            return False
        where = next(i for i in range(size) if first[i] != again[i])
        self._emit(CONFLICT, d, offset + where, size - where, 0, place)
        return True

    # --- chunks

    def _emit(
        self, kind: int, d: int, offset: int, length: int, start: int, place: tuple[int, int, int, int], acked: int = -1
    ) -> None:
        chunks = self.chunks
        if kind != TICK and kind != END and d >> 1 not in self._opened:
            self._opened[d >> 1] = True
            self._emit(OPEN, d, 0, self._numbers[d >> 1], 0, place)
        chunks.reserve(2)
        n = chunks.count
        chunks.kind[n], chunks.direction[n], chunks.offset[n] = kind, d, offset
        chunks.length[n], chunks.start[n], chunks.stored[n], chunks.acked[n] = length, start, 0, acked
        chunks.file[n], chunks.packet[n], chunks.time_ns[n], chunks.file_offset[n] = place
        chunks.ordinal[n] = self.streams.ordinal + self._row
        chunks.count = n + 1

    def _emit_data(
        self, d: int, length: int, start: int, captured: int, acked: int, place: tuple[int, int, int, int]
    ) -> None:
        """Deliver what is next in line from the batch's buffer; what the capture cut off is a gap."""
        if captured:
            self._emit(DATA, d, self.streams.next_offset[d], captured, start, place, acked)
            self._advance(d, captured)
        if captured < length:
            self._emit_gap(d, length - captured, SNAPLEN, place)

    def _emit_piece(self, d: int, piece: Piece) -> None:
        place = (piece.file, piece.packet, piece.time_ns, piece.file_offset)
        if piece.data:
            at = len(self.chunks.store)
            self.chunks.store += piece.data
            self._emit(DATA, d, piece.offset, len(piece.data), at, place, piece.acked)
            self.chunks.stored[self.chunks.count - 1] = 1
            self._advance(d, len(piece.data))
        if len(piece.data) < piece.length:
            self._emit_gap(d, piece.length - len(piece.data), SNAPLEN, place)

    def _emit_gap(self, d: int, length: int, reason: int, place: tuple[int, int, int, int]) -> None:
        self._emit(GAP, d, self.streams.next_offset[d], length, reason, place)
        self._advance(d, length)
        self.gaps += 1
        self.gap_bytes += length

    def _advance(self, d: int, length: int) -> None:
        self.streams.next_offset[d] += length
        self.streams.next_seq[d] = (self.streams.next_seq[d] + length) % SEQUENCES
