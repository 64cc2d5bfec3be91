"""A stored result gives the records it was written from."""

from __future__ import annotations

import io

import msgspec
import pytest

from analyzer.errors import InputError
from analyzer.model import Record
from analyzer.report import stored
from analyzer.report.jsonl import encode
from tests.report import made

LINES = [encode(record) + b"\n" for record in made.STORY]


def read(data: bytes) -> tuple[list[Record], list[str]]:
    notes: list[str] = []
    return list(stored.records(io.BytesIO(data), "r.jsonl", notes.append)), notes


def test_every_record_comes_back() -> None:
    records, notes = read(b"".join(LINES))
    assert [encode(record) for record in records] == [encode(record) for record in made.STORY]
    assert notes == []


def test_every_length_is_read_or_refused() -> None:
    whole = b"".join(LINES)
    first = len(LINES[0])
    for length in range(0, len(whole), 97):
        if length < first:
            with pytest.raises(InputError, match=r"^r\.jsonl: "):
                read(whole[:length])
            continue
        records, notes = read(whole[:length])
        assert len(records) == whole[:length].count(b"\n")
        assert "without a summary" in notes[0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\xd4\xc3\xb2\xa1" + bytes(20),
        b"{}\n",
        LINES[3],
        LINES[0] + LINES[0],
        LINES[0] + b'{"type":"finding"}\n' + LINES[-1],
        LINES[0] + b'{"type":"other"}\n',
        b"[" * 100_000,
        LINES[0] + b"\xff\xfe\n",
    ],
)
def test_anything_else_is_refused_with_its_line(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^r\.jsonl: (line \d+ is no record|empty)") as error:
        read(data)
    assert "\n" not in str(error.value)


def test_what_a_later_version_adds_is_passed_over() -> None:
    extended = LINES[0][:-2] + b',"later":1}\n'
    records, _ = read(extended + LINES[-1])
    assert records[0] == msgspec.json.decode(LINES[0], type=type(made.RUN))
