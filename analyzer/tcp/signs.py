"""What packets tell beside their bytes: checksums, second copies, hop limits, silence.

Theory of operation. One pass over a batch's segments, after the flow table found their directions. Nothing is
dropped or changed here: what is seen is counted for the run as a whole, or marked in the segment's flags, with a
number in its ``detail``, for later stages to tell with the connection.

Checksums (RFC 1071) are arithmetic modulo 65535, which has no regard for the width of the words that are added up
as long as their places are right. So eight bytes are added at a time, straight from the batch's buffer; where a
header begins at an odd address its sum is that of swapped words, which is a multiplication by 256. Only packets
that were captured whole are verified, and none whose length was left to the network card.

A second copy of a packet, as mirror ports make them, is told from a retransmission by the IP identification and by
the time between them. What was seen last is kept in a table of fixed size, so nothing grows with the capture.

Compiled by Cython where a compiler is found, interpreted otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import cython
import numpy as np

from analyzer.capture.batch import Batch
from analyzer.tcp.columns import column, longer, word_column
from analyzer.tcp.packets import HOPS, IDLE, NEW, Segments
from analyzer.wire import link, packet

if cython.compiled:
    Octets = cython.typedef(cython.uchar[::1])
    Column = cython.typedef(cython.longlong[::1])
    Words = cython.typedef(cython.ulonglong[::1])
else:
    Octets = memoryview
    Column = memoryview
    Words = memoryview

VERSION = cython.declare(Octets, memoryview(link.IP_VERSION))
HEADER4 = cython.declare(Octets, memoryview(link.IPV4_HEADER))
IP4_SIZE = cython.declare(cython.Py_ssize_t, packet.IPV4_SHORTEST)
IP4_LENGTH = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV4, "total_length"))
IP4_ID = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV4, "identification"))
IP4_HOPS = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV4, "time_to_live"))
IP4_SOURCE = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV4, "source"))
IP6_SIZE = cython.declare(cython.Py_ssize_t, packet.IPV6.sizeof())
IP6_LENGTH = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV6, "payload_length"))
IP6_HOPS = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV6, "hop_limit"))
IP6_SOURCE = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV6, "source"))
TCP_CHECKSUM = cython.declare(cython.Py_ssize_t, link.offset(packet.TCP, "checksum"))
PROTOCOL_TCP = cython.declare(cython.longlong, packet.PROTOCOL_TCP)

_NEW = cython.declare(cython.longlong, NEW)
_HOPS = cython.declare(cython.longlong, HOPS)
_IDLE = cython.declare(cython.longlong, IDLE)
SYN = cython.declare(cython.longlong, link.TCP_SYN)
ENDS = cython.declare(cython.longlong, link.TCP_SYN | link.TCP_FIN | link.TCP_RST)
TCP_FLAGS = cython.declare(cython.longlong, 0xFF)
"""What of a segment's flags is the TCP header's."""

WRAP = cython.declare(cython.longlong, 0xFFFF_FFFF)
LOW = cython.declare(cython.ulonglong, 0xFFFF_FFFF)
NATIVE = cython.declare(cython.ulonglong, 256 if sys.byteorder == "little" else 1)
SWAPPED = cython.declare(cython.ulonglong, 1 if sys.byteorder == "little" else 256)
"""What makes big-endian words' sum out of that of the machine's words, which begin at an even or at an odd address:
multiplication by 256 swaps the bytes of a 16-bit word, modulo 65535."""


def _masks(kept: Callable[[int, int], bool]) -> Any:
    """By a place in a word, 0 to 8: the word whose bytes are all ones where ``kept(byte, place)``."""
    words = [bytes(255 if kept(byte, place) else 0 for byte in range(8)) for place in range(9)]
    masks = [int.from_bytes(word, sys.byteorder) for word in words]
    return memoryview(np.array(masks, dtype=np.uint64))  # type: ignore[arg-type]  # NumPy's stubs know no Buffer yet


FROM = cython.declare(Words, _masks(lambda byte, place: byte >= place))
BEFORE = cython.declare(Words, _masks(lambda byte, place: byte < place))

SEEN = cython.declare(cython.Py_ssize_t, 1024)
"""Packets remembered to find second copies among, a power of two: about what ten gigabits carry in TWICE."""
TWICE = cython.declare(cython.longlong, 1_000_000)
"""Nanoseconds within which an identical packet is a second copy."""
UNKNOWN = cython.declare(cython.longlong, -1)
CHANGED = cython.declare(cython.longlong, -2)
"""In place of a direction's hop limit: none seen yet; it changed, and that was marked."""


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def u16(data: Octets, at: cython.Py_ssize_t) -> cython.longlong:
    return (data[at] << 8) | data[at + 1]


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def word_sum(data: Octets, words: Words, at: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.ulonglong:
    """The 16-bit words of data[at:end] added up, modulo 65535; ``words`` is the same data by eights.

    Measured: 0.09 ns a byte of large packets.
    """
    if not cython.compiled:
        part = bytes(data[at:end])
        return int.from_bytes(part + bytes(len(part) % 2), "big") % 65535
    # The numbers are written out, because a division by a constant is none: 8 bytes a word, 65535 the modulus.
    first: cython.Py_ssize_t = at >> 3
    last: cython.Py_ssize_t = (end - 1) >> 3
    low: cython.ulonglong
    high: cython.ulonglong
    word: cython.ulonglong = words[first] & FROM[at & 7]
    i: cython.Py_ssize_t
    if first == last:
        word &= BEFORE[end - 8 * first]
        low = (word & LOW) + (word >> 32)
    else:
        low = word & LOW
        high = word >> 32
        word = words[last] & BEFORE[end - 8 * last]
        low += word & LOW
        high += word >> 32
        for i in range(first + 1, last):
            word = words[i]
            low += word & LOW
            high += word >> 32
        low += high
    low = (low & 0xFFFF) + ((low >> 16) & 0xFFFF) + (low >> 32)  # 2**16 is 1, modulo 65535
    return (low * (SWAPPED if at & 1 else NATIVE)) % 65535


@cython.cclass
class Signs:
    """What was seen beside the bytes, in the batch at hand.

    ``bad`` segments whose packet has a wrong checksum, in the IP header (``bad_ip``) or the TCP segment (``bad_tcp``);
    of the latter, ``unfinished`` ones hold what a host leaves there for its network card to complete. ``twice``:
    packets that are second copies. ``first_bad`` and ``first_twice`` are the rows of the first of each, or -1.
    """

    bad = cython.declare(cython.longlong, visibility="public")
    bad_ip = cython.declare(cython.longlong, visibility="public")
    bad_tcp = cython.declare(cython.longlong, visibility="public")
    unfinished = cython.declare(cython.longlong, visibility="public")
    first_bad = cython.declare(cython.Py_ssize_t, visibility="public")
    twice = cython.declare(cython.longlong, visibility="public")
    first_twice = cython.declare(cython.Py_ssize_t, visibility="public")
    quiet = cython.declare(cython.longlong)
    # The latest packets, by a hash: what tells one from another in two words, its time, its number in the run.
    seen_wire = cython.declare(Words)
    seen_flow = cython.declare(Words)
    seen_time = cython.declare(Column)
    seen_number = cython.declare(Column)
    number = cython.declare(cython.longlong)
    # By direction: the hop limit, and where the latest segment ended. By slot: when something was sent last.
    hops = cython.declare(Column)
    reached = cython.declare(Column)
    busy = cython.declare(Column)

    def __init__(self, quiet: int) -> None:
        """``quiet``: nanoseconds without a packet, from which on a connection was silent."""
        self.quiet = quiet
        self.seen_wire = word_column(SEEN)
        self.seen_flow = word_column(SEEN)
        self.seen_time = column(SEEN)
        self.seen_number = column(SEEN)
        self.number = 0
        self.hops = column(0)
        self.reached = column(0)
        self.busy = column(0)
        self._clear()

    def _clear(self) -> None:
        self.bad = self.bad_ip = self.bad_tcp = self.unfinished = self.twice = 0
        self.first_bad = self.first_twice = -1

    def look(self, batch: Batch, segments: Segments, slots: int) -> None:
        """Go through the segments of a batch, and mark those worth a word. ``slots``: those the flow table knows."""
        self._clear()
        if slots > len(self.busy):
            rows = max(slots, 2 * len(self.busy), 256)
            self.hops = longer(self.hops, 2 * rows)
            self.reached = longer(self.reached, 2 * rows)
            self.busy = longer(self.busy, rows)
        data = memoryview(batch.data)
        self._look(
            data,
            data[: len(data) // 8 * 8].cast("Q"),
            batch.time_ns.data,
            segments.row,
            segments.direction,
            segments.seq,
            segments.flags,
            segments.ip,
            segments.header,
            segments.start,
            segments.captured,
            segments.length,
            segments.detail,
            segments.count,
        )

    @cython.locals(
        data=Octets,
        words=Words,
        time_ns=Column,
        rows=Column,
        direction=Column,
        seq=Column,
        flags=Column,
        ip=Column,
        header=Column,
        start=Column,
        captured=Column,
        length=Column,
        detail=Column,
        count=cython.Py_ssize_t,
    )
    def _look(
        self,
        data: Any,
        words: Any,
        time_ns: Any,
        rows: Any,
        direction: Any,
        seq: Any,
        flags: Any,
        ip: Any,
        header: Any,
        start: Any,
        captured: Any,
        length: Any,
        detail: Any,
        count: int,
    ) -> None:
        i: cython.Py_ssize_t
        d: cython.Py_ssize_t
        at: cython.Py_ssize_t
        end: cython.Py_ssize_t
        now: cython.longlong
        hops: cython.longlong
        identification: cython.longlong
        sent: cython.bint
        for i in range(count):
            d = direction[i]
            at = ip[i]
            end = start[i] + length[i]
            now = time_ns[rows[i]]
            if flags[i] & _NEW:
                self.hops[d] = self.hops[d ^ 1] = UNKNOWN
                self.reached[d] = self.reached[d ^ 1] = UNKNOWN
                self.busy[d >> 1] = now
            if VERSION[data[at]] == 4:
                identification = u16(data, at + IP4_ID)
                hops = data[at + IP4_HOPS]
                if captured[i] == length[i] and at + u16(data, at + IP4_LENGTH) == end:
                    self.verify(data, words, at + IP4_SOURCE, header[i], end, at, rows[i])
            else:
                identification = 0
                hops = data[at + IP6_HOPS]
                if captured[i] == length[i] and at + IP6_SIZE + u16(data, at + IP6_LENGTH) == end:
                    self.verify(data, words, at + IP6_SOURCE, header[i], end, UNKNOWN, rows[i])
            if self.again(data, d, seq[i], flags[i] & TCP_FLAGS, length[i], identification, header[i], now):
                self.twice += 1
                if self.first_twice < 0:
                    self.first_twice = rows[i]
                continue
            # More than an acknowledgment or a keep-alive (RFC 9293 3.8.4), which repeats the last byte or has none.
            sent = length[i] > 1 or (length[i] == 1 and ((seq[i] + 1) & WRAP) != self.reached[d])
            sent = sent or (flags[i] & ENDS) != 0
            if sent and now - self.busy[d >> 1] > self.quiet:
                detail[i] = now - self.busy[d >> 1]
                flags[i] |= _IDLE
            elif self.hops[d] == UNKNOWN:
                self.hops[d] = hops
            elif self.hops[d] != hops and self.hops[d] != CHANGED:
                detail[i] = (self.hops[d] << 8) | hops
                flags[i] |= _HOPS
                self.hops[d] = CHANGED
            if sent or self.reached[d] == UNKNOWN:
                self.reached[d] = (seq[i] + length[i] + (1 if flags[i] & SYN else 0)) & WRAP
            if sent and now > self.busy[d >> 1]:
                self.busy[d >> 1] = now

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    @cython.locals(data=Octets, words=Words)
    def verify(
        self,
        data: Any,
        words: Any,
        source: cython.Py_ssize_t,
        header: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        ip: cython.Py_ssize_t,
        row: cython.Py_ssize_t,
    ) -> cython.void:
        """Check the sums of a packet that is there whole; ``ip`` is where an IPv4 header begins, -1 over IPv6.

        An option or extension header may name another destination than the sum was made for (RFC 791 3.1, RFC 8200
        8.1), so where anything stands between addresses and TCP header the latter's sum is left alone.
        """
        bad: cython.bint = False
        pseudo: cython.ulonglong
        found: cython.ulonglong
        if ip >= 0 and word_sum(data, words, ip, header):
            bad = True
            self.bad_ip += 1
        if header - source == (2 * 4 if ip >= 0 else 2 * 16):
            pseudo = PROTOCOL_TCP + end - header  # RFC 9293 3.1, RFC 8200 8.1: the rest are the addresses
            if (word_sum(data, words, source, end) + pseudo) % 65535:
                bad = True
                self.bad_tcp += 1
                found = u16(data, header + TCP_CHECKSUM)
                if found == 0 or found % 65535 == (word_sum(data, words, source, header) + pseudo) % 65535:
                    self.unfinished += 1
        if bad:
            self.bad += 1
            if self.first_bad < 0:
                self.first_bad = row

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    @cython.locals(data=Octets)
    def again(
        self,
        data: Any,
        d: cython.Py_ssize_t,
        seq: cython.longlong,
        flags: cython.longlong,
        length: cython.longlong,
        identification: cython.longlong,
        header: cython.Py_ssize_t,
        now: cython.longlong,
    ) -> cython.bint:
        """Whether the packet is a second copy of one seen just now. Its checksum stands for what else is in it."""
        wire: cython.ulonglong
        flow: cython.ulonglong
        self.number += 1
        checksum: cython.longlong = u16(data, header + TCP_CHECKSUM)
        k: cython.Py_ssize_t = (seq ^ (seq >> 10) ^ identification ^ checksum ^ (31 * d)) & (SEEN - 1)
        wire = seq
        wire = (wire << 32) | ((identification << 16) | checksum)
        flow = d
        flow = (flow << 28) | ((flags << 20) | length)
        if self.seen_wire[k] == wire and self.seen_flow[k] == flow and 0 <= now - self.seen_time[k] <= TWICE:
            # Without an identification (IPv6, or 0 where fragments are forbidden) repeated ACKs look the same, and so
            # does a quick retransmission, but that is not the very next packet.
            return identification != 0 or (length > 0 and self.seen_number[k] == self.number - 1)
        self.seen_wire[k] = wire
        self.seen_flow[k] = flow
        self.seen_time[k] = now
        self.seen_number[k] = self.number
        return False
