"""Segments that begin with frames, and segments that do not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.frames.sync import begins_frames
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
