"""Walkthroughs as text."""

from __future__ import annotations

import re

import pytest

from analyzer.walkthrough import text
from analyzer.walkthrough.columns import columns
from analyzer.walkthrough.document import Document, Drawing, Table, code, outcome, paragraph, quote, words
from tests.report import made
from tests.walkthrough import hostile, stories

WIDE = "連線已經關閉 " * 40
EAST = Document(WIDE, [paragraph(WIDE), Drawing([WIDE]), Table(["a", "b"], [[words(WIDE), words(code(WIDE))]])], [])
"""Characters that take two columns each."""


def lines(*blocks: object, **options: bool) -> list[str]:
    return list(text.lines(Document("Title", list(blocks), []), 60, **options))[2:]  # type: ignore[arg-type]


def test_nothing_in_it_can_act_on_a_terminal() -> None:
    written = "\n".join(text.lines(hostile.document(), 100))
    made.assert_harmless(written)
    assert "\\x1b[2J" in written


def test_colour_changes_nothing_but_colour() -> None:
    plain = list(text.lines(hostile.document(), 100))
    colored = list(text.lines(hostile.document(), 100, color=True))
    assert plain != colored
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in colored] == [line.rstrip() for line in plain]


@pytest.mark.parametrize("width", [20, 80, 90, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """As far as a frame can be drawn in it; and a line of 300 columns is no good to read."""
    room = min(max(width, text.NARROWEST), text.WIDEST)
    for document in (hostile.document(), EAST):
        widest = max(map(columns, text.lines(document, width)))
        assert room - 10 <= widest <= room


@pytest.mark.parametrize("name", stories.STORIES)
def test_the_stories_fit_into_80_columns(name: str) -> None:
    """Without colour, and nothing in them but what every terminal can print."""
    (story, *_) = stories.written(name).values()
    assert max(map(columns, story.splitlines())) <= 80
    assert "\x1b" not in story
    assert {char for char in story if not char.isascii()} <= {"µ"}


def test_a_drawing_stays_as_it_is() -> None:
    assert lines(Drawing(["+" * 70])) == ["    " + "+" * 70]
    assert lines(Drawing(["+" * 90])) == ["    " + "+" * 72, "    " + "+" * 18]


def test_what_was_said_stands_in_quotes() -> None:
    assert lines(paragraph("It says ", quote("hello"), ", as ", code("GET"), ".")) == ['It says "hello", as GET.']


def test_a_long_last_cell_goes_on_below() -> None:
    table = Table(["outcome", "n", "what"], [[words(outcome("held")), words("7"), words("word " * 30)]], frozenset({1}))
    written = lines(table)
    assert written[0].split() == ["outcome", "n", "what"]
    assert written[1].startswith("  held     7  word word")
    assert written[2].startswith("              word")
    assert max(map(len, written)) <= text.NARROWEST
