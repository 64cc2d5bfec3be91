"""A walkthrough as plain text, wrapped to a width and safe to print (`analyzer.report.escape`)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from analyzer.report.escape import elide, visible
from analyzer.report.paint import painter
from analyzer.walkthrough.document import (
    Block,
    Document,
    Drawing,
    Paragraph,
    Piece,
    Points,
    Section,
    Table,
    Terms,
    Words,
)

NARROWEST = 60
"""Columns taken at least."""
CELL = 48
"""Characters of what stood on the wire in a table's cell."""
LONGEST = 400
"""Characters of what stood on the wire in one piece: a field may have 64 KiB."""
RULES = {1: "=", 2: "-"}
"""What stands under the title of a section."""
ROLES = {"held": "good", "broken": "error", "noted": "info", "not seen": "warning", "strong": "heading"}
"""How the outcomes are painted (`analyzer.report.paint`)."""


def lines(document: Document, width: int, *, color: bool = False) -> Iterator[str]:
    """The story, line by line; tables and drawings may be wider than ``width``."""
    yield from Writer(max(width, NARROWEST), color=color).document(document)


class Writer:
    """Knows the width and whether to use colour."""

    def __init__(self, width: int, *, color: bool) -> None:
        """Write ``width`` columns."""
        self._width = width
        self._paint = painter(color)

    def document(self, document: Document) -> Iterator[str]:
        """The whole story."""
        yield self._paint([(visible(document.title), "heading")])
        yield from self._blocks(document.blocks)
        for section in document.sections:
            yield from self._section(section)

    def _section(self, section: Section) -> Iterator[str]:
        title = visible(section.title)
        yield ""
        yield self._paint([(title, "heading")])
        yield RULES[section.level] * len(title)
        yield from self._blocks(section.blocks)

    def _blocks(self, blocks: list[Block]) -> Iterator[str]:
        for block in blocks:
            yield ""
            match block:
                case Paragraph():
                    yield from self._wrapped(block.words, "", "")
                case Drawing():
                    yield from (f"    {visible(line)}".rstrip() for line in block.lines)
                case Points():
                    for item in block.items:
                        yield from self._wrapped(item, "- ", "  ")
                case Terms():
                    for term, meaning in block.items:
                        yield f"  {elide(term, LONGEST)}"
                        yield from self._wrapped(meaning, "      ", "      ")
                case Table():
                    yield from self._table(block)

    def _wrapped(self, words: Words, first: str, later: str) -> Iterator[str]:
        """The words in lines of the width."""
        text = "".join(_piece(piece, LONGEST) for piece in words)
        yield from textwrap.wrap(
            text,
            self._width,
            initial_indent=first,
            subsequent_indent=later,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [first.rstrip()]

    def _table(self, table: Table) -> Iterator[str]:
        head = [visible(title) for title in table.head]
        last = len(head) - 1
        short = [["".join(_piece(piece, CELL) for piece in words) for words in row] for row in table.rows]
        widths = [max(len(row[at]) for row in [head, *short]) for at in range(last)]
        room = max(self._width - sum(widths) - 2 * last - 2, CELL // 2)
        for row, given in zip([head, *short], [None, *table.rows], strict=True):
            parts = textwrap.wrap(row[last], room, break_on_hyphens=False) or [""]
            for number, part in enumerate(parts):
                spans = [("  ", "")]
                for at, width in enumerate(widths):
                    cell = row[at] if number == 0 else ""
                    role = "dim" if given is None else _role(given[at])
                    spans.append((cell.rjust(width) if at in table.right else cell.ljust(width), role))
                    spans.append(("  ", ""))
                aligned = (
                    part.rjust(max(map(len, (line[last] for line in [head, *short])))) if last in table.right else part
                )
                spans.append((aligned, "dim" if given is None else ""))
                yield self._paint(spans).rstrip()


def _piece(piece: Piece, longest: int) -> str:
    if piece.kind == "quote":
        return f'"{elide(piece.text, longest)}"'
    return elide(piece.text, longest) if piece.kind == "code" else visible(piece.text)


def _role(words: Words) -> str:
    return ROLES.get(words[0].kind, "") if words else ""
