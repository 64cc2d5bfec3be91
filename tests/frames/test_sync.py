"""Segments that begin with frames, and segments that do not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.frames.sync import END_BITS, HEADER_BITS, OVERHEAD, SURE, Search, Walk, begins_frames
from analyzer.http.exchange import Chunk
from analyzer.model import Place
from analyzer.wire.frame import build_frame

KEY = bytes.fromhex("37fa213d")


@st.composite
def frames(draw: st.DrawFn, client: bool, first: bool) -> bytes:
    opcode = draw(st.sampled_from([1, 2, 8, 9, 10] if first else [0, 1, 2, 8, 9, 10]))
    payload = draw(st.binary(max_size=125 if opcode >= 8 else 70_000))
    key = draw(st.binary(min_size=4, max_size=4)) if client else None
    fin = opcode >= 8 or draw(st.booleans())
    return build_frame(opcode, payload, key, fin=fin, rsv1=opcode in (1, 2) and draw(st.booleans()))


@given(st.data(), st.booleans())
def test_frames_that_fill_a_segment_are_believed(data: st.DataObject, client: bool) -> None:
    more = data.draw(st.lists(frames(client, False), max_size=3))
    assert begins_frames(b"".join([data.draw(frames(client, True)), *more]), client=client)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_get_an_answer(data: bytes, client: bool) -> None:
    assert begins_frames(data, client=client) in (True, False)


@pytest.mark.parametrize("client", [False, True])
def test_a_long_frame_may_go_on_in_the_next_segment(client: bool) -> None:
    whole = build_frame(2, bytes(5000), KEY if client else None)
    assert begins_frames(whole[:1460], client=client)
    assert not begins_frames(whole[:1460], client=not client), "the mask bit is of the other side"
    assert not begins_frames(whole[1460:2920], client=client)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        b"\x81\x05Hell",
        b"\x81\xfe\x00",
        b"\x83\x00",
        b"\xa1\x00",
        b"\xc0\x00",
        b"\xc9\x00",
        b"\x09\x00",
        b"\x82\x7e\x00\x05Hello",
        b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
        b"\x89\x7e\x00\x7e" + bytes(126),
        bytes(100),
        b"HTTP/1.1 200 OK\r\n",
        b"A plain sentence, and another one to follow it.",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    ],
)
def test_what_breaks_a_rule_or_ends_too_early_is_not_believed(data: bytes) -> None:
    assert not begins_frames(data, client=False)


def test_chance_hardly_ever_makes_frames() -> None:
    chance = random.Random(6455)
    believed = sum(begins_frames(chance.randbytes(200), client=True) for _ in range(20_000))
    assert believed < 60


# --- walking on, and searching


def walked(*parts: bytes, masked: bool | None = True, reserved: bool = False) -> Walk | None:
    walk = Walk(masked, reserved=reserved)
    return walk if all(walk.take(part) for part in parts) else None


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6), st.data(), st.booleans())
def test_frames_make_sense_however_they_are_cut(payloads: list[bytes], data: st.DataObject, masked: bool) -> None:
    stream = b"".join(build_frame(2, payload, KEY if masked else None) for payload in payloads)
    parts = []
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        parts.append(stream[at : at + size])
        at += size
    walk = walked(*parts, masked=masked)
    assert walk is not None
    assert (walk.frames, walk.left, walk.head) == (len(payloads), 0, b"")
    assert walk.bits >= HEADER_BITS * len(payloads) + END_BITS


@pytest.mark.parametrize(
    "data",
    [
        "8105 48656c6c6f",
        "8182 37fa213d 7f9f 0182 37fa213d 7f9f 8182 37fa213d 7f9f",
        "8182 37fa213d 7f9f 8080 37fa213d",
        "0080 37fa213d",
        "c182 37fa213d 7f9f",
        "8181 37fa213d c8",
        "8881 37fa213d 34",
        "8882 37fa213d 3712",
        "82fe0005 37fa213d",
        "82ff8000000000000000 37fa213d",
        "89fe0080 37fa213d",
    ],
    ids=[
        "not masked", "a message in a message", "a continuation of nothing", "a continuation at the start",
        "a reserved bit", "no UTF-8", "half a close code", "no close code", "too wide a length", "an impossible length",
        "a long ping",
    ],
)  # fmt: skip
def test_what_a_peer_would_not_send_ends_the_walk(data: str) -> None:
    assert walked(bytes.fromhex(data)) is None


def test_masks_must_agree_where_nobody_knows_the_role() -> None:
    assert walked(build_frame(1, b"a", KEY), build_frame(1, b"b", KEY), masked=None) is not None
    assert walked(build_frame(1, b"a", KEY), build_frame(1, b"b", None), masked=None) is None


def test_a_hole_inside_a_payload_is_walked_around() -> None:
    walk = walked(build_frame(2, bytes(100), KEY)[:-50])
    assert walk is not None
    assert walk.lose(50)
    assert walk.take(build_frame(1, b"a", KEY))
    assert not walk.lose(1)


def search(*segments: bytes) -> Search:
    looking, at = Search(True, reserved=False), 0
    for data in segments:
        looking.add(Chunk(data, at, Place(0, 1, 0, 0, 0), 0))
        at += len(data)
    return looking


def test_a_search_believes_what_chance_would_not_make() -> None:
    assert search(build_frame(1, b"Hello", KEY)).bits >= SURE
    assert search(build_frame(2, b"", KEY)).bits < SURE
    assert search(build_frame(2, b"", KEY), build_frame(2, b"", KEY)).bits >= SURE
    assert search(build_frame(2, bytes(1 << 17), KEY)[:1000]).bits >= SURE


def test_a_search_begins_again_after_what_makes_no_sense() -> None:
    found = search(b"\xff\xff", build_frame(2, b"", KEY), b"\xff", build_frame(1, b"Hello", KEY))
    assert [chunk.offset for chunk in found.chunks] == [9]
    assert (found.misses, found.size) == (2, 11 + OVERHEAD)


def test_random_payload_is_not_taken_for_frames() -> None:
    chance, looking = random.Random(7692), Search(True, reserved=True)
    most = 0
    for _ in range(20_000):
        looking.add(Chunk(chance.randbytes(chance.choice((8, 60, 536))), 0, Place(0, 1, 0, 0, 0), 0))
        most = max(most, looking.bits)
    assert most < SURE
