"""The last stage: the closing handshake (RFC 6455 7), and who ended TCP; or how it ended without one."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Connection, Frame
from analyzer.report import glossary
from analyzer.report.verdict import plural
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
NEVER = ("refused", "unanswered", "not-websocket")
"""States of a connection that was no WebSocket."""


def section(gathered: Gathered, traffic: Traffic, start_ns: int) -> Section:
    """The stage."""
    assert gathered.connection is not None
    title = "How it ended" if gathered.connection.state in NEVER else "The closing handshake"
    return Section(title, list(_blocks(gathered, traffic, start_ns)))


def _blocks(gathered: Gathered, traffic: Traffic, start_ns: int) -> Iterator[Block]:
    closes = sorted(
        (frame for side in gathered.sides.values() for frame in side.closes[:1]),
        key=lambda frame: (frame.time_ns, frame.packet),
    )
    connection = gathered.connection
    assert connection is not None
    if not closes:
        yield from _without(connection.state, traffic)
    else:
        yield paragraph(
            "Either side may end the conversation with a Close frame; the other answers with one, and"
            " nothing is sent after"
            " one's own Close. When both have passed, the server closes TCP first (RFC 6455 7.1.1)."
        )
        yield points(*_closes(closes, start_ns))
    yield from _tcp(traffic, closes, start_ns)
    yield from _told(connection, closes, traffic)
    findings = [finding for finding in gathered.findings if finding.rule.startswith(("CL-", "SC-"))]
    found = {finding.rule for finding in findings}
    asked: tuple[checks.Check, ...] = checks.CLOSING if closes else ()
    asked += tuple(check for check in checks.BOTH if len(closes) == len(DIRECTIONS) or found.intersection(check.rules))
    ended = traffic.ends and connection.state not in NEVER
    asked += tuple(check for check in checks.ENDING if ended or found.intersection(check.rules))
    if asked:
        # what depends on both sides is no merit of one that was not seen to the end
        doubt = any(finding.rule in checks.DOUBT for finding in gathered.findings) or len(closes) < len(DIRECTIONS)
        unknown = tuple(check.rules[0] for check in (*checks.BOTH, *checks.ENDING)) if doubt else ()
        seen = frozenset(DIRECTIONS if traffic.ends else (each.direction for each in closes))
        yield checks.judged(asked, findings, seen, unknown=unknown)
    rest = [finding for finding in findings if finding.frame is None]  # the others stand with their frames
    if rest:
        yield checks.told(rest)


def _without(state: str, traffic: Traffic) -> Iterator[Block]:
    how = WITHOUT.get(state, "No Close was seen")
    if state in NEVER or state in ("open", "unclear"):
        yield paragraph(how, ".")
        return
    yield paragraph(
        how, ", without a Close from either side. Nothing was agreed about the end, so neither knows what of its last"
        " words the other has read. A client that comes back should wait a random time first, longer after each"
        " failure (RFC 6455 7.2.3).",
    )  # fmt: skip
    for kind, spot in traffic.ends[:1]:
        waiting = {side: traffic.waiting(side) for side in DIRECTIONS}
        if kind == "RST" and any(waiting.values()):
            who = " and ".join(
                f"the last {plural(count, 'byte')} of the {side}" for side, count in waiting.items() if count
            )
            yield paragraph(
                f"The capture shows no acknowledgment of {who}. A reset throws away what has not been read (RFC 9293"
                f" 3.10.7.4), so the {OTHER[spot.direction]}'s application may never see what even reached its machine."
            )


def _told(connection: Connection, closes: list[Frame], traffic: Traffic) -> Iterator[Block]:
    """What an application makes of the end."""
    if connection.state in NEVER or not traffic.ends:
        return
    both = len(closes) == len(DIRECTIONS)
    if not closes:
        yield paragraph(
            "In a browser the script gets an error event and then a close event with code 1006, abnormal closure, and"
            " wasClean false. No peer sends 1006: it only stands for this (RFC 6455 7.1.5, 7.4.1)."
        )
        return
    heard = [frame for frame in closes if frame.direction == "server"]
    if heard:
        code = 1005 if heard[0].close_code is None else heard[0].close_code
        yield paragraph(
            f"In a browser the script gets its close event only now that TCP is closed: code {code}, wasClean"
            f" {'true' if both else 'false'}."
        )


def _closes(closes: list[Frame], start_ns: int) -> Iterator[Words]:
    first = closes[0]
    yield words(
        f"The {first.direction} begins: packet {first.packet}, {since(first.time_ns, start_ns)}, ", *_says(first)
    )
    if len(closes) == 1:
        yield words(f"The {OTHER[first.direction]} does not answer it in the capture.")
        return
    second = closes[1]
    took = duration(second.time_ns - first.time_ns)
    follows = f"The {second.direction} follows {took} later: packet {second.packet}, "
    if (second.close_code, second.close_reason) == (first.close_code, first.close_reason):
        yield words(follows, "with the same, as is usual in an answer (RFC 6455 5.5.1).")
    else:
        yield words(follows, "but " if second.close_code != first.close_code else "also ", *_says(second))


def _says(frame: Frame) -> Words:
    if frame.close_code is None:
        return words("no code: an application is told 1005, no status received.")
    meaning = glossary.close_code(frame.close_code)
    if not frame.close_reason:
        return words(f"{meaning}; no reason.")
    return words(f"{meaning}; reason ", quote(frame.close_reason), ".")


def _tcp(traffic: Traffic, closes: list[Frame], start_ns: int) -> Iterator[Block]:
    items: list[Words] = []
    before = closes[-1].time_ns if closes else None
    for kind, spot in traffic.ends:
        after = (
            f", {duration(spot.time_ns - before)} after the {'second' if len(closes) > 1 else 'only'} Close"
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
            words(
                "The server closed TCP first, as it should: the side that does keeps the pair of ports in TIME_WAIT for"
                " a while, which costs a server little and could keep a client from connecting again (RFC 6455 7.1.1)."
            )
            if side == "server"
            else words(
                "The client closed TCP first. The server should: the side that does keeps the pair of ports in"
                " TIME_WAIT for a while, which can keep a client from connecting again (RFC 6455 7.1.1)."
            )
        )
    yield points(*items)
