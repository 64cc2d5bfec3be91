"""Fields by layout, and payloads as text."""

from __future__ import annotations

import msgspec
import pytest

from analyzer.model import Frame
from analyzer.report.html.bytes import (
    COLOURS,
    REST,
    Field,
    begun_text,
    fields,
    kept_bytes,
    payload,
    payload_text,
    starts_text,
)
from analyzer.wire.frame import DRAWN, build_frame
from tests.report import made

KEY = bytes.fromhex("37fa213d")


def of(data: bytes, header: int, **changes: object) -> Frame:
    return made.frame(bytes=data.hex(), header_length=header, **{"masking_key": KEY.hex(), **changes})


def test_fields_of_a_masked_text_frame() -> None:
    names = [field.name for field in fields(b"\x81\x85")]
    assert names == [
        *("FIN", "RSV1", "RSV2", "RSV3", "opcode", "MASK", "payload length", "masking key", "payload"),
    ]
    assert fields(b"\x81\x85")[-1] == Field("payload", 48, REST, "payload")


def test_every_field_of_the_schema_has_a_colour() -> None:
    assert set(DRAWN.values()) < set(COLOURS)
    for second in range(256):
        assert all(field.colour for field in fields(bytes([0x88, second])))


@pytest.mark.parametrize(
    ("fixed", "last"),
    [
        ("8880", "masking key"),
        ("8881", "payload"),
        ("8882", "close code"),
        ("8883", "close reason"),
        ("827e", "payload"),
        ("8100", "payload length"),
        ("81", "opcode"),
        ("", None),
    ],
)
def test_the_last_field(fixed: str, last: str | None) -> None:
    found = fields(bytes.fromhex(fixed))
    assert (found[-1].name if found else None) == last


def test_text_is_unmasked_and_harmless() -> None:
    text = "a\x1b\u202e\x00<b>\u00fc"
    frame = of(build_frame(1, text.encode() + b"\xff", KEY), 6)
    assert payload(frame) == text.encode() + b"\xff"
    assert payload_text(frame) == "a\\x1b\\u202e\\x00<b>\u00fc\\xff"


def test_what_is_no_text() -> None:
    data = build_frame(2, b"abc", KEY)
    assert payload_text(of(data, 6, opcode=2)) is None
    assert payload_text(of(data, 6, opcode=1, rsv1=True)) is None
    assert payload_text(of(build_frame(8, b"\x03\xe8", KEY), 6, opcode=8)) is None
    assert payload_text(of(build_frame(8, b"\x03\xe8bye", KEY), 6, opcode=8)) == "bye"


def test_a_continuation_is_what_its_message_is() -> None:
    data = of(build_frame(0, b"abc", KEY), 6, opcode=0)
    assert payload_text(data) is None
    assert payload_text(data, continues_text=True) == "abc"
    assert starts_text(made.frame())
    assert not starts_text(made.frame(rsv1=True))


def test_a_result_without_bytes() -> None:
    assert kept_bytes(made.frame()) is None
    assert payload_text(made.frame()) is None
    assert kept_bytes(msgspec.structs.replace(made.frame(), bytes="no hex")) is None


def test_the_beginning_of_a_text_may_cut_a_code_point() -> None:
    data = "Grüße".encode()
    assert [begun_text(data[:size], len(data)) for size in (2, 3, 4, 7)] == ["Gr", "Gr", "Grü", "Grüße"]
    assert begun_text(b"ab\xc3", 3) == "ab\udcc3"
