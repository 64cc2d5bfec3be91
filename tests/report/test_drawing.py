"""Bytes drawn."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.model import Evidence
from analyzer.report.drawing import draw, field_value, frame_fields, head_lines, hex_rows
from analyzer.report.paint import Line, painter
from analyzer.wire.frame import build_frame, spans
from tests.report.made import UNMASKED, assert_harmless

plain = painter(False)


def lines(drawing: list[Line]) -> list[str]:
    return [plain(line) for line in drawing]


def test_the_field_that_the_words_name_is_marked() -> None:
    names, values, carets = lines(frame_fields(bytes.fromhex("8105"), 1, 2, "MASK clear"))
    assert names == "FIN  RSV1  RSV2  RSV3  opcode     MASK  payload length"
    assert values == "1    0     0     0     0001 text  0     0000101 = 5"
    assert carets == " " * names.index("MASK") + "^"


def test_without_a_word_every_field_of_the_byte_is_marked() -> None:
    names, _, carets = lines(frame_fields(bytes.fromhex("8105"), 1, 2))
    assert carets == " " * names.index("MASK") + "^     " + "^" * len("0000101 = 5")


def test_fields_that_do_not_fit_go_below() -> None:
    frame = build_frame(1, bytes(300), b"abcd")
    drawn = lines(frame_fields(frame, 4, 8, width=60))
    assert all(len(line) <= 60 for line in drawn)
    assert drawn[2:] == [
        "extended payload length  masking key",
        "300                      61 62 63 64",
        " " * 25 + "^" * 11,
    ]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
@pytest.mark.parametrize("key", [None, b"\x01\x02\x03\x04"])
def test_values_are_those_of_the_frame(size: int, key: bytes | None) -> None:
    frame = build_frame(2, bytes(size), key, rsv2=True)
    values = {field.name: field_value(frame, field) for field in spans(frame)}
    assert (values["FIN"], values["RSV1"], values["RSV2"]) == ("1", "0", "1")
    assert values["opcode"] == "0010 binary"
    length = values.get("extended payload length", values["payload length"].rpartition(" ")[2])
    assert int(length) == size
    assert values.get("masking key") == (None if key is None else "01 02 03 04")


def test_a_cut_header_says_cut() -> None:
    frame = build_frame(2, bytes(300), b"abcd")[:3]
    assert [field_value(frame, field) for field in spans(frame)][-2:] == ["cut", "cut"]


def test_hex_shows_a_window_around_the_mark() -> None:
    drawn = lines(hex_rows(bytes(range(200)), 100, 101))
    assert drawn == [
        "... 80 bytes before",
        "50 51 52 53 54 55 56 57 58 59 5a 5b 5c 5d 5e 5f PQRSTUVWXYZ[\\]^_",
        "60 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f `abcdefghijklmno",
        "            ^^",
        "70 71 72 73 74 75 76 77 78 79 7a 7b 7c 7d 7e 7f pqrstuvwxyz{|}~.",
        "... 72 bytes after",
    ]


def test_a_head_shows_the_line_of_the_mark() -> None:
    head = b"GET / HTTP/1.1\r\nSec-WebSocket-Version: 12\r\nHost: a\r\n"
    assert lines(head_lines(head, 39, 41, 60)) == ["Sec-WebSocket-Version: 12\\r\\n", " " * 23 + "^^"]


def test_a_line_that_is_not_whole_says_so() -> None:
    assert lines(head_lines(b"ersion: 12\r\nHo", 8, 10, 60, within=True)) == ["...ersion: 12\\r\\n", " " * 11 + "^^"]
    assert lines(head_lines(b"Version: 12", 9, 11, 60)) == ["Version: 12...", " " * 9 + "^^"]


def test_a_masked_payload_is_shown_unmasked_too() -> None:
    frame = build_frame(1, b"ab\xffcd", bytes.fromhex("37fa213d"))
    finding = msgspec.structs.replace(UNMASKED, evidence=Evidence(stream_offset=345, hex=frame.hex(), mark=(8, 1)))
    assert lines(draw(finding, 80))[-3:] == [
        "unmasked payload",
        "61 62 ff 63 64                                  ab.cd",
        "      ^^",
    ]


@given(
    data=st.binary(max_size=300),
    mark=st.tuples(st.integers(-5, 310), st.integers(-5, 310)),
    frame=st.none() | st.integers(0, 3),
    shift=st.integers(0, 1),
    width=st.integers(0, 120),
)
def test_any_evidence_draws_harmlessly_and_small(
    data: bytes, mark: tuple[int, int], frame: int | None, shift: int, width: int
) -> None:
    evidence = Evidence(stream_offset=345 + shift, hex=data.hex(), mark=mark)
    drawn = lines(draw(msgspec.structs.replace(UNMASKED, frame=frame, evidence=evidence), width))
    assert len(drawn) <= 3 * 9 + 2 * (2 + 2 * 3) + 1
    assert all(len(line) <= 120 for line in drawn)
    assert_harmless("\n".join(drawn))
