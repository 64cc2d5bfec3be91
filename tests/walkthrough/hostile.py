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


def document(hostile: str = HOSTILE) -> Document:
    """Every kind of block with it."""
    everything = words(code(hostile), hostile, quote(hostile), strong(hostile), outcome("broken"))
    blocks: list[Block] = [
        paragraph(*everything),
        Drawing([hostile, "", hostile]),
        Table(["a", hostile], [[everything, everything]], frozenset({0})),
        Terms([(hostile, everything)]),
        Points([everything]),
    ]
    return Document(hostile, blocks, [Section(hostile, blocks), Section(hostile, blocks, 2)])
