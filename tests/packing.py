"""Segments back into packets and files, in any of the ways in which they may have been carried and captured.

`dressed` gives them IP headers, fragments and link layers, as a `Style` says; `written` puts packets into files. Like
`tests.transform`, on whose segments it works, it uses none of the schemas of `analyzer.wire`.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.transform import Segment

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
