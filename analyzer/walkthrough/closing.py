"""The last stage: the closing handshake (RFC 6455 7), and who ended TCP; or how it ended without one."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Frame
from analyzer.report import glossary
from analyzer.walkthrough import checks
from analyzer.walkthrough.document import Block, Section, Words, paragraph, points, quote, words
from analyzer.walkthrough.gather import DIRECTIONS, Gathered
from analyzer.walkthrough.moments import OTHER, duration, since
from analyzer.walkthrough.segments import Traffic

WITHOUT = {
    "reset": "TCP was reset",
    "fin": "TCP was closed",
    "open": "The capture ends, or loses sight of the connection, while it is open",
    "unclear": "It ended, and a Close may be among the bytes that the capture lacks",
    "refused": "The opening was refused, so there was no WebSocket to close",
    "unanswered": "The opening was not answered, so there was no WebSocket to close",
    "not-websocket": "The connection went on as another protocol",
}
"""How a connection ends without a Close, by its state."""


def section(gathered: Gathered, traffic: Traffic, start_ns: int) -> Section:
    """The stage."""
    return Section("The closing handshake", list(_blocks(gathered, traffic, start_ns)))


def _blocks(gathered: Gathered, traffic: Traffic, start_ns: int) -> Iterator[Block]:
    closes = sorted(
        (frame for side in gathered.sides.values() for frame in side.closes[:1]),
        key=lambda frame: (frame.time_ns, frame.packet),
    )
    connection = gathered.connection
    assert connection is not None
    if not closes:
        how = WITHOUT.get(connection.state, "No Close was seen")
        told = (
            "."
            if connection.state in ("refused", "unanswered", "not-websocket")
            else ", without a Close from either side: an application is told 1006, abnormal closure."
        )
        yield paragraph(how, "." if connection.state in ("open", "unclear") else told)
    else:
        yield paragraph(
            "Either side may end the conversation with a Close frame; the other answers with one, and"
            " nothing is sent after"
            " one's own Close. When both have passed, the server closes TCP first (RFC 6455 7.1.1)."
        )
        yield points(*_closes(closes, start_ns))
    yield from _tcp(gathered, traffic, closes, start_ns)
    findings = [finding for finding in gathered.findings if finding.rule.startswith(("CL-", "SC-"))]
    found = {finding.rule for finding in findings}
    asked: tuple[checks.Check, ...] = checks.CLOSING if closes else ()
    asked += tuple(check for check in checks.BOTH if len(closes) == len(DIRECTIONS) or found.intersection(check.rules))
    asked += tuple(check for check in checks.ENDING if traffic.ends or found.intersection(check.rules))
    if asked:
        # what depends on both sides is no merit of one that was not seen to the end
        doubt = any(finding.rule in checks.DOUBT for finding in gathered.findings) or len(closes) < len(DIRECTIONS)
        unknown = tuple(check.rules[0] for check in (*checks.BOTH, *checks.ENDING)) if doubt else ()
        seen = frozenset(DIRECTIONS if traffic.ends else (each.direction for each in closes))
        yield checks.judged(asked, findings, seen, unknown=unknown)
    rest = [finding for finding in findings if finding.frame is None]  # the others stand with their frames
    if rest:
        yield checks.told(rest)


def _closes(closes: list[Frame], start_ns: int) -> Iterator[Words]:
    first = closes[0]
    yield words(
        f"The {first.direction} begins: packet {first.packet}, {since(first.time_ns, start_ns)}, ", *_says(first)
    )
    if len(closes) == 1:
        yield words(f"The {OTHER[first.direction]} does not answer it in the capture.")
        return
    second = closes[1]
    same = "also" if second.close_code == first.close_code else "but"
    took = duration(second.time_ns - first.time_ns)
    yield words(f"The {second.direction} follows {took} later: packet {second.packet}, {same} ", *_says(second))


def _says(frame: Frame) -> Words:
    if frame.close_code is None:
        return words("no code: an application is told 1005, no status received.")
    meaning = glossary.close_code(frame.close_code)
    if not frame.close_reason:
        return words(f"{meaning}; no reason.")
    return words(f"{meaning}; reason ", quote(frame.close_reason), ".")


def _tcp(gathered: Gathered, traffic: Traffic, closes: list[Frame], start_ns: int) -> Iterator[Block]:
    items: list[Words] = []
    before = closes[-1].time_ns if closes else None
    for kind, spot in traffic.ends:
        after = (
            f", {duration(spot.time_ns - before)} after the {'last' if len(closes) > 1 else 'only'} Close"
            if before is not None
            else ""
        )
        items.append(
            words(f"{kind} from the {spot.direction}: packet {spot.packet}, {since(spot.time_ns, start_ns)}{after}.")
        )
    if not items:
        items.append(words("The capture shows no end of TCP: neither FIN nor RST."))
    elif len(closes) == len(DIRECTIONS) and traffic.ends[0][0] == "FIN":
        side = traffic.ends[0][1].direction
        items.append(
            words("The server closed TCP first, as it should: the side that does keeps the ports in TIME_WAIT.")
            if side == "server"
            else words(
                "The client closed TCP first. The server should: the side that does keeps the ports in"
                " TIME_WAIT (RFC 6455 7.1.1)."
            )
        )
    yield points(*items)
