"""The whole connection in one drawing: who sent what when, before any of it is explained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from analyzer.model import Direction, Frame, HeadRecord, Opcode, Severity
from analyzer.report.drawing import opcode_name
from analyzer.report.escape import elide
from analyzer.report.wording import seconds
from analyzer.walkthrough.columns import columns, cut
from analyzer.walkthrough.document import Block, Drawing, Section, paragraph
from analyzer.walkthrough.frame import is_control, payload, quoted
from analyzer.walkthrough.gather import DIRECTIONS, Gathered, shown
from analyzer.walkthrough.joined import join, key
from analyzer.walkthrough.segments import Traffic

WIDTH = 76
"""Columns of the drawing."""
ARROW = 4
"""Columns that an arrow has at least."""
FIRST, LAST = 18, 8
"""Events drawn of a long connection."""
QUOTED = 24
"""Characters quoted of a message."""


class Event(NamedTuple):
    """Something that one side sent."""

    time_ns: int
    packet: int
    direction: Direction
    said: str


def section(gathered: Gathered, traffic: Traffic, start_ns: int) -> Section:
    """The stage."""
    events = sorted(_events(gathered, traffic), key=lambda event: (event.time_ns, event.packet))
    skipped = max(0, len(events) - FIRST - LAST)
    drawn = events if not skipped else [*events[:FIRST], *events[-LAST:]]
    blocks: list[Block] = [
        paragraph(
            "What each side sent. Sizes are header + payload in bytes; packets that only acknowledge are left out.",
        )
    ]
    if drawn:
        lines = _drawing(drawn, start_ns)
        if skipped:
            lines.insert(1 + FIRST, f"... {skipped + gathered.folded} more ...")
        blocks.append(Drawing(lines))
    return Section("The connection at a glance", blocks)


def _drawing(events: list[Event], start_ns: int) -> list[str]:
    packets = [str(event.packet) for event in events]
    times = [("-" if event.time_ns < start_ns else "") + seconds(abs(event.time_ns - start_ns)) for event in events]
    wide, late = max(len("packet"), *map(len, packets)), max(len("seconds"), *map(len, times))
    room = WIDTH - wide - late - 4
    lines = [f"{'packet':>{wide}}  {'seconds':>{late}}  client{'server':>{room - len('client')}}"]
    for event, packet, time in zip(events, packets, times, strict=True):
        said = _short(event.said, room - ARROW)
        dashes = "-" * (room - columns(said) - 2)
        arrow = f"{said} {dashes}>" if event.direction == "client" else f"<{dashes} {said}"
        lines.append(f"{packet:>{wide}}  {time:>{late}}  {arrow}")
    return lines


def _short(text: str, width: int) -> str:
    """``text`` made visible, and its beginning where it takes more than ``width`` columns."""
    text = elide(text, width)
    return text if columns(text) <= width else f"{text[: cut(text, width - 3)]}..."


def _events(gathered: Gathered, traffic: Traffic) -> Iterator[Event]:
    for name, spot in (("SYN", traffic.syn), ("SYN-ACK", traffic.syn_ack), ("ACK", traffic.ack)):
        if spot is not None:
            yield Event(spot.time_ns, spot.packet, spot.direction, name)
    for opening in gathered.openings:
        for direction, head in zip(DIRECTIONS, (opening.request, opening.response), strict=True):
            if head is not None:
                yield _head(direction, head)
    broken = {
        (finding.direction, finding.frame): f"{finding.rule} "
        for finding in reversed(gathered.findings)
        if finding.frame is not None and finding.severity is not Severity.INFO
    }
    for frame, said in _told(gathered):
        marked = broken.get((frame.direction, frame.index), "")
        yield Event(frame.time_ns, frame.packet, frame.direction, f"{'! ' if marked else ''}{marked}{said}")
    for kind, spot in traffic.ends:
        yield Event(spot.time_ns, spot.packet, spot.direction, kind)


def _head(direction: Direction, head: HeadRecord) -> Event:
    size = head.end_offset - head.stream_offset
    return Event(head.time_ns, head.packet, direction, f"{elide(head.line, 2 * QUOTED)} ({size})")


def _told(gathered: Gathered) -> Iterator[tuple[Frame, str]]:
    messages = join(gathered).messages
    for frame in (*gathered.first, *gathered.last):
        name = opcode_name(frame.opcode)
        if frame.opcode == Opcode.CLOSE:
            name += " without a code" if frame.close_code is None else f" {frame.close_code}"
        elif is_control(frame):
            content = payload(frame, redacted=gathered.redacted)
            name += f' "{elide(quoted(content), QUOTED)}"' if content else ""
        else:
            name += (", compressed" if frame.rsv1 else "") + ("" if frame.fin else ", to be continued")
            message = messages.get(key(frame))
            says = shown(message.told) if message is not None and message.told is not None else ""
            name += f' "{elide(says, QUOTED)}"' if says else ""
        yield frame, f"{name} ({frame.header_length}+{frame.payload_length})"
