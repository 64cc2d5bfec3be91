"""Text in a terminal's columns: how wide it is, and wrapped to a width.

A character takes one column; those of East Asia take two (Unicode Annex 11), and an accent that joins the character
before it takes none. What is measured here is already visible (`analyzer.report.escape`): nothing in it moves the
cursor.
"""

from __future__ import annotations

import re
from unicodedata import combining, east_asian_width

GLUE = "\x00"
"""Stands for a space at which no line may end; what is visible holds none."""
TOGETHER = re.compile(
    r"(?<=\bRFC) (?=\d)|(?<=\bRFC \d{4}) (?=\d)|(?<=\d) (?=(?:µs|ms|s|bytes?)\b|%)|(?<=\bpacket) (?=\d)"
)
"""Spaces within what is read as one: a section of an RFC, a number and its unit."""


def columns(text: str) -> int:
    """Columns that ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def cut(text: str, width: int) -> int:
    """How many characters of ``text`` fit into ``width`` columns; at least one."""
    if text.isascii():
        return max(1, min(width, len(text)))
    taken = 0
    for at, char in enumerate(text):
        taken += columns(char)
        if taken > width:
            return max(1, at)
    return len(text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """``text`` with spaces up to ``width`` columns, on its right or, for ``right``, on its left."""
    room = " " * max(0, width - columns(text))
    return room + text if right else text + room


def wrap(text: str, width: int, first: str = "", later: str = "") -> list[str]:
    """``text`` in lines of at most ``width`` columns; the first begins with ``first``, the others with ``later``."""
    lines: list[str] = []
    line, room, empty = first, width - len(first), True
    for word in TOGETHER.sub(GLUE, text).split(" "):
        size = columns(word)
        if not empty and size + 1 > room:
            lines.append(line)
            line, room, empty = later, width - len(later), True
        if not empty:
            line, room = line + " ", room - 1
        while size > room:
            at = cut(word, room)
            lines.append(line + word[:at])
            word, line, room = word[at:], later, width - len(later)
            size = columns(word)
        line, room, empty = line + word, room - size, False
    return [each.replace(GLUE, " ").rstrip() for each in [*lines, line]]
