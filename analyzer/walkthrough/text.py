"""A walkthrough as plain text for a terminal: no line is wider than the terminal, and nothing in it can act on one
(`analyzer.report.escape`).

Paragraphs are wrapped, and so are the cells of a table: where a table is too wide its widest columns give way first.
A drawing stays as it is; of one that is too wide each line goes on below.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.report.escape import elide, visible
from analyzer.report.paint import painter
from analyzer.walkthrough.columns import columns, cut, padded, wrap
from analyzer.walkthrough.document import (
    Block,
    Document,
    Drawing,
    Paragraph,
    Piece,
    Points,
    Table,
    Terms,
    Words,
)

USUAL = 80
"""Columns where nothing says how many there are."""
NARROWEST, WIDEST = 76, 100
"""Columns taken at least, for the drawing of a frame, and at most: longer lines are hard to read."""
LONGEST = 400
"""Characters of what stood on the wire in one piece: a field may have 64 KiB."""
NARROW, WIDE = 10, 20
"""Columns that any cell keeps, if it has as many, and that one of numbers keeps."""
RULES = {1: "=", 2: "-"}
"""What stands under the title of a section."""
ROLES = {"held": "good", "broken": "error", "noted": "info", "not seen": "warning", "strong": "heading"}
"""How the outcomes are painted (`analyzer.report.paint`)."""
INDENT = "    "
"""Before a drawing."""
GAP = "  "
"""Between the columns of a table, and before the first."""


def lines(document: Document, width: int, *, color: bool = False) -> Iterator[str]:
    """The story, line by line, for a terminal of ``width`` columns."""
    yield from Writer(min(max(width, NARROWEST), WIDEST), color=color).document(document)


class Writer:
    """Knows the width and whether to use colour."""

    def __init__(self, width: int, *, color: bool) -> None:
        """Write ``width`` columns."""
        self._width = width
        self._paint = painter(color)

    def document(self, document: Document) -> Iterator[str]:
        """The whole story."""
        yield from self._title(document.title)
        yield from self._blocks(document.blocks)
        for section in document.sections:
            yield ""
            titles = list(self._title(section.title))
            yield from titles
            yield RULES[section.level] * min(self._width, columns(visible(section.title)))
            yield from self._blocks(section.blocks)

    def _title(self, title: str) -> Iterator[str]:
        yield from (self._paint([(line, "heading")]) for line in wrap(visible(title), self._width))

    def _blocks(self, blocks: list[Block]) -> Iterator[str]:
        for block in blocks:
            yield ""
            match block:
                case Paragraph():
                    yield from wrap(_plain(block.words), self._width)
                case Drawing():
                    for line in block.lines:
                        yield from self._drawn(visible(line).rstrip())
                case Points():
                    for item in block.items:
                        yield from wrap(_plain(item), self._width, "- ", "  ")
                case Terms():
                    for term, meaning in block.items:
                        yield from wrap(elide(term, LONGEST), self._width, GAP, 2 * GAP)
                        yield from wrap(_plain(meaning), self._width, 3 * GAP, 3 * GAP)
                case Table():
                    yield from self._table(block)

    def _drawn(self, line: str) -> Iterator[str]:
        room = self._width - len(INDENT)
        while columns(line) > room:
            at = cut(line, room)
            yield INDENT + line[:at]
            line = line[at:]
        yield (INDENT + line).rstrip()

    def _table(self, table: Table) -> Iterator[str]:
        cells = [[visible(title) for title in table.head]]
        cells += [[_plain(words) for words in row] for row in table.rows]
        widths = _fitting(cells, table.right, self._width - len(GAP) * len(table.head))
        for number, row in enumerate(cells):
            wrapped = [wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
            for line in range(max(map(len, wrapped))):
                spans: list[tuple[str, str]] = []
                for at, parts in enumerate(wrapped):
                    part = parts[line] if line < len(parts) else ""
                    role = _role(table.rows[number - 1][at]) if number else "dim"
                    spans += [(GAP, ""), (padded(part, widths[at], right=at in table.right), role)]
                yield self._paint(spans).rstrip()


def _fitting(cells: list[list[str]], right: frozenset[int], room: int) -> list[int]:
    """The width of each column: what its widest cell takes, or less where all of them do not fit into ``room``."""
    every = [[row[at] for row in cells] for at in range(len(cells[0]))]
    widths = [max(map(columns, column)) for column in every]
    least = []
    for at, column in enumerate(every):
        title = max(map(columns, column[0].split()), default=1)
        kept = max(map(columns, column[1:]), default=0) if at in right else 0
        least.append(min(widths[at], max(title, NARROW, kept), WIDE))
    while sum(widths) > room and widths != least:
        widest = max(range(len(widths)), key=lambda at: (widths[at] > least[at], widths[at]))
        widths[widest] -= 1
    return widths


def _plain(words: Words) -> str:
    return "".join(_piece(piece) for piece in words)


def _piece(piece: Piece) -> str:
    if piece.kind == "quote":
        return f'"{elide(piece.text, LONGEST)}"'
    return elide(piece.text, LONGEST) if piece.kind == "code" else visible(piece.text)


def _role(words: Words) -> str:
    return ROLES.get(words[0].kind, "") if words else ""
