"""The subject `Dialogue`: what the two sides of a connection did, so far as it bears on what the other had to do.

Theory of operation. Some rules judge a reaction: a Ping wants a Pong, a Close a Close, a violation the end of the
connection. What they need of a connection is little: the first Close of each side, its FIN and RST, its first
violation, the Pings that wait (`analyzer.rules.pings`). Each is kept with its place, its time, and how much of the
other side's bytes its segment acknowledged, which is the only proof that the sender knew of them. When the
connection is over the rules compare these facts; order is told by the packet that made each known.

Nothing here grows with the connection, and data frames are looked at only while something waits for an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from analyzer.model import Cause, Direction, Place, Severity
from analyzer.rules.faults import Fault
from analyzer.settings import Settings

if TYPE_CHECKING:
    from analyzer.rules.pings import Pings

NEVER = 1 << 62
"""Stands for the ordinal of what did not happen."""
DIRECTIONS: tuple[Direction, Direction] = ("client", "server")
"""By role, as in `Dialogue.sides`."""


class Act(msgspec.Struct, frozen=True, gc=False):
    """A frame that a side sent."""

    place: Place
    """Of its first byte; the ordinal is that of the packet that completed it."""
    known_ns: int
    """When its last byte was captured."""
    frame: int
    offset: int
    end: int
    """Stream offset one past its last byte."""
    acked: int
    """How much of the other side's stream its segment acknowledged; -1: unknown."""
    code: int = -1
    """Of a Close; -1: none."""

    def knows(self, end: int) -> bool:
        """Whether its sender had the other side's bytes up to ``end``."""
        return self.acked >= end

    def precedes(self, ended: Ended) -> bool:
        """Whether it was sent before the other side's FIN or RST, or without knowing of it."""
        return self.place.ordinal < ended.place.ordinal or ended.acked >= self.end or self.acked <= ended.offset


class Noted(msgspec.Struct):
    """Something that was noticed once or more often: the first time, and how often."""

    act: Act
    detail: int = 0
    """Nanoseconds or a number, as the rule says."""
    count: int = 1


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A FIN or RST."""

    place: Place
    offset: int
    """Length of its stream."""
    acked: int
    """How much of the other side's stream its sender had acknowledged by then."""
    reset: bool


class Wrong(msgspec.Struct, gc=False):
    """A violation over which the peer may fail the connection."""

    key: tuple[int, int, int, int, int]
    """As `Draft.key`: the order in which violations came to be known."""
    rule: str
    close_code: int
    fail_required: bool
    place: Place
    known_ns: int
    """When it was whole; a peer may see it earlier, by its first bytes."""
    frame: int | None
    offset: int
    """Of its frame."""
    byte: int
    """Stream offset of the offending byte."""
    end: int
    """One past its frame, or past the message whose text it is about; -1: not whole yet."""
    answer: Act | None = None
    """The first data frame or Pong the peer sent after it had all of that."""


class Side(msgspec.Struct):
    """What one side did."""

    close: Act | None = None
    """Its first Close."""
    fin: Ended | None = None
    rst: Ended | None = None
    wrong: Wrong | None = None
    """Its first violation."""
    must: Wrong | None = None
    """Its first one of a rule that obliges the peer to fail the connection."""
    blamed: int = NEVER
    """The first byte that something is known against, a warning or worse."""
    stopped: bool = False
    """What it sent could not be read to the end."""
    lost: int = NEVER
    """Ordinal from which bytes of it are missing; filled in at the end, like the next two."""
    frames: int = 0
    acknowledged: int = 0
    """How much of the peer's stream it acknowledged in all."""
    close_acked_ns: int = -1
    """The latest time at which the peer acknowledged its Close; -1: nobody saw that."""
    asked: int = -1
    """Message it was sending when the peer's Close came; -1: none."""
    asked_ns: int = 0
    """When that was finished; 0: never."""
    pings: Pings | None = None
    """What it sent, and what is known of the answers."""
    heard_ns: int = -1
    """When it first sent something in a segment that acknowledged the peer's Close."""
    begun: Act | None = None
    """The latest message it began although it had had the peer's Close for long."""
    begun_count: int = 0
    processed: Act | None = None
    """Its Pong to something that came after it had failed the connection."""

    @property
    def end(self) -> Ended | None:
        """How it first ended TCP."""
        if self.fin is None or self.rst is None:
            return self.fin or self.rst
        return self.fin if self.fin.place.ordinal <= self.rst.place.ordinal else self.rst

    @property
    def ended_at(self) -> int:
        """Ordinal of that."""
        return NEVER if self.end is None else self.end.place.ordinal

    def ended_before(self, peer: Side) -> bool:
        """Whether it ended TCP, and first. Packets swap places in a capture; who knew of the other's end was second."""
        mine, theirs = self.end, peer.end
        if mine is None or theirs is None:
            return mine is not None
        if mine.acked > theirs.offset or theirs.acked > mine.offset:
            return mine.acked <= theirs.offset
        return mine.place.ordinal <= theirs.place.ordinal


class Dialogue(msgspec.Struct):
    """Both sides of one connection, looked at when it is over."""

    settings: Settings
    sides: tuple[Side, Side]
    """Client, server."""
    seen: bool = False
    """It was captured from its opening on, in both directions, with extensions that are known."""
    sure: int = NEVER
    """Ordinal from which times mean nothing, because the clock was set back (ST-010)."""
    over_ns: int = 0
    """The time up to which the capture shows it, by a clock that went forward; filled in at the end."""
    faulty: bool = False
    """The opening was at fault, so that dropping the connection is right."""
    unchosen: bool = False
    """The server chose none of the subprotocols offered (HS-212)."""

    @property
    def whole(self) -> bool:
        """Nothing of it is missing, and all was readable."""
        return self.seen and all(side.lost == NEVER and not side.stopped for side in self.sides)

    def open_until(self, me: Side, peer: Side) -> int:
        """The time up to which ``me`` owed the peer answers: the first Close, the end of TCP or of the capture."""
        ends = [act.known_ns for act in (me.close, peer.close) if act is not None and self.timed(act)]
        ends += [side.end.place.time_ns for side in (me, peer) if side.end is not None and self.timed(side.end)]
        return min([*ends, self.over_ns])

    def timed(self, act: Act | Wrong | Ended) -> bool:
        """Whether the time of ``act`` can be compared with that of anything before it."""
        return act.place.ordinal < self.sure

    def finish(self) -> None:
        """Nothing more will be said."""
        for _, me, peer in self.pairs():
            if peer.pings is not None:
                peer.pings.finish(self.open_until(me, peer))

    def pairs(self) -> tuple[tuple[int, Side, Side], tuple[int, Side, Side]]:
        """Each role, with its own side and the peer's."""
        client, server = self.sides
        return (0, client, server), (1, server, client)


def dialogue(settings: Settings) -> Dialogue:
    """A conversation in which nothing was said yet."""
    return Dialogue(settings, (Side(), Side()))


def doing(role: int, act: Act, expected: str, found: str, count: int = 1, severity: Severity | None = None) -> Fault:
    """Something is wrong with a frame that was sent."""
    return Fault(
        side=DIRECTIONS[role],
        expected=expected,
        found=found,
        place=act.place,
        frame=act.frame,
        offset=act.offset,
        count=count,
        severity=severity,
    )


def omitting(
    role: int, cause: Act | Wrong, expected: str, found: str, count: int = 1, severity: Severity | None = None
) -> Fault:
    """``role`` did not do what ``cause``, something the other side sent, asked for (policy P10)."""
    return Fault(
        side=DIRECTIONS[role],
        expected=expected,
        found=found,
        place=cause.place,
        cause=Cause(DIRECTIONS[1 - role], cause.frame, cause.place.packet, cause.offset),
        count=count,
        severity=severity,
    )


def ending(role: int, ended: Ended, expected: str, found: str, severity: Severity | None = None) -> Fault:
    """Something is wrong with how ``role`` ended TCP."""
    return Fault(side=DIRECTIONS[role], expected=expected, found=found, place=ended.place, severity=severity)


def seconds(nanoseconds: int) -> str:
    """A duration, as told to people."""
    return f"{nanoseconds // 1_000_000 / 1000:g} s"
