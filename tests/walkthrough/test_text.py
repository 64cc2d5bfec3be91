"""Walkthroughs as text."""

from __future__ import annotations

import re

from analyzer.walkthrough import text
from analyzer.walkthrough.document import Document, Drawing, Table, code, outcome, paragraph, quote, words
from tests.report import made
from tests.walkthrough import hostile


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


def test_paragraphs_are_wrapped_and_drawings_are_not() -> None:
    assert max(map(len, lines(paragraph("word " * 50)))) <= 60
    assert lines(Drawing(["+" * 90])) == ["    " + "+" * 90]


def test_what_was_said_stands_in_quotes() -> None:
    assert lines(paragraph("It says ", quote("hello"), ", as ", code("GET"), ".")) == ['It says "hello", as GET.']


def test_a_long_last_cell_goes_on_below() -> None:
    table = Table(["outcome", "n", "what"], [[words(outcome("held")), words("7"), words("word " * 30)]], frozenset({1}))
    written = lines(table)
    assert written[0].split() == ["outcome", "n", "what"]
    assert written[1].startswith("  held     7  word word")
    assert written[2].startswith("              word")
    assert max(map(len, written)) <= 60
