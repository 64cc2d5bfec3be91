"""Packets to TCP segments: link layer, IP and TCP headers, and the table of connections.

Theory of operation. One pass over a batch turns each packet that holds a TCP segment into one row of
`Segments`. Everything else is counted by reason. Addresses and ports are looked up in an open-addressing
hash table whose entries are *slots*; a slot is a TCP connection being followed, and ``2 * slot + side`` is
the number of a *direction*, by which all later stages index their state. Side 0 sent the connection's first
captured packet. Slots are used again when a connection is long over, so memory follows the connections
alive, not the connections seen; the row that gives a slot to a new connection carries the NEW flag, and
later stages end the old connection there.

What decides over new and old (a SYN with another initial sequence number, linger and idle times, the limit)
is judged here, packet by packet, from the packets alone, so that the batch size cannot change the outcome.

Compiled by Cython where a compiler is found, interpreted otherwise; no Python object is made for a packet. Headers and
table are one module, because a call from one compiled module into another cannot be inlined, and each packet makes
several.
"""

from __future__ import annotations

import struct
from typing import Any

import cython
import numpy as np

from analyzer.capture.batch import Batch
from analyzer.model import NOWHERE
from analyzer.tcp.columns import column, longer, word_column
from analyzer.tcp.exotic import Unwrapper
from analyzer.wire import link, packet

if cython.compiled:
    Octets = cython.typedef(cython.uchar[::1])
    Column = cython.typedef(cython.longlong[::1])
    Words = cython.typedef(cython.ulonglong[::1])
else:
    Octets = memoryview
    Column = memoryview
    Words = memoryview

# Header layouts, from the schemas. Typed, so that the compiled code holds plain C numbers.
ETHERNET_TYPE = cython.declare(cython.Py_ssize_t, link.offset(packet.ETHERNET, "ethertype"))
ETHERNET_SIZE = cython.declare(cython.Py_ssize_t, packet.ETHERNET.sizeof())
VLAN_TYPE = cython.declare(cython.Py_ssize_t, link.offset(link.VLAN_TAG, "type"))
VLAN_SIZE = cython.declare(cython.Py_ssize_t, link.VLAN_TAG.sizeof())
SLL_TYPE = cython.declare(cython.Py_ssize_t, link.offset(link.SLL, "protocol"))
SLL_SIZE = cython.declare(cython.Py_ssize_t, link.SLL.sizeof())
SLL2_TYPE = cython.declare(cython.Py_ssize_t, link.offset(link.SLL2, "protocol"))
SLL2_SIZE = cython.declare(cython.Py_ssize_t, link.SLL2.sizeof())
NULL_SIZE = cython.declare(cython.Py_ssize_t, link.NULL.sizeof())
IP4_SIZE = cython.declare(cython.Py_ssize_t, packet.IPV4_SHORTEST)
IP4_LENGTH = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV4, "total_length"))
IP4_FRAGMENT = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV4, "fragment"))
IP4_PROTOCOL = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV4, "protocol"))
IP4_SOURCE = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV4, "source"))
IP4_DESTINATION = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV4, "destination"))
IP6_SIZE = cython.declare(cython.Py_ssize_t, packet.IPV6.sizeof())
IP6_LENGTH = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV6, "payload_length"))
IP6_NEXT = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV6, "next_header"))
IP6_SOURCE = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV6, "source"))
IP6_DESTINATION = cython.declare(cython.Py_ssize_t, link.offset(packet.IPV6, "destination"))
EXTENSION_LENGTH = cython.declare(cython.Py_ssize_t, link.offset(link.IPV6_EXTENSION, "length"))
FRAGMENT_FIELD = cython.declare(cython.Py_ssize_t, link.offset(link.IPV6_FRAGMENT, "fragment"))
FRAGMENT_SIZE = cython.declare(cython.Py_ssize_t, link.IPV6_FRAGMENT.sizeof())
TCP_SIZE = cython.declare(cython.Py_ssize_t, packet.TCP_SHORTEST)
TCP_SOURCE = cython.declare(cython.Py_ssize_t, link.offset(packet.TCP, "source"))
TCP_DESTINATION = cython.declare(cython.Py_ssize_t, link.offset(packet.TCP, "destination"))
TCP_SEQ = cython.declare(cython.Py_ssize_t, link.offset(packet.TCP, "sequence"))
TCP_ACK = cython.declare(cython.Py_ssize_t, link.offset(packet.TCP, "acknowledgment"))
TCP_CONTROL = cython.declare(cython.Py_ssize_t, link.offset(packet.TCP, "control"))

TYPE_IP4 = cython.declare(cython.longlong, packet.ETHERTYPE_IPV4)
TYPE_IP6 = cython.declare(cython.longlong, packet.ETHERTYPE_IPV6)
TYPE_VLAN = cython.declare(cython.longlong, link.ETHERTYPE_VLAN[0])
TYPE_QINQ = cython.declare(cython.longlong, link.ETHERTYPE_VLAN[1])
TYPE_QINQ_OLD = cython.declare(cython.longlong, link.ETHERTYPE_VLAN[2])
TYPE_ETHERNET = cython.declare(cython.longlong, link.ETHERTYPE_ETHERNET)
TYPE_MPLS = cython.declare(cython.longlong, link.ETHERTYPE_TUNNEL[0])
TYPE_MPLS_UPSTREAM = cython.declare(cython.longlong, link.ETHERTYPE_TUNNEL[1])
TYPE_PPPOE = cython.declare(cython.longlong, link.ETHERTYPE_TUNNEL[2])
MPLS_SIZE = cython.declare(cython.Py_ssize_t, link.MPLS.sizeof())
MPLS_END = cython.declare(cython.Py_ssize_t, link.offset(link.MPLS, "end"))
PROTOCOL_IP4 = cython.declare(cython.longlong, link.PROTOCOL_TUNNEL[0])
PROTOCOL_IP6 = cython.declare(cython.longlong, link.PROTOCOL_TUNNEL[1])
PROTOCOL_GRE = cython.declare(cython.longlong, link.PROTOCOL_TUNNEL[2])
GRE_SIZE = cython.declare(cython.Py_ssize_t, link.GRE.sizeof())
GRE_TYPE = cython.declare(cython.Py_ssize_t, link.offset(link.GRE, "protocol"))
PROTOCOL_UDP = cython.declare(cython.longlong, link.PROTOCOL_UDP)
UDP_SIZE = cython.declare(cython.Py_ssize_t, link.UDP.sizeof())
UDP_DESTINATION = cython.declare(cython.Py_ssize_t, link.offset(link.UDP, "destination"))
PORT_VXLAN = cython.declare(cython.longlong, link.VXLAN_PORTS[0])
PORT_VXLAN_OLD = cython.declare(cython.longlong, link.VXLAN_PORTS[1])
VXLAN_SIZE = cython.declare(cython.Py_ssize_t, link.VXLAN.sizeof())
PORT_GENEVE = cython.declare(cython.longlong, link.GENEVE_PORT)
GENEVE_SIZE = cython.declare(cython.Py_ssize_t, link.GENEVE.sizeof())
GENEVE_TYPE = cython.declare(cython.Py_ssize_t, link.offset(link.GENEVE, "protocol"))
PORT_GTP = cython.declare(cython.longlong, link.TUNNEL_PORTS[3])
PROTOCOL_TCP = cython.declare(cython.longlong, packet.PROTOCOL_TCP)
PROTOCOL_HOP = cython.declare(cython.longlong, link.HOP_BY_HOP)
PROTOCOL_ROUTING = cython.declare(cython.longlong, link.ROUTING)
PROTOCOL_OPTIONS = cython.declare(cython.longlong, link.DESTINATION_OPTIONS)
PROTOCOL_FRAGMENT = cython.declare(cython.longlong, link.FRAGMENT)
PROTOCOL_AUTH = cython.declare(cython.longlong, link.AUTHENTICATION)

LINK_NULL = cython.declare(cython.longlong, link.LINK_NULL)
LINK_ETHERNET = cython.declare(cython.longlong, link.LINK_ETHERNET)
LINK_RAW = cython.declare(cython.longlong, link.LINK_RAW)
LINK_RAW_OLD = cython.declare(cython.longlong, link.LINK_RAW_OLD)
LINK_RAW_OPENBSD = cython.declare(cython.longlong, link.LINK_RAW_OPENBSD)
LINK_LOOP = cython.declare(cython.longlong, link.LINK_LOOP)
LINK_SLL = cython.declare(cython.longlong, link.LINK_SLL)
LINK_SLL2 = cython.declare(cython.longlong, link.LINK_SLL2)
LINK_IP4 = cython.declare(cython.longlong, link.LINK_IPV4)
LINK_IP6 = cython.declare(cython.longlong, link.LINK_IPV6)

NEW, REUSED, HOPS, IDLE = 1 << 16, 1 << 17, 1 << 18, 1 << 19
"""Set in a row's flags, above anything a TCP header can hold, where the packet opened a connection; where it did so
with a SYN on the addresses and ports of another; and by `analyzer.tcp.signs` where the hop limit changed and where a
silence ended."""
_NEW = cython.declare(cython.longlong, NEW)
_REUSED = cython.declare(cython.longlong, REUSED)
_FIN = cython.declare(cython.longlong, link.TCP_FIN)
_SYN = cython.declare(cython.longlong, link.TCP_SYN)
_RST = cython.declare(cython.longlong, link.TCP_RST)

VERSION = cython.declare(Octets, memoryview(link.IP_VERSION))
HEADER4 = cython.declare(Octets, memoryview(link.IPV4_HEADER))
OPTIONS_GRE = cython.declare(Octets, memoryview(link.GRE_OPTIONS))
ROUTED = cython.declare(cython.longlong, link.GRE_ROUTED)
OPTIONS_GENEVE = cython.declare(Octets, memoryview(link.GENEVE_OPTIONS))
BOTTOM = cython.declare(Octets, memoryview(link.MPLS_BOTTOM))
FRAGMENTED4 = cython.declare(Octets, memoryview(link.IPV4_FRAGMENTED))
FRAGMENTED6 = cython.declare(Octets, memoryview(link.IPV6_FRAGMENTED))
HEADER_TCP = cython.declare(Octets, memoryview(link.TCP_HEADER))

WRAP = cython.declare(cython.longlong, 0xFFFF_FFFF)
WORD = cython.declare(cython.ulonglong, 0xFFFF_FFFF_FFFF_FFFF)
MIX = cython.declare(cython.ulonglong, 0x9E37_79B9_7F4A_7C15)
MAPPED = cython.declare(cython.ulonglong, 0xFFFF_0000_0000)
"""High part of an IPv4 address among IPv6 ones (RFC 4291 2.5.5.2)."""
MAPPED_PREFIX = b"\0\0\xff\xff"
TAGS = cython.declare(cython.int, 4)
"""VLAN tags looked behind, at most."""
DEPTH = cython.declare(cython.int, 32)
"""Headers of tunnels opened one in another, and labels of one MPLS stack, at most."""
OFFLOADED = cython.declare(cython.longlong, 1 << 19)
"""The longest packet that segmentation offload hands to a card (Linux: GSO_MAX_SIZE), where its length says 0."""
RESTARTED = cython.declare(cython.longlong, 2)
REORDERED_SYN = cython.declare(cython.longlong, 1 << 20)
"""A SYN may be captured after this many bytes of the stream it opens, and still be its own."""

NOT_IP, NOT_TCP, FRAGMENT, CUT, BAD, LINK, TUNNEL = range(7)
SKIPPED = (
    "not IP",
    "not TCP",
    "IP fragment",
    "cut before the TCP header ends",
    "malformed header",
    "unknown link type",
    "tunnel without TCP",
)
_NOT_IP = cython.declare(cython.longlong, -1 - NOT_IP)
_NOT_TCP = cython.declare(cython.longlong, -1 - NOT_TCP)
_FRAGMENT = cython.declare(cython.longlong, -1 - FRAGMENT)
_CUT = cython.declare(cython.longlong, -1 - CUT)
_BAD = cython.declare(cython.longlong, -1 - BAD)
_LINK = cython.declare(cython.longlong, -1 - LINK)
_TUNNEL = cython.declare(cython.longlong, -1 - TUNNEL)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def u16(data: Octets, at: cython.Py_ssize_t) -> cython.longlong:
    return (data[at] << 8) | data[at + 1]


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def u32(data: Octets, at: cython.Py_ssize_t) -> cython.longlong:
    return (u16(data, at) << 16) | u16(data, at + 2)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def u64(data: Octets, at: cython.Py_ssize_t) -> cython.ulonglong:
    high: cython.ulonglong = u32(data, at)
    low: cython.ulonglong = u32(data, at + 4)
    return (high << 32) | low


if not cython.compiled:
    # Interpreted, one struct call is four to six times faster than indexing byte by byte.
    _U16 = struct.Struct(">H").unpack_from
    _U32 = struct.Struct(">I").unpack_from
    _U64 = struct.Struct(">Q").unpack_from

    def u16(data: Any, at: int) -> int:
        return int(_U16(data, at)[0])

    def u32(data: Any, at: int) -> int:
        return int(_U32(data, at)[0])

    def u64(data: Any, at: int) -> int:
        return int(_U64(data, at)[0])


SEGMENT_COLUMNS = ("row", "direction", "seq", "ack", "flags", "ip", "header", "start", "captured", "length", "detail")


def _unwrap(unwrapper: Unwrapper, batch: Batch, row: int, fragment: tuple[int, int] | None, end: int) -> int:
    """Put the IP packet found inside the packet in ``row`` in its place, behind the data of ``batch``.

    ``fragment``: where in the data a fragment's IP header starts, and its fragment header if it has one. ``end``: where
    the data of the batch end. Where they end then, as a multiple of 8; -1 if no packet was found.
    """
    at, captured = int(batch.offset[row]), int(batch.captured[row])
    start = fragment[0] if fragment else at
    packet_data = bytes(memoryview(batch.data)[start : at + captured])
    unwrapper.now = int(batch.time_ns[row])
    if fragment:
        found = unwrapper.join(packet_data, fragment[1] - start)
    else:
        found = unwrapper.unwrap(int(batch.link[row]), packet_data, int(batch.wire[row]))
    if found is None:
        return -1
    after = end + len(found.data) + -len(found.data) % 8
    if after > len(batch.data):
        batch.data = batch.data + bytes(after)  # twice the room, so that few packets have to move the others
    batch.data[end : end + len(found.data)] = found.data
    batch.offset[row], batch.captured[row] = end, len(found.data)
    batch.wire[row] = len(found.data) + found.missing
    batch.link[row] = link.LINK_RAW
    batch.file_offset[row] = NOWHERE if found.start < 0 else batch.file_offset[row] + found.start
    return after


Endpoints = tuple[tuple[bytes, int], tuple[bytes, int]]
"""Address (4 or 16 bytes) and port of side 0 and of side 1."""
ADDRESS, ENDPOINT = 16, 18
"""Bytes of an address and of an endpoint, as `unpacked` takes them."""


def unpacked(packed: bytes) -> Endpoints:
    """The endpoints that `Segments.births` holds packed."""
    return _endpoint(packed[:ENDPOINT]), _endpoint(packed[ENDPOINT:])


def _endpoint(packed: bytes) -> tuple[bytes, int]:
    address = packed[:ADDRESS]
    mapped = address.startswith(bytes(8) + MAPPED_PREFIX)
    return address[len(MAPPED_PREFIX) + 8 :] if mapped else address, int.from_bytes(packed[ADDRESS:], "big")


@cython.cclass
class Segments:
    """TCP segments of one batch, a row each, in the order of the capture."""

    count = cython.declare(cython.Py_ssize_t, visibility="public")
    row = cython.declare(Column, visibility="public")
    direction = cython.declare(Column, visibility="public")
    seq = cython.declare(Column, visibility="public")
    ack = cython.declare(Column, visibility="public")
    flags = cython.declare(Column, visibility="public")
    ip = cython.declare(Column, visibility="public")
    header = cython.declare(Column, visibility="public")
    start = cython.declare(Column, visibility="public")
    captured = cython.declare(Column, visibility="public")
    length = cython.declare(Column, visibility="public")
    detail = cython.declare(Column, visibility="public")
    births = cython.declare(list, visibility="public")

    def __init__(self, rows: int) -> None:
        """Room for ``rows`` segments. Columns: ``row`` of the packet in its batch, ``direction``, ``seq``, ``ack``,
        ``flags`` (the TCP header's, NEW and REUSED), where in the batch's data the ``ip`` header, the TCP ``header``
        and the payload (``start``) begin, the payload's ``captured`` ``length`` in bytes, and room for a ``detail`` to
        later flags. ``births``: for each NEW row in order, the connection's endpoints (see `unpacked`).
        """
        self.count = 0
        self.births = []
        for name in SEGMENT_COLUMNS:
            setattr(self, name, column(rows))


SLOT_COLUMNS = {"ports": 0, "flip": 0, "last": 0, "closed": 0, "recent": 0, "queued": 0}
SIDE_COLUMNS = {"first": -1, "synced": 0, "ended": 0, "latest": -1}
"""By slot and by direction: what a fresh row holds."""


@cython.cclass
class Flows:
    """The TCP connections being followed, and the pass that finds each packet's."""

    # The hash table: slot + 1, 0 where free, -1 where an entry was removed; and how many are not free.
    index = cython.declare(Column)
    used = cython.declare(cython.Py_ssize_t)
    # By slot: the smaller and the larger endpoint (address high and low, both ports in one number), which of
    # them is side 0, the latest packet's time, whether a RST or both FINs were seen, whether a packet came since
    # the clock's hand last passed, and whether the slot is in the queue (RESTARTED: since then used again).
    key = cython.declare(Words, visibility="public")
    ports = cython.declare(Column, visibility="public")
    flip = cython.declare(Column, visibility="public")
    last = cython.declare(Column, visibility="public")
    closed = cython.declare(Column, visibility="public")
    recent = cython.declare(Column, visibility="public")
    queued = cython.declare(Column, visibility="public")
    # By direction: the first packet's sequence number (-1 before), whether that was a SYN's, whether a FIN came,
    # and the latest packet's sequence number.
    first = cython.declare(Column, visibility="public")
    synced = cython.declare(Column, visibility="public")
    ended = cython.declare(Column, visibility="public")
    latest = cython.declare(Column, visibility="public")
    # Closed connections in the order of their closing, a ring: the first places to use again.
    queue = cython.declare(Column)
    queue_head = cython.declare(cython.Py_ssize_t)
    queue_size = cython.declare(cython.Py_ssize_t)

    slots = cython.declare(cython.Py_ssize_t, visibility="public")
    skipped = cython.declare(Column, visibility="public")
    evicted = cython.declare(cython.longlong, visibility="public")
    limit = cython.declare(cython.Py_ssize_t)
    hand = cython.declare(cython.Py_ssize_t)
    linger = cython.declare(cython.longlong)
    idle = cython.declare(cython.longlong)
    # What headers() found in the packet at hand.
    ip_start = cython.declare(cython.longlong)
    fragment_start = cython.declare(cython.longlong)
    depth = cython.declare(cython.int)
    ip_end = cython.declare(cython.longlong)
    source = cython.declare(cython.longlong)
    destination = cython.declare(cython.longlong)
    wide = cython.declare(cython.bint)
    created = cython.declare(cython.bint)
    reused = cython.declare(cython.bint)
    births = cython.declare(list)
    reason = cython.declare(cython.Py_ssize_t)

    def __init__(self, limit: int, linger: int, idle: int) -> None:
        """Follow up to ``limit`` connections; ``linger`` and ``idle`` in nanoseconds (see Settings)."""
        self.limit = max(limit, 1)
        self.linger = linger
        self.idle = idle
        self.slots = 0
        self.hand = 0
        self.evicted = 0
        self.births = []
        self.skipped = column(len(SKIPPED))
        self.index = column(1024)
        self.used = 0
        self.queue = column(256)
        self.queue_head = 0
        self.queue_size = 0
        self.key = word_column(0)
        for name in (*SLOT_COLUMNS, *SIDE_COLUMNS):
            setattr(self, name, column(0))
        self._grow(256)

    def _grow(self, slots: int) -> None:
        self.key = longer(self.key, 4 * slots, kind=np.uint64)
        for name, fresh in SLOT_COLUMNS.items():
            setattr(self, name, longer(getattr(self, name), slots, fresh))
        for name, fresh in SIDE_COLUMNS.items():
            setattr(self, name, longer(getattr(self, name), 2 * slots, fresh))
        ring = column(slots)
        for i in range(self.queue_size):
            ring[i] = self.queue[(self.queue_head + i) % len(self.queue)]
        self.queue = ring
        self.queue_head = 0

    def endpoints(self, slot: int) -> Endpoints:
        """Address (4 or 16 bytes) and port of side 0 and of side 1, as of the latest batch's end."""
        return unpacked(self._packed(slot))

    def _packed(self, slot: int) -> bytes:
        """The same in few bytes: address and port, twice."""
        k, ports = 4 * slot, int(self.ports[slot])
        low = (
            int(self.key[k]).to_bytes(8, "big")
            + int(self.key[k + 1]).to_bytes(8, "big")
            + (ports >> 16).to_bytes(2, "big")
        )
        high = int(self.key[k + 2]).to_bytes(8, "big") + int(self.key[k + 3]).to_bytes(8, "big")
        high += (ports & 0xFFFF).to_bytes(2, "big")
        return high + low if self.flip[slot] else low + high

    def decode(self, batch: Batch, out: Segments, unwrapper: Unwrapper | None = None) -> None:
        """Fill ``out`` with the segments of ``batch``, which has as much room as the batch has rows.

        ``unwrapper`` opens what this pass cannot; the rows of what it opened then stand for the packet inside.
        """
        out.count = 0
        self.births = out.births = []
        row, asked, end = 0, -1, len(batch.data)
        while True:
            row = self._decode(
                memoryview(batch.data),
                batch.offset.data,
                batch.captured.data,
                batch.wire.data,
                batch.time_ns.data,
                batch.link.data,
                row,
                batch.count,
                unwrapper is not None,
                out,
            )
            if unwrapper is None or row == batch.count:
                return
            fragment = (self.ip_start, self.fragment_start) if self.reason == FRAGMENT else None
            after = -1 if row == asked else _unwrap(unwrapper, batch, row, fragment, end)
            if after < 0:
                if not unwrapper.kept:
                    self.skipped[NOT_TCP if unwrapper.foreign else self.reason] += 1
                row += 1
            else:
                asked, end = row, after

    @cython.locals(
        data=Octets,
        offset=Column,
        captured=Column,
        wire_length=Column,
        time_ns=Column,
        link=Column,
        row=cython.Py_ssize_t,
        count=cython.Py_ssize_t,
        ask=cython.bint,
        out=Segments,
    )
    def _decode(
        self,
        data: Any,
        offset: Any,
        captured: Any,
        wire_length: Any,
        time_ns: Any,
        link: Any,
        row: int,
        count: int,
        ask: bool,
        out: Segments,
    ) -> int:
        """From ``row`` on. The row it stopped at: ``count``, or where somebody must be asked (``ask``)."""
        n: cython.Py_ssize_t = out.count
        i: cython.Py_ssize_t
        at: cython.longlong
        end: cython.longlong
        header: cython.longlong
        size: cython.longlong
        flags: cython.longlong
        held: cython.longlong
        d: cython.longlong
        if not cython.compiled:
            data = memoryview(data)
        for i in range(row, count):
            at = offset[i]
            end = at + captured[i]
            header = self.headers(data, at, end, at + wire_length[i], link[i])
            if header < 0:
                if ask and header in (_FRAGMENT, _LINK, _TUNNEL):
                    self.reason = -1 - header
                    out.count = n
                    return i
                self.skipped[-1 - header] += 1
                continue
            if header + TCP_SIZE > end:
                self.skipped[CUT] += 1
                continue
            size = HEADER_TCP[data[header + TCP_CONTROL]]
            if size < TCP_SIZE or header + size > self.ip_end:
                self.skipped[BAD] += 1
                continue
            flags = data[header + TCP_CONTROL + 1]
            out.seq[n] = u32(data, header + TCP_SEQ)
            out.ack[n] = u32(data, header + TCP_ACK)
            d = self.find(
                data, u16(data, header + TCP_SOURCE), u16(data, header + TCP_DESTINATION), flags, out.seq[n], time_ns[i]
            )
            out.row[n] = i
            out.direction[n] = d
            if self.created:
                flags |= _NEW | _REUSED if self.reused else _NEW
            out.flags[n] = flags
            out.ip[n] = self.ip_start
            out.header[n] = header
            out.start[n] = header + size
            held = end - header - size
            out.length[n] = self.ip_end - header - size
            out.captured[n] = 0 if held < 0 else held if held < out.length[n] else out.length[n]
            n += 1
        out.count = n
        return count

    @cython.cfunc
    @cython.locals(data=Octets)
    @cython.exceptval(check=False)
    def headers(
        self,
        data: Any,
        at: cython.longlong,
        end: cython.longlong,
        wire_end: cython.longlong,
        link: cython.longlong,
    ) -> cython.longlong:
        """Where the TCP header starts, or a negative reason. Leaves addresses and ``ip_end`` behind."""
        kind: cython.longlong = -1
        _: cython.int
        if link == LINK_ETHERNET:
            if at + ETHERNET_SIZE > end:
                return _CUT
            kind = u16(data, at + ETHERNET_TYPE)
            at += ETHERNET_SIZE
        elif link == LINK_SLL:
            if at + SLL_SIZE > end:
                return _CUT
            kind = u16(data, at + SLL_TYPE)
            at += SLL_SIZE
        elif link == LINK_SLL2:
            if at + SLL2_SIZE > end:
                return _CUT
            kind = u16(data, at + SLL2_TYPE)
            at += SLL2_SIZE
        elif link in (LINK_NULL, LINK_LOOP):
            at += NULL_SIZE  # the address family's number differs by system: the IP version tells
        elif link not in (LINK_RAW, LINK_RAW_OLD, LINK_RAW_OPENBSD, LINK_IP4, LINK_IP6):
            return _LINK
        self.depth = 0
        return self.network(data, kind, at, end, wire_end)

    @cython.cfunc
    @cython.locals(data=Octets)
    @cython.exceptval(check=False)
    def network(
        self,
        data: Any,
        kind: cython.longlong,
        at: cython.longlong,
        end: cython.longlong,
        wire_end: cython.longlong,
    ) -> cython.longlong:
        """The same for what EtherType ``kind`` names; -1 where only the IP version tells what it is."""
        _: cython.int
        self.depth += 1
        if self.depth > DEPTH:
            return _TUNNEL
        if kind == TYPE_ETHERNET:
            if at + ETHERNET_SIZE > end:
                return _CUT
            kind = u16(data, at + ETHERNET_TYPE)
            at += ETHERNET_SIZE
        if kind >= 0:
            for _ in range(TAGS):
                if kind not in (TYPE_VLAN, TYPE_QINQ, TYPE_QINQ_OLD):
                    break
                if at + VLAN_SIZE > end:
                    return _CUT
                kind = u16(data, at + VLAN_TYPE)
                at += VLAN_SIZE
            if kind in (TYPE_MPLS, TYPE_MPLS_UPSTREAM):
                for _ in range(DEPTH):
                    at += MPLS_SIZE
                    if at > end:
                        return _CUT
                    if BOTTOM[data[at - MPLS_SIZE + MPLS_END]]:
                        break
                else:
                    return _TUNNEL
                if at < end and VERSION[data[at]] not in (4, 6):
                    return _TUNNEL
            elif kind not in (TYPE_IP4, TYPE_IP6):
                return _TUNNEL if kind == TYPE_PPPOE else _NOT_IP
        if at >= end:
            return _CUT
        if VERSION[data[at]] == 4:
            return self.ip4(data, at, end, wire_end)
        if VERSION[data[at]] == 6:
            return self.ip6(data, at, end, wire_end)
        return _NOT_IP

    @cython.cfunc
    @cython.locals(data=Octets)
    @cython.exceptval(check=False)
    def ip4(self, data: Any, at: cython.longlong, end: cython.longlong, wire_end: cython.longlong) -> cython.longlong:
        size: cython.longlong
        total: cython.longlong
        self.ip_start = at
        if at + IP4_SIZE > end:
            return _CUT
        size = HEADER4[data[at]]
        if size < IP4_SIZE:
            return _BAD
        if FRAGMENTED4[data[at + IP4_FRAGMENT]] or data[at + IP4_FRAGMENT + 1]:
            self.fragment_start = at
            return _FRAGMENT if self.carrier(data[at + IP4_PROTOCOL]) else _NOT_TCP
        if data[at + IP4_PROTOCOL] != PROTOCOL_TCP:
            return self.inside(data, data[at + IP4_PROTOCOL], at + size, end, wire_end)
        total = u16(data, at + IP4_LENGTH)
        # A length of 0 is what segmentation offload leaves in captures of the sending host.
        self.ip_end = at + (OFFLOADED if total == 0 else total)
        if self.ip_end > wire_end:
            self.ip_end = wire_end
        self.wide = False
        self.source = at + IP4_SOURCE
        self.destination = at + IP4_DESTINATION
        return at + size

    @cython.cfunc
    @cython.locals(data=Octets)
    @cython.exceptval(check=False)
    def ip6(self, data: Any, at: cython.longlong, end: cython.longlong, wire_end: cython.longlong) -> cython.longlong:
        kind: cython.longlong
        total: cython.longlong
        _: cython.int
        self.ip_start = at
        if at + IP6_SIZE > end:
            return _CUT
        total = u16(data, at + IP6_LENGTH)
        self.ip_end = at + IP6_SIZE + (OFFLOADED if total == 0 else total)
        if self.ip_end > wire_end:
            self.ip_end = wire_end
        self.wide = True
        self.source = at + IP6_SOURCE
        self.destination = at + IP6_DESTINATION
        kind = data[at + IP6_NEXT]
        at += IP6_SIZE
        for _ in range(8):  # RFC 8200 4.1: each extension header at most once, destination options twice
            if kind == PROTOCOL_TCP:
                return at
            if at + FRAGMENT_SIZE > end:
                return _CUT
            if kind == PROTOCOL_FRAGMENT:
                if data[at + FRAGMENT_FIELD] or FRAGMENTED6[data[at + FRAGMENT_FIELD + 1]]:
                    self.fragment_start = at
                    return _FRAGMENT if self.carrier(data[at]) else _NOT_TCP
                kind = data[at]
                at += FRAGMENT_SIZE
            elif kind in (PROTOCOL_HOP, PROTOCOL_ROUTING, PROTOCOL_OPTIONS):
                kind = data[at]
                at += (data[at + EXTENSION_LENGTH] + 1) * 8  # RFC 8200 4.3: in units of 8, the first not counted
            elif kind == PROTOCOL_AUTH:
                kind = data[at]
                at += (data[at + EXTENSION_LENGTH] + 2) * 4  # RFC 4302 2.2: in units of 4, two not counted
            else:
                return self.inside(data, kind, at, end, wire_end)
        return _NOT_TCP

    @cython.cfunc
    @cython.exceptval(check=False)
    def carrier(self, protocol: cython.longlong) -> cython.bint:
        """Whether TCP may be in fragments of ``protocol``: TCP itself, a tunnel, or UDP, which may be one."""
        return protocol in (PROTOCOL_TCP, PROTOCOL_IP4, PROTOCOL_IP6, PROTOCOL_GRE, PROTOCOL_UDP)

    @cython.cfunc
    @cython.locals(data=Octets)
    @cython.exceptval(check=False)
    def inside(
        self,
        data: Any,
        protocol: cython.longlong,
        at: cython.longlong,
        end: cython.longlong,
        wire_end: cython.longlong,
    ) -> cython.longlong:
        """Where TCP's header is in what IP carries as ``protocol``; _TUNNEL for tunnels that others must open."""
        port: cython.longlong
        size: cython.longlong
        if protocol in (PROTOCOL_IP4, PROTOCOL_IP6):
            return self.network(data, -1, at, end, wire_end)
        if protocol == PROTOCOL_GRE:
            if at + GRE_SIZE > end:
                return _CUT
            size = OPTIONS_GRE[data[at]]
            if size >= ROUTED or data[at + 1]:  # another version, or bits that nothing defines
                return _TUNNEL
            return self.network(data, u16(data, at + GRE_TYPE), at + GRE_SIZE + size, end, wire_end)
        if protocol != PROTOCOL_UDP or at + UDP_SIZE > end:
            return _NOT_TCP
        port = u16(data, at + UDP_DESTINATION)
        at += UDP_SIZE
        if port in (PORT_VXLAN, PORT_VXLAN_OLD):
            return self.network(data, TYPE_ETHERNET, at + VXLAN_SIZE, end, wire_end)
        if port == PORT_GENEVE:
            if at + GENEVE_SIZE > end:
                return _CUT
            size = GENEVE_SIZE + OPTIONS_GENEVE[data[at]]
            return self.network(data, u16(data, at + GENEVE_TYPE), at + size, end, wire_end)
        return _TUNNEL if port == PORT_GTP else _NOT_TCP

    @cython.cfunc
    @cython.locals(data=Octets)
    @cython.exceptval(check=False)
    def find(
        self,
        data: Any,
        source_port: cython.longlong,
        destination_port: cython.longlong,
        flags: cython.longlong,
        seq: cython.longlong,
        now: cython.longlong,
    ) -> cython.longlong:
        """The direction of a segment; ``created`` and ``reused`` tell whether it opened a connection (NEW, REUSED)."""
        a: cython.ulonglong = 0
        b: cython.ulonglong
        c: cython.ulonglong = 0
        e: cython.ulonglong
        swap: cython.ulonglong
        swapped: cython.bint
        ports: cython.longlong
        slot: cython.longlong
        d: cython.longlong
        if self.wide:
            a = u64(data, self.source)
            b = u64(data, self.source + 8)
            c = u64(data, self.destination)
            e = u64(data, self.destination + 8)
        else:
            b = MAPPED | u32(data, self.source)
            e = MAPPED | u32(data, self.destination)
        # One key for both directions: the smaller endpoint first.
        swapped = a > c or (a == c and (b > e or (b == e and source_port > destination_port)))
        if swapped:
            swap = a
            a = c
            c = swap
            swap = b
            b = e
            e = swap
            ports = (destination_port << 16) | source_port
        else:
            ports = (source_port << 16) | destination_port
        slot = self.lookup(a, b, c, e, ports, now)
        if self.created:
            self.flip[slot] = 1 if swapped else 0
        d = 2 * slot + (1 if swapped != (self.flip[slot] != 0) else 0)
        self.reused = False
        if not self.created and self.over(slot, d, flags, seq, now):
            self.created = True
            self.reused = flags & _SYN != 0
            self.flip[slot] = 1 if swapped else 0
            d = 2 * slot
        if self.created:
            self.restart(slot)
            self.births.append(self._packed(slot))
        if self.first[d] < 0:
            self.first[d] = seq
            self.synced[d] = 1 if flags & _SYN else 0
        elif flags & _SYN and not self.synced[d]:
            self.first[d] = seq
            self.synced[d] = 1
        self.latest[d] = seq
        if flags & _FIN:
            self.ended[d] = 1
        if flags & _RST or (flags & _FIN and self.ended[d ^ 1]):
            self.close(slot)
        if now > self.last[slot] or self.created:
            self.last[slot] = now
        self.recent[slot] = 1
        return d

    @cython.cfunc
    @cython.exceptval(check=False)
    def over(
        self,
        slot: cython.longlong,
        d: cython.longlong,
        flags: cython.longlong,
        seq: cython.longlong,
        now: cython.longlong,
    ) -> cython.bint:
        """Whether the slot's connection is over and this segment opens the next one on the same addresses."""
        ahead: cython.longlong
        silent: cython.longlong = now - self.last[slot]
        if silent > self.linger and self.closed[slot]:
            return True
        if silent > self.idle:
            # The clock may have jumped, or the hosts slept: then the numbers go on where they were.
            ahead = (seq - self.latest[d] + REORDERED_SYN) & WRAP
            if self.latest[d] < 0 or ahead > 2 * REORDERED_SYN:
                return True
        if not flags & _SYN:
            return False
        again: cython.bint = self.closed[slot]
        if self.synced[d]:
            again = self.first[d] != seq
        elif self.first[d] >= 0:
            ahead = (self.first[d] - seq) & WRAP
            again = ahead > REORDERED_SYN
        return again

    @cython.cfunc
    @cython.exceptval(check=False)
    def restart(self, slot: cython.longlong) -> cython.void:
        self.closed[slot] = 0
        self.first[2 * slot] = -1
        self.first[2 * slot + 1] = -1
        self.synced[2 * slot] = 0
        self.synced[2 * slot + 1] = 0
        self.ended[2 * slot] = 0
        self.ended[2 * slot + 1] = 0
        self.latest[2 * slot] = -1
        self.latest[2 * slot + 1] = -1
        if self.queued[slot]:
            self.queued[slot] = RESTARTED

    @cython.cfunc
    @cython.exceptval(check=False)
    def close(self, slot: cython.longlong) -> cython.void:
        self.closed[slot] = 1
        if not self.queued[slot]:
            self.enqueue(slot)

    @cython.cfunc
    @cython.exceptval(check=False)
    def enqueue(self, slot: cython.longlong) -> cython.void:
        place: cython.Py_ssize_t = self.queue_head + self.queue_size
        if place >= len(self.queue):
            place -= len(self.queue)
        self.queue[place] = slot
        self.queue_size += 1
        self.queued[slot] = 1

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def hash(
        self, a: cython.ulonglong, b: cython.ulonglong, c: cython.ulonglong, e: cython.ulonglong, ports: cython.longlong
    ) -> cython.Py_ssize_t:
        h: cython.ulonglong
        h = ((a ^ (b * MIX)) & WORD) + c
        h = ((h & WORD) ^ ((h & WORD) >> 29)) * MIX
        h = (h & WORD) + e
        h = ((h & WORD) ^ ((h & WORD) >> 32)) * MIX
        h = (h & WORD) + ports
        h = ((h & WORD) ^ ((h & WORD) >> 29)) * MIX
        h = h & WORD
        return (h >> 20) & (len(self.index) - 1)

    @cython.cfunc
    @cython.exceptval(check=False)
    def lookup(
        self,
        a: cython.ulonglong,
        b: cython.ulonglong,
        c: cython.ulonglong,
        e: cython.ulonglong,
        ports: cython.longlong,
        now: cython.longlong,
    ) -> cython.longlong:
        """The slot of a pair of endpoints, a new one (``created``) where there is none."""
        place: cython.Py_ssize_t = self.hash(a, b, c, e, ports)
        slot: cython.longlong
        k: cython.Py_ssize_t
        while True:
            slot = self.index[place] - 1
            if slot == -1:
                break
            if slot >= 0 and self.ports[slot] == ports:
                k = 4 * slot
                if self.key[k + 1] == b and self.key[k + 3] == e and self.key[k] == a and self.key[k + 2] == c:
                    self.created = False
                    return slot
            place = (place + 1) & (len(self.index) - 1)
        self.created = True
        slot = self._allocate(now)
        k = 4 * slot
        self.key[k] = a
        self.key[k + 1] = b
        self.key[k + 2] = c
        self.key[k + 3] = e
        self.ports[slot] = ports
        self.enter(slot)
        return slot

    @cython.cfunc
    @cython.exceptval(check=False)
    def enter(self, slot: cython.longlong) -> cython.void:
        k: cython.Py_ssize_t = 4 * slot
        place: cython.Py_ssize_t
        place = self.hash(self.key[k], self.key[k + 1], self.key[k + 2], self.key[k + 3], self.ports[slot])
        while self.index[place] > 0:
            place = (place + 1) & (len(self.index) - 1)
        if self.index[place] == 0:
            self.used += 1
        self.index[place] = slot + 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def remove(self, slot: cython.longlong) -> cython.void:
        k: cython.Py_ssize_t = 4 * slot
        place: cython.Py_ssize_t
        place = self.hash(self.key[k], self.key[k + 1], self.key[k + 2], self.key[k + 3], self.ports[slot])
        while self.index[place] != slot + 1:
            place = (place + 1) & (len(self.index) - 1)
        self.index[place] = -1

    def _allocate(self, now: int) -> int:
        """A slot for a new connection: the longest closed one, a fresh one, or the idlest one's."""
        if 2 * self.used >= len(self.index):
            self._rehash()
        while self.queue_size:
            slot = self.queue[self.queue_head]
            restarted = self.queued[slot] == RESTARTED
            if not restarted and now - self.last[slot] <= self.linger:
                break
            self.queue_head = (self.queue_head + 1) % len(self.queue)
            self.queue_size -= 1
            self.queued[slot] = 0
            if not restarted:
                self.remove(slot)
                return int(slot)
            if self.closed[slot]:
                self.enqueue(slot)
        if self.slots < self.limit:
            if self.slots == len(self.ports):
                self._grow(2 * self.slots)
            self.slots += 1
            return int(self.slots - 1)
        while self.recent[self.hand]:
            self.recent[self.hand] = 0
            self.hand = (self.hand + 1) % self.slots
        slot = self.hand
        self.hand = (self.hand + 1) % self.slots
        self.evicted += 1
        self.remove(slot)
        return int(slot)

    def _rehash(self) -> None:
        """Room for twice the slots, and no removed entries left."""
        self.index = column(max(1024, 1 << (4 * self.slots).bit_length()))
        self.used = 0
        for slot in range(self.slots):
            self.enter(slot)
