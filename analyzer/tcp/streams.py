"""TCP segments to ordered byte chunks, gaps and ends, per direction.

Theory of operation. Nearly every segment of a healthy capture is the next one its direction expects; such a
segment becomes a chunk in one step here, compiled, pointing into the batch's own buffer. Everything else
(handshake, reordering, overlap, loss, cut packets, ends) goes to `analyzer.tcp.reassembly`, plain Python,
which works on the same arrays and appends to the same chunks. A direction is *quick* while the first way is
open to it; the slow way decides that.

Stream offsets are 64 bits wide and never wrap; sequence numbers become offsets by their signed distance
from the next expected one, in `distance` and nowhere else.

Whatever becomes part of a stream leaves a line in the *trail*, a ring of the latest accepted segments, linked
backwards by direction, so that a retransmission finds the first copy of its bytes in a few steps however many
other connections there are.

Once in a second of capture time the pass stops before a row, for whatever waits on time: the first packet of
each new second is where, so the batch size cannot change the outcome. It stops as well where the clock was set
far back.
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer.capture.batch import Batch
from analyzer.tcp.columns import column, longer
from analyzer.tcp.packets import HOPS, IDLE, NEW, Segments
from analyzer.wire import link

if cython.compiled:  # noqa: SIM108  (to Cython a typedef is a statement of its own)
    Column = cython.typedef(cython.longlong[::1])
else:
    Column = memoryview

DATA, GAP, FIN, RST, OPEN, END, TICK, CONFLICT, SIGN, TLS = range(10)
"""Kinds of chunk. OPEN comes before a connection's first chunk: its ``length`` is the number of the
TCP stream as tshark counts, its ``acked`` is 1 where a SYN was captured by then, and at its ``start`` in
``store`` stand the endpoints, packed. END comes after the last; its ``length`` is SYNCED where a SYN was
captured, plus UNHEARD for a side of which not one byte was captured although the other acknowledged some. A
FIN, RST and END say how much of the other direction was ``acked`` until then, and in ``start`` how much of
their own. A TICK belongs to no direction; its ``offset`` is the time of the packet before. A CONFLICT is a
retransmission whose bytes differ from the first copy; at its ``start`` in ``store`` stand both, packed (see
`analyzer.tcp.delivery.Copies`). A SIGN tells what a segment's flags mark: its ``length`` is REUSED, HOPS or IDLE
of `analyzer.tcp.packets`, its ``start`` the segment's ``detail``. TLS comes from `analyzer.tls` alone, and says
with its ``length`` what (SECURED and the next)."""
_DATA = cython.declare(cython.longlong, DATA)
SYNCED, UNHEARD = 1, (2, 4)
"""In the ``length`` of an END, UNHEARD by side."""

LOST, SNAPLEN, LIMIT, SEALED, SEALED_UNSURE = range(5)
"""Why a GAP is one, in its ``start``. The last two: what is missing was encrypted; how much it was is a guess."""

SECURED, FAILED, UNREADABLE, WITHHELD, EARLY = range(5)
"""What a TLS row says. SECURED: from now on the bytes are decrypted; its ``start`` is 0 where the ClientHello, at the
row's place, names no server. FAILED: they cannot be; its ``start`` tells why. UNREADABLE: a record was not. WITHHELD:
``start`` bytes of TCP are missing. EARLY: 0-RTT data was not decrypted, ``start`` bytes of records; a GAP follows."""

UNSET, FLOWING, FINISHED, RESET, DEAD = range(5)
"""States of a direction: no start known; data may come; FIN delivered; RST delivered; connection ended."""

CONTROL = cython.declare(cython.longlong, link.TCP_SYN | link.TCP_FIN | link.TCP_RST | NEW | HOPS | IDLE)
"""Flags that take the slow way."""
ACK = cython.declare(cython.longlong, link.TCP_ACK)
WRAP = cython.declare(cython.longlong, 0xFFFF_FFFF)
HALF = cython.declare(cython.longlong, 0x8000_0000)
MARGIN = 64
"""Rows of a chunk table kept free for what one slow segment may add without asking for more."""

EARLIEST, LATEST = -(1 << 63), (1 << 63) - 1
"""What a column of 64 bits can hold."""

TRAIL = 1 << 16
"""Accepted segments remembered, over all connections: a power of two."""
_TRAIL = cython.declare(cython.longlong, TRAIL)
STEPS = cython.declare(cython.longlong, 2048)
"""How many segments of its direction a retransmission is looked for in. The bound keeps a peer that repeats its
oldest segment again and again from costing more than the packets are worth."""


@cython.ccall
@cython.exceptval(check=False)
def distance(seq: cython.longlong, expected: cython.longlong) -> cython.longlong:
    """How far ``seq`` lies ahead of ``expected``, negative behind (RFC 9293 3.4: modulo 2**32)."""
    ahead: cython.longlong = (seq - expected) & WRAP
    return ahead - WRAP - 1 if ahead >= HALF else ahead


CHUNK_COLUMNS = (
    "kind", "direction", "offset", "length", "start", "stored", "acked", "file", "packet", "time_ns", "file_offset",
    "ordinal",
)  # fmt: skip


@cython.cclass
class Chunks:
    """What the streams of a batch delivered, a row each, in the order in which it came to be known."""

    count = cython.declare(cython.Py_ssize_t, visibility="public")
    rows = cython.declare(cython.Py_ssize_t, visibility="public")
    kind = cython.declare(Column, visibility="public")
    direction = cython.declare(Column, visibility="public")
    offset = cython.declare(Column, visibility="public")
    length = cython.declare(Column, visibility="public")
    start = cython.declare(Column, visibility="public")
    stored = cython.declare(Column, visibility="public")
    acked = cython.declare(Column, visibility="public")
    file = cython.declare(Column, visibility="public")
    packet = cython.declare(Column, visibility="public")
    time_ns = cython.declare(Column, visibility="public")
    file_offset = cython.declare(Column, visibility="public")
    ordinal = cython.declare(Column, visibility="public")
    store: Any = cython.declare(object, visibility="public")

    def __init__(self, rows: int) -> None:
        """Room for ``rows`` chunks. Columns: ``kind``, ``direction``, stream ``offset``, ``length``, ``start`` in the
        batch's data or, where ``stored``, in ``store``; ``acked``: the bytes of the other direction that the segment
        acknowledges (-1 unknown); then the place: ``file``, ``packet``, ``time_ns``, ``file_offset`` of the first byte,
        and ``ordinal`` of the packet that made the chunk deliverable.
        """
        self.count = 0
        self.rows = 0
        self.store = bytearray()
        for name in CHUNK_COLUMNS:
            setattr(self, name, column(0))
        self.reserve(rows)

    def reserve(self, rows: int) -> None:
        """Make room for ``rows`` more chunks."""
        wanted = self.count + rows
        if wanted <= self.rows:
            return
        self.rows = max(wanted, 2 * self.rows)
        for name in CHUNK_COLUMNS:
            setattr(self, name, longer(getattr(self, name), self.rows))

    def clear(self) -> None:
        """Forget what was delivered."""
        self.count = 0
        self.store = bytearray()


DIRECTION_COLUMNS = {"next_seq": 0, "next_offset": 0, "acked": 0, "state": UNSET, "quick": 0, "latest": -1}


@cython.cclass
class Streams:
    """Where each direction stands, and the pass over a batch's segments.

    By direction: the ``next_seq`` expected and its ``next_offset`` in the stream, the highest offset ``acked`` by the
    other side, ``state``, whether it is ``quick``, and the ``latest`` segment in the trail. The trail's columns, by
    number of the segment modulo TRAIL: stream offset and length, start in the remembered data, age (see `copies`), the
    reach (highest end of any of the direction's segments up to this one), the packet's number in its file, and the
    segment before it.

    Before a batch set ``ordinal`` (packets before it) and ``origin`` (place of the batch's data among all remembered).
    ``until`` and ``floor`` bound the times at which the pass goes on without stopping, in nanoseconds.
    """

    next_seq = cython.declare(Column, visibility="public")
    next_offset = cython.declare(Column, visibility="public")
    acked = cython.declare(Column, visibility="public")
    state = cython.declare(Column, visibility="public")
    quick = cython.declare(Column, visibility="public")
    latest = cython.declare(Column, visibility="public")
    kept = cython.declare(cython.longlong, visibility="public")
    t_offset = cython.declare(Column)
    t_length = cython.declare(Column)
    t_start = cython.declare(Column)
    t_age = cython.declare(Column)
    t_reach = cython.declare(Column)
    t_packet = cython.declare(Column)
    t_previous = cython.declare(Column)
    ordinal = cython.declare(cython.longlong, visibility="public")
    origin = cython.declare(cython.longlong, visibility="public")
    until = cython.declare(cython.longlong, visibility="public")
    floor = cython.declare(cython.longlong, visibility="public")
    slow: Any = cython.declare(object)

    def __init__(self, slow: Any) -> None:
        """``slow`` takes the segments that are not simply next: its ``segment(row)``."""
        self.slow = slow
        self.ordinal = 0
        self.origin = 0
        self.until = EARLIEST
        self.floor = EARLIEST
        self.kept = 0
        self.t_offset = column(TRAIL)
        self.t_length = column(TRAIL)
        self.t_start = column(TRAIL)
        self.t_age = column(TRAIL)
        self.t_reach = column(TRAIL)
        self.t_packet = column(TRAIL)
        self.t_previous = column(TRAIL)
        for name in DIRECTION_COLUMNS:
            setattr(self, name, column(0))
        self.grow(512)

    def grow(self, directions: int) -> None:
        """Make room for ``directions``."""
        if directions <= len(self.state):
            return
        rows = max(directions, 2 * len(self.state))
        for name, fill in DIRECTION_COLUMNS.items():
            setattr(self, name, longer(getattr(self, name), rows, fill))

    def forget(self, d: int) -> None:
        """Begin direction ``d`` anew."""
        self.state[d] = UNSET
        self.quick[d] = 0
        self.latest[d] = -1
        self.next_seq[d] = 0
        self.next_offset[d] = 0
        self.acked[d] = 0

    def deliver(self, batch: Batch, ages: Any, segments: Segments, row: int, out: Chunks) -> int:
        """Deliver from segment ``row`` on. The row to go on from: the segments' count, or where a new second begins.

        ``ages`` are the captured bytes of the run before each packet of the batch.
        """
        return int(
            self._deliver(
                batch.number.data,
                batch.file.data,
                batch.time_ns.data,
                batch.file_offset.data,
                batch.offset.data,
                ages,
                segments.row,
                segments.direction,
                segments.seq,
                segments.ack,
                segments.flags,
                segments.start,
                segments.captured,
                segments.length,
                row,
                segments.count,
                out,
            )
        )

    @cython.locals(
        number=Column,
        file=Column,
        time_ns=Column,
        file_offset=Column,
        packet_start=Column,
        ages=Column,
        rows=Column,
        direction=Column,
        seq=Column,
        ack=Column,
        flags=Column,
        start=Column,
        captured=Column,
        length=Column,
        i=cython.Py_ssize_t,
        count=cython.Py_ssize_t,
        out=Chunks,
    )
    def _deliver(
        self,
        number: Any,
        file: Any,
        time_ns: Any,
        file_offset: Any,
        packet_start: Any,
        ages: Any,
        rows: Any,
        direction: Any,
        seq: Any,
        ack: Any,
        flags: Any,
        start: Any,
        captured: Any,
        length: Any,
        i: int,
        count: int,
        out: Chunks,
    ) -> int:
        d: cython.Py_ssize_t
        e: cython.Py_ssize_t
        n: cython.Py_ssize_t
        r: cython.Py_ssize_t
        acked: cython.longlong
        while i < count:
            r = rows[i]
            if time_ns[r] > self.until or time_ns[r] < self.floor:
                return i
            d = direction[i]
            e = d ^ 1
            if not self.quick[d] or flags[i] & CONTROL or not flags[i] & ACK:
                self.slow.segment(i)
                i += 1
                continue
            acked = self.next_offset[e] + distance(ack[i], self.next_seq[e])
            if acked > self.next_offset[e] or (length[i] and (seq[i] != self.next_seq[d] or captured[i] != length[i])):
                self.slow.segment(i)
                i += 1
                continue
            if acked > self.acked[e]:
                self.acked[e] = acked
            if not length[i]:
                i += 1
                continue
            n = out.count
            if n >= out.rows:
                out.reserve(1)
            out.kind[n] = _DATA
            out.direction[n] = d
            out.offset[n] = self.next_offset[d]
            out.length[n] = length[i]
            out.start[n] = start[i]
            out.stored[n] = 0
            out.acked[n] = acked if acked >= 0 else -1
            out.file[n] = file[r]
            out.packet[n] = number[r]
            out.time_ns[n] = time_ns[r]
            out.file_offset[n] = file_offset[r] + start[i] - packet_start[r]
            out.ordinal[n] = self.ordinal + r
            out.count = n + 1
            self.note(d, self.next_offset[d], length[i], start[i], ages[r], 0, number[r])
            self.next_offset[d] += length[i]
            self.next_seq[d] = (self.next_seq[d] + length[i]) & WRAP
            i += 1
        return i

    # --- the trail

    @cython.ccall
    @cython.exceptval(check=False)
    def note(
        self,
        d: cython.Py_ssize_t,
        offset: cython.longlong,
        length: cython.longlong,
        start: cython.longlong,
        age: cython.longlong,
        reach: cython.longlong,
        packet: cython.longlong,
    ) -> cython.void:
        """Remember that ``length`` bytes at ``start`` of the batch's data are those at ``offset`` of a stream.

        ``reach`` is the end of the farthest bytes that the direction holds already, where that is beyond these;
        ``packet`` the number of the one that brought them, in its file.
        """
        k: cython.Py_ssize_t = self.kept & (_TRAIL - 1)
        self.t_offset[k] = offset
        self.t_length[k] = length
        self.t_start[k] = self.origin + start
        self.t_age[k] = age
        self.t_reach[k] = offset + length if offset + length > reach else reach
        self.t_packet[k] = packet
        self.t_previous[k] = self.latest[d]
        self.latest[d] = self.kept
        self.kept += 1

    @cython.locals(
        number=cython.longlong,
        low=cython.longlong,
        high=cython.longlong,
        steps=cython.longlong,
        k=cython.Py_ssize_t,
        first=cython.longlong,
        last=cython.longlong,
        oldest=cython.longlong,
    )
    def copies(self, d: int, offset: int, end: int, oldest: int) -> list[tuple[int, int, int, int]]:
        """Where the remembered bytes of direction ``d`` within [offset, end) are, newest first.

        Each as stream offset, place, length and packet; the place counts all data ever remembered. Forgotten is what is
        no longer in the trail, what lies more than STEPS segments of this direction back, and what came with a packet
        before which the run had captured fewer than ``oldest`` bytes.
        """
        found = []
        first = offset
        last = end
        number = self.latest[d]
        steps = STEPS
        while steps and number >= 0 and number >= self.kept - _TRAIL:
            k = number & (_TRAIL - 1)
            if self.t_reach[k] <= first or self.t_age[k] < oldest:
                break
            low = self.t_offset[k]
            high = low + self.t_length[k]
            if low < last and high > first:
                if low < first:
                    low = first
                if high > last:
                    high = last
                found.append((low, self.t_start[k] + low - self.t_offset[k], high - low, self.t_packet[k]))
            number = self.t_previous[k]
            steps -= 1
        return found
