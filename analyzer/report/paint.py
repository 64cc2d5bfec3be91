"""Lines as spans of text with a role, and the one place that gives roles a colour.

A report is built from ``(text, role)`` spans, already escaped. Whether it goes to a terminal in colour or to
a file is decided once, when the painter is made; the text is the same either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Span = tuple[str, str]
"""Text and its role: a key of `ROLES`, or empty."""
Line = list[Span]

ROLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "info": "cyan",
    "good": "bold green",
    "heading": "bold",
    "mark": "bold red",
    "dim": "dim",
}


def painter(color: bool) -> Callable[[Iterable[Span]], str]:
    """A function that joins spans to a line, with colour or without."""
    if not color:
        return lambda spans: "".join(text for text, _ in spans).rstrip()
    from rich.color import ColorSystem
    from rich.style import Style

    styles = {role: Style.parse(style) for role, style in ROLES.items()}

    def paint(spans: Iterable[Span]) -> str:
        return "".join(
            styles[role].render(text, color_system=ColorSystem.STANDARD) if role else text for text, role in spans
        )

    return paint


def table(rows: list[list[str]], right: frozenset[int] = frozenset(), gap: int = 2) -> list[str]:
    """Rows of cells (escaped already) as lines with aligned columns; columns in ``right`` to the right."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        (" " * gap)
        .join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        .rstrip()
        for row in rows
    ]
