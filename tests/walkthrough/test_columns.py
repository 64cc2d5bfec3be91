"""Text in a terminal's columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.report.escape import visible
from analyzer.walkthrough.columns import columns, cut, padded, wrap


def test_the_width_of_characters() -> None:
    assert columns("abc") == 3
    assert columns("世界") == 4
    assert columns("e\u0301") == 1


def test_padding_counts_columns() -> None:
    assert padded("世", 4) == "世  "
    assert padded("7", 3, right=True) == "  7"
    assert padded("longer", 3) == "longer"


def test_a_cut_is_never_empty() -> None:
    assert cut("abcdef", 3) == 3
    assert cut("世界", 3) == 1
    assert cut("世界", 1) == 1


def test_what_is_read_as_one_stays_on_one_line() -> None:
    assert wrap("as RFC 6455 5.1 says", 13) == ["as", "RFC 6455 5.1", "says"]
    assert wrap("it took 28 µs, packet 9", 10) == ["it took", "28 µs,", "packet 9"]


def test_lines_begin_as_they_are_told() -> None:
    assert wrap("one two three", 9, "- ", "  ") == ["- one two", "  three"]
    assert wrap("", 9, "- ") == ["-"]


@given(st.text(max_size=200), st.integers(8, 40))
def test_nothing_is_lost_and_no_line_is_too_wide(text: str, width: int) -> None:
    shown = visible(text)
    lines = wrap(shown, width, "- ", "  ")
    assert all(columns(line) <= width for line in lines)
    kept = lines[0].removeprefix("-") + "".join(lines[1:])
    assert kept.replace(" ", "") == shown.replace(" ", "")
