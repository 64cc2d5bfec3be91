"""What a walkthrough is made of, whatever it is written as: sections of paragraphs, drawings, tables and lists.

Nothing in a document is escaped: that is the business of the modules that write it, each of which escapes every
text. A piece says what its text is: `code` and `quote` stand for what came from the wire, an outcome for how a rule
fared.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["held", "broken", "noted", "not seen"]
"""``noted``: something came of it that is no violation. ``not seen``: the capture cannot tell."""
Kind = Literal["", "code", "quote", "strong"] | Outcome


class Piece(msgspec.Struct, frozen=True):
    """A run of text of one kind."""

    text: str
    kind: Kind = ""


Words = list[Piece]


def code(text: object) -> Piece:
    """What stood on the wire."""
    return Piece(str(text), "code")


def quote(text: str) -> Piece:
    """What was said: a payload, a reason."""
    return Piece(text, "quote")


def strong(text: str) -> Piece:
    """What the reader should not miss."""
    return Piece(text, "strong")


def outcome(how: Outcome) -> Piece:
    """How a rule fared."""
    return Piece(how, how)


def words(*parts: str | Piece) -> Words:
    """Our own words and pieces, as pieces."""
    return [Piece(part) if isinstance(part, str) else part for part in parts if part != ""]


class Paragraph(msgspec.Struct, frozen=True):
    """Running text."""

    words: Words


class Drawing(msgspec.Struct, frozen=True):
    """Lines whose columns matter."""

    lines: list[str]


class Table(msgspec.Struct, frozen=True):
    """Rows under headings; columns in ``right`` hold numbers."""

    head: list[str]
    rows: list[list[Words]]
    right: frozenset[int] = frozenset()


class Terms(msgspec.Struct, frozen=True):
    """What stood on the wire, line by line, and below each what it is for."""

    items: list[tuple[str, Words]]


class Points(msgspec.Struct, frozen=True):
    """A list."""

    items: list[Words]


Block = Paragraph | Drawing | Table | Terms | Points


class Section(msgspec.Struct, frozen=True):
    """A stage of the story; ``level`` 1 is a stage, 2 a step of one."""

    title: str
    blocks: list[Block]
    level: int = 1


class Document(msgspec.Struct, frozen=True):
    """The whole story."""

    title: str
    blocks: list[Block]
    sections: list[Section]


def paragraph(*parts: str | Piece) -> Paragraph:
    """A paragraph of words and pieces."""
    return Paragraph(words(*parts))


def points(*items: Words) -> Points:
    """A list of what is to be said."""
    return Points(list(items))
