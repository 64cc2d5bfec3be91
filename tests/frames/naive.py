"""A small, slow model of one direction: the schema reads each frame, and plain code keeps the state of RFC 6455 5.4.

It reads the bytes as one string, so it knows nothing of chunks, tables or places.
"""

from __future__ import annotations

from construct import StreamError

from analyzer.frames.decode import FRAME_COLUMNS
from analyzer.model import Cut
from analyzer.wire import frame

STATE = ("open", "m_index", "m_bytes", "m_frames", "m_opcode", "closed")
COMPARED = ("index", "offset", "byte0", "byte1", "header", "length", "key", "present", "cut", *STATE)
assert set(COMPARED) <= set(FRAME_COLUMNS)


def frames(data: bytes, cut: Cut) -> list[dict[str, int]]:
    """The rows that ``data`` gives if ``cut`` ends it."""
    rows: list[dict[str, int]] = []
    state = dict.fromkeys(STATE, 0)
    offset = 0
    while offset < len(data):
        rest = data[offset:]
        row = {"index": len(rows), "offset": offset, "byte0": rest[0], "byte1": -1} | state
        try:
            header = frame.HEADER.parse(rest)
        except StreamError:
            row |= {"byte1": rest[1] if len(rest) > 1 else -1, "header": len(rest), "cut": cut}
            return [*rows, row | {"length": 0, "key": 0, "present": 0}]
        size = len(frame.HEADER.build(header))
        length = frame.announced(header)
        row |= {"byte1": rest[1], "header": size, "length": length if length < 1 << 63 else length - (1 << 64)}
        row["key"] = int.from_bytes(header.masking_key or b"", "big")
        if length >= 1 << 63:
            return [*rows, row | {"present": 0, "cut": Cut.LENGTH}]
        row["present"] = min(length, len(rest) - size)
        if row["present"] < length:
            return [*rows, row | {"cut": cut}]
        parsed = frame.FRAME.parse(rest)
        assert len(parsed.payload) == length
        rows.append(row | {"cut": Cut.WHOLE})
        _after(state, parsed.header.first, length)
        offset += size + length
    return rows


def _after(state: dict[str, int], first: object, length: int) -> None:
    """RFC 6455 5.4, and policy P3 where it was broken."""
    opcode, fin = first.opcode, first.fin  # type: ignore[attr-defined]
    if opcode in (1, 2):
        if state["open"]:
            state["m_index"] += 1
        state |= {"open": 1, "m_opcode": opcode, "m_bytes": length, "m_frames": 1}
    elif opcode == 0 and state["open"]:
        state["m_bytes"] += length
        state["m_frames"] += 1
    elif opcode == 8:
        state["closed"] = 1
    if opcode < 3 and fin and state["open"]:
        state["open"] = 0
        state["m_index"] += 1
