"""A walkthrough as one HTML page: nothing is loaded, nothing is run, every text is escaped.

The page forbids by its own Content-Security-Policy everything but its own style, so that even an escape gone wrong
could neither run nor fetch anything. It follows the reader's choice of dark or light, and prints.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape

from analyzer.report.escape import elide, visible
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

LONGEST = 400
"""Characters of what stood on the wire in one piece."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --page: #fff; --box: #f4f6f8; --line: #d0d7de;
  --good: #116329; --bad: #b3131d; --doubt: #7a4d00; --note: #0a4f9e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa4ae; --page: #14171a; --box: #1e2327;
  --line: #3a424a; --good: #5fd07d; --bad: #ff8a8a; --doubt: #e3b341; --note: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem 1.25rem 4rem; color: var(--ink); background: var(--page);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; padding-bottom: .2rem; border-bottom: 2px solid var(--line); }
h3 { margin-top: 2rem; font-size: 1.05rem; }
code, pre, dt { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
code { padding: .05em .3em; border-radius: .25em; background: var(--box); font-size: .92em; }
pre { padding: .8rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem;
  background: var(--box); font-size: .85rem; line-height: 1.3; }
dt { margin-top: .7rem; font-size: .92rem; } dd { margin: 0 0 0 1.5rem; color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; } caption { text-align: left; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; } .number { text-align: right; font-variant-numeric: tabular-nums; }
.held { color: var(--good); } .broken { color: var(--bad); font-weight: 700; } .noted { color: var(--note); }
.unseen { color: var(--doubt); } .held::before { content: "✓ "; } .broken::before { content: "✗ "; }
.unseen::before { content: "? "; }
nav ol { columns: 2; padding-left: 1.4rem; } a { color: inherit; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; background: none; } nav { display: none; }
  pre, tr, dt { break-inside: avoid; } pre { font-size: 7.5pt; } h2, h3 { break-after: avoid; } }
"""

POLICY = "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def lines(document: Document) -> Iterator[str]:
    """The page, line by line."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield '<head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY.format(digest=digest)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{_text(document.title)}</title>"
    yield f"<style>{STYLE}</style></head>"
    yield "<body><header>"
    yield f"<h1>{_text(document.title)}</h1></header>"
    yield "<main>"
    yield from _blocks(document.blocks)
    stages = [(number, section) for number, section in enumerate(document.sections) if section.level == 1]
    yield '<nav aria-label="Stages"><ol>'
    yield from (f'<li><a href="#s{number}">{_text(section.title)}</a></li>' for number, section in stages)
    yield "</ol></nav>"
    for number, section in enumerate(document.sections):
        yield from _section(number, section)
    yield "</main></body></html>"


def _section(number: int, section: Section) -> Iterator[str]:
    tag = f"h{section.level + 1}"
    yield f'<{tag} id="s{number}">{_text(section.title)}</{tag}>'
    yield from _blocks(section.blocks)


def _blocks(blocks: list[Block]) -> Iterator[str]:
    for block in blocks:
        match block:
            case Paragraph():
                yield f"<p>{_inline(block.words)}</p>"
            case Drawing():
                # can be reached with the keyboard, because it may have to be scrolled
                yield f'<pre tabindex="0">{chr(10).join(_text(line) for line in block.lines)}</pre>'
            case Points():
                yield "<ul>"
                yield from (f"<li>{_inline(item)}</li>" for item in block.items)
                yield "</ul>"
            case Terms():
                yield "<dl>"
                for term, meaning in block.items:
                    yield f"<dt>{escape(elide(term, LONGEST))}</dt><dd>{_inline(meaning)}</dd>"
                yield "</dl>"
            case Table():
                yield from _table(block)


def _table(table: Table) -> Iterator[str]:
    classes = [' class="number"' if at in table.right else "" for at in range(len(table.head))]
    yield '<div class="wide" tabindex="0"><table><thead><tr>'
    yield "".join(f'<th scope="col"{kind}>{_text(title)}</th>' for title, kind in zip(table.head, classes, strict=True))
    yield "</tr></thead><tbody>"
    for row in table.rows:
        cells = "".join(f"<td{kind}>{_inline(cell)}</td>" for cell, kind in zip(row, classes, strict=True))
        yield f"<tr>{cells}</tr>"
    yield "</tbody></table></div>"


def _inline(words: Words) -> str:
    return "".join(_piece(piece) for piece in words)


def _piece(piece: Piece) -> str:
    match piece.kind:
        case "code" | "quote":
            return f"<code>{escape(elide(piece.text, LONGEST))}</code>"
        case "strong":
            return f"<strong>{_text(piece.text)}</strong>"
        case "":
            return _text(piece.text)
    return f'<span class="{"unseen" if piece.kind == "not seen" else piece.kind}">{_text(piece.text)}</span>'


def _text(text: str) -> str:
    return escape(visible(text))
