"""Changes to a capture that leave both byte streams of every connection as they were.

Theory of operation. `parsed` reads a capture into `Segment` values, in the order of the capture. A transformation is a
function from a random generator and such a list to another list; any of them, in any order, describe traffic in which
the same two applications said the same. `dressed` puts the segments back into packets: IP headers, fragments, link
layers. `written` puts packets into files. All of it is done with `struct` and none of it with the schemas of
`analyzer.wire`, so that a slip there shows.

What must not be changed, because it is evidence and not transport: what a side had acknowledged when it sent a byte,
which of two sides sent first, and the capture times in which a peer reacted. So segments are reordered within bounds
and never over a SYN, FIN or RST of their connection, and only neighbours are joined.
"""

from __future__ import annotations

import gzip
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ENDS = FIN | SYN | RST
WRAP = 1 << 32
TICK = 1000
"""Nanoseconds: times are multiples of it, and no two are equal, so that no resolution and no merging blurs them."""
LATE = 100_000_000
"""Nanoseconds that a packet may be late."""
LARGEST = 65_000
"""Payload bytes of one segment: what an IPv4 packet has room for."""


class Segment(NamedTuple):
    """One TCP segment as it was captured."""

    time_ns: int
    source: tuple[bytes, int]
    destination: tuple[bytes, int]
    seq: int
    ack: int
    flags: int
    window: int
    options: bytes
    payload: bytes

    @property
    def connection(self) -> frozenset[tuple[bytes, int]]:
        """The pair of endpoints."""
        return frozenset((self.source, self.destination))

    @property
    def space(self) -> int:
        """Sequence numbers it takes."""
        return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)


Transformation = Callable[[Random, list[Segment]], list[Segment]]

# --- a capture into segments ------------------------------------------------------------------------------

SKIPPED = {0: 4, 1: 12, 101: 0, 113: 14}
"""Bytes before the EtherType or the IP header, by link type."""


def parsed(data: bytes) -> list[Segment]:
    """The TCP segments of a plain pcap file; IP fragments and other packets are left out."""
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    magic, link = struct.unpack_from(order + "L16xL", data)
    unit = 1000 if magic == 0xA1B2C3D4 else 1
    segments, at, latest = [], 24, 0
    while at < len(data):
        seconds, fraction, captured, _ = struct.unpack_from(order + "4L", data, at)
        packet = data[at + 16 : at + 16 + captured]
        at += 16 + captured
        time = (seconds * 10**9 + fraction * unit) // TICK * TICK
        segment = _segment(max(time, latest + TICK), packet[SKIPPED[link] + 2 * (link in (1, 113)) :])
        if segment is not None:
            latest = segment.time_ns
            segments.append(segment)
    return segments


def _segment(time: int, ip: bytes) -> Segment | None:
    if ip[0] >> 4 == 4:
        size, total, fragment, protocol = (ip[0] & 15) * 4, *struct.unpack_from(">2xH2xHxB", ip)
        source, destination = ip[12:16], ip[16:20]
        if fragment & 0x3FFF:
            return None
    else:
        size, total, protocol = 40, *struct.unpack_from(">4xHB", ip)
        total += size
        source, destination = ip[8:24], ip[24:40]
    if protocol != 6:
        return None
    tcp = ip[size:total]
    sport, dport, seq, ack, offset, flags, window = struct.unpack_from(">HHLLBBH", tcp)
    head = offset >> 4 << 2
    return Segment(time, (source, sport), (destination, dport), seq, ack, flags, window, tcp[20:head], tcp[head:])


def connections(segments: list[Segment]) -> list[list[Segment]]:
    """The segments of each pair of endpoints, in the order of the first of each."""
    found: dict[frozenset[tuple[bytes, int]], list[Segment]] = defaultdict(list)
    for segment in segments:
        found[segment.connection].append(segment)
    return list(found.values())


# --- TCP --------------------------------------------------------------------------------------------------


def retimed(segments: list[Segment], times: list[int]) -> list[Segment]:
    """The same segments at ``times``, a tick later where the time before is reached."""
    result, latest = [], -TICK
    for segment, time in zip(segments, times, strict=True):
        latest = max(time, latest + TICK)
        result.append(segment._replace(time_ns=latest))
    return result


def _in_place(segments: list[Segment]) -> list[Segment]:
    return retimed(segments, [segment.time_ns for segment in segments])


def shifted(random: Random, segments: list[Segment]) -> list[Segment]:
    """The whole capture at another time, before or after the year 2038."""
    shift = random.choice([-(10**9), TICK, 12 * 3600 * 10**9, 10**18])
    return [segment._replace(time_ns=segment.time_ns + shift) for segment in segments]


def reordered(random: Random, segments: list[Segment]) -> list[Segment]:
    """Segments arrive up to a few places late; SYN, FIN, RST and what stands on the other side of one stay apart."""
    result = list(segments)
    for at in range(len(result) - 1):
        reach = at + random.choice([0, 0, 0, 1, 1, 2, 4])
        while at < reach and at + 1 < len(result) and not _ordered(result[at], result[at + 1]):
            if segments[at + 1].time_ns - segments[at].time_ns > LATE:
                break
            result[at], result[at + 1] = result[at + 1], result[at]
            at += 1
    return retimed(result, [segment.time_ns for segment in segments])


def _ordered(first: Segment, second: Segment) -> bool:
    """Whether the order of two neighbours is evidence: ends of a connection, and what the two sides said."""
    if first.connection != second.connection:
        return False
    if (first.flags | second.flags) & ENDS:
        return True
    return first.source != second.source and bool(first.payload and second.payload)


def duplicated(random: Random, segments: list[Segment]) -> list[Segment]:
    """Some packets were captured twice."""
    result = []
    for segment in segments:
        result += [segment] * random.choice([1, 1, 2, 3])
    return _in_place(result)


def retransmitted(random: Random, segments: list[Segment]) -> list[Segment]:
    """Parts of what was sent are sent again, in segments that begin and end elsewhere."""
    result: list[Segment] = []
    sent: dict[object, list[Segment]] = defaultdict(list)
    for segment in segments:
        key = (segment.source, segment.destination)
        if segment.flags & (SYN | RST):
            sent[key].clear()
            sent[segment.destination, segment.source].clear()
        result.append(segment)
        if segment.payload and not segment.flags & ENDS:
            run = sent[key]
            if run and (run[-1].seq + len(run[-1].payload)) % WRAP != segment.seq:
                run.clear()
            run.append(segment)
            del run[:-4]
            if random.random() < 0.3:
                data = b"".join(each.payload for each in run)[-LARGEST:]
                start = random.randrange(len(data))
                stop = random.randint(start + 1, len(data))
                seq = (segment.seq + len(segment.payload) - len(data) + start) % WRAP
                result.append(segment._replace(seq=seq, payload=data[start:stop]))
    return _in_place(result)


def cut_up(random: Random, segments: list[Segment]) -> list[Segment]:
    """Segments of other sizes, down to a byte; about two thousand more at most."""
    total = sum(len(segment.payload) for segment in segments)
    size = max(random.choice([1, 2, 3, 7, 100, 536, 1460]), total // 2000)
    result = []
    for segment in segments:
        if len(segment.payload) <= size or segment.flags & SYN:
            result.append(segment)
            continue
        for start in range(0, len(segment.payload), size):
            last = start + size >= len(segment.payload)
            result.append(
                segment._replace(
                    seq=(segment.seq + start) % WRAP,
                    payload=segment.payload[start : start + size],
                    flags=segment.flags if last else segment.flags & ~(FIN | RST | PSH),
                )
            )
    return _in_place(result)


def joined(random: Random, segments: list[Segment]) -> list[Segment]:
    """Neighbours of a direction become one segment, as large as they may be."""
    limit = random.choice([100, 1460, 9000, LARGEST])
    result: list[Segment] = []
    for segment in segments:
        last = result[-1] if result else None
        if (
            last is not None
            and last.payload
            and segment.payload
            and (last.source, last.destination) == (segment.source, segment.destination)
            and not last.flags & ENDS
            and not segment.flags & (SYN | RST)
            and last.ack == segment.ack
            and (last.seq + len(last.payload)) % WRAP == segment.seq
            and len(last.payload) + len(segment.payload) <= limit
        ):
            result[-1] = segment._replace(seq=last.seq, payload=last.payload + segment.payload)
        else:
            result.append(segment)
    return result


def wrapped(random: Random, segments: list[Segment]) -> list[Segment]:
    """Other initial sequence numbers, most of which pass zero within the stream."""
    shift: dict[object, int] = {}
    for mine in connections(segments):
        for source in {segment.source for segment in mine}:
            sent = [segment for segment in mine if segment.source == source]
            size = sum(segment.space for segment in sent)
            begin = WRAP - random.randint(0, min(size + 2, 2000)) if random.random() < 0.8 else random.randrange(WRAP)
            shift[source, mine[0].connection] = begin - sent[0].seq
    return [
        segment._replace(
            seq=(segment.seq + shift[segment.source, segment.connection]) % WRAP,
            ack=(segment.ack + shift.get((segment.destination, segment.connection), 0)) % WRAP
            if segment.flags & ACK
            else segment.ack,
        )
        for segment in segments
    ]


def kept_alive(random: Random, segments: list[Segment]) -> list[Segment]:
    """Probes one byte below what the side sends next, with that byte made zero or without one.

    To be the last to touch the order: the first copy of a byte counts, and must be the true one.
    """
    result = []
    following: dict[object, int] = {}
    for segment in segments:
        key = (segment.source, segment.destination)
        result.append(segment)
        if segment.flags & SYN:
            following.pop(key, None)
        end = (segment.seq + segment.space) % WRAP
        quiet = segment.flags & ACK and not segment.flags & ENDS
        if quiet and following.get(key, end + 1) in (end, segment.seq) and random.random() < 0.2:
            probe = segment._replace(seq=(end - 1) % WRAP, payload=random.choice([b"", b"\0"]), flags=ACK)
            result += [probe] * random.choice([1, 2])
        if segment.payload and quiet:
            following[key] = end
    return _in_place(result)


def merged(random: Random, segments: list[Segment]) -> list[Segment]:
    """Connections at the same time, in any interleaving: the order within each is kept, and its times nearly."""
    queues = connections(segments)
    start = min(segment.time_ns for segment in segments)
    moved = [
        [segment._replace(time_ns=segment.time_ns - queue[0].time_ns + start) for segment in queue] for queue in queues
    ]
    random.shuffle(moved)
    return _in_place(sorted((segment for queue in moved for segment in queue), key=lambda segment: segment.time_ns))


TRANSFORMATIONS: dict[str, Transformation] = {
    function.__name__: function
    for function in (cut_up, joined, shifted, duplicated, retransmitted, wrapped, merged, reordered, kept_alive)
}
"""By name."""
LAST = ("reordered", "kept_alive")
"""These come last where several are applied: between data and an acknowledgment that was captured before it there must
not come to stand hundreds of small segments, after which the data counts as lost."""


def ranked(names: list[str]) -> list[str]:
    """The names of transformations in an order in which they may be applied."""
    return sorted(names, key=lambda name: LAST.index(name) if name in LAST else -1)


# --- IP and below -----------------------------------------------------------------------------------------

LINKS = (0, 1, 101, 108, 113, 276)
"""NULL, Ethernet, RAW, LOOP, SLL, SLL2."""


class Style(NamedTuple):
    """How segments are put into packets; what a packet cannot have is left out."""

    options: bool = False
    """IPv4 options, IPv6 extension headers."""
    tags: tuple[int, ...] = ()
    """EtherTypes of VLAN tags, on Ethernet."""
    padded: bool = False
    """Ethernet frames of 60 bytes at least, and some with a trailer."""
    offloaded: bool = False
    """IPv4 total length 0, as of a segment that the card is to divide."""
    wrong_sums: bool = False
    fragment: int = 0
    """Payload bytes of an IPv4 fragment, 0 for none; only every eighth packet is divided: that is slow to read."""
    foreign: bool = False
    """Packets that are none of ours lie between."""


class Packet(NamedTuple):
    """What a capture holds."""

    time_ns: int
    data: bytes


def dressed(random: Random, segments: list[Segment], style: Style, link: int, first: int = 0) -> Iterator[Packet]:
    """The packets of ``segments``, numbered from ``first``, on a link of that type."""
    for number, segment in enumerate(segments, first):
        if style.foreign and random.random() < 0.1:
            yield Packet(segment.time_ns, _linked(random, _foreign(random), link, style))
        for ip in _ip(random, segment, style, number):
            yield Packet(segment.time_ns, _linked(random, ip, link, style))


def _foreign(random: Random) -> bytes:
    """A UDP packet of a protocol nobody knows."""
    data = random.randbytes(random.randint(0, 40))
    udp = struct.pack(">4H", 5353, 9, 8 + len(data), 0) + data
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    return head[:10] + struct.pack(">H", _sum(head)) + head[12:] + udp


def _sum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _ip(random: Random, segment: Segment, style: Style, number: int) -> list[bytes]:
    (source, sport), (destination, dport) = segment.source, segment.destination
    offset = (20 + len(segment.options)) // 4 << 4
    fields = (sport, dport, segment.seq, segment.ack, offset, segment.flags, segment.window)
    tcp = struct.pack(">HHLLBBHHH", *fields, 0, 0) + segment.options + segment.payload
    pseudo = source + destination + struct.pack(">LL", len(tcp), 6)
    check = random.randrange(1 << 16) if style.wrong_sums else _sum(pseudo + tcp)
    tcp = tcp[:16] + struct.pack(">H", check) + tcp[18:]
    if len(source) == 16:
        return [_ipv6(random, source, destination, tcp, style)]
    options = random.choice([b"", b"\x94\x04\0\0", b"\x01\x01\x01\x00", b"\x07\x27\x08" + bytes(37)])
    options = options if style.options else b""
    if style.fragment and number % 8 == 0 and len(tcp) > style.fragment:
        size = max(8, style.fragment // 8 * 8)
        size = max(size, len(tcp) // 20 // 8 * 8)
        parts = [
            _ipv4(random, source, destination, tcp[at : at + size], options, style, number, at, at + size < len(tcp))
            for at in range(0, len(tcp), size)
        ]
        return random.choice([parts, parts[::-1], random.sample(parts, len(parts))])
    return [_ipv4(random, source, destination, tcp, options, style, number)]


def _ipv4(
    random: Random,
    source: bytes,
    destination: bytes,
    body: bytes,
    options: bytes,
    style: Style,
    number: int,
    offset: int = 0,
    more: bool = False,
) -> bytes:
    whole = not offset and not more
    length = 20 + len(options) + len(body)
    fields = (
        0x40 | 5 + len(options) // 4,
        0,
        0 if style.offloaded and whole and not style.padded else length,
        number & 0xFFFF,
        offset // 8 | more << 13,
        64,
        6,
    )
    head = struct.pack(">BBHHHBB", *fields) + b"\0\0" + source + destination + options
    check = random.randrange(1 << 16) if style.wrong_sums else _sum(head)
    return head[:10] + struct.pack(">H", check) + head[12:] + body


def _ipv6(random: Random, source: bytes, destination: bytes, tcp: bytes, style: Style) -> bytes:
    """With a hop-by-hop, a routing or a destination options header, or several, where the style asks for them."""
    chain = random.choice([(), (0,), (60,), (0, 43, 60), (43,)]) if style.options else ()
    kinds = (*chain, 6)
    body = b""
    for following in kinds[1:]:
        words = random.randint(0, 2)
        padding = 4 + 8 * words
        body += bytes((following, words, 1, padding)) + bytes(padding)
    body += tcp
    return struct.pack(">LHBB", 6 << 28, len(body), kinds[0], 64) + source + destination + body


def _linked(random: Random, ip: bytes, link: int, style: Style) -> bytes:
    six = ip[0] >> 4 == 6
    kind = 0x86DD if six else 0x0800
    if link == 101:
        return ip
    if link in (0, 108):
        order = ">" if link == 108 else random.choice("<>")
        return struct.pack(order + "L", random.choice([24, 28, 30]) if six else 2) + ip
    if link == 113:
        return struct.pack(">HHH8sH", random.choice([0, 4]), 1, 6, b"\2\0\0\0\0\1", kind) + ip
    if link == 276:
        return struct.pack(">HHLHBB8s", kind, 0, random.randint(1, 9), 1, random.choice([0, 4]), 6, bytes(8)) + ip
    tags = b"".join(struct.pack(">HH", tag, random.randrange(1 << 16)) for tag in style.tags)
    frame = bytes.fromhex("020000000001020000000002") + tags + struct.pack(">H", kind) + ip
    if style.padded:
        frame = frame.ljust(60, random.choice([b"\0", b"\x81"])) + random.choice([b"", b"\x81\x05Hello", bytes(4)])
    return frame


# --- files ------------------------------------------------------------------------------------------------


def pcap(random: Random, packets: list[Packet], link: int) -> bytes:
    """A pcap file of either byte order and either resolution."""
    order, (magic, unit) = random.choice("<>"), random.choice([(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
    parts = [struct.pack(order + "LHHlLLL", magic, 2, 4, 0, 0, 262144, link)]
    for packet in packets:
        seconds, rest = divmod(packet.time_ns, 10**9)
        size = len(packet.data)
        parts += (struct.pack(order + "LLLL", seconds, rest // unit, size, size), packet.data)
    return b"".join(parts)


def pcapng(random: Random, packets: list[tuple[int, Packet]]) -> bytes:
    """A pcapng file: sections of either byte order, interfaces of several resolutions, odd blocks."""
    parts, order, interfaces = [], "<", list[tuple[int, int]]()

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack(order + "L", 12 + len(body))
        return struct.pack(order + "L", kind) + size + body + size

    for number, (link, packet) in enumerate(packets):
        if not number or random.random() < 0.02:
            order, interfaces = random.choice("<>"), []
            parts.append(block(0x0A0D0D0A, struct.pack(order + "LHHq", 0x1A2B3C4D, 1, 0, -1)))
        choices = [index for index, (kind, _) in enumerate(interfaces) if kind == link]
        if not choices or (len(interfaces) < 9 and random.random() < 0.1):
            digits = random.choice([6, 7, 9])
            resolution = b"" if digits == 6 else struct.pack(order + "HHB3x", 9, 1, digits) + bytes(4)
            choices = [len(interfaces)]
            interfaces.append((link, 10 ** (9 - digits)))
            parts.append(block(1, struct.pack(order + "HHL", link, 0, 0) + resolution))
        if random.random() < 0.05:
            parts.append(block(random.choice([4, 0xBAD, 0x40000BAD]), random.randbytes(random.randint(0, 50))))
        index = random.choice(choices)
        ticks = packet.time_ns // interfaces[index][1]
        size = len(packet.data)
        body = struct.pack(order + "LLLLL", index, ticks >> 32, ticks & 0xFFFFFFFF, size, size)
        comment = struct.pack(order + "HH", 1, 3) + b"hm.\0" + bytes(4) if random.random() < 0.1 else b""
        parts.append(block(6, body + packet.data + bytes(-size % 4) + comment))
    return b"".join(parts)


def written(random: Random, segments: list[Segment], styles: list[Style], count: int, folder: Path) -> list[Path]:
    """The segments as ``count`` files of any kind, cut anywhere, with any names, in any order."""
    cuts = sorted(random.randrange(len(segments) + 1) for _ in range(count - 1))
    paths = []
    for start, stop in zip([0, *cuts], [*cuts, len(segments)], strict=True):
        part = segments[start:stop]
        if not part:
            continue
        if random.random() < 0.5:
            link = random.choice(LINKS)
            data = pcap(random, list(dressed(random, part, random.choice(styles), link, start)), link)
        else:
            mixed = []
            for number, segment in enumerate(part, start):
                link = random.choice(LINKS)
                mixed += [(link, packet) for packet in dressed(random, [segment], random.choice(styles), link, number)]
            data = pcapng(random, mixed)
        data = random.choice([bytes, _gzip, _zstd])(data)
        path = folder / f"{random.randrange(10**9):09}{random.choice(['', '.pcap', '.pcapng', '.gz', '.txt'])}"
        path.write_bytes(data)
        paths.append(path)
    random.shuffle(paths)
    return paths


def _gzip(data: bytes) -> bytes:
    half = len(data) // 2
    return gzip.compress(data[:half], 1) + gzip.compress(data[half:], 1)


def _zstd(data: bytes) -> bytes:
    try:
        import zstandard
    except ImportError:
        return data
    compressed: bytes = zstandard.ZstdCompressor(level=1).compress(data)
    return compressed
