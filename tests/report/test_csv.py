"""Comma-separated values, read back by the csv module."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest

from tests.report import made


def rows(*records: object, **look: object) -> list[dict[str, str]]:
    text = made.rendered("csv", records, **look)  # type: ignore[arg-type]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_golden() -> None:
    text = made.rendered("csv", made.STORY)
    made.assert_golden("story.csv", text.replace("\r\n", "\n"))
    made.assert_harmless(text.replace("\r\n", "\n"))


def test_a_row_a_finding() -> None:
    (row,) = rows(made.RUN, made.UNMASKED, made.SUMMARY)
    assert (row["rule"], row["packet"], row["secondary"], row["header"]) == ("MK-001", "17", "false", "")
    (row,) = rows(made.NO_PONG)
    assert row["cause"] == '{"direction":"client","frame":7,"packet":30,"stream_offset":500}'


def test_rows_may_be_of_another_kind() -> None:
    (row,) = rows(*made.STORY, kind="frames")
    assert (row["opcode"], row["masking_key"]) == ("1", "37fa213d")


@pytest.mark.parametrize("start", [*list("=+-@"), "\t=", "\r="])
def test_no_cell_is_a_formula(start: str) -> None:
    (row,) = rows(msgspec.structs.replace(made.UNMASKED, found=f"{start}cmd|' /C calc'!A0", text='a,"b"\nc'))
    assert row["found"][0] in "'\\"
    assert row["text"] == 'a,"b"\\x0ac'
