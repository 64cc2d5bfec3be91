"""Frame columns against the schema, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from analyzer.frames.columns import FrameColumns, header_bytes
from analyzer.model import Cut
from analyzer.wire import frame
from analyzer.wire.frame import build_frame
from tests.frames.feeding import CLIENT, SERVER, Line
from tests.frames.made import streams

KEY = bytes.fromhex("37fa213d")


def columns(line: Line) -> FrameColumns:
    return FrameColumns(line.decoder.frames)


@given(streams())
def test_each_column_says_what_the_schema_says(data: bytes) -> None:
    line = Line(rows=512).feed(CLIENT, data).end(CLIENT, Cut.FIN)
    frames = columns(line)
    for row in range(len(frames)):
        offset, size = int(frames.offset[row]), int(frames.header[row])
        assert frames.header_bytes(row) == data[offset : offset + (size if frames.whole[row] else min(size, 2))]
        first = frame.FIRST.parse(data[offset : offset + 1])
        rsv = first.rsv1 << 2 | first.rsv2 << 1 | first.rsv3
        assert (frames.fin[row], frames.opcode[row], frames.rsv[row]) == (first.fin, first.opcode, rsv)
        assert frames.control_frame[row] == (first.opcode >= 8)
        if frames.whole[row]:
            header = frame.HEADER.parse(data[offset:])
            assert (frames.masked[row], frames.length7[row]) == (header.second.masked, header.second.length7)
            assert frames.payload_length[row] == frame.announced(header)
        record = frames.record(row, ["a.pcap"])
        assert (
            record.masking_key is None or bytes.fromhex(record.masking_key) == data[offset + size - 4 : offset + size]
        )
        whole = bool(frames.whole[row]) and size + record.payload_length <= len(data) - offset
        assert record.complete == whole
        assert record.masked == (size > 1 and data[offset + 1] >= 128)
        assert str(record)


@pytest.mark.parametrize("first", range(256))
def test_a_header_is_built_anew_from_its_row(first: int) -> None:
    for second in (0x05, 0x85, 0x7E, 0xFE, 0x7F, 0xFF):
        header = bytes([first, second]) + bytes(range(1, 13))[: len_of(second) - 2]
        parsed = frame.HEADER.parse(header)
        key = int.from_bytes(parsed.masking_key or b"", "big")
        assert header_bytes(first, second, frame.announced(parsed), key) == header


def len_of(second: int) -> int:
    return 2 + {126: 2, 127: 8}.get(second & 127, 0) + (4 if second & 128 else 0)


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (b"", None, b""),
        (b"\x03", None, b""),
        (b"\x03\xe8", 1000, b""),
        (b"\x0f\xa0ok", 4000, b"ok"),
        (b"\xff\xff\xff", 65535, b"\xff"),
    ],
)
def test_code_and_reason_of_a_close(payload: bytes, code: int | None, reason: bytes) -> None:
    line = Line().feed(CLIENT, build_frame(8, payload, KEY), build_frame(9, payload, KEY))
    frames = columns(line)
    assert frames.close_body(0) == (code, reason)
    assert frames.close_code.tolist() == [-1 if code is None else code, -1]
    record = frames.record(0, ["a"])
    assert record.close_code == code
    assert record.close_reason == (None if code is None else reason.decode(errors="replace"))


def test_a_close_with_a_hole_has_no_code() -> None:
    line = Line().feed(SERVER, b"\x88\x05")
    line.gap(SERVER, 2)
    line.feed(SERVER, b"abc")
    assert columns(line).close_code.tolist() == [-1]


def test_the_place_of_a_byte() -> None:
    frames = columns(Line().feed(SERVER, build_frame(9, b"abc") + build_frame(9, b"def")))
    assert (frames.place(1, 3).packet, frames.place(1, 3).file_offset) == (1, 2_000_008)


def test_what_is_no_column_is_an_error() -> None:
    frames = columns(Line())
    assert len(frames) == 0
    assert np.asarray(frames.whole).tolist() == []
    with pytest.raises(AttributeError):
        _ = frames.nothing
