"""A document in which every text is what a stranger may have sent."""

from __future__ import annotations

from analyzer.walkthrough.document import (
    Block,
    Document,
    Drawing,
    Points,
    Section,
    Table,
    Terms,
    code,
    outcome,
    paragraph,
    quote,
    strong,
    words,
)

HOSTILE = (
    "</pre><script>alert(1)</script>\x1b[2J\x1b]0;title\x07\r\n\u202e& ' \" `tick` [link](http://x.example) @somebody |"
    " ![i](http://x.example/i.png) <!-- --> ```"
)


def document() -> Document:
    """Every kind of block with it."""
    everything = words(code(HOSTILE), HOSTILE, quote(HOSTILE), strong(HOSTILE), outcome("broken"))
    blocks: list[Block] = [
        paragraph(*everything),
        Drawing([HOSTILE, "", HOSTILE]),
        Table(["a", HOSTILE], [[everything, everything]], frozenset({0})),
        Terms([(HOSTILE, everything)]),
        Points([everything]),
    ]
    return Document(HOSTILE, blocks, [Section(HOSTILE, blocks), Section(HOSTILE, blocks, 2)])
