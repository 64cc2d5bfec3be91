"""The drawing of RFC 6455 5.2."""

from __future__ import annotations

import pytest
from construct import BitsInteger, BitStruct, Flag, If, Struct, Switch, this
from hypothesis import given
from hypothesis import strategies as st

from analyzer.walkthrough.figure import figure, header_size
from analyzer.wire.frame import EXTENDED, MASKING_KEY, SECOND, build_frame

KEY = bytes.fromhex("37fa213d")


def test_the_rfcs_own_example() -> None:
    lines = figure(build_frame(1, b"Hello", KEY), 5)
    assert lines[2:] == [
        "+-+-+-+-+-------+-+-------------+-------------------------------+",
        "|F|R|R|R|opcode |M|   payload   |          masking key          |",
        "|I|S|S|S|       |A|   length    |                               |",
        "|N|V|V|V|       |S|             |                               |",
        "| |1|2|3|       |K|             |                               |",
        "|1|0|0|0|0 0 0 1|1|0 0 0 0 1 0 1|0 0 1 1 0 1 1 1 1 1 1 1 1 0 1 0|",
        "| | | | | text  | |      5      |             37 fa             |",
        "+-+-+-+-+-------+-+-------------+-------------------------------+",
        "|          masking key          |        payload, masked        |",
        "|0 0 1 0 0 0 0 1 0 0 1 1 1 1 0 1|0 1 1 1 1 1 1 1 1 0 0 1 1 1 1 1|",
        "|             21 3d             |             7f 9f             |",
        "+-------------------------------+---------------+---------------+",
        "|                payload, masked                |",
        "|0 1 0 0 1 1 0 1 0 1 0 1 0 0 0 1 0 1 0 1 1 0 0 0|",
        "|                   4d 51 58                    |",
        "+-----------------------------------------------+",
    ]


def test_the_drawing_follows_the_schema() -> None:
    """In a copy of the schema fields have other names, another order and another width; the drawing has them too."""
    copy = Struct(
        "first" / BitStruct("kind" / BitsInteger(4), "whole" / Flag, "spare" / BitsInteger(3)),
        "second" / SECOND,
        "long_count" / Switch(this.second.length7, EXTENDED),
        "veil" / If(this.second.masked, MASKING_KEY),
    )
    frame = build_frame(2, bytes(300), KEY)
    assert figure(frame[:8], 300, copy)[2:] == [
        "+-------+-+-----+-+-------------+-------------------------------+",
        "| kind  |w|spare|M|   payload   |          long count           |",
        "|       |h|     |A|   length    |                               |",
        "|       |o|     |S|             |                               |",
        "|       |l|     |K|             |                               |",
        "|       |e|     | |             |                               |",
        "|1 0 0 0|0|0 1 0|1|1 1 1 1 1 1 0|0 0 0 0 0 0 0 1 0 0 1 0 1 1 0 0|",
        "|   8   | |  2  | |     126     |             01 2c             |",
        "+-------+-+-----+-+-------------+-------------------------------+",
        "|                             veil                              |",
        "|0 0 1 1 0 1 1 1 1 1 1 1 1 0 1 0 0 0 1 0 0 0 0 1 0 0 1 1 1 1 0 1|",
        "|                          37 fa 21 3d                          |",
        "+---------------------------------------------------------------+",
        "  and 300 more bytes of payload",
    ]
    assert "opcode" in "\n".join(figure(frame[:8], 300)), "the schema itself is as it was"


@pytest.mark.parametrize(("length", "size"), [(5, 2), (200, 4), (70_000, 10)])
def test_the_length_forms(length: int, size: int) -> None:
    data = build_frame(2, bytes(length))
    assert header_size(data) == size
    text = "\n".join(figure(data[:40], length))
    assert f" {length} " in text
    assert ("extended payload length" in text) == (size > 2)


def test_a_long_payload_is_counted() -> None:
    assert figure(build_frame(2, bytes(100))[:40], 100)[-1] == "  and 90 more bytes of payload"


def test_what_is_cut_says_so() -> None:
    text = "\n".join(figure(bytes.fromhex("81fe01"), 300))
    assert "cut" in text
    assert "?" in text


def test_a_long_name_stays_in_its_box() -> None:
    for opcode in range(16):
        lines = figure(build_frame(opcode, b""), 0)
        assert {len(line) for line in lines[2:]} == {33}


@given(st.binary(max_size=40), st.integers(0, 1 << 64))
def test_any_bytes_are_drawn(data: bytes, length: int) -> None:
    for line in figure(data, length):
        assert line.isascii()
        assert len(line) <= 80
