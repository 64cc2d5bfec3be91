"""The masking keys of one direction, summed up: what the rules SEC-001 to SEC-006 look at.

`analyzer.rules.key_table` gathers them while the frames go by.
"""

from __future__ import annotations

import msgspec

from analyzer.model import Place
from analyzer.wire import frame

KEY_SIZE = frame.MASKING_KEY.sizeof()


class Mark(msgspec.Struct, frozen=True):
    """A frame that made something certain."""

    place: Place
    """Of its masking key."""
    frame: int
    offset: int
    """Stream offset of its first byte."""
    at: int
    """Of the key in the frame."""
    head: bytes
    """The frame's first bytes, as on the wire."""
    time_ns: int
    """When it came to be known."""


class MaskKeys(msgspec.Struct, frozen=True, kw_only=True):
    """One direction's masking keys, all that were read."""

    frames: int
    """Masked frames."""
    partial: bool
    """There were more, which were not read."""
    zeros: int
    """Keys that are 0."""
    constant: int | None
    """The only key, where there were at least three frames."""
    pattern: str
    """How each key follows from the one before, or from the time; empty: not known to."""
    repeats: int
    """Keys known to equal an earlier one."""
    log_repeats: float
    """Logarithm of the chance that uniform keys repeat as often."""
    little_twister: bool
    """Byte order, where they come from a Mersenne Twister."""
    restricted: str
    """What they all have in common; empty: nothing that uniform keys would not."""
    log_restricted: float
    marks: dict[str, Mark]
    """By the name of what is certain."""


class Ended(msgspec.Struct, frozen=True):
    """What is left of a direction: the first keys, and the summary where there is something to judge."""

    first: tuple[int, ...]
    frames: int
    from_start: bool
    """The first key is that of the direction's first frame."""
    mark: Mark
    """The last frame of the first four."""
    keys: MaskKeys | None = None
