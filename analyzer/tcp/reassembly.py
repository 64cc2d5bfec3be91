"""The slow way of TCP reassembly: everything but the next segment in line.

Theory of operation. `Reassembly` is told of each segment the fast pass (`analyzer.tcp.streams`) would not
take, and works on the same state. The first copy of a byte wins; later copies are compared with it. Bytes
ahead of a hole wait (`analyzer.tcp.waiting`) until the hole is filled or given up. A hole is given up only when
waiting longer is pointless: the peer acknowledged bytes beyond it and some packets or some time have gone by
since (captures hold packets out of order, so an ACK may be recorded before its data), a buffer is full, or the
connection is over. It then becomes a GAP in the stream.

A FIN ends its stream where its number says, whatever came before it; bytes beyond are no part of the stream. A
direction without a SYN starts where `analyzer.tcp.joining` says.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from analyzer.capture.batch import Batch
from analyzer.settings import Settings
from analyzer.tcp import joining
from analyzer.tcp.clock import Clock
from analyzer.tcp.columns import column, longer
from analyzer.tcp.delivery import SEQUENCES, Delivery, Spot
from analyzer.tcp.history import History
from analyzer.tcp.joining import Early, Joining
from analyzer.tcp.packets import HOPS, IDLE, NEW, REUSED, Segments
from analyzer.tcp.shelf import Shelf
from analyzer.tcp.starts import Starts
from analyzer.tcp.streams import (
    DEAD,
    FIN,
    FINISHED,
    FLOWING,
    LIMIT,
    LOST,
    MARGIN,
    RESET,
    RST,
    UNSET,
    Chunks,
    Streams,
    distance,
)
from analyzer.tcp.waiting import Difference, Piece, Waiting, difference
from analyzer.wire import link

WINDOW = 1 << 30
"""The largest window TCP knows (RFC 7323 2.3): a segment farther off is not of this connection."""


class Reassembly:
    """All TCP streams of a run: feed it batches' segments, take chunks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.streams = Streams(self)
        self._delivery = Delivery(self.streams, 2 * settings.batch_packets)
        self._history = History(settings.history)
        self._clock = Clock()
        self._ordinal = 0
        """Packets before the batch at hand."""
        self._captured = 0
        """Captured bytes before the batch at hand."""
        self._starts = Starts()
        self._shelf = Shelf()
        # Ordered, as `Shelf` is and for the same reason.
        self._holes: OrderedDict[int, int] = OrderedDict()
        """Directions whose hole will be given up, and since when, in the order of time."""
        self._joining: OrderedDict[int, Joining] = OrderedDict()
        """By slot, in the order of time."""
        self._closing: OrderedDict[int, int] = OrderedDict()
        """By slot: when the connection was over, in the order of time."""
        self._relieving = False
        # By slot: the number of the TCP stream, as tshark counts; -1: none.
        self._number: Any = column(0)
        # By direction: the stream offset at which its latest segment that came this way ended.
        self._latest_end: Any = column(0)
        self.tcp_streams = 0
        self.limits: dict[str, int] = {}

    @property
    def chunks(self) -> Chunks:
        """What was delivered since the table was last cleared."""
        return self._delivery.chunks

    @property
    def gaps(self) -> int:
        """How many gaps were delivered."""
        return self._delivery.gaps

    @property
    def gap_bytes(self) -> int:
        """How many bytes were in them."""
        return self._delivery.gap_bytes

    # --- a batch

    def begin(self, batch: Batch, segments: Segments, slots: int) -> None:
        """Take up a batch; ``slots`` is how many connections the flow table knows."""
        self._batch = batch
        self._segments = segments
        self._born = iter(segments.births)
        self._delivery.take_up(batch, segments)
        if slots > len(self._number):
            rows = max(slots, 2 * len(self._number))
            self._delivery.grow(rows)
            self._number = longer(self._number, rows, -1)
            self._starts.grow(2 * rows)
            self._latest_end = longer(self._latest_end, 2 * rows, -1)
        captured = batch.captured[: batch.count]
        ends = np.cumsum(captured) + self._captured
        self._ages = (ends - captured).data
        self._end_age = int(ends[-1]) if batch.count else self._captured
        offset = batch.offset[: batch.count]
        self._low = int(offset.min()) if batch.count else 0
        self._high = int((offset + captured).max()) if batch.count else 0
        self.streams.ordinal = self._ordinal
        self.streams.origin = self._history.total - self._low
        self.streams.grow(2 * slots)

    def deliver(self, row: int) -> int:
        """Deliver from segment ``row`` on, until the batch or the second of capture time ends; the next row."""
        row = self.streams.deliver(self._batch, self._ages, self._segments, row, self.chunks)
        if row < self._segments.count:
            self._tick(self._segments.row[row])
        return row

    def finish(self) -> None:
        """Remember the batch's bytes; the next batch may come."""
        if self._batch.count:
            self._delivery.row = self._batch.count - 1
            self._delivery.before_ns = int(self._batch.time_ns[self._batch.count - 1])
        self._ordinal += self._batch.count
        self._captured = self._end_age
        if self._high > self._low:
            self._history.remember(memoryview(self._batch.data)[self._low : self._high], self._captured)

    def idle(self, time_ns: int) -> None:
        """Nobody has sent anything for a while, and it is ``time_ns`` now."""
        if self._ordinal:
            self._delivery.idle_ns = max(time_ns, self._delivery.before_ns)
            self._pass_time(self._delivery.idle_ns)

    def end(self) -> Iterator[None]:
        """The capture is over: deliver what waits, end every connection, in the order of the streams' numbers.

        In pieces, each to be taken before the next: there may be as many connections as the flow table follows.
        """
        number = np.asarray(self._number)
        alive = np.flatnonzero(number >= 0)
        for slot in alive[np.argsort(number[alive])]:
            self._end(int(slot))
            if self.chunks.count >= self._settings.batch_packets:
                yield
        yield

    def synced(self, direction: int) -> bool:
        """Whether the direction's SYN was captured."""
        return self._starts.synced(direction)

    # --- a segment

    def segment(self, i: int) -> None:
        """Take segment ``i`` of the batch at hand."""
        s, streams = self._segments, self.streams
        d, flags, row = s.direction[i], s.flags[i], s.row[i]
        slot = d >> 1
        self._delivery.row = row
        self._clock.see(int(self._batch.time_ns[row]))
        self.chunks.reserve(MARGIN)
        if flags & NEW:
            self._start(slot)
        if streams.state[d] == DEAD:
            return
        seq = s.seq[i]
        if flags & link.TCP_SYN:
            seq = (seq + 1) % SEQUENCES
            if streams.state[d] == UNSET:
                self._set(d, seq)
                self._starts.syn(d, answers=flags & link.TCP_ACK != 0)
                self._replay(slot, d)
            elif distance(seq, streams.next_seq[d]) == -streams.next_offset[d]:
                self._starts.syn(d)
        elif streams.state[d] == UNSET and self._starts.answered(d):
            self._set(d, self._starts.first(d))
            self._replay(slot, d)
        if flags & link.TCP_ACK and streams.state[d ^ 1] == UNSET:
            self._starts.acknowledged(d ^ 1, s.ack[i])
        if flags & (REUSED | HOPS | IDLE):
            self._sign(d, flags, s.detail[i])
        if streams.state[d] == UNSET:
            self._early(i, d, seq)
        else:
            spot = self._delivery.payload(i)
            self._accept(d, seq, s.ack[i], flags, s.length[i], s.start[i], s.captured[i], None, spot)
        self._settle(slot)

    def _sign(self, d: int, flags: int, detail: int) -> None:
        """Tell what the segment's flags mark."""
        here = self._delivery.here()
        if flags & REUSED:
            self._delivery.sign(d, REUSED, 0, here)
        if flags & HOPS:
            self._delivery.sign(d, HOPS, detail, here)
        if flags & IDLE and FLOWING in (self.streams.state[d], self.streams.state[d ^ 1]):
            self._delivery.sign(d, IDLE, detail, here)

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
        spot: Spot,
    ) -> None:
        """Take a segment of a direction whose start is known. Its bytes: ``stored``, or at ``start`` in the batch."""
        streams = self.streams
        offset = streams.next_offset[d] + distance(seq, streams.next_seq[d])
        if abs(offset - streams.next_offset[d]) > WINDOW:
            return
        acked = self._acknowledge(d, ack) if flags & link.TCP_ACK else -1
        waiting = self._shelf.of(d)
        end = offset + length
        if waiting is not None and waiting.fin is not None:
            length = min(length, waiting.fin - offset)
            captured = min(captured, length)
        if streams.state[d] == FLOWING and length > 0:
            self._payload(d, offset, length, start, captured, stored, acked, spot)
        if flags & link.TCP_FIN and streams.state[d] == FLOWING:
            ending = self._shelf.wait(d)
            if ending.fin is None:
                self._shelf.change(d, ending, lambda: ending.end_at(end))
        if flags & link.TCP_RST and streams.state[d] in (FLOWING, FINISHED):
            waiting = self._shelf.wait(d)
            last = streams.next_offset[d] if streams.state[d] == FINISHED else waiting.fin
            offset = offset if last is None else min(offset, last)  # a FIN before it took a number, but no byte
            waiting.rst = offset if waiting.rst is None else min(waiting.rst, offset)
        waiting = self._shelf.of(d)
        if waiting is not None:
            self._drain(d, waiting, spot)

    def _acknowledge(self, d: int, ack: int) -> int:
        """Note what ``d`` acknowledges of the other direction; as an offset, -1 where none can be told."""
        streams = self.streams
        e = d ^ 1
        if streams.state[e] == UNSET:
            return -1
        acked = streams.next_offset[e] + distance(ack, streams.next_seq[e])
        if acked < 0 or acked - streams.next_offset[e] > WINDOW:
            return -1
        streams.acked[e] = max(streams.acked[e], acked)
        if acked > streams.next_offset[e] and streams.state[e] == FLOWING:
            waiting = self._shelf.wait(e)
            waiting.promised = max(waiting.promised, acked)
        return int(acked)

    def _payload(
        self,
        d: int,
        offset: int,
        length: int,
        start: int,
        captured: int,
        stored: bytes | None,
        acked: int,
        spot: Spot,
    ) -> None:
        streams = self.streams
        waiting = self._shelf.of(d)
        at = streams.next_offset[d]
        if offset == at and (waiting is None or not waiting.pieces) and stored is None:
            if captured:
                streams.note(d, offset, captured, start, self._ages[self._delivery.row], 0, spot.packet)
            self._announce(d, spot)
            self._delivery.data(d, length, start, captured, acked, spot)
            return
        data = stored if stored is not None else bytes(memoryview(self._batch.data)[start : start + captured])
        new = Piece(offset, length, data, acked, *spot)
        # RFC 9293 3.8.4: a keep-alive may carry one byte of garbage, where the sender's last byte stands. A sender that
        # goes back to send again is not where the stream is.
        keep_alive = length == 1 and offset + 1 in (at, self._latest_end[d])
        if not keep_alive:
            self._latest_end[d] = offset + length
        if offset < at:
            if not keep_alive:
                self._compare(d, offset, data[: at - offset], spot)
            if new.end <= at:
                return
            new = new.part(at, new.end)
        waiting = self._shelf.wait(d)
        inserted = self._shelf.change(d, waiting, lambda: waiting.insert(new))
        if inserted.conflict is not None and not keep_alive:
            self._conflict(d, offset, inserted.conflict, spot)
        if stored is None:
            reach = waiting.pieces[-1].end
            for part in inserted.parts:
                if part.data:
                    place = start + part.offset - offset
                    age = self._ages[self._delivery.row]
                    streams.note(d, part.offset, len(part.data), place, age, reach, spot.packet)
        self._drain(d, waiting, spot)
        while waiting.size > self._settings.stream_buffer:
            self._count("stream_buffer")
            self._skip(d, waiting, LIMIT)
        self._relieve()

    def _relieve(self) -> None:
        """Keep what waits in all within its limit: those that have waited longest make room."""
        if self._relieving:
            return
        self._relieving = True  # what joins brings more pieces, which ask for room in turn
        while self._shelf.size > self._settings.total_stream_buffer:
            oldest = self._shelf.oldest()
            if self._joining:
                self._count("total_stream_buffer")
                self._join(next(iter(self._joining)))
            elif oldest is not None:
                self._count("total_stream_buffer")
                self._skip(oldest, self._shelf.wait(oldest), LIMIT)
            else:
                break
        self._relieving = False

    def _drain(self, d: int, waiting: Waiting, spot: Spot) -> None:
        """Deliver what is next in line: pieces, then the end."""
        streams = self.streams
        if waiting.pieces and waiting.pieces[0].offset == streams.next_offset[d]:
            for piece in self._shelf.change(d, waiting, lambda: waiting.take(streams.next_offset[d])):
                self._announce(d, Spot(*spot))
                self._delivery.piece(d, piece)
        at = streams.next_offset[d]
        if waiting.fin is not None and at >= waiting.fin and streams.state[d] == FLOWING:
            self._finish(d, waiting, FIN, FINISHED, spot)
            if streams.state[d ^ 1] in (FINISHED, RESET):
                self._closing.setdefault(d >> 1, self._clock.now)
        if waiting.rst is not None and at >= waiting.rst and streams.state[d] in (FLOWING, FINISHED):
            self._finish(d, waiting, RST, RESET, spot)
            self._closing.setdefault(d >> 1, self._clock.now)

    def _announce(self, d: int, spot: Spot) -> None:
        """The connection of ``d`` is about to give a chunk."""
        self._delivery.open(d, self._number[d >> 1], self.synced(d) or self.synced(d ^ 1), spot)

    def _finish(self, d: int, waiting: Waiting, kind: int, state: int, spot: Spot) -> None:
        """A stream has ended, with a FIN or a RST."""
        self._announce(d, spot)
        self._delivery.stop(kind, d, self.streams.next_offset[d], 0, spot)
        self.streams.state[d] = state
        self._shelf.change(d, waiting, waiting.drop)

    # --- holes

    def _settle(self, slot: int) -> None:
        """After a segment: give up holes that nothing will fill, and say which directions are quick."""
        streams = self.streams
        quick = self._delivery.opened(slot) and slot not in self._joining
        for d in (2 * slot, 2 * slot + 1):
            waiting = self._shelf.of(d)
            if waiting is not None:
                waiting.since_packets += 1
                self._judge(d, waiting)
                over = streams.state[d] != FLOWING or (
                    waiting.fin is None and waiting.hole_end(streams.next_offset[d]) <= streams.next_offset[d]
                )
                if over and (waiting.rst is None or streams.state[d] == RESET):
                    self._forget(d)
            quick = quick and d not in self._shelf and streams.state[d] == FLOWING
        streams.quick[2 * slot] = streams.quick[2 * slot + 1] = 1 if quick else 0

    def _forget(self, d: int) -> None:
        """Direction ``d`` waits for nothing."""
        self._shelf.forget(d)
        self._holes.pop(d, None)

    def _judge(self, d: int, waiting: Waiting) -> None:
        """Give up the hole at the head of the line if waiting longer is pointless."""
        streams = self.streams
        at = streams.next_offset[d]
        end = waiting.hole_end(at)
        alone = streams.state[d ^ 1] == UNSET  # nobody is there to acknowledge
        if streams.state[d] != FLOWING or end <= at or not (waiting.promised >= end or alone):
            waiting.hole = -1
            self._holes.pop(d, None)
            return
        if waiting.hole == at:
            late = self._clock.now - waiting.since_ns >= self._settings.gap_time
            if not late and waiting.since_packets < self._settings.gap_packets:
                return
            self._skip(d, waiting, LOST)
            at = streams.next_offset[d]
        waiting.hole, waiting.since_ns, waiting.since_packets = at, self._clock.now, 0
        self._holes.pop(d, None)
        self._holes[d] = self._clock.now

    def _skip(self, d: int, waiting: Waiting, reason: int) -> None:
        """Turn the hole at the head of the line into a gap, and deliver what comes after it."""
        at = self.streams.next_offset[d]
        end = waiting.hole_end(at)
        spot = self._delivery.here()
        if end - at == 1 and not waiting.pieces and waiting.fin is None:
            waiting.promised = at  # one number without a byte: the ACK of a FIN that was not captured
        elif end > at:
            self._announce(d, spot)
            self._delivery.gap(d, end - at, reason, spot)
        self._drain(d, waiting, spot)

    # --- starts and ends

    def _start(self, slot: int) -> None:
        """A new connection in ``slot``; the old one there is over."""
        if self._number[slot] >= 0:
            self._end(slot)
        self._number[slot] = self.tcp_streams
        self._delivery.start(slot, next(self._born))
        self.tcp_streams += 1
        for d in (2 * slot, 2 * slot + 1):
            self.streams.forget(d)
            self._starts.forget(d)
            self._latest_end[d] = -1

    def _set(self, d: int, seq: int) -> None:
        """Fix the start of a direction."""
        self.streams.next_seq[d] = seq
        self.streams.state[d] = FLOWING

    def _early(self, i: int, d: int, seq: int) -> None:
        """Collect a segment whose direction has no start yet."""
        s, slot = self._segments, d >> 1
        collected = self._joining.get(slot)
        if collected is None:
            collected = self._joining[slot] = Joining(self._clock.now)
        start, captured = s.start[i], s.captured[i]
        data = bytes(memoryview(self._batch.data)[start : start + captured])
        before = collected.size
        collected.add(Early(d, seq, s.ack[i], s.flags[i], s.length[i], data, *self._delivery.payload(i)))
        self._shelf.size += collected.size - before
        if len(collected.segments) >= self._settings.join_packets:
            self._join(slot)
        self._relieve()

    def _join(self, slot: int) -> None:
        """Fix the starts of a connection whose SYNs were not captured, and deliver what was collected."""
        for d in (2 * slot, 2 * slot + 1):
            if self.streams.state[d] == UNSET:
                seq = joining.start(self._joining[slot].segments, d, self._starts.first(d))
                if seq is not None:
                    self._set(d, seq)
        collected = self._joining.pop(slot)
        self._shelf.size -= collected.size
        self._replay_all(collected.segments)

    def _replay(self, slot: int, d: int) -> None:
        """Deliver what was collected of a direction whose SYN has come."""
        collected = self._joining.get(slot)
        if collected is None:
            return
        before = collected.size
        mine = collected.take(d)
        self._shelf.size += collected.size - before
        if not collected.segments:
            del self._joining[slot]
        self._replay_all(mine)

    def _replay_all(self, segments: list[Early]) -> None:
        for e in segments:
            spot = Spot(e.file, e.packet, e.time_ns, e.file_offset)
            self._accept(e.direction, e.seq, e.ack, e.flags, e.length, 0, len(e.data), e.data, spot)

    def _end(self, slot: int) -> None:
        """The connection in ``slot`` is over: deliver what waits, with gaps, and say so."""
        streams = self.streams
        if slot in self._joining:
            self._join(slot)
        for d in (2 * slot, 2 * slot + 1):
            waiting = self._shelf.of(d)
            while waiting is not None and streams.state[d] == FLOWING:
                at = streams.next_offset[d]
                if waiting.hole_end(at) <= at:
                    break
                self._skip(d, waiting, LOST)
            if waiting is not None and waiting.rst is not None and streams.state[d] in (FLOWING, FINISHED):
                waiting.rst = min(waiting.rst, streams.next_offset[d])
                self._drain(d, waiting, self._delivery.here())
            self._forget(d)
            streams.state[d] = DEAD
            streams.quick[d] = 0
        both = 2 * slot, 2 * slot + 1
        self._delivery.end(slot, self.synced(both[0]) or self.synced(both[1]), [self._unheard(d) for d in both])
        self._number[slot] = -1
        self._closing.pop(slot, None)

    def _unheard(self, d: int) -> bool:
        """Whether no byte of ``d`` was captured, although its peer, which was, acknowledged some.

        One number may be a FIN's.
        """
        silent, next_offset = self._delivery.silent, self.streams.next_offset
        sent = silent(d) or (not next_offset[d] and self._starts.promised(d) > 1)
        return sent and next_offset[d ^ 1] > 0 and not silent(d ^ 1)

    def _tick(self, row: int) -> None:
        """A new second of capture time begins with the packet in ``row``, or the clock was set back."""
        self._delivery.row = row
        self._pass_time(int(self._batch.time_ns[row]))

    def _pass_time(self, time_ns: int) -> None:
        """Do what is due; the packet at hand is the latest that is known of."""
        self._clock.see(time_ns)
        self.streams.floor, self.streams.until = self._clock.bounds()
        now, settings = self._clock.now, self._settings
        self.chunks.reserve(MARGIN)
        while self._joining:
            slot = next(iter(self._joining))
            if now - self._joining[slot].start_ns < settings.gap_time:
                break
            self._join(slot)
            self._settle(slot)
        for d in _due(self._holes, now - settings.gap_time):
            if d in self._shelf:
                self._settle(d >> 1)
        for slot in _due(self._closing, now - settings.teardown_timeout):
            self._end(slot)
        self._delivery.tick()

    # --- comparing copies

    def _compare(self, d: int, offset: int, data: bytes, spot: Spot) -> None:
        """Compare retransmitted ``data`` with what was delivered."""
        oldest = self._ages[self._delivery.row] - self._history.size
        for low, place, length, packet in self.streams.copies(d, offset, offset + len(data), oldest):
            if place >= self._history.total:
                start = place - self.streams.origin
                first = bytes(memoryview(self._batch.data)[start : start + length])
            else:
                first = self._history.read(place, length)
            conflict = difference(low, first, data[low - offset : low - offset + length], packet)
            if conflict is not None:
                self._conflict(d, offset, conflict, spot)
                return

    def _conflict(self, d: int, offset: int, found: Difference, spot: Spot) -> None:
        """Tell of a difference; ``spot`` is that of the byte at ``offset``."""
        self._announce(d, spot)
        at = spot.file_offset + found.offset - offset
        self._delivery.conflict(d, found, spot._replace(file_offset=at))

    def _count(self, limit: str) -> None:
        self.limits[limit] = self.limits.get(limit, 0) + 1


def _due(since: OrderedDict[int, int], latest: int) -> list[int]:
    """The keys of what waits since ``latest`` or longer, given in the order of time."""
    due = []
    for key, start in since.items():
        if start > latest:
            break
        due.append(key)
    return due
