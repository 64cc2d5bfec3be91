"""TCP segments to ordered byte chunks, gaps and ends, per direction.

Theory of operation. Nearly every segment of a healthy capture is the next one its direction expects; such a
segment becomes a chunk in one step here, compiled, pointing into the batch's own buffer. Everything else
(handshake, reordering, overlap, loss, cut packets, ends) goes to `analyzer.tcp.reassembly`, plain Python,
which works on the same arrays and appends to the same chunks. A direction is *quick* while the first way is
open to it; the slow way decides that.

Stream offsets are 64 bits wide and never wrap; sequence numbers become offsets by their signed distance
from the next expected one, in `distance` and nowhere else.

Once in a second of capture time the pass stops before a row, for whatever waits on time: the first packet of
each new second is where, so the batch size cannot change the outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cython
import numpy as np

from analyzer.capture.batch import Batch
from analyzer.wire import link

if TYPE_CHECKING:
    from analyzer.tcp.packets import Segments

DATA, GAP, FIN, RST, OPEN, END, TICK, CONFLICT = range(8)
"""Kinds of chunk. OPEN comes before a connection's first chunk, its ``length`` being the
number of the TCP stream as tshark counts; END comes after its last. A TICK belongs to no
direction. A CONFLICT is a retransmission whose bytes differ from the first copy."""
_DATA = cython.declare(cython.longlong, DATA)

LOST, SNAPLEN, LIMIT = range(3)
"""Why a GAP is one, in its ``start``."""
GAP_REASONS = ("lost", "snaplen", "limit")

UNSET, FLOWING, FINISHED, RESET, DEAD = range(5)
"""States of a direction: no start known; data may come; FIN delivered; RST delivered; connection ended."""

CONTROL = cython.declare(cython.longlong, link.TCP_SYN | link.TCP_FIN | link.TCP_RST | 1 << 16)
"""Flags that take the slow way; the last is NEW (analyzer.tcp.packets)."""
ACK = cython.declare(cython.longlong, link.TCP_ACK)
WRAP = cython.declare(cython.longlong, 0xFFFF_FFFF)
HALF = cython.declare(cython.longlong, 0x8000_0000)
SECOND = cython.declare(cython.longlong, 1_000_000_000)
MARGIN = 64
"""Rows of a chunk table kept free for what one slow segment may add without asking for more."""


def column(rows: int) -> Any:
    """A zeroed column of ``rows`` 64-bit integers, as hot functions take it."""
    return memoryview(np.zeros(rows, dtype=np.int64))


def longer(old: Any, rows: int) -> Any:
    """``old`` with zeroed room up to ``rows``."""
    new = np.zeros(rows, dtype=np.int64)
    new[: len(old)] = old
    return memoryview(new)


@cython.ccall
@cython.exceptval(check=False)
def distance(seq: cython.longlong, expected: cython.longlong) -> cython.longlong:
    """How far ``seq`` lies ahead of ``expected``, negative behind (RFC 9293 3.4: modulo 2**32)."""
    ahead: cython.longlong = (seq - expected) & WRAP
    return ahead - WRAP - 1 if ahead >= HALF else ahead


COLUMNS = (
    "kind",
    "direction",
    "offset",
    "length",
    "start",
    "stored",
    "acked",
    "file",
    "packet",
    "time_ns",
    "file_offset",
    "ordinal",
)


@cython.cclass
class Chunks:
    """What the streams of a batch delivered, a row each, in the order in which it came to be known."""

    count = cython.declare(cython.Py_ssize_t, visibility="public")
    rows = cython.declare(cython.Py_ssize_t, visibility="public")
    kind = cython.declare(cython.longlong[::1], visibility="public")
    direction = cython.declare(cython.longlong[::1], visibility="public")
    offset = cython.declare(cython.longlong[::1], visibility="public")
    length = cython.declare(cython.longlong[::1], visibility="public")
    start = cython.declare(cython.longlong[::1], visibility="public")
    stored = cython.declare(cython.longlong[::1], visibility="public")
    acked = cython.declare(cython.longlong[::1], visibility="public")
    file = cython.declare(cython.longlong[::1], visibility="public")
    packet = cython.declare(cython.longlong[::1], visibility="public")
    time_ns = cython.declare(cython.longlong[::1], visibility="public")
    file_offset = cython.declare(cython.longlong[::1], visibility="public")
    ordinal = cython.declare(cython.longlong[::1], visibility="public")
    store = cython.declare(object, visibility="public")

    def __init__(self, rows: int) -> None:
        """Room for ``rows`` chunks. Columns: ``kind``, ``direction``, stream ``offset``, ``length``, ``start`` in the
        batch's data or, where ``stored``, in ``store``; ``acked``: the bytes of the other direction that the segment
        acknowledges (-1 unknown); then the place: ``file``, ``packet``, ``time_ns``, ``file_offset`` of the first byte,
        and ``ordinal`` of the packet that made the chunk deliverable.
        """
        self.count = 0
        self.rows = 0
        self.store = bytearray()
        self.kind = column(0)
        self.direction = column(0)
        self.offset = column(0)
        self.length = column(0)
        self.start = column(0)
        self.stored = column(0)
        self.acked = column(0)
        self.file = column(0)
        self.packet = column(0)
        self.time_ns = column(0)
        self.file_offset = column(0)
        self.ordinal = column(0)
        self.reserve(rows)

    def reserve(self, rows: int) -> None:
        """Make room for ``rows`` more chunks."""
        wanted = self.count + rows
        if wanted <= self.rows:
            return
        self.rows = max(wanted, 2 * self.rows)
        self.kind = longer(self.kind, self.rows)
        self.direction = longer(self.direction, self.rows)
        self.offset = longer(self.offset, self.rows)
        self.length = longer(self.length, self.rows)
        self.start = longer(self.start, self.rows)
        self.stored = longer(self.stored, self.rows)
        self.acked = longer(self.acked, self.rows)
        self.file = longer(self.file, self.rows)
        self.packet = longer(self.packet, self.rows)
        self.time_ns = longer(self.time_ns, self.rows)
        self.file_offset = longer(self.file_offset, self.rows)
        self.ordinal = longer(self.ordinal, self.rows)

    def clear(self) -> None:
        """Forget what was delivered."""
        self.count = 0
        self.store = bytearray()


@cython.cclass
class Streams:
    """Where each direction stands, and the pass over a batch's segments. Arrays are indexed by direction."""

    next_seq = cython.declare(cython.longlong[::1], visibility="public")
    next_offset = cython.declare(cython.longlong[::1], visibility="public")
    acked = cython.declare(cython.longlong[::1], visibility="public")
    state = cython.declare(cython.longlong[::1], visibility="public")
    quick = cython.declare(cython.longlong[::1], visibility="public")
    accepted = cython.declare(cython.longlong[::1], visibility="public")
    ordinal = cython.declare(cython.longlong, visibility="public")
    tick = cython.declare(cython.longlong, visibility="public")
    slow = cython.declare(object)

    def __init__(self, slow: Any) -> None:
        """``slow`` takes the segments that are not simply next: its ``segment(row)``."""
        self.slow = slow
        self.ordinal = 0
        self.tick = 0
        self.accepted = column(0)
        self.next_seq = column(0)
        self.next_offset = column(0)
        self.acked = column(0)
        self.state = column(0)
        self.quick = column(0)
        self.grow(512)

    def grow(self, directions: int) -> None:
        """Make room for ``directions``."""
        if directions <= len(self.state):
            return
        rows = max(directions, 2 * len(self.state))
        self.next_seq = longer(self.next_seq, rows)
        self.next_offset = longer(self.next_offset, rows)
        self.acked = longer(self.acked, rows)
        self.state = longer(self.state, rows)
        self.quick = longer(self.quick, rows)

    def deliver(self, batch: Batch, segments: Segments, row: int, out: Chunks) -> int:
        """Deliver from segment ``row`` on. The row to go on from: the segments' count, or where a new second begins."""
        return int(
            self._deliver(
                memoryview(batch.number),
                memoryview(batch.file),
                memoryview(batch.time_ns),
                memoryview(batch.file_offset),
                memoryview(batch.offset),
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
        number=cython.longlong[::1],
        file=cython.longlong[::1],
        time_ns=cython.longlong[::1],
        file_offset=cython.longlong[::1],
        packet_start=cython.longlong[::1],
        rows=cython.longlong[::1],
        direction=cython.longlong[::1],
        seq=cython.longlong[::1],
        ack=cython.longlong[::1],
        flags=cython.longlong[::1],
        start=cython.longlong[::1],
        captured=cython.longlong[::1],
        length=cython.longlong[::1],
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
            if time_ns[r] >= self.tick:
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
            out.acked[n] = acked
            out.file[n] = file[r]
            out.packet[n] = number[r]
            out.time_ns[n] = time_ns[r]
            out.file_offset[n] = file_offset[r] + start[i] - packet_start[r]
            out.ordinal[n] = self.ordinal + r
            out.count = n + 1
            self.accepted[i] = self.next_offset[d]
            self.next_offset[d] += length[i]
            self.next_seq[d] = (self.next_seq[d] + length[i]) & WRAP
            i += 1
        return i
