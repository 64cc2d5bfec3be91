"""The frame schema against the examples of RFC 6455 5.7, and against `websockets`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from analyzer.wire import frame

HELLO = b"Hello"
KEY = bytes.fromhex("37fa213d")


@pytest.mark.parametrize(
    ("built", "octets"),
    [
        (frame.build_frame(1, HELLO), "81 05 48 65 6c 6c 6f"),
        (frame.build_frame(1, HELLO, KEY), "81 85 37 fa 21 3d 7f 9f 4d 51 58"),
        (frame.build_frame(1, b"Hel", fin=False), "01 03 48 65 6c"),
        (frame.build_frame(0, b"lo"), "80 02 6c 6f"),
        (frame.build_frame(9, HELLO), "89 05 48 65 6c 6c 6f"),
        (frame.build_frame(2, bytes(256))[:4], "82 7e 01 00"),
        (frame.build_frame(2, bytes(65536))[:10], "82 7f 00 00 00 00 00 01 00 00"),
    ],
)
def test_the_examples_of_the_rfc(built: bytes, octets: str) -> None:
    assert built == bytes.fromhex(octets)


@given(st.sampled_from(list(Opcode)), st.booleans(), st.binary(max_size=300))
def test_unmasked_frames_are_those_of_websockets(opcode: Opcode, fin: bool, payload: bytes) -> None:
    if opcode >= 8:
        fin, payload = True, payload[:125]
    assert frame.build_frame(opcode, payload, fin=fin) == Frame(opcode, payload, fin=fin).serialize(mask=False)


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4), st.sampled_from([None, 126, 127]))
def test_what_is_built_is_parsed(payload: bytes, key: bytes, form: int | None) -> None:
    built = frame.build_frame(2, payload, key, form=form)
    parsed = frame.FRAME.parse(built)
    assert frame.announced(parsed.header) == len(payload)
    assert frame.mask(parsed.payload, key) == payload
    assert frame.FRAME.build(parsed) == built


@pytest.mark.parametrize("size", [1, 2, 4, 8, 14])
def test_the_spans_cover_the_header_bit_by_bit(size: int) -> None:
    header = frame.build_frame(1, bytes(70000), KEY)[:14]
    spans = frame.spans(header[:size])
    assert [span.bit for span in spans] == [sum(span.width for span in spans[:n]) for n in range(len(spans))]
    assert spans[0].name == "FIN"
    if size == 14:
        assert sum(span.width for span in spans) == 14 * 8
        assert [span.name for span in spans][-2:] == ["extended payload length", "masking key"]


def test_the_body_of_a_close() -> None:
    assert frame.CLOSE_BODY.parse(b"") is None
    assert frame.CLOSE_BODY.parse(b"\x03") is None
    body = frame.CLOSE_BODY.parse(b"\x03\xe8bye")
    assert (body.code, body.reason) == (1000, b"bye")
