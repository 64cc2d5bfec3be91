"""Builds WebSocket conversations as captures, packet by packet.

A `Wire` is the link the capture is taken on: it has a clock, and keeps the packets in the order in which they
passed. A `Conversation` is one TCP connection over it, with both stacks' sequence numbers: what a side sends
goes out in segments, and the other side acknowledges each at once unless it was told not to. Several
conversations on one wire interleave by the order of the calls.

Bytes that were sent but are missing from the capture (`gap`), segments that were never acknowledged
(`unacked`) and a capture that starts in the middle (``midstream``) are part of the vocabulary, because rules
have to tell them from what a peer did wrong.

Headers are built with the schemas of `analyzer.wire.packet`, frames with `analyzer.wire.frame`. The addresses
are those reserved for documentation (RFC 5737, RFC 3849).
"""

from __future__ import annotations

import hashlib
from ipaddress import ip_address
from pathlib import Path

from analyzer.model import Direction, Opcode
from analyzer.wire import packet, pcap, pcapng
from analyzer.wire.frame import CLOSE_BODY, build_frame
from analyzer.wire.link import LINK_ETHERNET
from samples import opening
from samples.tls import Tls

START_NS = 1_700_000_000_000_000_000
"""When every sample begins."""
STEP_NS = 50_000
"""From one packet to the next, unless the conversation waits."""

CLIENT_MAC = bytes.fromhex("020000000001")
SERVER_MAC = bytes.fromhex("020000000002")

NANOSECONDS = bytes([9])
"""if_tsresol of a pcapng file with nanosecond times."""

SEGMENT_SIZE = 1440
"""Payload bytes of one segment at most: what an Ethernet leaves to TCP over IPv6."""

_SYN, _ACK, _PUSH, _FIN, _RST = (frozenset({name}) for name in ("syn", "ack", "psh", "fin", "rst"))

_MSS_OPTION = 2


class Wire:
    """A clock, and the packets that passed."""

    def __init__(self, start_ns: int = START_NS, step_ns: int = STEP_NS) -> None:
        self.clock_ns = start_ns
        self.step_ns = step_ns
        self.packets: list[tuple[int, bytes]] = []
        """Time in nanoseconds and the captured bytes of the Ethernet frame."""
        self.snaplen: int | None = None
        """Bytes of a frame that are captured; None: all."""
        self.keylog = ""
        """What decrypts the connections over TLS."""

    def wait(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.clock_ns += nanoseconds

    def pass_on(self, frame: bytes) -> None:
        """One Ethernet frame passes, and is captured."""
        self.packets.append((self.clock_ns, frame[: self.snaplen]))
        self.clock_ns += self.step_ns


class _Stack:
    """One side of a TCP connection."""

    __slots__ = ("address", "hops", "mac", "next", "port", "received")

    def __init__(self, address: str, port: int, mac: bytes, isn: int) -> None:
        self.address = ip_address(address).packed
        self.port = port
        self.mac = mac
        self.next = isn
        """Sequence number of the next byte to send; counts on without wrapping."""
        self.hops = packet.HOPS
        """What its packets have left of them where they are captured."""
        self.received = 0
        """What it acknowledges: the peer's bytes up to here have arrived."""


class Conversation:
    """One TCP connection with a WebSocket on it. Nothing is sent before the first call that sends."""

    def __init__(
        self,
        wire: Wire,
        client: tuple[str, int] = ("192.0.2.1", 40001),
        server: tuple[str, int] = ("192.0.2.80", 80),
        *,
        midstream: bool = False,
        sparing: bool = False,
        again: int = 0,
    ) -> None:
        """``midstream``: the capture began later than the connection, so there is no SYN in it.

        ``again``: how many connections have had the same ports before.

        ``sparing``: what arrived is acknowledged with the next segment sent, not with one of its own.
        """
        self.wire = wire
        self.key = opening.key_for(client[1])
        self._sides: dict[Direction, _Stack] = {
            "client": _Stack(*client, CLIENT_MAC, isn=1_000_000 * (client[1] % 1000) + 1 + 70_000 * again),
            "server": _Stack(*server, SERVER_MAC, isn=3_000_000_000 + 1_000_000 * (client[1] % 1000) + 70_000 * again),
        }
        self.tls: Tls | None = None
        """All that is sent goes into TLS, after its handshake."""
        self._frames = 0
        self._unacked = False
        self._sparing = sparing
        self._damaged = False
        self._established = midstream
        if midstream:
            ours, theirs = self._sides["client"], self._sides["server"]
            ours.received, theirs.received = theirs.next, ours.next

    # --- TCP

    def connect(self) -> None:
        """SYN, SYN and ACK, ACK; done by itself before anything else is sent."""
        if self._established:
            return
        self._established = True
        client, server = self._sides["client"], self._sides["server"]
        option = packet.MAXIMUM_SEGMENT_SIZE.build({"kind": _MSS_OPTION, "length": 4, "size": SEGMENT_SIZE})
        self._segment("client", _SYN, options=option)
        client.next += 1
        server.received = client.next
        self._segment("server", _SYN | _ACK, options=option)
        server.next += 1
        client.received = server.next
        self._segment("client", _ACK)
        if self.tls is not None:
            self.wire.keylog += self.tls.keylog()
            for side, flight in self.tls.handshake():
                self._send(side, flight, SEGMENT_SIZE)

    def send(self, side: Direction, data: bytes, *, whole: bool = False) -> None:
        """``side`` sends ``data``, in as few segments as it takes (``whole``: in one); the peer acknowledges each."""
        self.connect()
        if self.tls is not None:
            data = self.tls.seal(side, data)
        self._send(side, data, len(data) if whole else SEGMENT_SIZE)

    def _send(self, side: Direction, data: bytes, size: int) -> None:
        sender = self._sides[side]
        for start in range(0, len(data), size or 1):
            part = data[start : start + size]
            self._segment(side, _PUSH | _ACK, part)
            sender.next += len(part)
            if not self._unacked:
                self._acknowledge(side)
        self._unacked = False

    def client(self, data: bytes) -> None:
        """The client sends ``data``."""
        self.send("client", data)

    def server(self, data: bytes) -> None:
        """The server sends ``data``."""
        self.send("server", data)

    def unacked(self) -> None:
        """What is sent next is not acknowledged, until something sent after it is."""
        self._unacked = True

    def again(self, side: Direction, back: int, data: bytes) -> None:
        """``side`` sends ``data`` where it stood ``back`` bytes before: a retransmission, or what looks like one."""
        now = self._sides[side].next
        self._sides[side].next = (now - back) % packet.SEQUENCES
        self._segment(side, _PUSH | _ACK, data)
        self._sides[side].next = now

    def damaged(self) -> None:
        """The TCP checksum of what is sent next is wrong."""
        self._damaged = True

    def hops(self, side: Direction, number: int) -> None:
        """From now on the packets of ``side`` have ``number`` hops to go."""
        self._sides[side].hops = number

    def gap(self, side: Direction, length: int) -> None:
        """``side`` sends ``length`` bytes that arrive, and that the capture missed."""
        self.connect()
        if self.tls is not None:
            length = len(self.tls.seal(side, bytes(length)))
        self._sides[side].next += length
        self._acknowledge(side)

    def fin(self, side: Direction) -> None:
        """``side`` ends its stream."""
        self.connect()
        self._segment(side, _FIN | _ACK)
        self._sides[side].next += 1
        if not self._unacked:
            self._acknowledge(side)
        self._unacked = False

    def rst(self, side: Direction) -> None:
        """``side`` drops the connection."""
        self.connect()
        self._segment(side, _RST | _ACK)

    def wait(self, seconds: int) -> None:
        """Let whole seconds of capture time pass."""
        self.wire.wait(seconds * 1_000_000_000)

    # --- WebSocket

    def open(self, *, extensions: str | None = None, subprotocol: str | None = None) -> None:
        """A correct opening handshake."""
        chosen = {"extensions": extensions, "subprotocol": subprotocol}
        self.client(opening.head(opening.request(self.key, **chosen)))
        self.server(opening.head(opening.response(self.key, **chosen)))

    def frame(self, side: Direction, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        """A correct frame in a segment of its own; the client's is masked with a key that looks random."""
        key = self._masking_key() if side == "client" else None
        self.send(side, build_frame(opcode, payload, key, fin=fin))

    def close(self, side: Direction, code: int = 1000, reason: str = "") -> None:
        """A Close frame."""
        self.frame(side, Opcode.CLOSE, CLOSE_BODY.build({"code": code, "reason": reason.encode()}))

    def _masking_key(self) -> bytes:
        self._frames += 1
        return hashlib.sha256(f"mask {self._sides['client'].port} {self._frames}".encode()).digest()[:4]

    # --- packets

    def sequence(self, side: Direction) -> int:
        """Sequence number of the next byte ``side`` sends."""
        return self._sides[side].next

    def skip(self, side: Direction, length: int) -> None:
        """``side`` sends ``length`` bytes that arrive, in packets that somebody else builds."""
        peer: Direction = "server" if side == "client" else "client"
        self._sides[side].next += length
        self._sides[peer].received = self._sides[side].next

    def _acknowledge(self, side: Direction) -> None:
        """The peer of ``side`` acknowledges all that ``side`` sent."""
        peer: Direction = "server" if side == "client" else "client"
        self._sides[peer].received = self._sides[side].next
        if not self._sparing:
            self._segment(peer, _ACK)

    def _segment(self, side: Direction, flags: frozenset[str], payload: bytes = b"", options: bytes = b"") -> None:
        peer: Direction = "server" if side == "client" else "client"
        sender, receiver = self._sides[side], self._sides[peer]
        segment = packet.build_tcp(
            sender.address,
            receiver.address,
            (sender.port, receiver.port),
            sender.next,
            sender.received if "ack" in flags else 0,
            flags,
            payload,
            options=options,
        )
        if self._damaged:
            self._damaged = False
            damaged = packet.TCP.parse(segment)
            damaged.checksum ^= 0x0F0F
            segment = packet.TCP.build(damaged) + segment[packet.TCP_SHORTEST + len(options) :]
        over_ipv4 = len(sender.address) == 4
        build = packet.build_ipv4 if over_ipv4 else packet.build_ipv6
        header = packet.ETHERNET.build(
            {
                "destination": receiver.mac,
                "source": sender.mac,
                "ethertype": packet.ETHERTYPE_IPV4 if over_ipv4 else packet.ETHERTYPE_IPV6,
            }
        )
        self.wire.pass_on(header + build(sender.address, receiver.address, segment, hops=sender.hops))


def pcap_bytes(packets: list[tuple[int, bytes]]) -> bytes:
    """The packets (nanoseconds, Ethernet frame) as a pcap file with nanosecond times."""
    magic = pcap.NANOSECONDS
    records = (pcap.build_record(frame, time_ns, magic=magic, wire=_on_wire(frame)) for time_ns, frame in packets)
    return b"".join([pcap.build_header(magic=magic, link=LINK_ETHERNET), *records])


def pcapng_bytes(packets: list[tuple[int, bytes]], keylog: str) -> bytes:
    """The same as a pcapng file, with TLS secrets before the packets."""
    blocks = [
        pcapng.build_section(),
        pcapng.build_secrets(keylog.encode("ascii")),
        pcapng.build_interface(LINK_ETHERNET, values=[(pcapng.TIME_RESOLUTION, NANOSECONDS)]),
    ]
    blocks += (pcapng.build_packet(frame, time_ns, wire=_on_wire(frame)) for time_ns, frame in packets)
    return b"".join(blocks)


def capture_bytes(wire: Wire) -> bytes:
    """What passed over ``wire`` as a file: pcap, or pcapng where there is a key log to put into it."""
    return pcapng_bytes(wire.packets, wire.keylog) if wire.keylog else pcap_bytes(wire.packets)


def _on_wire(frame: bytes) -> int:
    """Length of a frame before the capture cut it: what its IP header says."""
    header, rest = packet.ETHERNET.parse(frame), frame[packet.ETHERNET.sizeof() :]
    if header.ethertype == packet.ETHERTYPE_IPV4:
        length: int = packet.IPV4.parse(rest).total_length
    else:
        length = packet.IPV6.sizeof() + packet.IPV6.parse(rest).payload_length
    return int(packet.ETHERNET.sizeof()) + length


def write_pcap(path: str | Path, packets: list[tuple[int, bytes]]) -> None:
    """Write the packets as a pcap file."""
    Path(path).write_bytes(pcap_bytes(packets))
