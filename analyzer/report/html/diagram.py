"""The sequence diagram of one connection: what happened, in order of time, and how far apart it is drawn.

Rows run down the page, one for each head, frame and stray finding. A row stands a fixed step below the last, and
further the longer nothing happened (by the logarithm, or a night's silence would push everything else off the page).
Frames beyond the limits are no rows of their own: those of one span of time share one, with their exact numbers. The
same kind of spans, over all frames, makes the strip above the diagram, whose axis is linear.

A side's frames that are shown are always its first ones, so it is known of each finding whether its frame is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import log10
from typing import Any, NamedTuple

import msgspec

from analyzer.model import Connection, Finding, Frame, Handshake, HeadRecord, Message, Opcode
from analyzer.report.escape import elide
from analyzer.report.html.bytes import FIXED, begun_text, kept_bytes, payload_text, starts_text
from analyzer.report.html.figures import Figures
from analyzer.report.jsonl import encode
from analyzer.report.wording import ended

ROW = 26
"""Height of a row, in pixels."""
QUIET = 1_000_000
"""Nanoseconds without anything, from which on rows stand further apart."""
DECADE = 9
"""Pixels for each factor of ten beyond."""
FURTHEST = 72

SPANS = 120
"""Spans of time that frames are counted in, at most; they double when there would be more."""
FIRST_SPAN = 1_000_000
"""Nanoseconds of a span to begin with."""

LONGEST = 400
"""Characters shown of a field's value, a close reason, a payload."""
HEAD_FIELDS = 60
"""Fields shown of a request or response."""
HANDSHAKES = 16
"""Openings shown of one connection."""

GAPS = frozenset({"ST-002"})
"""Rules that say that bytes are missing: their findings are drawn as gaps."""
HEADS = {"client": "request", "server": "response"}
"""What a head is called, by who sends it."""


class Counted:
    """Frames in spans of time since the first, a bounded number of them."""

    __slots__ = ("rows", "span", "start")

    def __init__(self) -> None:
        """Nothing counted."""
        self.start: int | None = None
        self.span = FIRST_SPAN
        self.rows: list[list[int]] = []
        """By span: frames of the client, of the server, their bytes each."""

    def add(self, frame: Frame) -> None:
        """Count a frame; one from before the first counts as of the first span."""
        if self.start is None:
            self.start = frame.time_ns
        at = max(frame.time_ns - self.start, 0) // self.span
        while at >= SPANS:
            pairs = zip(self.rows[::2], [*self.rows[1::2], [0] * 4], strict=False)
            self.rows = [[a + b for a, b in zip(one, two, strict=True)] for one, two in pairs]
            self.span *= 2
            at //= 2
        while len(self.rows) <= at:
            self.rows.append([0] * 4)
        side = 0 if frame.direction == "client" else 1
        self.rows[at][side] += 1
        self.rows[at][2 + side] += frame.header_length + frame.payload_length


class Row(NamedTuple):
    """One row, and when it was."""

    time_ns: int
    json: bytes


class Diagram:
    """What is kept of one connection."""

    __slots__ = (
        "_heads",
        "_in_text",
        "_last",
        "_origin",
        "_rows",
        "counted",
        "figures",
        "frames",
        "inflated",
        "layouts",
        "rest",
        "without_bytes",
    )

    def __init__(self) -> None:
        """Nothing happened yet."""
        self._rows: list[Row] = []
        self._in_text = {"client": False, "server": False}
        """Whether a continuation of that side is of a text message that is not compressed."""
        self._origin: int | None = None
        self._heads: set[tuple[str, int | None]] = set()
        self._last = {"client": -1, "server": -1}
        self.figures = Figures()
        self.counted = Counted()
        """All frames."""
        self.rest = Counted()
        """Those that are no rows of their own."""
        self.frames = 0
        """Frames that are."""
        self.layouts: set[bytes] = set()
        """First two bytes of the frames shown."""
        self.inflated: dict[str, dict[int, dict[str, Any]]] = {"client": {}, "server": {}}
        """What compressed messages inflate to, by side and first frame."""
        self.without_bytes = False

    def handshake(self, handshake: Handshake) -> None:
        """Two rows: the request and the response."""
        if len(self._heads) >= 2 * HANDSHAKES:
            return
        for kind, head in zip(HEADS.values(), (handshake.request, handshake.response), strict=True):
            if head is not None:
                self._heads.add((kind, head.stream_offset))
                self._rows.append(self._row(head.time_ns, _head(kind, head)))

    def frame(self, frame: Frame, *, room: bool) -> bool:
        """Take a frame; whether it became a row. ``room``: it may."""
        self.figures.frame(frame)
        self.counted.add(frame)
        if not room or self.rest.start is not None:
            self.rest.add(frame)
            return False
        data = kept_bytes(frame)
        if data is None:
            self.without_bytes = True
        elif data:
            self.layouts.add(data[:FIXED])
        self._last[frame.direction] = max(frame.index, self._last[frame.direction])
        if Opcode.CONTINUATION < frame.opcode < Opcode.CLOSE:
            self._in_text[frame.direction] = starts_text(frame)
        self.frames += 1
        self._rows.append(self._row(frame.time_ns, _frame(frame, data, in_text=self._in_text[frame.direction])))
        return True

    def message(self, message: Message) -> None:
        """Take a message, whose frames have come before it."""
        first = self.figures.message(message)
        if first is None or isinstance(message.inflated, msgspec.UnsetType):
            return
        if first.index > self._last[first.direction]:
            return  # it has no row
        made: dict[str, Any] = {"bytes": message.inflated, "size": message.length, "frames": message.frames}
        if message.opcode == Opcode.TEXT:
            made["text"] = elide(begun_text(bytes.fromhex(message.inflated), message.length or 0), LONGEST)
        self.inflated[first.direction][first.index] = made

    def shows(self, finding: Finding) -> bool:
        """Whether the finding's frame, or its request or response, has a row."""
        if finding.direction is None:
            return False
        if finding.frame is not None:
            return finding.frame <= self._last[finding.direction]
        return (HEADS[finding.direction], finding.stream_offset) in self._heads

    def laid_out(self, findings: list[tuple[int, Finding]], connection: Connection | None) -> bytes:
        """The diagram as JSON. ``findings``: those of this connection, with their numbers on the page."""
        rows = [*self._rows, *self._many()]
        for number, finding in findings:
            if finding.time_ns is not None and not self.shows(finding):
                rows.append(self._row(finding.time_ns, self._stray(number, finding)))
        if connection is not None:
            rows.append(self._row(connection.end_ns, {"kind": "end", "text": elide(ended(connection), LONGEST)}))
        rows.sort(key=lambda row: row.time_ns)
        origin = self._origin or 0
        start = origin if connection is None else min(connection.start_ns, origin)
        strip = {
            "start": 0 if self.counted.start is None else self.counted.start - origin,
            "span": self.counted.span,
            "frames": [row[:2] for row in self.counted.rows],
        }
        about = {
            "since": origin - start,
            "strip": strip,
            "inflated": self.inflated,
            "y": places([row.time_ns for row in rows]),
        }
        return encode(about)[:-1] + b',"rows":[' + b",".join(row.json for row in rows) + b"]}"

    @staticmethod
    def _stray(number: int, finding: Finding) -> dict[str, Any]:
        gap = {"gap": True} if finding.rule in GAPS else {}
        return {"kind": "finding", "finding": number, **gap}

    def _many(self) -> Iterator[Row]:
        start, span = self.rest.start or 0, self.rest.span
        for at, counts in enumerate(self.rest.rows):
            if any(counts):
                many = {"kind": "many", "span": span, "frames": counts[:2], "bytes": counts[2:]}
                yield self._row(start + at * span, many)

    def _row(self, time_ns: int, facts: dict[str, Any]) -> Row:
        """``t``: nanoseconds since the first row, which a number of JavaScript holds exactly."""
        if self._origin is None:
            self._origin = time_ns
        return Row(time_ns, encode({**facts, "t": time_ns - self._origin}))


def places(times: list[int]) -> list[int]:
    """How far down each row stands, and at the end the height of all."""
    down = [0]
    for before, after in pairwise(times):
        down.append(down[-1] + step(after - before))
    if times:
        down.append(down[-1] + ROW)
    return down


def step(quiet_ns: int) -> int:
    """Pixels from one row to the next, ``quiet_ns`` later."""
    if quiet_ns <= QUIET:
        return ROW
    return min(ROW + round(DECADE * log10(quiet_ns / QUIET)), FURTHEST)


def _head(kind: str, head: HeadRecord) -> dict[str, Any]:
    fields = [f"{name}: {value}" for name, value in head.headers[:HEAD_FIELDS]]
    return {
        "kind": kind,
        "lines": [elide(line, LONGEST) for line in (head.line, *fields)],
        "more": max(len(head.headers) - HEAD_FIELDS, 0),
        "packet": head.packet,
        "offset": head.stream_offset,
        "size": head.end_offset - head.stream_offset,
    }


def _frame(frame: Frame, data: bytes | None, *, in_text: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": "frame",
        "side": frame.direction,
        "index": frame.index,
        "opcode": frame.opcode,
        "fin": frame.fin,
        "length": frame.payload_length,
        "header": frame.header_length,
        "packet": frame.packet,
        "offset": frame.stream_offset,
    }
    if data is not None:
        row["bytes"] = data.hex()
        text = payload_text(frame, continues_text=in_text)
        if text is not None:
            row["text"] = elide(text, LONGEST)
    if frame.masking_key is not None:
        row["key"] = frame.masking_key
    if frame.rsv1 or frame.rsv2 or frame.rsv3:
        row["rsv"] = [frame.rsv1, frame.rsv2, frame.rsv3]
    if not frame.complete:
        row["cut"] = True
    if frame.last_packet != frame.packet:
        row["last"] = frame.last_packet
    if frame.close_code is not None:
        row["code"] = frame.close_code
    return row
