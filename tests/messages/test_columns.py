"""Message rows and their records."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from analyzer.frames.decode import DOUBT, MISSING
from analyzer.messages.columns import FINISHED, INVALID, MessageColumns, Row
from analyzer.model import Payload
from analyzer.wire.frame import build_frame
from tests.frames.feeding import CLIENT, SERVER, Line, only


def row(**more: object) -> Row:
    return Row(event=FINISHED, connection=3, client=1, index=0, opcode=1, compressed=0, **more)  # type: ignore[arg-type]


def test_columns_of_unread_messages_and_rows_stand_one_behind_the_other() -> None:
    numbers = {
        name: np.array([7, 8]) for name in ("event", "connection", "client", "index", "opcode", "compressed", "raw")
    }
    columns = MessageColumns(numbers, [row(raw=9)])
    assert len(columns) == 3
    assert columns.raw.tolist() == [7, 8, 9]
    assert columns.bad_offset.tolist() == [-1, -1, -1], "a column that was not given is the default"
    assert (columns.row(1).raw, columns.row(2).raw) == (8, 9)
    assert [columns.direction(index) for index in range(3)] == ["client", "client", "client"]
    with pytest.raises(AttributeError):
        _ = columns.nothing


def test_no_messages_at_all() -> None:
    assert len(MessageColumns({}, [])) == 0
    assert MessageColumns({}, []).raw.tolist() == []


@pytest.mark.parametrize(
    ("opcode", "data", "payload"),
    [
        (1, "né".encode(), Payload(text="né")),
        (1, b"\xff", Payload(base64="/w==")),
        (2, b"text", Payload(base64="dGV4dA==")),
        (2, b"", Payload(base64="")),
    ],
)
def test_a_payload_is_text_where_it_can_be(opcode: int, data: bytes, payload: Payload) -> None:
    given = msgspec.structs.replace(row(payload=data, length=len(data)), opcode=opcode)
    assert given.record(["a"]).payload == payload


def test_a_record_without_payload_says_so() -> None:
    record = row(raw=5, frames=2, packet=4, last_packet=6).record(["a", "b"])
    assert record.payload is msgspec.UNSET
    assert (record.length, record.frames, record.first_packet, record.last_packet) == (5, 2, 4, 6)
    assert (record.direction, record.complete, record.file) == ("client", True, "a")


@pytest.mark.parametrize(
    ("compressed", "length", "lost", "expected"),
    [
        (0, -1, 0, 9),
        (0, 9, MISSING, 9),
        (0, 9, DOUBT, None),
        (1, 50, 0, 50),
        (1, -1, 0, None),
        (1, -1, MISSING, None),
    ],
)
def test_the_length_of_what_cannot_be_read_is_not_known(
    compressed: int, length: int, lost: int, expected: int | None
) -> None:
    """What was sent has one, but the record is about what the application sees."""
    given = msgspec.structs.replace(row(raw=9, length=length, lost=lost), compressed=compressed)
    assert given.record(["a"]).length == expected


def test_the_place_of_a_bad_byte() -> None:
    line = Line().feed(CLIENT, b"").feed(SERVER, build_frame(1, b"ab\xff"))
    messages = line.messages.collect(_frames(line))
    index = int(np.flatnonzero(messages.event == INVALID)[0])
    place = messages.bad_place(index)
    assert (place.packet, place.file_offset, place.ordinal) == (2, 2_000_004, 1)
    assert only([messages.row(index)]).bad_stream_offset == 4


def _frames(line: Line) -> object:
    from analyzer.frames.columns import FrameColumns

    return FrameColumns(line.decoder.frames)
