"""Walkthroughs as Markdown."""

from __future__ import annotations

import re
from html import unescape

from analyzer.report.escape import visible
from analyzer.walkthrough import markdown
from analyzer.walkthrough.document import Document, Drawing, Table, code, outcome, words
from tests.report import made
from tests.walkthrough import hostile

OURS = re.compile(r"</?(code|pre|br)>")


def test_nothing_a_stranger_sent_is_markup() -> None:
    for line in markdown.lines(hostile.document()):
        made.assert_harmless(line)
        rest = OURS.sub("", line)
        assert not re.search(r"(?<!\\)<", rest), line
        assert not re.search(r"(?<!\\)[`@]", rest), line
        assert not re.search(r"(?<!\\)\]\(", rest), line


def test_a_table_keeps_its_columns() -> None:
    rows = [line for line in markdown.lines(hostile.document()) if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


def test_a_drawing_keeps_its_lines() -> None:
    drawing = Drawing(["+-+-+", "", "|<|&|"])
    written = list(markdown.lines(Document("T", [drawing], [])))
    start, end = written.index("<pre>"), written.index("</pre>")
    assert [unescape(line).rstrip() for line in written[start + 1 : end]] == [visible(line) for line in drawing.lines]
    assert "" not in written[start:end]


def test_outcomes_are_marked() -> None:
    rows = [[words(outcome("broken")), words(code("a|b"))], [words(outcome("held")), words("x")]]
    written = list(markdown.lines(Document("T", [Table(["outcome", "what"], rows)], [])))
    assert "| ✗ **broken** | <code>a&#124;b</code> |" in written
    assert "| ✓ held | x |" in written
