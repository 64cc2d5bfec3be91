"""Telling WebSocket by its masks, and everything else from it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.frames.guess import MISSES, Guess
from analyzer.frames.sync import OVERHEAD
from analyzer.http.exchange import Chunk
from analyzer.model import Place
from analyzer.wire.frame import build_frame

PLACE = Place(0, 1, 0, 0, 0)
LIMIT = 128 << 10
Segments = list[tuple[int, bytes]]


def fed(segments: Segments, limit: int = LIMIT) -> Guess:
    """Each side's segments, in this order; an empty one stands for 10 missing bytes."""
    guess, at = Guess(limit), [0, 0]
    for side, data in segments:
        if data:
            guess.add(side, Chunk(data, at[side], PLACE, 0))
        else:
            guess.lose(side, 10)
        at[side] += len(data) or 10
    return guess


def masked(payload: bytes, number: int = 0, opcode: int = 1, fin: bool = True) -> bytes:
    key = random.Random(number).randbytes(4)
    return build_frame(opcode, payload, key, fin=fin)


def clear(payload: bytes, opcode: int = 1, fin: bool = True) -> bytes:
    return build_frame(opcode, payload, None, fin=fin)


TALK: Segments = [(1, clear(b"a price")), (0, masked(b"a question", 1)), (0, masked(b"another", 2))]


@pytest.mark.parametrize("client", [0, 1])
def test_the_side_that_masks_is_the_client(client: int) -> None:
    talk = [(side ^ client, data) for side, data in [*TALK, (0, masked(b"more", 3)), (1, clear(b"an answer"))]]
    assert fed(talk).client() == client
    assert fed(talk).client(known=1 - client) == -1


def test_a_few_frames_do_when_nothing_more_will_come() -> None:
    guess = fed(TALK)
    assert guess.client() == -1
    assert guess.client(over=True) == 0


def test_one_side_alone_needs_many_masked_frames() -> None:
    def alone(count: int) -> int:
        return fed([(0, masked(b"value %d" % number, number)) for number in range(count)]).client()

    assert alone(20) == 0
    assert alone(3) == -1


def test_frames_without_masks_prove_nothing() -> None:
    assert fed([(0, clear(b"hello"))] * 100).client(over=True) == -1
    assert fed([(number % 2, clear(b"hello")) for number in range(100)]).client(over=True) == -1


def test_two_sides_that_mask_are_no_websocket() -> None:
    assert fed([(number % 2, masked(b"hello", number)) for number in range(100)]).client(over=True) == -1


def test_a_key_that_never_changes_is_not_believed() -> None:
    talk = [(number % 2, masked(b"same", 7) if number % 2 else clear(b"hello")) for number in range(40)]
    assert fed(talk).client(over=True) == -1


def test_after_an_opening_either_side_does() -> None:
    pushed: Segments = [(1, clear(b"a price")), (1, clear(b"a lower price"))]
    assert fed(pushed).client(known=0) == -1
    assert fed(pushed).client(known=0, asked=True) == 0
    assert fed(pushed).client(known=1, asked=True) == -1


def test_frames_are_found_after_the_rest_of_a_long_payload() -> None:
    rest = [(0, random.Random(5).randbytes(1400)) for _ in range(20)]
    talk: Segments = [*rest, *TALK, *TALK[1:], (1, clear(b"late"))]
    guess = fed(talk)
    assert guess.client() == 0
    assert guess.sides[0].chunks[0].offset == 20 * 1400


def test_holes_in_payloads_and_in_headers_are_gone_around() -> None:
    long = masked(b"x" * 30, 9)
    torn: Segments = [(0, long[:-10]), (0, b""), (0, masked(b"next", 10)), (0, b""), (0, masked(b"and more", 11))]
    guess = fed([*torn, (0, masked(b"later", 12)), (1, clear(b"hello")), (1, clear(b"again"))])
    assert guess.client() == 0
    assert len(guess.sides[0].chunks) == 4


def test_what_is_kept_is_limited() -> None:
    guess = fed([(1, clear(b"x" * 1000, 2)) for _ in range(1000)], limit=10_000)
    assert guess.full == [False, True]
    assert guess.size <= 10_000 + 1004 + OVERHEAD
    for number in range(5):
        guess.add(0, Chunk(masked(b"hello", number), number * 11, PLACE, 0))
    assert guess.client() == 0


def test_it_is_given_up_after_a_while() -> None:
    assert fed([(0, b"\xff" * 100)] * MISSES).hopeless
    assert not fed([(0, b"\xff" * 100)] * (MISSES - 1)).hopeless


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300), st.booleans()), min_size=12, max_size=40), st.data())
def test_any_conversation_is_recognised_however_it_is_cut(
    talk: list[tuple[bool, bytes, bool]], data: st.DataObject
) -> None:
    streams = [b"", b""]
    segments: Segments = []
    for number, (ours, payload, text) in enumerate(talk):
        plain = payload.hex().encode() if text else payload
        made = masked(plain, number, 1 if text else 2) if ours else clear(plain, 1 if text else 2)
        segments.append((0 if ours else 1, made))
        streams[0 if ours else 1] += made
    if sum(side == 0 for side, _ in segments) < 6 or sum(side == 1 for side, _ in segments) < 6:
        return
    cut: Segments = []
    for side, made in segments:
        while made:
            size = data.draw(st.integers(1, len(made)))
            cut.append((side, made[:size]))
            made = made[size:]
    assert fed(segments).client(over=True) == 0
    assert fed(cut).client(over=True) == 0


# --- what only looks similar


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


LOOKALIKES = [
    two_byte_headers, both_sides_fixed, random_bytes, tls_records, mqtt, http2, dns, smb, redis, modbus,
    length_prefixed, text, constant,
]  # fmt: skip


@pytest.mark.parametrize("kind", LOOKALIKES)
@pytest.mark.parametrize("whole", [True, False], ids=["messages", "segments"])
def test_nothing_is_claimed_of_what_looks_similar(
    kind: Callable[[random.Random], Iterator[tuple[int, bytes]]], whole: bool
) -> None:
    for seed in range(150):
        chance = random.Random(seed)
        segments = list(kind(chance))
        if not whole:  # the capture began anywhere, and several messages share a segment
            streams = [b"".join(data for side, data in segments if side == wanted) for wanted in (0, 1)]
            segments = []
            for side, stream in enumerate(streams):
                at = chance.randrange(min(len(stream), 50) + 1)
                while at < len(stream):
                    size = chance.choice((chance.randrange(1, 30), 536, 1460))
                    segments.append((side, stream[at : at + size]))
                    at += size
        for over in (False, True):
            assert fed(segments).client(over=over) == -1, (kind.__name__, seed)
