"""A second look at the packets, for what the records of a connection do not say: how TCP began, what it cost, who
ended it.

The pipeline's first stage finds the packets of the connection again, by the number of its TCP stream; nothing is
reassembled. Only sums and the first of each kind are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import msgspec
import numpy as np

from analyzer.capture.batch import Batch
from analyzer.capture.source import open_source
from analyzer.model import Connection, Direction
from analyzer.settings import Settings
from analyzer.tcp.exotic import Unwrapper
from analyzer.tcp.packets import NEW, Endpoints, Flows, Segments, unpacked
from analyzer.walkthrough.moments import OTHER
from analyzer.wire.link import TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN

SEQUENCE = 1 << 32
"""Sequence numbers wrap here (RFC 9293 3.4)."""


class Spotted(msgspec.Struct, frozen=True):
    """A packet."""

    packet: int
    time_ns: int
    direction: Direction


class Traffic(msgspec.Struct):
    """A connection's packets, summed up."""

    packets: int = 0
    headers: int = 0
    """Bytes of IP and TCP headers."""
    payload: int = 0
    """Bytes TCP carried, repetitions included."""
    empty: int = 0
    """Packets that carried nothing: acknowledgments, and the beginning and end of TCP."""
    first: Spotted | None = None
    last: Spotted | None = None
    syn: Spotted | None = None
    syn_ack: Spotted | None = None
    ack: Spotted | None = None
    sent: dict[Direction, int] = {}
    """The sequence number after what a side has sent."""
    acknowledged: dict[Direction, int] = {}
    """The sequence number up to which the other side has acknowledged it."""
    ends: list[tuple[str, Spotted]] = []
    """The first FIN of each side, and the first RST of each, in order."""

    def waiting(self, side: Direction) -> int:
        """Bytes that a side sent last and that the capture shows no acknowledgment of."""
        if side not in self.sent or side not in self.acknowledged:
            return 0
        behind = (self.sent[side] - self.acknowledged[side]) % SEQUENCE
        return behind if behind < SEQUENCE // 2 else 0


def look(paths: list[str], settings: Settings, connection: Connection) -> Traffic:
    """Read the captures again. Raises InputError."""
    traffic = Traffic()
    flows = Flows(settings.connections, settings.linger_time, settings.idle_time)
    unwrapper = Unwrapper(settings)
    segments = Segments(settings.batch_packets)
    follower = _Follower(connection)
    with open_source(paths, settings) as source:
        for batch in source.batches():
            flows.decode(batch, segments, unwrapper)
            for row in follower.rows(segments):
                _see(traffic, batch, segments, row, follower.sender(int(segments.direction[row])))
            if follower.over:
                break
    return traffic


class _Follower:
    """Finds a connection's rows by the number of its TCP stream: a connection's first row is marked NEW."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stream = -1
        self._slot = -1
        self._client_side = 0
        self.over = False
        """Its place in the table was given to another one."""

    def rows(self, segments: Segments) -> Iterator[int]:
        """The rows of the connection in a batch."""
        count = segments.count
        direction = np.asarray(segments.direction[:count])
        born = np.flatnonzero(np.asarray(segments.flags[:count]) & NEW)
        start, end = (0, count) if self._slot >= 0 else (count, count)
        for row, packed in zip(born.tolist(), segments.births, strict=True):
            self._stream += 1
            slot = int(direction[row]) >> 1
            if slot == self._slot:
                end, self.over = min(end, row), True
            elif self._stream == self._connection.tcp_stream:
                self._slot, start, end = slot, row, count
                self._client_side = self._side(unpacked(packed))
        yield from (np.flatnonzero(direction[start:end] >> 1 == self._slot) + start).tolist()

    def _side(self, endpoints: Endpoints) -> int:
        address, port = endpoints[0]
        return 0 if (str(ip_address(address)), port) == self._connection.client else 1

    def sender(self, direction: int) -> Direction:
        """Who sent a row."""
        return "client" if direction & 1 == self._client_side else "server"


def _see(traffic: Traffic, batch: Batch, segments: Segments, row: int, sender: Direction) -> None:
    at = segments.row[row]
    spot = Spotted(int(batch.number[at]), int(batch.time_ns[at]), sender)
    flags, length = segments.flags[row], segments.length[row]
    traffic.packets += 1
    traffic.headers += segments.start[row] - segments.ip[row]
    traffic.payload += length
    traffic.empty += not length
    if length:
        traffic.sent[sender] = _later(traffic.sent.get(sender), segments.seq[row] + length)
    if flags & TCP_ACK:
        traffic.acknowledged[OTHER[sender]] = _later(traffic.acknowledged.get(OTHER[sender]), segments.ack[row])
    traffic.first = traffic.first or spot
    traffic.last = spot
    if flags & TCP_SYN and not flags & TCP_ACK:
        traffic.syn = traffic.syn or spot
    elif flags & TCP_SYN:
        traffic.syn_ack = traffic.syn_ack or spot
    elif traffic.syn_ack is not None and traffic.ack is None and flags & TCP_ACK:
        traffic.ack = spot if sender != traffic.syn_ack.direction else None
    for name, flag in (("FIN", TCP_FIN), ("RST", TCP_RST)):
        if flags & flag and not any(kind == name and seen.direction == sender for kind, seen in traffic.ends):
            traffic.ends.append((name, spot))


def _later(known: int | None, number: int) -> int:
    """The later of two sequence numbers."""
    number = int(number) % SEQUENCE
    return number if known is None or 0 < (number - known) % SEQUENCE < SEQUENCE // 2 else known
