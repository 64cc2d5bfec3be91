"""A walkthrough as Markdown, for a README, a wiki or an issue.

What came from the wire stands in ``<code>`` elements and ``<pre>`` blocks, every active character as an entity; our
own words are escaped where Markdown would read something into them (`analyzer.report.markdown`).
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.report.escape import visible
from analyzer.report.markdown import code, entities, plain
from analyzer.walkthrough.document import Block, Document, Drawing, Paragraph, Piece, Points, Table, Terms, Words

MARKS = {"held": "✓ held", "broken": "✗ **broken**", "noted": "noted", "not seen": "? not seen"}
"""How the outcomes are written."""


def lines(document: Document) -> Iterator[str]:
    """The story, line by line."""
    yield f"# {plain(document.title)}"
    yield from _blocks(document.blocks)
    for section in document.sections:
        yield ""
        yield f"{'#' * (section.level + 1)} {plain(section.title)}"
        yield from _blocks(section.blocks)


def _blocks(blocks: list[Block]) -> Iterator[str]:
    for block in blocks:
        yield ""
        match block:
            case Paragraph():
                yield _inline(block.words)
            case Drawing():
                yield "<pre>"
                # a line with nothing in it would end the block for some readers
                yield from (entities(line) or " " for line in block.lines)
                yield "</pre>"
            case Points():
                yield from (f"- {_inline(item)}" for item in block.items)
            case Terms():
                for term, meaning in block.items:
                    yield f"- {code(term)}<br>{_inline(meaning)}"
            case Table():
                yield _row(plain(title) for title in block.head)
                yield _row("--:" if at in block.right else "---" for at in range(len(block.head)))
                for row in block.rows:
                    yield _row(_inline(cell) for cell in row)


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _inline(words: Words) -> str:
    return "".join(_piece(piece) for piece in words)


def _piece(piece: Piece) -> str:
    match piece.kind:
        case "code" | "quote":
            return code(piece.text)
        case "strong":
            return f"**{plain(piece.text)}**"
        case "":
            return plain(piece.text)
    return MARKS[piece.kind] if piece.kind == piece.text else plain(visible(piece.text))
