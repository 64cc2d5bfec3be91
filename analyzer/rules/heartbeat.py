"""CT-003 to CT-008: Ping and Pong (RFC 6455 5.5.2, 5.5.3).

Only one of these is about something forbidden, and it cannot be proved from outside: a Pong may be on its way when the
connection ends. The rest tells how a peer answers, which is what somebody wants to know who looks for lost heartbeats.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Level, Role, Severity
from analyzer.rules.dialogue import NEVER, Dialogue, Noted, Side, doing, omitting, seconds
from analyzer.rules.faults import Fault
from analyzer.rules.pings import ENOUGH, Beat
from analyzer.rules.registry import rule


def _noted(dialogue: Dialogue, rule_id: str) -> Iterator[tuple[int, Noted]]:
    """What was noticed of each role's Pongs."""
    for role, _, peer in dialogue.pairs():
        if peer.pings is not None and rule_id in peer.pings.noted:
            yield role, peer.pings.noted[rule_id]


@rule("CT-003", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 6455 5.5.2", role=Role.BOTH)
def ping_unanswered(dialogue: Dialogue) -> Iterator[Fault]:
    """A Ping was never answered.

    A Pong with the Ping's payload is due as soon as practical, unless a Close came first; one Pong for the latest Ping
    is enough. Without it the pinger takes the connection for dead and drops it. Look for a library whose reader
    answers Pings only while the application reads. No error: a busy peer may still have answered after the last packet.

    Violates:
        server: 89 02 68 69
        client: 81 80 37 fa 21 3d
        +25s
        client: 81 80 37 fa 21 3d

        server: 89 02 68 69
        client: 81 80 37 fa 21 3d 81 80 37 fa 21 3d
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8

    Conforms:
        server: 89 02 68 69
        client: 8a 82 37 fa 21 3d 5f 93
        +25s
        client: 81 80 37 fa 21 3d

        server: 89 01 61
        server: 89 01 62
        client: 8a 81 37 fa 21 3d 55
        +25s
        client: 81 80 37 fa 21 3d

        unacked
        server: 89 02 68 69
        +25s
        unacked
        server: 81 00

        server: 89 02 68 69
        client: 88 82 37 fa 21 3d 34 12
        +25s
        server: 88 02 03 e8

        server: 89 02 68 69
        +3s
        client: FIN
    """
    for role, me, peer in dialogue.pairs():
        pings = peer.pings
        if pings is None or not dialogue.seen or me.lost != NEVER or me.stopped:
            continue
        passed = [
            ping
            for ping in pings.waiting
            if pings.differing is None or ping is not pings.open  # else it was answered, in its way
            if _overdue(dialogue, me, peer, ping) or (me.close is not None and ping.later >= ENOUGH)
        ]
        if passed:
            yield omitting(
                role,
                passed[-1].act,
                expected="a Pong with its payload, or one for a later Ping",
                found="none",
                count=len(passed) + max(0, pings.forgotten - pings.answered),
            )


def _overdue(dialogue: Dialogue, me: Side, peer: Side, ping: Beat) -> bool:
    """Whether ``me`` had the Ping, and the time to answer it."""
    had = ping.later > 0 or me.acknowledged >= ping.end
    waited = dialogue.open_until(me, peer) - ping.known_ns
    return had and dialogue.timed(ping.act) and waited > dialogue.settings.pong_timeout


@rule("CT-004", severity=Severity.INFO, level=Level.SHOULD, rfc="RFC 6455 5.5.2", role=Role.BOTH)
def pong_late(dialogue: Dialogue) -> Iterator[Fault]:
    """A Pong came late.

    The time is that between the two frames where the capture was made. Behind a long frame a Pong has to wait, and that
    is not counted. Look for a peer whose reader is busy, or a slow path.

    Violates:
        server: 89 02 68 69
        +12s
        client: 8a 82 37 fa 21 3d 5f 93

    Conforms:
        server: 89 02 68 69
        +40ms
        client: 8a 82 37 fa 21 3d 5f 93

        client: 82 84 37 fa 21 3d 00 00
        server: 89 02 68 69
        +12s
        client: 00 00 8a 82 37 fa 21 3d 5f 93
    """
    for role, late in _noted(dialogue, "CT-004"):
        if dialogue.timed(late.act):
            limit = seconds(dialogue.settings.pong_late)
            yield doing(role, late.act, f"a Pong within {limit}", f"after {seconds(late.detail)}", late.count)


@rule("CT-005", severity=Severity.INFO, level=Level.MAY, rfc="RFC 6455 5.5.3", role=Role.BOTH)
def pong_unsolicited(dialogue: Dialogue) -> Iterator[Fault]:
    """A Pong answers no Ping.

    Legal: a heartbeat in one direction, to which nobody has to react.

    Violates:
        client: 8a 89 37 fa 21 3d 5f 9f 40 4f 43 98 44 5c 43

        client: 8a 80 37 fa 21 3d

    Conforms:
        server: 89 00
        client: 8a 80 37 fa 21 3d
    """
    for role, unasked in _noted(dialogue, "CT-005"):
        yield doing(role, unasked.act, "a Ping before it", "none with this payload, and none open", unasked.count)


@rule("CT-006", severity=Severity.INFO, level=Level.MAY, rfc="RFC 6455 5.5.3", role=Role.BOTH)
def pong_coalesced(dialogue: Dialogue) -> Iterator[Fault]:
    """One Pong answers several Pings.

    Legal: only the latest Ping needs an answer. Whoever measures round trips by Pings must not wait for each.

    Violates:
        server: 89 01 61
        server: 89 01 62
        client: 8a 81 37 fa 21 3d 55

    Conforms:
        server: 89 01 61
        client: 8a 81 37 fa 21 3d 56
        server: 89 01 62
        client: 8a 81 37 fa 21 3d 55
    """
    for role, one in _noted(dialogue, "CT-006"):
        yield doing(role, one.act, "a Pong for each Ping", f"one for {one.detail}", one.count)


@rule("CT-007", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 6455 5.5.3", role=Role.BOTH)
def pong_payload_differs(dialogue: Dialogue) -> Iterator[Fault]:
    """A Pong came where a Ping was open, but with another payload, and the right one never came.

    An answer repeats the payload of the Ping. Who compares them takes this one for a heartbeat of the peer's own, and
    the connection for dead. No error, because that is what it may have been. Usual cause: a Pong written by hand,
    empty or with a constant in it.

    Violates:
        server: 89 02 68 69
        client: 8a 80 37 fa 21 3d
        +25s
        client: 81 80 37 fa 21 3d

    Conforms:
        server: 89 02 68 69
        client: 8a 80 37 fa 21 3d
        client: 8a 82 37 fa 21 3d 5f 93
        +25s
        client: 81 80 37 fa 21 3d

        server: 89 02 68 69
        client: 8a 80 37 fa 21 3d
        +5s
        client: FIN
    """
    for role, other in _noted(dialogue, "CT-007"):
        if dialogue.seen and dialogue.sides[role].lost == NEVER and dialogue.timed(other.act):
            yield doing(role, other.act, "the payload of the open Ping", "another one", other.count)


@rule("CT-008", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 5.5.3", role=Role.BOTH)
def pong_out_of_order(dialogue: Dialogue) -> Iterator[Fault]:
    """A Pong answers a Ping although a later one was answered already.

    Not forbidden, and of no use. It shows a peer that queues its Pongs, or answers from several threads.

    Violates:
        server: 89 01 61
        server: 89 01 62
        client: 8a 81 37 fa 21 3d 55
        client: 8a 81 37 fa 21 3d 56

    Conforms:
        server: 89 01 61
        server: 89 01 62
        client: 8a 81 37 fa 21 3d 56
        client: 8a 81 37 fa 21 3d 55
    """
    for role, old in _noted(dialogue, "CT-008"):
        yield doing(role, old.act, "Pongs in the order of the Pings", "one for an older Ping", old.count)
