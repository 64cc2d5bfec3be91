"""Protocols that are no WebSocket and may look like it, as messages by side: what must never be taken for frames."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

Protocol = Callable[[random.Random], Iterator[tuple[int, bytes]]]
"""Gives side (0 or 1) and bytes of each message."""


def two_byte_headers(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """A byte of type, a byte of length, as LDAP's and SNMP's BER, RADIUS, and countless games have."""
    types = [chance.choice((1, 2, 0x81, 0x82, chance.randrange(256))) for _ in range(4)]
    top = chance.choice((0, 0x80))
    for _ in range(60):
        length = chance.randrange(1, 120)
        yield chance.randrange(2), bytes([chance.choice(types), length | top]) + chance.randbytes(length)


def both_sides_fixed(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Records of one size that begin as frames do, with a counter."""
    heads = [bytes([chance.choice((1, 2, 0x81, 0x82)), chance.randrange(256)]) for _ in range(2)]
    size = chance.randrange(4, 140)
    for number in range(60):
        side = chance.randrange(2)
        yield side, heads[side] + number.to_bytes(2, "big") + chance.randbytes(size)


def random_bytes(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Anything encrypted: SSH, TLS from inside a record."""
    for _ in range(60):
        yield chance.randrange(2), chance.randbytes(chance.choice((8, 16, 40, 100, 1460)))


def tls_records(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    for _ in range(60):
        size = chance.randrange(20, 1400)
        yield chance.randrange(2), b"\x17\x03\x03" + size.to_bytes(2, "big") + chance.randbytes(size)


def mqtt(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """SUBSCRIBE is 82 and a length: a whole binary frame without a mask, to the eye."""
    for number in range(60):
        topic = b"sensors/%d/value" % chance.randrange(1000)
        body = number.to_bytes(2, "big") + len(topic).to_bytes(2, "big") + topic + b"\x01"
        yield 0, bytes([0x82, len(body)]) + body
        yield 1, bytes([0x90, 3]) + number.to_bytes(2, "big") + b"\x01"
        yield chance.randrange(2), bytes([0x30, len(topic) + 7, 0, len(topic)]) + topic + b"21.50"
        yield 0, b"\xc0\x00"
        yield 1, b"\xd0\x00"


def http2(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    for _ in range(60):
        size = chance.choice((0, 8, chance.randrange(16384)))
        head = size.to_bytes(3, "big") + bytes([chance.randrange(10), chance.choice((0, 1, 4, 5))])
        yield chance.randrange(2), head + chance.randrange(100).to_bytes(4, "big") + chance.randbytes(size)


def dns(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    for _ in range(60):
        size = chance.randrange(20, 600)
        head = chance.randbytes(2) + chance.choice((b"\x01\x00", b"\x81\x80")) + b"\0\1\0\1\0\0\0\0"
        yield chance.randrange(2), (size + 12).to_bytes(2, "big") + head + chance.randbytes(size)


def smb(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    for _ in range(60):
        body = b"\xfeSMB" + b"\x40\0" + chance.randbytes(chance.randrange(60, 1000))
        yield chance.randrange(2), b"\0" + len(body).to_bytes(3, "big") + body


def redis(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    for _ in range(60):
        value = chance.randbytes(chance.randrange(200))
        yield 0, b"*2\r\n$3\r\nGET\r\n$5\r\nkey%02d\r\n" % chance.randrange(100)
        yield 1, b"$%d\r\n" % len(value) + value + b"\r\n"


def modbus(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """The transaction's number comes first, and counts through everything."""
    start = chance.choice((0x0100, 0x8100, 0x8180, 0x8200, 0x8280, chance.randrange(1 << 16)))
    for number in range(start, start + 120):
        head = (number & 0xFFFF).to_bytes(2, "big") + b"\0\0"
        count = chance.randrange(1, 60)
        yield 0, head + b"\0\x06\x01\x03\0\x10" + count.to_bytes(2, "big")
        yield 1, head + (3 + 2 * count).to_bytes(2, "big") + bytes([1, 3, 2 * count]) + chance.randbytes(2 * count)


def length_prefixed(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    width, order = chance.choice((1, 2, 4)), chance.choice(("big", "little"))
    for _ in range(60):
        size = chance.randrange(1, 250)
        assert order in ("big", "little")
        yield chance.randrange(2), size.to_bytes(width, order) + chance.randbytes(size)  # type: ignore[arg-type]


def text(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    for _ in range(60):
        words = "".join(chance.choice("ABÁあ aeiou\x01\x02\x81\x82\r\n") for _ in range(chance.randrange(1, 200)))
        yield chance.randrange(2), words.encode(chance.choice(("utf-8", "utf-16-le", "utf-16-be")))


def constant(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    byte = chance.choice((0, 1, 2, 0x81, 0x82, 0x88, 0x89, 0x8A, 0xFE, 0xFF))
    for _ in range(60):
        yield chance.randrange(2), bytes([byte]) * chance.randrange(1, 1460)


def smtp(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """The server speaks first, in lines."""
    yield 1, b"220 mail.example ESMTP\r\n"
    for _ in range(20):
        yield 0, chance.choice((b"EHLO a.example\r\n", b"MAIL FROM:<a@b.example>\r\n", b"DATA\r\n", b"QUIT\r\n"))
        yield 1, b"250 OK\r\n"


def ssh(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    yield 0, b"SSH-2.0-OpenSSH_9.2\r\n"
    yield 1, b"SSH-2.0-OpenSSH_9.2\r\n"
    for side, data in random_bytes(chance):
        yield side, len(data).to_bytes(4, "big") + data


def web(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Plain HTTP, with bodies of any kind."""
    for _ in range(12):
        body = chance.randbytes(chance.randrange(300))
        if chance.randrange(2):
            yield 0, b"GET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n" % chance.randrange(99)
        else:
            yield 0, b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        yield 1, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def tls(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    yield 0, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(506)
    yield 1, b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + chance.randbytes(116)
    yield from tls_records(chance)


LOOKALIKES: list[Protocol] = [
    two_byte_headers, both_sides_fixed, random_bytes, tls_records, mqtt, http2, dns, smb, redis, modbus,
    length_prefixed, text, constant, smtp, ssh, web, tls,
]  # fmt: skip
