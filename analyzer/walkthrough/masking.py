"""Who must mask and who must not (RFC 6455 5.1, 5.3, 10.3), and what came of it where that was broken."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.report.verdict import plural
from analyzer.walkthrough import checks, reaction
from analyzer.walkthrough.document import Block, Paragraph, Section, paragraph, points, words
from analyzer.walkthrough.gather import DIRECTIONS, KEYS, Gathered, Side
from analyzer.walkthrough.segments import Traffic

KEY_BITS = 32
MANY = 8
"""Keys from which on their bits are counted: of fewer the share says little."""
TOLD = 4
"""Violations whose outcome is told one by one."""


def section(gathered: Gathered, traffic: Traffic) -> Section:
    """The stage."""
    return Section("Who masks, and who does not", list(_blocks(gathered, traffic)))


def _blocks(gathered: Gathered, traffic: Traffic) -> Iterator[Block]:
    yield paragraph(
        "A client masks every frame with a key of four bytes, drawn anew for each; a server masks none. That hides"
        " nothing, since the key stands in the frame. It keeps a page in a browser from choosing the bytes that leave"
        " the machine: sent as they are, they could look like an HTTP request to a proxy between the two, which would"
        " store the answer and give it to others (RFC 6455 10.3). So the key must not be guessable by the page."
        " What a server sends, no page chooses."
    )
    yield paragraph(
        "A server that gets a frame without a mask must close the connection, and so must a client that gets one with"
        " a mask; either may say why in a Close with code 1002, protocol error (RFC 6455 5.1)."
    )
    sides = gathered.sides
    items = [
        words(f"{name}: {side.masked} of {plural(side.frames, 'frame')} masked{_keys(side)}.")
        for name, side in sides.items()
        if side.frames
    ]
    if items:
        yield points(*items)
    findings = [finding for finding in gathered.findings if finding.rule.startswith("MK-")]
    assert gathered.connection is not None
    guessed = gathered.connection.role_evidence == "masks"
    if guessed:
        yield paragraph("Here only the masks tell which side is the client, so they cannot be held against either.")
    seen = frozenset(side for side in DIRECTIONS if sides[side].frames)
    yield checks.judged(checks.MASKING, findings, seen, unknown=checks.OF_ROLES if guessed else ())
    if not findings:
        return
    yield checks.told(findings[:TOLD])
    for finding in {each.direction: each for each in reversed(findings)}.values():
        if finding.direction is not None and finding.time_ns is not None and finding.close_code is not None:
            yield Paragraph(reaction.done(finding, gathered, traffic))


def _keys(side: Side) -> str:
    if not side.masked:
        return ""
    zero = "; 00000000 is among them, which masks nothing" if "00000000" in side.keys else ""
    if side.keys_again:
        told = f", {plural(side.keys_again, 'time')} with a key used before"
    elif side.masked > KEYS:
        told = f", none of the first {KEYS} with a key of another"
    else:
        told = ", each with a key of its own" if side.masked > 1 else ""
    if side.masked >= MANY:
        bits = KEY_BITS * side.masked
        told += f"; {100 * side.key_bits / bits:.1f} % of the {bits} key bits are set, of random ones half would be"
    return told + zero
