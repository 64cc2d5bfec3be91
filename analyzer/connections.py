"""The connections of a run: what each direction carries, from the first byte to the last.

Chunks come in the order of the capture. A direction starts as HTTP, handled chunk by chunk in Python; once an
opening was accepted its bytes go to the frame decoder, which runs over whole batches and comes back here only
for what is not plain frame data: another connection's HTTP, a gap, an end, a full table, text that looks like
HTTP where a frame should begin. Everything that comes to be known becomes a draft, an event or a record, keyed
by the packet that made it known, and goes to the engine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import numpy as np

from analyzer.frames import decode
from analyzer.frames.columns import FrameColumns
from analyzer.frames.decode import ROLES_SURE, UNKNOWN_EXTENSION, Decoder, FrameDecoder
from analyzer.http import sniff
from analyzer.http.connection import HttpConnection
from analyzer.http.exchange import Chunk, Exchange, State
from analyzer.http.record import record as handshake_record
from analyzer.messages.assemble import Messages
from analyzer.messages.columns import ENDED, FINISHED
from analyzer.model import Connection, Cut, Direction, Opcode, Place, Record
from analyzer.rules import draft as drafts
from analyzer.rules.engine import Engine, Event, Passing
from analyzer.rules.negotiation import Agreement, agreement
from analyzer.rules.opening import Opening, check_opening
from analyzer.rules.registry import Rule
from analyzer.rules.transport import REMEMBERED, Capture, Loss, Transport
from analyzer.settings import Settings
from analyzer.tcp import streams
from analyzer.tcp.packets import Flows
from analyzer.tcp.reassembly import Reassembly
from analyzer.tcp.streams import Chunks

ROOM = 8
"""Rows the decoder leaves free: an end or a gap may cut a frame short in both directions."""
ITEMS = 4096
"""Drafts, events and records that wait, at most, before they are gone through."""
CUTS = {streams.FIN: Cut.FIN, streams.RST: Cut.RST}


class Link(msgspec.Struct):
    """One TCP connection that has given bytes."""

    slot: int
    tcp_stream: int
    endpoints: tuple[tuple[bytes, int], tuple[bytes, int]]
    http: HttpConnection
    facts: Transport
    start_ns: int
    number: int = -1
    """Of the WebSocket connection; -1 as long as there is no opening."""
    client_side: int = 0
    switched: bool = False
    end_ns: int = 0
    last: Exchange | None = None
    ends: list[tuple[int, Cut]] = []
    """FIN and RST in the order they came, by side."""
    frames: list[int] = []
    messages: list[int] = []
    sent: list[int] = []
    """Bytes after the opening, by side."""
    closes: list[tuple[int | None, str | None] | None] = []
    """Code and reason of each side's first Close."""
    first_close: int = -1
    role_evidence: Literal["opening", "port"] = "opening"
    suspects: dict[int, list[Chunk]] = {}
    """By direction: where a frame should begin, bytes that may be HTTP."""


class Connections:
    """All connections of a run."""

    def __init__(
        self,
        settings: Settings,
        rules: dict[str, Rule],
        flows: Flows,
        reassembly: Reassembly,
        engine: Engine,
        files: list[str],
    ) -> None:
        self._settings = settings
        self._flows = flows
        self._reassembly = reassembly
        self._engine = engine
        self._files = files
        self._decoder = FrameDecoder(max(settings.frame_rows, 64), settings.control_bytes)
        self._messages = Messages(settings, rows=max(settings.frame_rows, 64))
        self._rules = rules
        order = {rule_id: number for number, rule_id in enumerate(rules)}
        self._number_of = order
        self._frame_rules = [r for r in rules.values() if r.subject == "FrameColumns"]
        self._opcodes = {r.opcode for r in self._frame_rules if r.opcode is not None}
        self._message_rules = [r for r in rules.values() if r.subject == "MessageColumns"]
        self._links: dict[int, Link] = {}
        """By slot."""
        self._numbered: dict[int, Link] = {}
        """Open WebSocket connections, by number; gone once their last rows are collected."""
        self._ended: list[tuple[Link, Place]] = []
        self._due: list[Record] = []
        self._transport_rules = [r for r in rules.values() if r.subject == "Transport"]
        self.capture = Capture()
        self.count = 0
        self.frames = 0
        self.messages = 0
        self.limits: dict[str, int] = {}

    def all_limits(self) -> dict[str, int]:
        """How often each limit was reached, by the name of the setting."""
        total: dict[str, int] = {}
        parts = (self.limits, self._messages.limits, self._engine.limits, self._reassembly.limits)
        for part in parts:
            for name, count in part.items():
                total[name] = total.get(name, 0) + count
        if self._flows.evicted:
            total["connections"] = self._flows.evicted
        return total

    def take(self, chunks: Chunks, data: bytearray) -> Iterator[Record]:
        """Work through all ``chunks``; those not stored stand in ``data``. Records that are due."""
        self._decoder.grow(2 * self._flows.slots)
        self._messages.grow(2 * self._flows.slots)
        i, count = 0, chunks.count
        while i < count:
            source = chunks.stored[i] if chunks.kind[i] == streams.DATA else 0
            buffer = chunks.store if source else data
            i = self._decoder.decode(buffer, chunks, i, count, source)
            self._messages.pieces(buffer, self._decoder.pieces)
            if self._full():
                yield from self.collect()
            if self._decoder.stop == decode.ATTENTION:
                if chunks.kind[i] == streams.DATA and self._carried(chunks, i) and chunks.stored[i] != source:
                    continue  # frame data again, from the other buffer
                self._attend(chunks, i, data)
                i += 1
                if self._due:
                    yield from self._due
                    self._due = []
                if self._full() or len(self._engine) > ITEMS:
                    yield from self.collect()
            elif self._decoder.stop == decode.SUSPICIOUS:
                i += self._suspect(chunks, i, buffer)
        chunks.clear()

    def collect(self) -> Iterator[Record]:
        """Run the rules over the rows collected so far, and settle what is known."""
        frames = FrameColumns(self._decoder.frames)
        if len(frames):
            self._take_frames(frames)
            of_opcode = {opcode: frames.only(opcode) for opcode in self._opcodes}
            for rule in self._frame_rules:
                mine = frames if rule.opcode is None else of_opcode[rule.opcode]
                if len(mine):
                    for draft in drafts.of_frames(rule, self._number_of[rule.id], mine, self._files):
                        self._engine.add(draft)
        messages = self._messages.collect(frames)
        if len(messages):
            self._take_messages(messages)
            for rule in self._message_rules:
                for draft in drafts.of_messages(rule, self._number_of[rule.id], messages, self._files):
                    self._engine.add(draft)
        self._decoder.frames.clear()
        for link, place in self._ended:
            self._close_record(link, place)
        self._ended = []
        yield from self._engine.settle()

    def _full(self) -> bool:
        """The next end or gap might find no room for a frame's row."""
        return bool(self._decoder.frames.count >= self._decoder.frames.rows - ROOM)

    # --- what a chunk is

    def _carried(self, chunks: Chunks, i: int) -> bool:
        return bool(self._decoder.phase[chunks.direction[i]] in (decode.FRAMES_PHASE, decode.IGNORED_PHASE))

    def _attend(self, chunks: Chunks, i: int, data: bytearray) -> None:
        kind, d = chunks.kind[i], chunks.direction[i]
        place = Place(chunks.file[i], chunks.packet[i], chunks.ordinal[i], chunks.time_ns[i], chunks.file_offset[i])
        if kind == streams.TICK:
            self._engine.add(Event((place.ordinal, -1, 0, 0, 0), "tick", -1, "client", place.time_ns))
            return
        if kind == streams.OPEN:
            self._open(d, chunks.length[i], place)
            return
        link = self._links.get(d >> 1)
        if link is None:
            return
        link.end_ns = max(link.end_ns, place.time_ns)
        link.facts.last = place
        if kind == streams.DATA:
            source: Any = chunks.store if chunks.stored[i] else data
            start = chunks.start[i]
            payload = bytes(memoryview(source)[start : start + chunks.length[i]])
            self._http(link, d, payload, chunks.offset[i], place, chunks.acked[i])
        elif kind == streams.GAP:
            self._gap(link, d, chunks.offset[i], chunks.length[i], place)
        elif kind == streams.CONFLICT:
            self._lost(link.facts, link.facts.conflicts, link, d, chunks.offset[i], chunks.length[i], place)
        elif kind in CUTS:
            self._side_ended(link, d, CUTS[kind], place)
        elif kind == streams.END:
            self._end(link, place)

    def _open(self, d: int, tcp_stream: int, place: Place) -> None:
        slot = d >> 1
        link = Link(
            slot=slot,
            tcp_stream=tcp_stream,
            endpoints=self._flows.endpoints(slot),
            http=HttpConnection(self._settings, lambda: self._take_number(slot)),
            start_ns=place.time_ns,
            end_ns=place.time_ns,
            frames=[0, 0],
            messages=[0, 0],
            sent=[0, 0],
            closes=[None, None],
            facts=Transport(
                connection=-1,
                first=place,
                last=place,
                synced=self._reassembly.synced(2 * slot) or self._reassembly.synced(2 * slot + 1),
            ),
        )
        self._links[slot] = link
        for direction in (2 * slot, 2 * slot + 1):
            self._decoder.phase[direction] = decode.HTTP_PHASE
            self._decoder.decoders[direction] = None

    def _take_number(self, slot: int) -> int:
        number = self.count
        self.count += 1
        self._links[slot].number = number
        self._numbered[number] = self._links[slot]
        return number

    # --- HTTP

    def _http(self, link: Link, d: int, payload: bytes, offset: int, place: Place, acked: int) -> None:
        phase = self._decoder.phase[d]
        if phase == decode.SUSPECT_PHASE:
            link.suspects[d].append(Chunk(payload, offset, place, acked))
            self._suspects(link, d, more=True)
            return
        if self._settings.decode_as and link.http.client_side < 0 and not link.switched:
            self._insist(link, payload)
        if link.switched:
            self._feed(d, payload, offset, place, acked)
            return
        state = link.http.data(d & 1, payload, offset, place, acked)
        self._after_http(link, state, place)

    def _insist(self, link: Link, payload: bytes) -> None:
        """A connection's first bytes: frames, if its port was named as WebSocket and they are no HTTP."""
        ports = [port for _, port in link.endpoints]
        server = next((side for side in (1, 0) if ports[side] in self._settings.decode_as), None)
        if server is None or sniff.begins_request(payload) is not False or sniff.begins_response(payload) is not False:
            return
        self._take_number(link.slot)
        link.client_side, link.switched, link.role_evidence = 1 - server, True, "port"
        link.facts.switched, link.facts.opening_seen = True, False
        self._decode(link, Agreement(ROLES_SURE | UNKNOWN_EXTENSION, seen=False))

    def _after_http(self, link: Link, state: State, place: Place) -> None:
        for exchange in link.http.exchanges:
            self._exchange(link, exchange, place)
        link.http.exchanges.clear()
        if state is State.IGNORE:
            for d in (2 * link.slot, 2 * link.slot + 1):
                self._decoder.phase[d] = decode.IGNORED_PHASE
            if link.http.reason == "tls":
                self.capture.encrypted += 1
                self.capture.encrypted_first = self.capture.encrypted_first or place
            elif link.http.reason == "switched-elsewhere":
                link.facts.elsewhere = "another protocol"
            if link.http.limit is not None:
                self.limits[link.http.limit] = self.limits.get(link.http.limit, 0) + 1
        elif state is State.SWITCHED and not link.switched:
            self._switch(link, place)

    def _exchange(self, link: Link, exchange: Exchange, place: Place) -> None:
        """An opening is finished: judge it."""
        link.last = exchange
        link.client_side = exchange.client_side
        link.facts.plain_before, link.facts.tunnelled = exchange.plain_before, exchange.connect_before
        opening = Opening(exchange)
        for rule, fault in check_opening(opening, self._rules.values()):
            number = self._number_of[rule.id]
            self._engine.add(drafts.of_opening(rule, number, opening, fault, self._files, place.ordinal))
        if "handshakes" in self._settings.records:
            key = (place.ordinal, exchange.connection, 0, -1, exchange.index)
            self._engine.add(Passing(key, handshake_record(exchange, self._files)))

    # --- frames

    def _switch(self, link: Link, place: Place) -> None:
        """The opening was accepted: frames follow in both directions."""
        http = link.http
        assert http.exchange is not None, "switched without an exchange"
        link.switched = True
        link.client_side = http.client_side
        agreed = agreement(http.exchange)
        link.facts.switched = True
        link.facts.opening_seen = agreed.seen
        link.facts.unknown_extensions = list(agreed.unknown)
        self._decode(link, agreed)
        if not agreed.decodable:
            return
        for side in (http.client_side, 1 - http.client_side):
            d, begin = 2 * link.slot + side, http.frames_from[side]
            if begin < 0:
                self._decoder.decoders[d].stage = decode.STOPPED
                continue
            for chunk in http.leftover[side]:
                cut = max(0, begin - chunk.offset)
                if cut < len(chunk.data):
                    rest = chunk.after(cut)
                    where = msgspec.structs.replace(rest.place, ordinal=place.ordinal)
                    self._feed(d, rest.data, rest.offset, where, rest.acked)
        for leftover in http.leftover:
            leftover.clear()

    def _decode(self, link: Link, agreed: Agreement) -> None:
        """Frames from now on, in both directions."""
        pair: list[Decoder] = []
        for side in (0, 1):
            d = 2 * link.slot + side
            client = side == link.client_side
            if agreed.decodable:
                self._decoder.phase[d] = decode.FRAMES_PHASE
                self._messages.begin(d, _takeover(agreed, client))
            else:
                self._decoder.phase[d] = decode.IGNORED_PHASE
            decoder = Decoder(link.number, client, agreed.context, self._settings.control_bytes, self._messages.hashing)
            self._decoder.decoders[d] = decoder
            pair.append(decoder)
        pair[0].peer, pair[1].peer = pair[1], pair[0]

    def _feed(self, d: int, payload: bytes, offset: int, place: Place, acked: int) -> None:
        """Give the decoder bytes that do not come from a batch."""
        chunks = Chunks(1)
        chunks.kind[0], chunks.direction[0], chunks.offset[0] = streams.DATA, d, offset
        chunks.length[0], chunks.start[0], chunks.acked[0] = len(payload), 0, acked
        chunks.file[0], chunks.packet[0], chunks.time_ns[0] = place.file, place.packet, place.time_ns
        chunks.file_offset[0], chunks.ordinal[0] = place.file_offset, place.ordinal
        chunks.count = 1
        padded = bytearray(payload)
        i = 0
        while i < 1:
            i = self._decoder.decode(padded, chunks, i, 1, 0)
            self._messages.pieces(padded, self._decoder.pieces)
            if self._full():
                self._due += self.collect()
            if self._decoder.stop == decode.SUSPICIOUS:
                i += self._suspect(chunks, i, padded)
            elif self._decoder.stop == decode.ATTENTION:
                raise AssertionError("frame data nobody can decode")

    def _suspect(self, chunks: Chunks, i: int, buffer: Any) -> int:
        """A frame seems to begin with a letter that HTTP begins with. Rows to go on by."""
        d, start, length = chunks.direction[i], chunks.start[i], chunks.length[i]
        text = bytes(memoryview(buffer)[start : start + length])
        verdict = sniff.frame_is_http(text)
        place = Place(chunks.file[i], chunks.packet[i], chunks.ordinal[i], chunks.time_ns[i], chunks.file_offset[i])
        if verdict:
            self._decoder.http(d, chunks.offset[i], chunks.acked[i], place)
            return 1
        if verdict is None:
            self._links[d >> 1].suspects[d] = [Chunk(text, chunks.offset[i], place, chunks.acked[i])]
            self._decoder.phase[d] = decode.SUSPECT_PHASE
            return 1
        self._decoder.decoders[d].cleared = True
        return 0

    def _suspects(self, link: Link, d: int, *, more: bool) -> None:
        """Decide about what may be HTTP; ``more`` may come."""
        kept = link.suspects[d]
        verdict = sniff.frame_is_http(b"".join(chunk.data for chunk in kept))
        if verdict is None and more:
            return
        del link.suspects[d]
        self._decoder.phase[d] = decode.FRAMES_PHASE
        first = kept[0]
        if verdict:
            place = msgspec.structs.replace(first.place, ordinal=kept[-1].place.ordinal)
            self._decoder.http(d, first.offset, first.acked, place)
            return
        self._decoder.decoders[d].cleared = True
        for chunk in kept:
            where = msgspec.structs.replace(chunk.place, ordinal=kept[-1].place.ordinal)
            self._feed(d, chunk.data, chunk.offset, where, chunk.acked)

    def _gap(self, link: Link, d: int, offset: int, length: int, place: Place) -> None:
        self._lost(link.facts, link.facts.gaps, link, d, offset, length, place)
        if self._decoder.phase[d] == decode.SUSPECT_PHASE:
            self._suspects(link, d, more=False)
        if self._decoder.phase[d] == decode.FRAMES_PHASE:
            decoder = self._decoder.decoders[d]
            if decoder.stage == decode.AT_PAYLOAD and decoder.p_compressed:
                self._messages.lose(d)
            decoder.ordinal, decoder.last_packet, decoder.last_time_ns = place.ordinal, place.packet, place.time_ns
            if not self._decoder.gap(d, length):
                self._lost(link.facts, link.facts.out_of_step, link, d, offset, length, place)
        elif self._decoder.phase[d] == decode.HTTP_PHASE:
            self._after_http(link, link.http.gap(d & 1, offset, length, place), place)

    def _lost(
        self, facts: Transport, losses: list[Loss], link: Link, d: int, offset: int, length: int, place: Place
    ) -> None:
        """Remember a gap or a conflict; which side it is of is known only at the end."""
        if len(losses) < REMEMBERED:
            losses.append(Loss("client" if d & 1 == 0 else "server", offset, length, place))
        elif losses is facts.gaps:
            facts.more_gaps += 1
        elif losses is facts.conflicts:
            facts.more_conflicts += 1

    # --- ends

    def _side_ended(self, link: Link, d: int, cut: Cut, place: Place) -> None:
        side = d & 1
        link.ends.append((side, cut))
        link.facts.ended = True
        if self._decoder.phase[d] == decode.HTTP_PHASE:
            self._after_http(link, link.http.end(side, cut, place), place)
        if link.switched:
            self._flush(link, d, cut, place)
            if cut is Cut.RST:
                self._flush(link, d ^ 1, Cut.RST, place)
            key = (place.ordinal, link.number, 0 if side == link.client_side else 1, 1 << 62, 0)
            kind: Any = "fin" if cut is Cut.FIN else "rst"
            self._engine.add(Event(key, kind, link.number, self._name(link, side), place.time_ns))

    def _flush(self, link: Link, d: int, cut: Cut, place: Place) -> None:
        """No more frames come in a direction."""
        if self._decoder.phase[d] == decode.SUSPECT_PHASE:
            self._suspects(link, d, more=False)
        decoder = self._decoder.decoders[d]
        if decoder is None or self._decoder.phase[d] != decode.FRAMES_PHASE:
            return
        decoder.ordinal, decoder.last_packet, decoder.last_time_ns = place.ordinal, place.packet, place.time_ns
        self._messages.end(d, decoder, cut)
        self._decoder.flush(d, cut)
        self._decoder.phase[d] = decode.IGNORED_PHASE

    def _end(self, link: Link, place: Place) -> None:
        """The connection is over, or the capture is."""
        for d in (2 * link.slot, 2 * link.slot + 1):
            if self._decoder.phase[d] == decode.HTTP_PHASE:
                self._after_http(link, link.http.end(d & 1, Cut.END, place), place)
        for d in (2 * link.slot, 2 * link.slot + 1):
            self._flush(link, d, Cut.END, place)
            self._decoder.phase[d] = decode.IGNORED_PHASE
            decoder = self._decoder.decoders[d]
            if decoder is not None:
                side = 1 - decoder.client
                link.frames[side], link.messages[side], link.sent[side] = decoder.whole, decoder.finished, decoder.size
            self._decoder.decoders[d] = None
        del self._links[link.slot]
        if link.number >= 0:
            self._ended.append((link, place))

    # --- records

    def _name(self, link: Link, side: int) -> Direction:
        return "client" if side == link.client_side else "server"

    def _take_frames(self, frames: FrameColumns) -> None:
        """Tell the engine of each Close, and hand on the records asked for."""
        real = frames.cut != Cut.HTTP
        self.frames += int(np.count_nonzero(frames.complete))
        closes = (frames.opcode == Opcode.CLOSE) & frames.whole & (frames.closed == 0)
        for row in np.flatnonzero(closes & frames.complete).tolist():
            link = self._numbered[int(frames.connection[row])]
            code, reason = frames.close_body(row)
            side = 1 - int(frames.client[row])
            link.closes[side] = (code, None if code is None else reason.decode(errors="replace"))
            if link.first_close < 0:
                link.first_close = side
            key5 = (int(frames.ordinal[row]), link.number, side, int(frames.offset[row]), len(self._rules))
            self._engine.add(
                Event(
                    key5,
                    "close",
                    link.number,
                    frames.direction(row),
                    int(frames.last_time_ns[row]),
                    -1 if code is None else code,
                )
            )
        if "frames" in self._settings.records:
            for row in np.flatnonzero(real).tolist():
                side = drafts.side_number(frames.direction(row))
                place = (int(frames.ordinal[row]), int(frames.connection[row]), side, int(frames.offset[row]), -2)
                self._engine.add(Passing(place, frames.record(row, self._files)))

    def _take_messages(self, messages: Any) -> None:
        whole = messages.event == FINISHED
        self.messages += int(np.count_nonzero(whole))
        if "messages" not in self._settings.records:
            return
        for index in np.flatnonzero(whole | (messages.event == ENDED)).tolist():
            row = messages.row(index)
            key = (row.ordinal, row.connection, 1 - row.client, row.offset, -1)
            self._engine.add(Passing(key, row.record(self._files)))

    def _close_record(self, link: Link, place: Place) -> None:
        """The connection's own findings and record, when its last rows are in."""
        self._judge_transport(link, place)
        del self._numbered[link.number]
        key = (place.ordinal, link.number, 3, 1 << 62, 0)
        self._engine.add(Event(key, "end", link.number, "client", place.time_ns))
        if "connections" not in self._settings.records:
            return
        client, server = link.client_side, 1 - link.client_side
        client_close, server_close = link.closes[0] or (None, None), link.closes[1] or (None, None)
        self._engine.add(
            Passing(
                (*key[:3], 1 << 62, 1),
                Connection(
                    connection=link.number,
                    tcp_stream=link.tcp_stream,
                    client=_address(link.endpoints[client]),
                    server=_address(link.endpoints[server]),
                    start_ns=link.start_ns,
                    end_ns=link.end_ns,
                    transport="http1",
                    h2_stream=None,
                    tls=False,
                    state=_state(link),
                    role_evidence=link.role_evidence,
                    client_frames=link.frames[0],
                    server_frames=link.frames[1],
                    client_messages=link.messages[0],
                    server_messages=link.messages[1],
                    client_bytes=link.sent[0],
                    server_bytes=link.sent[1],
                    client_close_code=client_close[0],
                    client_close_reason=client_close[1],
                    server_close_code=server_close[0],
                    server_close_reason=server_close[1],
                ),
            )
        )

    def _judge_transport(self, link: Link, place: Place) -> None:
        """What the capture shows of the connection, told when it is over."""
        facts = link.facts
        facts.connection = link.number
        if link.client_side == 1:
            for losses in (facts.gaps, facts.conflicts, facts.out_of_step):
                losses[:] = [_turned(loss) for loss in losses]
        for rule in self._transport_rules:
            for fault in rule.check(facts):
                number = self._number_of[rule.id]
                draft = drafts.of_subject(rule, number, fault, self._files, link.number, place.ordinal)
                self._engine.add(draft)

    def finish(self, ordinal: int) -> Iterator[Record]:
        """The capture is over: what is left, and what there is to say of it as a whole."""
        yield from self.collect()
        self.capture.limits = self.all_limits()
        for rule in self._rules.values():
            if rule.subject == Capture.__name__:
                for fault in rule.check(self.capture):
                    number = self._number_of[rule.id]
                    self._engine.add(drafts.of_subject(rule, number, fault, self._files, None, ordinal))
        yield from self._engine.settle()


def _turned(loss: Loss) -> Loss:
    return msgspec.structs.replace(loss, direction="server" if loss.direction == "client" else "client")


def _takeover(agreed: Agreement, client: bool) -> bool | None:
    if not agreed.compression:
        return None
    return agreed.client_takeover if client else agreed.server_takeover


def _address(endpoint: tuple[bytes, int]) -> tuple[str, int]:
    return str(ipaddress.ip_address(endpoint[0])), endpoint[1]


def _state(link: Link) -> str:
    """How a connection ended, in one word."""
    if not link.switched:
        if link.last is None or link.last.response is None:
            return "unanswered"
        return "not-websocket" if link.last.response.code == 101 else "refused"
    if link.closes[0] is not None and link.closes[1] is not None:
        return "closed"
    if link.first_close >= 0:
        return "closed-by-client" if link.first_close == 0 else "closed-by-server"
    if any(cut is Cut.RST for _, cut in link.ends):
        return "reset"
    return "fin" if link.ends else "open"
