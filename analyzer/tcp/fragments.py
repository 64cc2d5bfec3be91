"""IP datagrams put together from their fragments (RFC 791 3.2, RFC 8200 4.5).

Theory of operation. A fragment says which datagram it belongs to (addresses, protocol, identification), where its
bytes stand in it and whether more follow. They are kept until the last one has come and no byte is missing; of bytes
that came twice the first copy counts. What comes out is one IP packet without fragmentation, as if it had been
captured so.

Only what may lead to TCP is kept: TCP itself, tunnels, and UDP, whose first fragment names the port and with it
whether a tunnel is inside; the other fragments of a datagram that is none are forgotten.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from typing import NamedTuple

import msgspec

from analyzer.settings import Settings
from analyzer.wire import link, packet

BOOKKEEPING = 512
"""What a datagram counts beside its bytes, and each part of it."""
FOREIGN = 4096
"""Datagrams without TCP that are remembered, so that what comes of them later is not kept."""
UNIT = 8
"""Bytes: fragments start at multiples of this."""
_TOTAL = link.offset(packet.IPV4, "total_length")
_FRAGMENT = link.offset(packet.IPV4, "fragment")
_CHECKSUM = link.offset(packet.IPV4, "checksum")
_PAYLOAD = link.offset(packet.IPV6, "payload_length")
_PORT = link.offset(link.UDP, "destination")


class Fragment(NamedTuple):
    """A part of a datagram."""

    key: bytes
    """What the fragments of one datagram have in common."""
    protocol: int
    header: bytes
    """The IP header, up to where the payload belongs."""
    offset: int
    """Where ``payload`` stands in the datagram's, in bytes."""
    payload: bytes
    """As much of it as was captured."""
    end: int
    """Length of the datagram's payload, where this is its last fragment; else -1."""

    @classmethod
    def of_ipv4(cls, data: bytes) -> Fragment:
        """The IPv4 packet that starts ``data``; what is behind it is padding. ConstructError where it is cut short."""
        ip = packet.IPV4.parse(data)
        header = ip.start.header_words * packet.WORD
        total = ip.total_length or len(data)
        offset = ip.fragment.offset * UNIT
        return cls(
            b"4" + ip.source + ip.destination + bytes([ip.protocol]) + ip.identification.to_bytes(2, "big"),
            ip.protocol,
            data[:header],
            offset,
            data[header:total],
            -1 if ip.fragment.more_fragments else offset + max(total - header, 0),
        )

    @classmethod
    def of_ipv6(cls, data: bytes, at: int) -> Fragment:
        """The IPv6 packet that starts ``data``, with its fragment header at ``at``; padding and errors as above."""
        header = packet.IPV6.sizeof()
        ip = packet.IPV6.parse(data)
        field = link.IPV6_FRAGMENT.parse(data[at:])
        start = at + link.IPV6_FRAGMENT.sizeof()
        total = header + ip.payload_length if ip.payload_length else len(data)
        offset = field.fragment.offset * UNIT
        return cls(
            b"6" + ip.source + ip.destination + field.identification.to_bytes(4, "big"),
            field.next_header,
            data[:header],
            offset,
            data[start:total],
            -1 if field.fragment.more else offset + max(total - start, 0),
        )

    def whole(self, payload: bytes) -> bytes:
        """The packet that would have been sent, had ``payload`` fitted."""
        header = bytearray(self.header)
        if self.key.startswith(b"6"):
            header[_PAYLOAD : _PAYLOAD + 2] = _length(len(payload))
            header[_PAYLOAD + 2] = self.protocol
        else:
            header[_TOTAL : _TOTAL + 2] = _length(len(header) + len(payload))
            header[_FRAGMENT : _FRAGMENT + 2] = header[_CHECKSUM : _CHECKSUM + 2] = bytes(2)
            header[_CHECKSUM : _CHECKSUM + 2] = packet.checksum(bytes(header)).to_bytes(2, "big")
        return bytes(header) + payload


def _length(length: int) -> bytes:
    """As a header can hold it: fragments may come to more, and 0 means that it is not said."""
    return (length if length <= packet.LONGEST else 0).to_bytes(2, "big")


class _Datagram(msgspec.Struct):
    """What has come of one datagram: parts of its payload, in order, none over another."""

    since: int
    """Capture time of its first fragment, in nanoseconds."""
    fragments: int = 0
    starts: list[int] = []
    parts: list[bytes] = []
    held: int = 0
    """Bytes in all parts."""
    end: int = -1
    """Length of the payload, once a last fragment came."""

    def insert(self, at: int, data: bytes) -> None:
        """Add ``data``, which belongs at ``at``, but for what was there before."""
        if self.end >= 0:
            data = data[: max(self.end - at, 0)]
        i = bisect_right(self.starts, at)
        if i:
            before = self.starts[i - 1] + len(self.parts[i - 1])
            data = data[max(before - at, 0) :]
            at = max(before, at)
        while data:
            until = self.starts[i] if i < len(self.starts) else at + len(data)
            part = data[: until - at]
            if part:
                self.starts.insert(i, at)
                self.parts.insert(i, part)
                self.held += len(part)
                i += 1
            if i == len(self.starts):
                break
            after = self.starts[i] + len(self.parts[i])
            data, at = data[after - at :], after
            i += 1

    def end_at(self, end: int) -> None:
        """The payload ends there: what was said to be behind is none of it."""
        self.end = end
        while self.starts and self.starts[-1] + len(self.parts[-1]) > end:
            part = self.parts.pop()
            start = self.starts.pop()
            self.held -= len(part)
            self.insert(start, part)


class Datagrams:
    """What has come of datagrams that are not whole; the longest quiet are given up where they get too many."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._datagrams: OrderedDict[bytes, _Datagram] = OrderedDict()
        self._foreign: OrderedDict[bytes, int] = OrderedDict()
        self._size = 0
        self._given_up = 0
        self.limits: dict[str, int] = {}

    @property
    def waiting(self) -> int:
        """Fragments whose datagram is not whole, or was given up."""
        return self._given_up + sum(datagram.fragments for datagram in self._datagrams.values())

    def foreign(self, fragment: Fragment, now: int) -> bool:
        """Whether its datagram has nothing to do with TCP, as far as known ``now``. Then nothing of it is kept."""
        if fragment.protocol in (packet.PROTOCOL_TCP, *link.PROTOCOL_TUNNEL):
            return False
        if fragment.protocol == link.PROTOCOL_UDP:
            if fragment.offset:
                since = self._foreign.get(fragment.key)
                return since is not None and not self._over(since, now)
            if _port(fragment.payload) in link.TUNNEL_PORTS:
                self._foreign.pop(fragment.key, None)  # an earlier datagram with the same identification
                return False
        self._foreign[fragment.key] = now
        self._foreign.move_to_end(fragment.key)
        if len(self._foreign) > FOREIGN:
            self._foreign.popitem(last=False)
        if fragment.key in self._datagrams:
            self._forget(fragment.key)
        return True

    def add(self, fragment: Fragment, now: int) -> bytes | None:
        """Keep a fragment, captured at the time ``now``; the payload of its datagram, once that is whole."""
        datagram = self._datagrams.get(fragment.key)
        if datagram is not None and self._over(datagram.since, now):
            self._given_up += self._forget(fragment.key).fragments
            datagram = None
        if datagram is None:
            datagram = self._datagrams[fragment.key] = _Datagram(now)
        self._datagrams.move_to_end(fragment.key)
        self._size -= _cost(datagram)
        datagram.fragments += 1
        if fragment.end >= 0 > datagram.end:
            datagram.end_at(fragment.end)
        datagram.insert(fragment.offset, fragment.payload)
        self._size += _cost(datagram)
        if datagram.held == datagram.end:
            return b"".join(self._forget(fragment.key).parts)
        if datagram.fragments > self._settings.datagram_fragments:
            self._give_up(fragment.key)
        while self._size > self._settings.fragments:
            self._give_up(next(iter(self._datagrams)))
        return None

    def _over(self, since: int, now: int) -> bool:
        return abs(now - since) > self._settings.fragment_time

    def _give_up(self, key: bytes) -> None:
        self._given_up += self._forget(key).fragments
        self.limits["fragments"] = self.limits.get("fragments", 0) + 1

    def _forget(self, key: bytes) -> _Datagram:
        datagram = self._datagrams.pop(key)
        self._size -= _cost(datagram)
        return datagram


def _cost(datagram: _Datagram) -> int:
    return datagram.held + BOOKKEEPING * (1 + len(datagram.parts)) if datagram.fragments else 0


def _port(udp: bytes) -> int:
    return int.from_bytes(udp[_PORT : _PORT + 2], "big")
