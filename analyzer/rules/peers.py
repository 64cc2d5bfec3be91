"""The connections of a capture as seen from each other: by client and server, by handshake key, by masking keys.

Some mistakes show only in the company of other connections. What is kept of each is small, in a few tables; each table
holds so many entries (the setting ``peers``), and gives up its oldest one for a new one. The tables are looked at when
an opening is finished and when a connection is over, and what they say then is the `Meeting` the rules judge. Which of
two openings was first is told by packets, not by the clock.

A relay (a proxy, a load balancer) captured on both of its sides is two connections with one handshake key, and no
mistake. Its opening towards the server lies inside the one from its client: asked later, answered earlier.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeVar

import msgspec

from analyzer.http.exchange import Exchange, last_byte
from analyzer.http.fields import key_is_16_bytes
from analyzer.http.head import Field
from analyzer.model import Place
from analyzer.rules.mask_keys import Ended, Mark, MaskKeys
from analyzer.rules.transport import Relay
from analyzer.settings import Settings

Endpoint = tuple[bytes, int]
Ends = tuple[Endpoint, Endpoint]
"""Client and server."""

KEPT = 4
"""Openings remembered of one handshake key: the first, and the latest. A relay's are near each other."""
RUNS = 8
"""Connections remembered of one client and server, to see how soon it comes again."""
SEQUENCE = 4
"""Masking keys that must be equal in order (SEC-009): one chance in 2**128."""
TWICE_NS = 1_000_000
"""ST-012: what looks the same within this time is one packet, captured twice."""
SAME = 3
"""Frames of one client that make a constant key (SEC-002)."""


class Met(msgspec.Struct, frozen=True):
    """A finished opening, as later ones meet it."""

    connection: int
    ends: Ends
    asked: int
    """Ordinal of the packet that completed the request; then its time."""
    asked_ns: int
    answered: int
    """Ordinal of the packet that completed the answer; where there was none, of the one that ended the wait."""
    answered_ns: int
    """Time of that answer; -1: there was none."""

    @property
    def answer(self) -> bool:
        """There was one."""
        return self.answered_ns >= 0

    def inside(self, other: Met) -> bool:
        """It lies in time inside the ``other``, by the order of the packets or by their times.

        Where a connection's SYN was not captured, its first bytes come late: only their times tell the order.
        """
        if other.asked <= self.asked and self.answered <= other.answered:
            return True
        times = self.answer and other.answer
        return times and other.asked_ns <= self.asked_ns and self.answered_ns <= other.answered_ns

    def perhaps_relayed(self, other: Met) -> bool:
        """They went to two servers and overlap: packets that swapped places may have hidden that one is inside.

        Without an answer, which may be lost, an opening overlaps all that come later.
        """
        if self.ends[1] == other.ends[1]:
            return False
        early = not other.answer or self.asked_ns <= other.answered_ns
        return early and (not self.answer or other.asked_ns <= self.answered_ns)

    def copied(self, other: Met) -> bool:
        """Both are the same packets, captured twice."""
        return self.ends == other.ends and abs(self.asked_ns - other.asked_ns) <= TWICE_NS


class Run(msgspec.Struct, frozen=True):
    """A connection that is over, as the client's next one meets it."""

    connection: int
    start: Place
    over_ns: int
    """Time of the first FIN or RST; -1: none was captured."""
    abnormal: bool
    """Without a closing handshake, or without an answer to the opening."""


class Meeting(msgspec.Struct, kw_only=True):
    """What the company of the others says about an opening that is finished, or a connection that is over."""

    field: Field | None = None
    """Of the opening: the one that carries the handshake key; and the place of the request's last byte."""
    asked: Place | None = None
    same_key: Met | None = None
    """An opening on another connection with the same handshake key, which no relay explains."""
    relayed: Met | None = None
    """An opening with the same key inside this one."""
    relays: list[Relay] = []
    """Of a connection that is over: what in its own packets speaks for a relay."""
    pending: Met | None = None
    """An opening of the same client to the same server that was unanswered while this one was."""
    same_masks: int | None = None
    """A connection whose first masking keys are the same."""
    mark: Mark | None = None
    """The last of those keys, in this connection."""
    hasty: tuple[Run, list[int]] | None = None
    """The third connection in a row that came at once after an abnormal end, and after how many nanoseconds each."""


class Peers:
    """The tables."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.peers
        self._by_key: dict[bytes, list[Met]] = {}
        self._by_pair: dict[tuple[bytes, Endpoint], Met] = {}
        """Of each client's address and server, the opening that was answered last."""
        self._relays: dict[tuple[int, int], None] = {}
        """Pairs of connections that a relay joins."""
        self._by_masks: dict[tuple[int, ...], tuple[int, Ends, int]] = {}
        """By the first masking keys: connection, endpoints, start."""
        self._constant: dict[bytes, tuple[int, int]] = {}
        """By client address that used one masking key only: that key, and in how many frames; 0: not so, or told."""
        self._runs: dict[tuple[bytes, Endpoint], list[Run]] = {}
        """In the order of their starts."""
        self._told: dict[tuple[bytes, Endpoint], int] = {}
        """Ordinal of the start of the last connection that belongs to what was told."""
        self.limits: dict[str, int] = {}

    def opening(self, exchange: Exchange, endpoints: Ends, settled: int) -> Meeting:
        """An opening is finished, by the packet ``settled``. ``endpoints`` by side."""
        request, response = exchange.request, exchange.response
        lost = not exchange.unanswered if response is None else not response.intact
        if request is None or not exchange.intact_request or lost:
            return Meeting()
        place, answer = request.place(last_byte(request)), exchange.answer_place
        ends = endpoints[exchange.client_side], endpoints[1 - exchange.client_side]
        answered = settled if answer is None else answer.ordinal
        answered_ns = -1 if answer is None else answer.time_ns
        met = Met(exchange.connection, ends, place.ordinal, place.time_ns, answered, answered_ns)
        meeting = Meeting(asked=place)
        fields = request.named(b"sec-websocket-key")
        if len(fields) == 1 and key_is_16_bytes(fields[0].value):
            meeting.field = fields[0]
            self._same_key(met, base64.b64decode(fields[0].value), meeting)
        if not exchange.connect_before:  # inside a proxy's tunnel the server is somebody else
            pair = ends[0][0], ends[1]
            other = self._by_pair.get(pair)
            if other is not None and other.connection != met.connection and not met.copied(other):
                meeting.pending = other if met.asked < other.answered else None
            if other is None or other.answered < met.answered:
                self._put(self._by_pair, pair, met)
        return meeting

    def _same_key(self, met: Met, key: bytes, meeting: Meeting) -> None:
        known = self._by_key.get(key, [])
        for other in known:
            if other.connection == met.connection or other.copied(met):
                continue
            inside = other.inside(met)
            if not inside and not met.inside(other) and not met.perhaps_relayed(other):
                meeting.same_key = meeting.same_key or other
            elif other.answer and met.answer:
                meeting.relayed = other if inside else meeting.relayed
                self._put(self._relays, (other.connection, met.connection), None)
        if len(known) >= KEPT:
            del known[1]
        self._put(self._by_key, key, [*known, met])

    def over(self, run: Run, endpoints: Ends, masks: Ended | None) -> Meeting:
        """A connection is over. ``endpoints``: client and server."""
        meeting = Meeting()
        if masks is not None and masks.from_start and masks.frames >= SEQUENCE:
            self._same_masks(run, endpoints, masks, meeting)
        self._hasty(run, endpoints, meeting)
        return meeting

    def _same_masks(self, run: Run, endpoints: Ends, masks: Ended, meeting: Meeting) -> None:
        first = masks.first[:SEQUENCE]
        if len(set(first)) == 1:  # SEC-001 or SEC-002
            return
        other = self._by_masks.get(first)
        if other is None:
            self._put(self._by_masks, first, (run.connection, endpoints, run.start.time_ns))
            return
        connection, ends, start_ns = other
        copied = ends == endpoints and abs(start_ns - run.start.time_ns) <= TWICE_NS
        pair = (connection, run.connection)
        if not copied and pair not in self._relays and pair[::-1] not in self._relays:
            meeting.same_masks, meeting.mark = connection, masks.mark

    def _hasty(self, run: Run, endpoints: Ends, meeting: Meeting) -> None:
        pair = endpoints[0][0], endpoints[1]
        runs = self._runs.get(pair)
        if runs is None:
            self._put(self._runs, pair, [run])
        else:
            runs.append(run)
            runs.sort(key=lambda each: (each.start.ordinal, each.connection))
            del runs[:-RUNS]
            for chain, pauses in _chains(runs):
                before, last = chain[-2].start.ordinal, chain[-1].start.ordinal
                told = self._told.get(pair, -1)
                if last > told:
                    meeting.hasty = (chain[-1], pauses) if before != told else meeting.hasty
                    self._put(self._told, pair, last)

    def constant(self, client: bytes, masks: Ended) -> MaskKeys | None:
        """The masking keys of a connection that is over, where they are the client's one key (SEC-002) only together
        with those of its other connections.
        """
        key, before = self._constant.get(client, (masks.first[0], 0))
        if client in self._constant and not before:
            return None
        same = set(masks.first) == {key} and key != 0
        if not same or masks.frames >= SAME:
            self._put(self._constant, client, (key, 0))
            return None
        total = before + masks.frames
        self._put(self._constant, client, (key, 0 if total >= SAME else total))
        if total < SAME:
            return None
        return MaskKeys(
            frames=total,
            partial=False,
            zeros=0,
            constant=key,
            pattern="",
            repeats=0,
            log_repeats=0.0,
            little_twister=False,
            restricted="",
            log_restricted=0.0,
            marks={"constant": masks.mark},
        )

    def _put(self, table: dict[_Key, _Value], key: _Key, value: _Value) -> None:
        """Remember something; the oldest is given up where it is too much."""
        if key not in table and len(table) >= self._most:
            del table[next(iter(table))]
            self.limits["peers"] = self.limits.get("peers", 0) + 1
        table[key] = value


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

AT_ONCE_NS = 100_000_000
"""SC-017: how soon after an abnormal end the next connection must not come again and again."""
IN_A_ROW = 3


def _chains(runs: list[Run]) -> Iterator[tuple[list[Run], list[int]]]:
    """Four connections of which three came at once after the one before, with the three pauses."""
    for end in range(IN_A_ROW, len(runs)):
        chain = runs[end - IN_A_ROW : end + 1]
        pairs = list(pairwise(chain))
        pauses = [after.start.time_ns - before.over_ns for before, after in pairs]
        at_once = all(before.abnormal and before.over_ns >= 0 for before, _ in pairs)
        at_once = at_once and all(0 <= pause <= AT_ONCE_NS for pause in pauses)
        growing = all(later > sooner for sooner, later in pairwise(pauses))
        if at_once and not growing:
            yield chain, pauses
