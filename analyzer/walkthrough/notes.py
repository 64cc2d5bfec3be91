"""What is worth noticing even to those who know the protocol: where the time and the bytes went."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Handshake
from analyzer.report.verdict import plural
from analyzer.walkthrough.document import Words, code, words
from analyzer.walkthrough.gather import DIRECTIONS, Gathered
from analyzer.walkthrough.moments import OTHER, duration
from analyzer.walkthrough.opening import values
from analyzer.walkthrough.segments import Traffic
from analyzer.wire.frame import CONTROL_BIT

MUCH, TIMES = 2, 5
"""How many times longer the opening has to take than a round trip, and than an answer to a message, to be told."""


def notable(gathered: Gathered, traffic: Traffic) -> Iterator[Words]:
    """A sentence or two on each."""
    opening = gathered.openings[-1] if gathered.openings else None
    if opening is not None:
        yield from _opening(opening, traffic)
        yield from _declined(opening, gathered)
    yield from _answers(opening, gathered)
    yield from _bytes(gathered, traffic)
    yield from _packets(opening, gathered, traffic)


def _opening(opening: Handshake, traffic: Traffic) -> Iterator[Words]:
    if opening.request is None or opening.response is None:
        return
    took = opening.response.time_ns - opening.request.time_ns
    if traffic.syn is not None and traffic.ack is not None:
        trip = traffic.ack.time_ns - traffic.syn.time_ns
        if took > MUCH * trip >= 0:
            yield words(
                f"The server thought about the opening: its answer took {duration(took)}, a round trip of TCP"
                f" {duration(trip)}. The rest is its own time, not the network's."
            )
    if traffic.first is not None and traffic.last is not None and traffic.last.time_ns > traffic.first.time_ns:
        whole = traffic.last.time_ns - traffic.first.time_ns
        before = opening.response.time_ns - traffic.first.time_ns
        yield words(
            f"Of {duration(whole)} from the first packet to the last, {duration(before)}"
            f" ({100 * before / whole:.0f} %) had passed when the answer to the opening came."
        )


def _declined(opening: Handshake, gathered: Gathered) -> Iterator[Words]:
    offered = values(opening.request, "sec-websocket-extensions")
    length = sum(side.length for side in gathered.sides.values())
    if opening.accepted and any("permessage-deflate" in value for value in offered) and not opening.extensions:
        yield words(
            "The client offered ", code("permessage-deflate"), " and the server did not take it: the"
            f" {plural(length, 'byte')} of messages went as they are. The offer cost more than"
            f" {sum(len(value) for value in offered)} bytes of the request.",
        )  # fmt: skip


def _answers(opening: Handshake | None, gathered: Gathered) -> Iterator[Words]:
    frames = gathered.first
    if not frames:
        return
    first = frames[0]
    if opening is not None and opening.response is not None:
        yield words(
            f"The first frame came from the {first.direction},"
            f" {duration(first.time_ns - opening.response.time_ns)} after the 101."
        )
    asked = next((frame for frame in frames if frame.direction == "client" and frame.opcode < CONTROL_BIT), None)
    if asked is None:
        return
    later = (frame for frame in frames if frame.direction == OTHER["client"] and frame.opcode < CONTROL_BIT)
    answer = next((frame for frame in later if frame.time_ns >= asked.time_ns), None)
    if answer is None:
        return
    took = answer.time_ns - asked.time_ns
    told = (
        f"{duration(took)} after the client's first message, packet {asked.packet}, came the server's next,"
        f" packet {answer.packet}"
    )
    if opening is not None and opening.request is not None and opening.response is not None:
        opened = opening.response.time_ns - opening.request.time_ns
        if took > 0 and opened >= TIMES * took:
            told += (
                f": the answer to the opening took {opened / took:.0f} times as long. That is what an open connection"
                " saves, beside the round trip of TCP"
            )
    yield words(f"{told}.")


def _bytes(gathered: Gathered, traffic: Traffic) -> Iterator[Words]:
    sides = gathered.sides
    carried = sum(side.data_payload for side in sides.values())
    wire = traffic.headers + traffic.payload
    if carried and wire:
        heads = sum(
            head.end_offset - head.stream_offset
            for opening in gathered.openings
            for head in (opening.request, opening.response)
            if head is not None
        )
        headers = sum(side.headers for side in sides.values())
        control = sum(side.payload - side.data_payload for side in sides.values())
        rest = traffic.payload - carried - heads - headers - control
        shares = [
            (heads, "the opening"),
            (headers, "frame headers"),
            (control, "the payload of control frames"),
            (traffic.headers, "headers of IP and TCP"),
            (max(0, rest), "sent again, or part of no whole frame"),
        ]
        named = ", ".join(f"{count} {what}" for count, what in shares if count)
        yield words(
            f"Of {wire} bytes that IP carried for this connection, {carried} ({100 * carried / wire:.1f} %) were"
            f" messages; the others: {named}."
        )
    for name in DIRECTIONS:
        side = sides[name]
        if side.compressed and not side.unknown and side.length and side.data_payload >= side.length:
            yield words(
                f"The {name}'s compression did not pay: {side.length} bytes of messages took"
                f" {side.data_payload} bytes of payload."
            )


def _packets(opening: Handshake | None, gathered: Gathered, traffic: Traffic) -> Iterator[Words]:
    shared = _sharing(gathered)
    spanning = sum(side.spanning for side in gathered.sides.values())
    frames = sum(side.frames for side in gathered.sides.values())
    for name in DIRECTIONS:
        side = gathered.sides[name]
        if side.spanning:
            yield words(
                f"{plural(side.spanning, 'frame')} of the {name} ended in another packet than they began in:"
                " TCP knows no frames."
            )
    if shared:
        yield words(f"{plural(shared, 'packet')} held more than one frame: frames may share a segment.")
    if frames > 1 and not shared and not spanning and not gathered.folded and traffic.packets:
        mean = traffic.headers / traffic.packets
        yield words(
            f"Each frame had a packet of its own. TCP does not promise that: it carries bytes and knows no frames. With"
            f" {mean:.0f} bytes of IP and TCP headers to a packet, the frame's own header hardly counts."
        )


def _sharing(gathered: Gathered) -> int:
    seen: dict[tuple[str, int, str], int] = {}
    for frame in [*gathered.first, *gathered.last]:
        key = (frame.file, frame.packet, frame.direction)
        seen[key] = seen.get(key, 0) + 1
    return sum(count > 1 for count in seen.values())
