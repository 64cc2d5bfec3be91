"""Order and hold: how findings combine (policies P1, P2, P4, P10) and when they are written.

Theory of operation. Drafts, the peers' reactions and the records of frames come in as items with a key that
says when the thing came to be known. They are sorted and gone through once, from time to time; since each key
says "by this packet", when that happens makes no difference to what comes out, nor in which order. What the
packet at hand made known waits until it is known to be all, so that it is sorted as one.

The first violation of a direction is written at once. From then on it matters what the peer does: if it fails
the connection (a Close with an error code, or TCP dropped without one), everything else wrong with that
direction is secondary, because nobody is obliged to read on (RFC 6455 7.1.7). So later findings of the
direction are held until the peer's Close, FIN or RST, or until the fail time-out has passed. What is too much to
hold is counted by rule, and gets its weight together with what was held.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Literal, TypeVar

import msgspec

from analyzer.model import Direction, Finding, Record, Severity
from analyzer.rules import iana
from analyzer.rules.draft import Draft
from analyzer.rules.registry import Rule
from analyzer.rules.transport import Aftermath
from analyzer.settings import ALL, Settings

Key = tuple[int, int, int, int, int]
"""As `Draft.key`."""

UNDONE = frozenset(("FR-007", "FG-004"))
"""Rules about a frame or message that was not finished: nobody has to, once the peer failed the connection over it."""


class Event(msgspec.Struct, frozen=True):
    """What a side did that may be a reaction; END is that of the connection, TICK one of the clock."""

    key: Key
    kind: Literal["close", "fin", "rst", "end", "tick"]
    connection: int
    direction: Direction
    time_ns: int
    code: int = -1
    acked: int = -1
    """How much of the other direction its sender had then; -1: unknown."""


class Passing(msgspec.Struct, frozen=True):
    """A record that only has to come out in its place."""

    key: Key
    record: Record


class _Side(msgspec.Struct):
    """One direction, as far as findings go."""

    first: Draft | None = None
    """The first violation."""
    waiting: bool = False
    """For the peer's reaction to it."""
    failed: bool = False
    """The peer failed the connection over it."""
    left: Event | None = None
    """How it left: by a Close or the end of TCP. Nothing it does later is a reaction."""
    ended: bool = False
    """It has ended TCP, so that the peer has to, whatever it thinks of what was sent."""
    held: list[Draft] = []
    over: dict[str, Finding] = {}
    """What was too much to hold, by rule."""
    announced: bool = False
    """That there are secondary findings was said (ST-019)."""
    shown: dict[str, int] = {}
    """Findings written, by rule."""
    unbroken: int = 0
    """Frames, from the first on, that all broke the same rule, so that one finding stands for them."""
    rest: dict[tuple[str, bool], Finding] = {}
    """What is only counted, by rule and weight."""


class Engine:
    """Takes items, gives findings and records in order."""

    def __init__(self, settings: Settings, rules: dict[str, Rule]) -> None:
        self._settings = settings
        self._aftermath = [rule for rule in rules.values() if rule.subject == Aftermath.__name__]
        self._items: list[Draft | Event | Passing] = []
        self._kept = 0
        """Items that the last `settle` left, because their packet was not over."""
        self._sides: dict[tuple[int, Direction], _Side] = {}
        self._waiting: dict[tuple[int, Direction], None] = {}
        """Directions that wait for a reaction, in the order of their first violations."""
        self._held = 0
        self.limits: dict[str, int] = {}
        self._together = {rule_id for rule_id, rule in rules.items() if rule.together}
        self._selected = {rule.id: selected(rule, settings) for rule in rules.values()}

    def __len__(self) -> int:
        """Items that came since the last `settle`."""
        return len(self._items) - self._kept

    def add(self, item: Draft | Event | Passing) -> None:
        """Take one item, in any order within what has not been settled yet."""
        self._items.append(item)

    def settle(self, before: int | None = None) -> Iterator[Record]:
        """Go through what was added; with ``before``, only through what was known before the packet of that ordinal.

        Every key to come must be later, or of that packet.
        """
        items, self._items = self._items, []
        items.sort(key=lambda item: item.key)
        if before is not None:
            end = bisect_left(items, before, key=lambda item: item.key[0])
            if len(items) - end < self._settings.packet_items:
                items, self._items = items[:end], items[end:]
            else:
                self._hit("packet_items")
        self._kept = len(self._items)
        for item in items:
            if isinstance(item, Passing):
                yield item.record
            elif isinstance(item, Draft):
                yield from self._draft(item)
            else:
                yield from self._event(item)

    # --- findings

    def _side(self, connection: int | None, direction: Direction | None) -> _Side:
        key = (-1 if connection is None else connection, direction or "client")
        return self._sides.setdefault(key, _Side()) if connection is not None else _Side()

    def _draft(self, draft: Draft) -> Iterator[Record]:
        found = draft.finding
        side = self._side(found.connection, found.direction)
        if not draft.stateful or found.direction is None or found.connection is None:
            yield from self._write(found, side)
            return
        first = side.first
        if first is not None and (draft.offset > first.offset or found.rule in UNDONE):
            if side.failed:
                yield from self._after(draft, side)
                return
            if side.waiting:
                self._hold(draft, side)
                return
        yield from self._write(draft.finding, side)
        if first is None and found.severity is Severity.ERROR:
            side.first = draft
            left = self._side(found.connection, _other(found.direction)).left
            if left is None:
                side.waiting = True
                self._waiting[(found.connection, found.direction)] = None
            elif left.acked >= 0 and not side.ended:  # it may have failed the connection over the frame's first bytes
                side.failed = self._fails(left, side)

    def _hold(self, draft: Draft, side: _Side) -> None:
        """Keep a finding until its weight is known."""
        found = draft.finding
        if len(side.held) >= self._settings.held_findings:
            self._hit("held_findings")
        elif self._held >= self._settings.total_held_findings:
            self._hit("total_held_findings")
        else:
            side.held.append(draft)
            self._held += 1
            return
        _add(side.over, found.rule, found)

    def _write(self, found: Finding, side: _Side, *, secondary: bool = False) -> Iterator[Record]:
        """Give a finding its weight; write it, or only count it where there were many."""
        if not self._selected.get(found.rule, True):
            return
        found = self._weighed(found, secondary)
        if found.connection is not None:
            shown = side.shown.get(found.rule, 0)
            if found.rule in self._together and found.frame is not None:
                if 0 < found.frame == side.unbroken:  # as every frame before it
                    side.unbroken += 1
                    _add(side.rest, (found.rule, secondary), found)
                    return
                side.unbroken += found.frame == side.unbroken
            if shown >= self._settings.findings_per_rule:
                self._hit("findings_per_rule")
                _add(side.rest, (found.rule, secondary), found)
                return
            side.shown[found.rule] = shown + 1
        yield found

    def _weighed(self, found: Finding, secondary: bool) -> Finding:
        severity = Severity.INFO if secondary else self._settings.severity.get(found.rule, found.severity)
        if severity is found.severity and not secondary:
            return found
        return msgspec.structs.replace(found, severity=severity, secondary=secondary)

    def _hit(self, limit: str) -> None:
        self.limits[limit] = self.limits.get(limit, 0) + 1

    # --- reactions

    def _event(self, event: Event) -> Iterator[Record]:
        if event.kind == "tick":
            yield from self._time(event.time_ns)
            return
        if event.kind == "end":
            yield from self._end(event.connection)
            return
        me = self._side(event.connection, event.direction)
        other = _other(event.direction)
        peer = self._side(event.connection, other)
        if peer.waiting:
            failed = me.left is None and self._fails(event, peer)
            yield from self._release(event.connection, other, peer, failed=failed)
        me.left = me.left or event
        me.ended = me.ended or event.kind != "close"

    def _fails(self, event: Event, side: _Side) -> bool:
        """Whether ``event`` fails the connection over the first violation of ``side``."""
        dropped = event.kind in ("fin", "rst") and not side.ended
        failed = dropped or (event.kind == "close" and event.code in iana.FAILURES)
        return failed and not self._overdue(side, event.time_ns) and _knew(event, side)

    def _overdue(self, side: _Side, now: int) -> bool:
        """The peer has had its time to react."""
        assert side.first is not None, "waiting without a violation"
        return now - side.first.time_ns >= self._settings.fail_timeout

    def _release(self, connection: int, direction: Direction, side: _Side, *, failed: bool) -> Iterator[Record]:
        """The reaction is known: write what was held."""
        side.waiting = False
        del self._waiting[(connection, direction)]
        side.failed = failed
        held, side.held = side.held, []
        self._held -= len(held)
        for draft in held:
            yield from self._after(draft, side) if failed else self._write(draft.finding, side)
        for found in side.over.values():
            if self._selected.get(found.rule, True):
                _add(side.rest, (found.rule, failed), self._weighed(found, failed))
        side.over = {}

    def _after(self, draft: Draft, side: _Side) -> Iterator[Record]:
        """A finding after the peer failed the connection: secondary, and once it is said why."""
        found = draft.finding
        assert side.first is not None, "failed over nothing"
        if not side.announced:
            side.announced = True
            for rule in self._aftermath:
                for fault in rule.check(Aftermath(side.first.finding.rule)):
                    told = msgspec.structs.replace(
                        found,
                        rule=rule.id,
                        name=rule.name,
                        severity=rule.severity,
                        level=rule.level,
                        rfc=rule.rfc,
                        text=rule.title,
                        expected=fault.expected,
                        found=fault.found,
                        close_code=rule.close_code,
                    )
                    yield from self._write(told, side)
        yield from self._write(found, side, secondary=True)

    def _time(self, now: int) -> Iterator[Record]:
        """Time goes by: peers that did not react in time did not fail the connection."""
        while self._waiting:
            connection, direction = key = next(iter(self._waiting))
            if not self._overdue(self._sides[key], now):
                break  # the others' violations came later
            yield from self._release(connection, direction, self._sides[key], failed=False)

    def _end(self, connection: int) -> Iterator[Record]:
        for direction in SIDES:
            side = self._sides.get((connection, direction))
            if side is not None and side.waiting:
                yield from self._release(connection, direction, side, failed=False)
        for direction in SIDES:
            side = self._sides.pop((connection, direction), None)
            if side is not None:
                yield from side.rest.values()


SIDES: tuple[Direction, Direction] = ("client", "server")

_Name = TypeVar("_Name")


def _add(counted: dict[_Name, Finding], name: _Name, found: Finding) -> None:
    """Only count it: the first of its kind stands for the rest."""
    kept = counted.get(name)
    counted[name] = found if kept is None else msgspec.structs.replace(kept, count=kept.count + found.count)


def _knew(event: Event, side: _Side) -> bool:
    """Whether who did ``event`` had received the first violation of ``side``: else it is no reaction to it."""
    assert side.first is not None, "waiting without a violation"
    found = side.first.finding
    byte = side.first.offset if found.byte_offset is None else found.byte_offset
    return event.acked < 0 or event.acked > byte


def _other(direction: Direction | None) -> Direction:
    return "server" if direction == "client" else "client"


def selected(rule: Rule, settings: Settings) -> bool:
    """Whether findings of a rule are reported: the longest matching entry of select and ignore decides.

    A rule that is off by default is selected by its whole id, or with all others by `ALL`.
    """
    by_default = 0 if rule.default and not settings.select else -1
    chosen = max((_match(entry, rule) for entry in settings.select), default=by_default)
    ignored = max((len(p) for p in settings.ignore if rule.id.startswith(p)), default=-1)
    return chosen > ignored


def _match(entry: str, rule: Rule) -> int:
    """How closely an entry of select fits: characters of the id; -1 where it does not."""
    if entry == ALL:
        return 0
    fits = rule.id.startswith(entry) if rule.default else rule.id == entry
    return len(entry) if fits else -1
