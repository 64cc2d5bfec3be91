"""Order and hold: how findings combine (policies P1, P2, P4, P10) and when they are written.

Theory of operation. Drafts, the peers' reactions and the records of frames come in as items with a key that
says when the thing came to be known. They are sorted and gone through once, from time to time; since each key
says "by this packet", when that happens makes no difference to what comes out, nor in which order.

The first violation of a direction is written at once. From then on it matters what the peer does: if it fails
the connection (a Close with an error code, or TCP dropped without one), everything else wrong with that
direction is secondary, because nobody is obliged to read on (RFC 6455 7.1.7). So later findings of the
direction are held until the peer's Close, FIN or RST, or until the fail time-out has passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from analyzer.model import Direction, Finding, Record, Severity
from analyzer.rules import iana
from analyzer.rules.draft import Draft
from analyzer.rules.registry import Rule
from analyzer.rules.transport import Aftermath
from analyzer.settings import Settings

Key = tuple[int, int, int, int, int]


class Event(msgspec.Struct, frozen=True):
    """What a side did that may be a reaction; END is that of the connection, TICK one of the clock."""

    key: Key
    kind: Literal["close", "fin", "rst", "end", "tick"]
    connection: int
    direction: Direction
    time_ns: int
    code: int = -1


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
    left: bool = False
    """This side has sent Close or ended TCP, so nothing it does later is a reaction."""
    held: list[Draft] = []
    announced: bool = False
    """That there are secondary findings was said (ST-019)."""
    shown: dict[str, int] = {}
    """Findings written, by rule."""
    rest: dict[tuple[str, bool], Finding] = {}
    """What is only counted, by rule and weight."""


class Engine:
    """Takes items, gives findings and records in order."""

    def __init__(self, settings: Settings, rules: dict[str, Rule]) -> None:
        self._settings = settings
        self._aftermath = [rule for rule in rules.values() if rule.subject == Aftermath.__name__]
        self._items: list[Draft | Event | Passing] = []
        self._sides: dict[tuple[int, Direction], _Side] = {}
        self._waiting: set[tuple[int, Direction]] = set()
        self.limits: dict[str, int] = {}
        self._selected = {rule_id: selected(rule_id, settings) for rule_id in rules}

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Draft | Event | Passing) -> None:
        """Take one item, in any order within what has not been settled yet."""
        self._items.append(item)

    def settle(self) -> Iterator[Record]:
        """Go through what was added; every key to come must be later."""
        items, self._items = self._items, []
        items.sort(key=lambda item: item.key)
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
            yield from self._write(draft, side)
            return
        first = side.first
        if first is not None and draft.key[:4] != first.key[:4]:
            if side.failed:
                yield from self._after(draft, side)
                return
            if side.waiting:
                if len(side.held) < self._settings.held_findings:
                    side.held.append(draft)
                else:
                    self._hit("held_findings")
                    self._count(draft.finding, side)
                return
        yield from self._write(draft, side)
        if first is None and found.severity is Severity.ERROR:
            side.first = draft
            peer = self._side(found.connection, _other(found.direction))
            if not peer.left:
                side.waiting = True
                self._waiting.add((found.connection, found.direction))

    def _write(self, draft: Draft, side: _Side, *, secondary: bool = False) -> Iterator[Record]:
        found = draft.finding
        if not self._selected.get(found.rule, True):
            return
        severity = self._settings.severity.get(found.rule, found.severity)
        if secondary:
            severity = Severity.INFO
        if severity is not found.severity or secondary:
            found = msgspec.structs.replace(found, severity=severity, secondary=secondary)
        if found.connection is not None:
            shown = side.shown.get(found.rule, 0)
            if shown >= self._settings.findings_per_rule:
                self._hit("findings_per_rule")
                self._count(found, side)
                return
            side.shown[found.rule] = shown + 1
        yield found

    def _count(self, found: Finding, side: _Side) -> None:
        """Only count it: the first of its kind stands for the rest."""
        if not self._selected.get(found.rule, True):
            return
        kept = side.rest.get((found.rule, found.secondary))
        count = found.count + (kept.count if kept is not None else 0)
        side.rest[(found.rule, found.secondary)] = msgspec.structs.replace(kept or found, count=count)

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
        other: Direction = _other(event.direction)
        peer = self._side(event.connection, other)
        if peer.waiting:
            dropped = event.kind in ("fin", "rst") and not me.left
            failed = dropped or (event.kind == "close" and event.code in iana.FAILURES)
            yield from self._release(event.connection, other, peer, failed=failed)
        me.left = True

    def _release(self, connection: int, direction: Direction, side: _Side, *, failed: bool) -> Iterator[Record]:
        """The reaction is known: write what was held."""
        side.waiting = False
        self._waiting.discard((connection, direction))
        side.failed = failed
        held, side.held = side.held, []
        for draft in held:
            yield from self._after(draft, side) if failed else self._write(draft, side)

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
                    yield from self._write(Draft(draft.key, told, stateful=False), side)
        yield from self._write(draft, side, secondary=True)

    def _time(self, now: int) -> Iterator[Record]:
        for connection, direction in sorted(self._waiting):
            side = self._sides[(connection, direction)]
            assert side.first is not None, "waiting without a violation"
            since = side.first.finding.time_ns
            if since is not None and now - since >= self._settings.fail_timeout:
                yield from self._release(connection, direction, side, failed=False)

    def _end(self, connection: int) -> Iterator[Record]:
        for direction in ("client", "server"):
            side = self._sides.pop((connection, direction), None)
            if side is None:
                continue
            if side.waiting:
                yield from self._release(connection, direction, side, failed=False)
            yield from side.rest.values()


def _other(direction: Direction | None) -> Direction:
    return "server" if direction == "client" else "client"


def selected(rule_id: str, settings: Settings) -> bool:
    """Whether findings of a rule are reported: the longest matching entry of select and ignore decides."""
    chosen = max((len(p) for p in settings.select if rule_id.startswith(p)), default=-1 if settings.select else 0)
    ignored = max((len(p) for p in settings.ignore if rule_id.startswith(p)), default=-1)
    return chosen > ignored
