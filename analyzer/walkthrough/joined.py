"""Frames joined to messages (RFC 6455 5.4), among the frames of a connection that were kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from analyzer.model import Direction, Frame, Opcode
from analyzer.walkthrough.gather import DIRECTIONS, Gathered, Told, carried
from analyzer.wire.frame import CONTROL_BIT

Key = tuple[Direction, int]
"""Direction and index: what names a frame of a connection."""


class Message(NamedTuple):
    """The frames of a message, and what is known of it."""

    frames: list[Frame]
    told: Told | None


class Joined(NamedTuple):
    """The messages by the frame that ends them, and the frames of compressed ones."""

    messages: dict[Key, Message]
    compressed: frozenset[Key]


def key(frame: Frame) -> Key:
    """What names the frame."""
    return frame.direction, frame.index


def join(gathered: Gathered) -> Joined:
    """All there are. A message that goes on where frames were left out has no end here."""
    known = gathered.messages()
    messages: dict[Key, Message] = {}
    compressed: set[Key] = set()
    for frames in (gathered.first, gathered.last):
        begun: dict[Direction, list[Frame]] = {side: [] for side in DIRECTIONS}
        if not gathered.folded:
            begun = _open(gathered.first) if frames is gathered.last else begun
        for frame in frames:
            if frame.opcode >= CONTROL_BIT:
                continue
            if frame.opcode != Opcode.CONTINUATION:
                begun[frame.direction] = []
            group = begun[frame.direction]
            if frame.opcode == Opcode.CONTINUATION and not group:
                continue
            group.append(frame)
            if group[0].rsv1:
                compressed.add(key(frame))
            if frame.fin:
                waiting = known.get(carried(group))
                messages[key(frame)] = Message(group, waiting.popleft() if waiting else None)
                begun[frame.direction] = []
    return Joined(messages, frozenset(compressed))


def _open(frames: Iterable[Frame]) -> dict[Direction, list[Frame]]:
    """The fragments of each side whose message the frames do not end."""
    begun: dict[Direction, list[Frame]] = {side: [] for side in DIRECTIONS}
    for frame in frames:
        if frame.opcode >= CONTROL_BIT:
            continue
        if frame.opcode != Opcode.CONTINUATION:
            begun[frame.direction] = []
        begun[frame.direction] = [] if frame.fin else [*begun[frame.direction], frame]
    return begun
