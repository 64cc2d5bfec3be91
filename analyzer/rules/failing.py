"""SC-007 to SC-010 and SC-016: how a side took the other's violation (RFC 6455 7.1.7, 7.4.1, 10.7).

A server that gets an unmasked frame must close the connection with 1002, and so must a client that gets a masked one;
text that is not UTF-8 asks for 1007. Who fails a connection, how soon, with which code, or whether at all, tells more
about an implementation than its own frames do.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Level, Role, Severity
from analyzer.rules.dialogue import NEVER, Dialogue, Ended, Side, Wrong, doing, ending, omitting, seconds
from analyzer.rules.faults import Fault
from analyzer.rules.registry import rule

PROTOCOL_ERROR, INVALID_PAYLOAD, TOO_BIG = 1002, 1007, 1009
GENERIC = frozenset((1003, 1008, 1011))
"""Unsupported data, policy violation, internal error: what a server may say about anything."""
EITHER = frozenset(("CL-009", "EX-203", "EX-204", "EX-205", "EX-206", "EX-207"))
"""Over these both 1002 and 1007 are given."""
SIZES = frozenset(("FR-004", "FR-005", "FR-006", "CT-001"))
"""Over these a limit on sizes may strike first."""


def dropped(dialogue: Dialogue, me: Side, peer: Side) -> Ended | None:
    """The FIN or RST by which ``me`` failed the connection over the peer's violation, where it sent no Close."""
    wrong, end = peer.wrong, me.end
    if wrong is None or end is None or me.close is not None or peer.ended_at <= end.place.ordinal:
        return None
    in_time = end.place.time_ns - wrong.known_ns < dialogue.settings.fail_timeout
    return end if end.acked > wrong.byte and in_time else None


@rule("SC-007", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 7.1.7", role=Role.BOTH)
def violation_not_failed(dialogue: Dialogue) -> Iterator[Fault]:
    """A side went on after a violation over which it had to fail the connection.

    It had received what is forbidden, it answered later, and it neither sent a Close nor dropped TCP. A receiver that
    lets such frames pass is what makes them dangerous: masking protects nobody where unmasked frames are accepted.
    A warning only where the text leaves it to the receiver whether it fails the connection.

    Violates:
        client: 81 05 48 65 6c 6c 6f
        server: 81 05 48 65 6c 6c 6f
        +10s
        server: 81 05 48 65 6c 6c 6f

        server: 81 81 00 00 00 00 61
        client: 8a 80 37 fa 21 3d
        +10s
        client: 8a 80 37 fa 21 3d

    Conforms:
        client: 81 05 48 65 6c 6c 6f
        server: 88 02 03 ea
        server: FIN

        client: 81 05 48 65 6c 6c 6f
        server: 81 05 48 65 6c 6c 6f
        +2s
        server: FIN

        client: 81 05 48 65 6c 6c 6f
        +10s
        client: 81 05 48 65 6c 6c 6f
    """
    for role, me, peer in dialogue.pairs():
        for wrong in (peer.must, peer.wrong):
            if (
                wrong is None
                or wrong.answer is None
                or not dialogue.timed(wrong)
                or me.stopped
                or me.lost != NEVER
                or peer.lost < wrong.place.ordinal
            ):
                continue
            if dialogue.open_until(me, peer) - wrong.known_ns > dialogue.settings.fail_timeout:
                yield omitting(
                    role,
                    wrong,
                    expected=f"Close {wrong.close_code}, or the end of TCP, over {wrong.rule}",
                    found=f"answers, and neither within {seconds(dialogue.settings.fail_timeout)}",
                    severity=None if wrong.fail_required else Severity.WARNING,
                )
                break


@rule("SC-008", severity=Severity.INFO, level=Level.SHOULD, rfc="RFC 6455 7.1.7, 10.7", role=Role.BOTH)
def failed_without_close_frame(dialogue: Dialogue) -> Iterator[Fault]:
    """A side dropped TCP over a violation, and sent no Close.

    A Close with a code would tell the other side why. It may be left out where the other side is unlikely to understand
    it, so this is never wrong.

    Violates:
        client: 83 80 37 fa 21 3d
        server: RST

    Conforms:
        client: 83 80 37 fa 21 3d
        server: 88 02 03 ea
        server: FIN
    """
    for role, me, peer in dialogue.pairs():
        end = dropped(dialogue, me, peer)
        if end is not None and peer.wrong is not None and me.lost == NEVER:
            how = "RST" if end.reset else "FIN"
            yield ending(role, end, f"Close {peer.wrong.close_code} over {peer.wrong.rule}", f"{how} without a Close")


@rule("SC-009", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 7.4.1", role=Role.BOTH)
def failure_code_mismatch(dialogue: Dialogue) -> Iterator[Fault]:
    """The Close after a violation has another code than the violation asks for.

    1007 is for text that is not UTF-8, 1002 for nearly everything else. Codes are advice, but another one sends whoever
    reads the log to the wrong place. 1003, 1008 and 1011 are what a server may say about anything.

    Violates:
        client: 81 82 37 fa 21 3d c8 04
        server: 88 02 03 e8

    Conforms:
        client: 81 82 37 fa 21 3d c8 04
        server: 88 02 03 ef

        client: 81 05 48 65 6c 6c 6f
        server: 88 02 03 ea

        client: 81 05 48 65 6c 6c 6f
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
    """
    for role, me, peer in dialogue.pairs():
        close, wrong = me.close, peer.wrong
        if close is None or wrong is None or not _over(dialogue, me, wrong) or _echoes(me, peer):
            continue
        if close.code not in _codes(wrong) | GENERIC:
            expected = " or ".join(map(str, sorted(_codes(wrong))))
            found = "no code" if close.code < 0 else f"{close.code}"
            yield doing(role, close, f"{expected}, over {wrong.rule}", found)


def _codes(wrong: Wrong) -> frozenset[int]:
    """The codes that fit a violation."""
    if wrong.rule in EITHER:
        return frozenset((PROTOCOL_ERROR, INVALID_PAYLOAD))
    return frozenset((wrong.close_code, TOO_BIG)) if wrong.rule in SIZES else frozenset((wrong.close_code,))


def _over(dialogue: Dialogue, me: Side, wrong: Wrong) -> bool:
    """Whether the Close of ``me`` may be a reaction to the peer's violation."""
    close = me.close
    if close is None or not close.knows(wrong.byte + 1):
        return False
    return close.place.time_ns - wrong.known_ns < dialogue.settings.fail_timeout


def _echoes(me: Side, peer: Side) -> bool:
    """Whether the Close of ``me`` only sends the peer's code back."""
    close, first = me.close, peer.close
    return close is not None and first is not None and close.knows(first.end) and close.code == first.code


@rule("SC-010", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 6455 7.1.7", role=Role.BOTH)
def processing_after_failure(dialogue: Dialogue) -> Iterator[Fault]:
    """A side answered something that came after it had failed the connection.

    After a Close that reports an error nothing the other side sends may be processed, data least of all. Here a Pong
    repeats the payload of a Ping that came later. Look for a reader that is not stopped when the writer closes.

    Violates:
        client: 83 80 37 fa 21 3d
        server: 88 02 03 ea
        client: 89 81 37 fa 21 3d 4f
        server: 8a 01 78

    Conforms:
        client: 89 81 37 fa 21 3d 4f
        client: 83 80 37 fa 21 3d
        server: 8a 01 78
        server: 88 02 03 ea

        client: 83 80 37 fa 21 3d
        server: 88 02 03 ea
        client: 89 81 37 fa 21 3d 4f
        server: 8a 01 79
    """
    for role, me, peer in dialogue.pairs():
        if me.processed is not None and peer.lost == NEVER:
            yield doing(role, me.processed, "nothing after a Close over a violation", "a Pong to a later Ping")


@rule("SC-016", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 7.1.7", role=Role.BOTH)
def failure_unexplained(dialogue: Dialogue) -> Iterator[Fault]:
    """A side reported a violation, and none is visible.

    Its Close says 1002 or 1007, and nothing was found against the other side. It may have limits or rules of its own,
    or be wrong; or bytes are missing; or this program missed something, which is worth a report.

    Violates:
        client: 81 80 37 fa 21 3d
        server: 88 02 03 ea

    Conforms:
        client: 81 05 48 65 6c 6c 6f
        server: 88 02 03 ea
    """
    for role, me, peer in dialogue.pairs():
        close = me.close
        if close is None or close.code not in (PROTOCOL_ERROR, INVALID_PAYLOAD) or _echoes(me, peer):
            continue
        if 0 <= close.acked <= peer.blamed and dialogue.whole:
            yield doing(role, close, "a violation before it", f"none, and Close {close.code}")
