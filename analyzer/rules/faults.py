"""What a rule's function answers: which rows (of columns) or what (of a single subject) breaks the rule.

Rules over columns return `Hits`; rules over a single subject yield `Fault`s. The engine turns both into
findings, adding what the registry and the subject know.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from analyzer.model import Cause, Direction, Place, Severity

BLANK = b"*"
"""Stands for each byte of a secret."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a single subject."""

    expected: str
    """What a correct peer would have sent."""
    found: str
    side: Direction | None = None
    """Whose bytes; None: the rule's role says it."""
    offset: int | None = None
    """Stream offset of the offending byte or field; None: the start of the head."""
    length: int = 1
    """Offending bytes, for the drawing."""
    place: Place | None = None
    """Where it was captured; None: the subject knows from the offset."""
    count: int = 1
    """How often it happened, where it is told once."""
    header: str | None = None
    """Field name as sent, where a field is at fault."""
    severity: Severity | None = None
    """Instead of the rule's own, where the catalogue's caveat says so."""
    text: str | None = None
    """Instead of the rule's title."""
    frame: int | None = None
    """Index of the frame at ``offset``, where the subject is more than a frame."""
    cause: Cause | None = None
    """What was left unanswered, where the fault is something that was not done: it has no offset (policy P10)."""
    secrets: tuple[tuple[int, int], ...] = ()
    """Stream offset and length of what the evidence must not show: its bytes stand there as `BLANK`."""


def several(count: int, noun: str, rest: str = "") -> str:
    """``count`` and the noun, in the plural where it takes one, and what is said of them."""
    return f"{count} {noun}{'' if count == 1 else 's'}{' ' + rest if rest else ''}"


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that break a rule. Callables get the row's index and are called for hits only."""

    rows: NDArray[np.bool_]
    expected: str | Callable[[int], str]
    found: str | Callable[[int], str]
    at: int | Callable[[int], int] = 0
    """Offending byte, counted from the frame's first."""
    length: int = 1
    severity: Callable[[int], Severity | None] | None = None
    """Instead of the rule's own, where the catalogue's caveat says so."""
    text: Callable[[int], str | None] | None = None
