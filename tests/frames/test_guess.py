"""Telling WebSocket by its masks, and everything else from it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.frames.guess import MISSES, Guess
from analyzer.frames.sync import OVERHEAD
from analyzer.http.exchange import Chunk
from analyzer.model import Place
from analyzer.wire.frame import build_frame
from tests.lookalikes import LOOKALIKES, Protocol

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


@pytest.mark.parametrize("kind", LOOKALIKES)
@pytest.mark.parametrize("whole", [True, False], ids=["messages", "segments"])
def test_nothing_is_claimed_of_what_looks_similar(kind: Protocol, whole: bool) -> None:
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
