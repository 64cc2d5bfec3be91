"""From what came to be known to findings and records, through the rules and the engine.

`Judge` runs each rule over its subject and gives the engine what comes of it, keyed by the packet that made it known.
It knows nothing of how frames and messages are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analyzer.frames.columns import FrameColumns
from analyzer.http.exchange import Chunk, Exchange
from analyzer.http.record import record as handshake_record
from analyzer.link import Link
from analyzer.messages.columns import ENDED, FINISHED, MessageColumns
from analyzer.model import Cut, Opcode, Place, Record, Role, Severity
from analyzer.rules import draft as drafts
from analyzer.rules.capture_facts import Capture
from analyzer.rules.dialogue import Dialogue, Ended
from analyzer.rules.draft import LAST, Draft
from analyzer.rules.engine import Engine, Event, Passing, selected
from analyzer.rules.faults import Fault
from analyzer.rules.key_table import KeyTable
from analyzer.rules.listening import Listener
from analyzer.rules.mask_keys import Mark, MaskKeys
from analyzer.rules.opening import Opening, check_opening, in_order
from analyzer.rules.peers import Meeting, Peers, Run
from analyzer.rules.registry import Rule
from analyzer.rules.sequel import Sequel, Watch, after_refusal
from analyzer.rules.transport import Transport
from analyzer.settings import Settings

AFTER_BOTH = 3
"""Stands for the direction of what comes after both."""

ITEMS = 4096
"""Drafts, events and records that wait before they are gone through. No limit: nothing happens but that they are."""
BYTES_AFTER_CLOSE = "SC-018"
"""What it finds takes the place of everything else from there on in that direction (policy P2)."""


class Judge:
    """The rules of a run, and the engine that weighs and orders what they find."""

    def __init__(self, settings: Settings, rules: dict[str, Rule], files: list[str]) -> None:
        """``files``: the run's inputs, by the index that places carry."""
        self._settings = settings
        self._files = files
        self._engine = Engine(settings, rules)
        self._number_of = {rule_id: number for number, rule_id in enumerate(rules)}
        self._rules = list(rules.values())
        self._opening_rules = in_order(self._rules)
        self._frame_rules = self._about(FrameColumns)
        self._frame_rules.sort(key=lambda rule: rule.id != BYTES_AFTER_CLOSE)
        self._opcodes = {rule.opcode for rule in self._frame_rules if rule.opcode is not None}
        self._sequel_rules = self._about(Sequel)
        self._watch = Watch()
        self._message_rules = self._about(MessageColumns)
        self._transport_rules = self._about(Transport)
        self._capture_rules = self._about(Capture)
        self._mask_key_rules = self._about(MaskKeys)
        self._mask_keys = KeyTable(settings)
        self._meeting_rules = self._about(Meeting)
        self._peers = Peers(settings)
        self._dialogue_rules = self._about(Dialogue)
        self._links: Mapping[int, Link] = {}
        self._listener = Listener(settings, self._conversation, self._lost_from)
        self._garbage: dict[tuple[int, int], int] = {}
        """By connection and role: stream offset from which what follows the Close is no frames."""

    def _about(self, subject: type) -> list[Rule]:
        return [rule for rule in self._rules if rule.subject == subject.__name__]

    @property
    def limits(self) -> dict[str, int]:
        """How often each limit on findings and on what is remembered for them was reached."""
        return self._engine.limits | self._mask_keys.limits | self._peers.limits | self._listener.limits

    def reports(self, rule_id: str) -> bool:
        """Whether findings of that rule are asked for."""
        return any(rule.id == rule_id and selected(rule, self._settings) for rule in self._rules)

    @property
    def full(self) -> bool:
        """Enough has come together to be gone through."""
        return len(self._engine) > ITEMS

    def settle(self, before: int | None = None) -> Iterator[Record]:
        """What is due; with ``before``, only what was known before the packet of that ordinal."""
        return self._engine.settle(before)

    # --- as it comes

    def tick(self, place: Place) -> None:
        """A second of capture time has begun."""
        self._engine.add(Event((place.ordinal, -1, 0, 0, 0), "tick", -1, "client", place.time_ns))

    def exchange(self, exchange: Exchange, place: Place, link: Link) -> None:
        """An opening is finished; ``place`` of the packet that settled it."""
        opening = Opening(exchange)
        found: list[Draft] = []
        for rule, fault in check_opening(opening, self._opening_rules):
            number = self._number_of[rule.id]
            found.append(drafts.of_opening(rule, number, opening, fault, self._files, place.ordinal))
            self._engine.add(found[-1])
        link.unheard = exchange.request is None or exchange.response is None
        if found or link.dialogue is not None:
            self._opened(link.conversation(self._settings), found)
        meeting = self._peers.opening(exchange, link.endpoints, place.ordinal)
        for rule, fault in self._met(meeting):
            number = self._number_of[rule.id]
            if rule.role is Role.INTERMEDIARY:
                connection = exchange.connection
                draft = drafts.of_subject(rule, number, fault, self._files, connection, place.ordinal)
            else:
                draft = drafts.of_opening(rule, number, opening, fault, self._files, place.ordinal)
            self._engine.add(draft)
        if "handshakes" in self._settings.records:
            key = (place.ordinal, exchange.connection, 0, -1, exchange.index)
            self._engine.add(Passing(key, handshake_record(exchange, self._files)))
        self._watch.begin(opening)

    def after_refusal(self, exchange: Exchange, chunk: Chunk, *, http: bool, ordinal: int) -> None:
        """What the client sent after an opening that led to no frames; the packet of that ordinal made it known."""
        sequel = after_refusal(Opening(exchange), chunk, http=http)
        if sequel is not None:
            self._sequel(sequel, ordinal)

    def _sequel(self, sequel: Sequel, ordinal: int) -> None:
        for rule in self._sequel_rules:
            for fault in rule.check(sequel):
                number = self._number_of[rule.id]
                self._engine.add(drafts.of_sequel(rule, number, sequel, fault, self._files, ordinal))

    def _opened(self, dialogue: Dialogue, found: list[Draft]) -> None:
        """What was found in an opening bears on what comes after it."""
        dialogue.faulty = dialogue.unchosen = False
        for draft in found:
            rule, severity = draft.finding.rule, draft.finding.severity
            dialogue.unchosen = dialogue.unchosen or rule == "HS-212"
            if severity is Severity.ERROR and rule.startswith(("HS-2", "EX-")):
                dialogue.faulty = True
            if severity is not Severity.INFO and draft.finding.direction is not None:
                side = dialogue.sides[drafts.side_number(draft.finding.direction)]
                side.blamed = 0

    def side_ended(self, link: Link, side: int, cut: Cut, place: Place, sent: int, acked: int) -> None:
        """One side of a WebSocket connection ended TCP: it ``sent`` so many bytes, and ``acked`` those of the other."""
        direction = link.direction(side)
        own = link.conversation(self._settings).sides[link.role(side)]
        ended = Ended(place, sent, acked, cut is Cut.RST)
        if cut is Cut.FIN:
            own.fin = own.fin or ended
        else:
            own.rst = own.rst or ended
        kind: Literal["fin", "rst"] = "fin" if cut is Cut.FIN else "rst"
        key = (place.ordinal, link.number, drafts.side_number(direction), LAST, 0)
        self._engine.add(Event(key, kind, link.number, direction, place.time_ns, acked=acked))

    # --- collected rows

    def frames(self, frames: FrameColumns, links: Mapping[int, Link]) -> None:
        """Frames were decoded. ``links``, by the connection's number, are told what matters to them."""
        self._links = links
        odd = frames.unusual
        self._closes(odd, links)
        self._mask_keys.take(frames)
        if "frames" in self._settings.records:
            mine = (frames.cut != Cut.HTTP) & self._listed(frames.connection)
            for row in np.flatnonzero(mine).tolist():
                side = drafts.side_number(frames.direction(row))
                key = (int(frames.ordinal[row]), int(frames.connection[row]), side, int(frames.offset[row]), -2)
                self._engine.add(
                    Passing(key, frames.record(row, self._files, first_bytes=self._settings.frame_bytes > 0))
                )
        for sequel in self._watch.frames(frames):
            self._sequel(sequel, sequel.place.ordinal)
        of_opcode = {opcode: odd.only(opcode) for opcode in self._opcodes}
        for rule in self._frame_rules:
            mine = odd if rule.opcode is None else of_opcode[rule.opcode]
            if len(mine):
                for draft in drafts.of_frames(rule, self._number_of[rule.id], mine, self._files):
                    self._blame(rule, draft)

    def _listed(self, connections: NDArray[np.int64]) -> NDArray[np.bool_] | bool:
        """Which rows become records."""
        wanted = self._settings.listed_connection
        return wanted is None or connections == wanted

    def _lists(self, connection: int) -> bool:
        """Whether what is of this connection becomes a record."""
        return self._settings.listed_connection in (None, connection)

    def listen(self, frames: FrameColumns) -> None:
        """Frames were decoded, and what is wrong with them and their messages is known: see who reacted."""
        self._listener.frames(frames)

    def _blame(self, rule: Rule, draft: Draft) -> None:
        """Something is wrong with what a side sent after the opening."""
        _, connection, role, offset, _ = draft.key
        link = self._links[connection]
        garbage = self._garbage.get((connection, role))
        if garbage is not None and offset >= garbage:
            return
        if rule.id == BYTES_AFTER_CLOSE:
            self._garbage[connection, role] = offset
        self._engine.add(draft)
        severity = draft.finding.severity
        if severity is Severity.INFO:
            return
        side = link.conversation(self._settings).sides[role]
        side.blamed = min(side.blamed, offset if draft.finding.byte_offset is None else draft.finding.byte_offset)
        if severity is not Severity.ERROR or rule.close_code is None:
            return
        first = side.wrong is None or draft.key < side.wrong.key
        if first:
            side.wrong = drafts.wrong(rule, draft, self._files)
        if rule.fail_required and (side.must is None or draft.key < side.must.key):
            side.must = side.wrong if first else drafts.wrong(rule, draft, self._files)
        self._listener.watch(connection)

    def _conversation(self, connection: int) -> Dialogue:
        return self._links[connection].conversation(self._settings)

    def _lost_from(self, connection: int, role: int) -> int:
        link = self._links[connection]
        return link.lost_at[link.role(role)]

    def _closes(self, frames: FrameColumns, links: Mapping[int, Link]) -> None:
        """The first Close of each side: a reaction of its sender, and a fact of the connection."""
        first = (frames.opcode == Opcode.CLOSE) & frames.whole & frames.complete & (frames.closed == 0)
        for row in np.flatnonzero(first).tolist():
            link = links[int(frames.connection[row])]
            code, reason = frames.close_body(row)
            side = drafts.side_number(frames.direction(row))
            link.closes[side] = (code, None if code is None else reason.decode(errors="replace"))
            if link.first_close < 0:
                link.first_close = side
            key = (int(frames.ordinal[row]), link.number, side, int(frames.offset[row]), len(self._rules))
            time_ns = int(frames.last_time_ns[row])
            code = -1 if code is None else code
            acked = int(frames.acked[row])
            self._engine.add(Event(key, "close", link.number, frames.direction(row), time_ns, code, acked))
            self._listener.close(frames, row, code)

    def messages(self, messages: MessageColumns, links: Mapping[int, Link]) -> None:
        """Messages were read, or noticed to be wrong."""
        self._links = links
        if "messages" in self._settings.records:
            over = (messages.event == FINISHED) | (messages.event == ENDED)
            for index in np.flatnonzero(over).tolist():
                row = messages.row(index)
                if not self._lists(row.connection):
                    continue
                side = drafts.side_number(messages.direction(index))
                key = (row.ordinal, row.connection, side, row.offset, -1)
                self._engine.add(Passing(key, row.record(self._files)))
        for rule in self._message_rules:
            for draft in drafts.of_messages(rule, self._number_of[rule.id], messages, self._files):
                close = self._conversation(draft.key[1]).sides[draft.key[2]].close
                if close is None or draft.offset < close.end:  # later data is discarded, whatever it says (SC-001)
                    self._blame(rule, draft)

    # --- at the end

    def connection(self, link: Link, place: Place, capture: Capture) -> None:
        """A WebSocket connection is over and its last rows are in: its own findings, and its record."""
        self._watch.end(link.number)
        facts = link.settle_roles()
        if link.dialogue is not None and link.switched:
            self._settle(link, link.dialogue, place, capture)
        self._listener.forget(link.number)
        for role in (0, 1):
            self._garbage.pop((link.number, role), None)
        for rule in self._transport_rules:
            for fault in rule.check(facts):
                number = self._number_of[rule.id]
                self._engine.add(drafts.of_subject(rule, number, fault, self._files, link.number, place.ordinal))
        self._masking(link, place)
        key = (place.ordinal, link.number, AFTER_BOTH, LAST)
        self._engine.add(Event((*key, 0), "end", link.number, "client", place.time_ns))
        if "connections" in self._settings.records:
            self._engine.add(Passing((*key, 1), link.record()))

    def _masking(self, link: Link, place: Place) -> None:
        """The client's masking keys, all of them, and what the other connections say."""
        ends = link.endpoints[link.client_side], link.endpoints[1 - link.client_side]
        ended = self._mask_keys.finish(link.number)
        keys: MaskKeys | None = None
        if ended is not None:
            keys = self._peers.constant(ends[0][0], ended) if ended.keys is None else ended.keys
        if keys is not None:
            marks = {mark.offset + mark.at: mark for mark in keys.marks.values()}
            for rule in self._mask_key_rules:
                for fault in rule.check(keys):
                    assert fault.offset is not None, "masking keys stand in frames"
                    self._on_mask_key(rule, fault, marks[fault.offset], link, place)
        run = Run(link.number, link.facts.first, link.over_ns, link.abnormal())
        meeting = self._peers.over(run, ends, ended)
        meeting.relays = link.facts.relays
        for rule, fault in self._met(meeting):
            if meeting.mark is not None and rule.role is not Role.INTERMEDIARY and fault.offset is not None:
                self._on_mask_key(rule, fault, meeting.mark, link, place)
            else:
                number = self._number_of[rule.id]
                self._engine.add(drafts.of_subject(rule, number, fault, self._files, link.number, place.ordinal))

    def _met(self, meeting: Meeting) -> Iterator[tuple[Rule, Fault]]:
        return ((rule, fault) for rule in self._meeting_rules for fault in rule.check(meeting))

    def _on_mask_key(self, rule: Rule, fault: Fault, mark: Mark, link: Link, place: Place) -> None:
        number = self._number_of[rule.id]
        self._engine.add(drafts.of_mask_keys(rule, number, fault, mark, self._files, link.number, place.ordinal))

    def _settle(self, link: Link, dialogue: Dialogue, place: Place, capture: Capture) -> None:
        """The conversation is over: fill in what is known now, and judge it."""
        facts = link.facts
        dialogue.seen = facts.opening_seen and facts.synced and not facts.unknown_extensions and not link.unheard
        if capture.lossy and not link.reset and any(side.end is None for side in dialogue.sides):
            # An answer that is missing may be among the packets that were dropped, with all that would show the hole.
            dialogue.seen = False
        dialogue.sure, dialogue.over_ns = capture.sure(facts.first.ordinal, place)
        for role, side in enumerate(dialogue.sides):
            side.lost = link.lost_at[link.role(role)]
            side.frames = link.frames[role]
            side.acknowledged = link.acknowledged[link.role(role)]
        dialogue.finish()
        for rule in self._dialogue_rules:
            for fault in rule.check(dialogue):
                number = self._number_of[rule.id]
                self._engine.add(drafts.of_dialogue(rule, number, fault, self._files, link.number, place.ordinal))

    def capture(self, capture: Capture, ordinal: int) -> None:
        """The run is over."""
        for rule in self._capture_rules:
            for fault in rule.check(capture):
                number = self._number_of[rule.id]
                self._engine.add(drafts.of_subject(rule, number, fault, self._files, None, ordinal))
