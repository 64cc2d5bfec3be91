"""Mutations of captures at every level: the file, IP and TCP, HTTP, frames. `README.md` says how to run them."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from random import Random

from tests import packing, transform
from tests.packing import Style
from tests.transform import Segment

INTERESTING = (0, 1, 0x7D, 0x7E, 0x7F, 0x80, 0x81, 0x88, 0xFE, 0xFF)
TOKENS = (
    b"\r\n", b"\n", b"\r\n\r\n", b":", b" ", b"\0", b"HTTP/1.1 101 x\r\n", b"Upgrade: websocket\r\n",
    b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 99999999999999999999\r\n", b"GET / HTTP/1.1\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
)  # fmt: skip
FRAMES = (bytes.fromhex("ff ff ff ff ff ff ff ff ff ff"), bytes.fromhex("827f ffffffffffffffff"), b"\x88\x01\x03",
          b"\x89\x7e\xff\xff", b"\x01\x00" * 20, b"\x80\x00" * 20, b"\xc1\x02\x00\x00", b"\x82\x7e\x00\x00",
          bytes.fromhex("c1 07 f2 48 cd c9 c9 07 00"))  # fmt: skip


def bytes_changed(random: Random, data: bytes) -> bytes:
    """A few bytes set, removed, repeated or moved."""
    raw = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 5, 20])):
        if not raw:
            break
        at = random.randrange(len(raw))
        match random.randrange(5):
            case 0:
                raw[at] = random.choice(INTERESTING)
            case 1:
                raw[at] ^= 1 << random.randrange(8)
            case 2:
                del raw[at : at + random.choice([1, 2, 4, 16, 100])]
            case 3:
                raw[at:at] = raw[at : at + random.choice([1, 4, 16, 100])]
            case _:
                raw[at : at + 4] = struct.pack(
                    random.choice("<>") + "L", random.choice([0, 1, 2**16, 2**31, 2**32 - 1])
                )
    return bytes(raw)


def payloads(random: Random, segments: list[Segment]) -> list[Segment]:
    """What the peers said: HTTP tokens and frames put in, bytes changed; the sequence numbers stay."""
    result = []
    for segment in segments:
        data = segment.payload
        if data and random.random() < 0.1:
            at = random.randrange(len(data) + 1)
            new = random.choice([*TOKENS, *FRAMES])
            data = random.choice([bytes_changed(random, data), data[:at] + new + data[at:], data[:at] + new, new * 50])
        result.append(segment._replace(payload=data[: transform.LARGEST]))
    return result


def numbers(random: Random, segments: list[Segment]) -> list[Segment]:
    """What TCP said: sequence numbers, acknowledgments, flags, ports, times; segments lost, doubled, moved."""
    result = []
    for segment in segments:
        if random.random() < 0.1:
            near = random.choice([-1, 1, 1000, -70000, 2**31, random.randrange(transform.WRAP)])
            match random.randrange(7):
                case 0:
                    segment = segment._replace(seq=(segment.seq + near) % transform.WRAP)
                case 1:
                    segment = segment._replace(ack=(segment.ack + near) % transform.WRAP)
                case 2:
                    segment = segment._replace(flags=random.randrange(256))
                case 3:
                    segment = segment._replace(options=random.randbytes(4 * random.randrange(11)))
                case 4:
                    jump = random.choice([-1, 1]) * 10 ** random.randrange(19)
                    segment = segment._replace(time_ns=max(0, segment.time_ns + jump))
                case 5:
                    continue
                case _:
                    result.append(segment)
        result.append(segment)
    if random.random() < 0.2:
        random.shuffle(result)
    return result


SEGMENTS: tuple[Callable[[Random, list[Segment]], list[Segment]], ...] = (
    payloads, payloads, payloads, numbers,
    transform.cut_up, transform.joined, transform.retransmitted, transform.duplicated,
)  # fmt: skip


def capture(random: Random, connections: list[list[Segment]]) -> bytes:
    """A capture of a few of ``connections``, mutated at one level or several."""
    chosen = random.sample(connections, min(random.choice([1, 1, 2, 4]), len(connections)))
    segments = sorted((segment for each in chosen for segment in each), key=lambda each: each.time_ns)
    for _ in range(random.randrange(4)):
        segments = random.choice(SEGMENTS)(random, segments)
    style = Style(
        options=random.random() < 0.3,
        tags=random.choice([(), (0x8100,), (0x88A8, 0x8100)]),
        padded=random.random() < 0.3,
        offloaded=random.random() < 0.2,
        fragment=random.choice([0, 0, 0, 64]),
    )
    link = random.choice(packing.LINKS)
    segments = [segment._replace(time_ns=min(segment.time_ns, (2**32 - 1) * 10**9)) for segment in segments]
    packets = list(packing.dressed(random, segments, style, link))
    if random.random() < 0.3:
        packets = [
            one._replace(data=bytes_changed(random, one.data)) if random.random() < 0.1 else one for one in packets
        ]
    if random.random() < 0.5:
        data = packing.pcap(random, packets, link)
    else:
        data = packing.pcapng(random, [(link, packet) for packet in packets])
    if random.random() < 0.3:
        data = bytes_changed(random, data)
    if random.random() < 0.1:
        data = gzip.compress(data, 1)
        if random.random() < 0.5:
            data = bytes_changed(random, data)
    return data
