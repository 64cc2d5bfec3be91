"""The connections of a run: what each direction carries, from the first byte to the last.

Chunks come in the order of the capture. A direction starts as HTTP, handled chunk by chunk in Python; once an
opening was accepted its bytes go to the frame decoder, which runs over whole batches and comes back here only
for what is not plain frame data: another connection's HTTP, a gap, an end, a full table, text that looks like
HTTP where a frame should begin. What comes to be known goes to the judge, with the packet that made it known.

Between the opening and the first frame a direction stays in Python's hands: content that the request announced
may still have to come, and where the opening was not captured the first frame must be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from analyzer.frames import decode
from analyzer.frames.columns import FrameColumns
from analyzer.frames.decode import ROLES_SURE, UNKNOWN_EXTENSION, Decoder, FrameDecoder
from analyzer.frames.guess import Guess
from analyzer.frames.sync import SURE, Search, begins_frames
from analyzer.http import sniff
from analyzer.http.connection import HttpConnection
from analyzer.http.exchange import Chunk, State
from analyzer.judge import Judge
from analyzer.link import Link
from analyzer.messages.assemble import Messages
from analyzer.model import Cut, Place, Record
from analyzer.rules.capture_facts import Capture
from analyzer.rules.hosts import is_loopback, unpacked_address
from analyzer.rules.negotiation import Agreement, agreement
from analyzer.rules.transport import Transport
from analyzer.settings import Settings
from analyzer.tcp import streams
from analyzer.tcp.delivery import Copies
from analyzer.tcp.packets import ENDPOINT, Endpoints, Flows, unpacked
from analyzer.tcp.reassembly import Reassembly
from analyzer.tcp.streams import Chunks
from analyzer.tls.decryption import Decryption
from analyzer.tls.session import EARLY_DATA, WORDS, Reason

ROWS = 64
"""The fewest rows that are worth a table."""
ENDED = 1024
"""Connections that are over and wait, at most, for their last rows to be collected."""
CUTS = {streams.FIN: Cut.FIN, streams.RST: Cut.RST}
ENDS = (streams.FIN, streams.RST, streams.END)
NOT_YET = -1
"""In `Link.begin`: where the first frame begins has still to be found; the port was named, so there is one."""
NO_FRAME = 1 << 62
"""More bytes than any frame may still have to come."""
AGAIN = -2
"""Likewise, and the next segment may as well lie inside a payload."""
SETTLED = frozenset(("tls", "http2", "switched-elsewhere"))
"""Reasons to ignore a connection that leave no room for a guess."""


class Glance(NamedTuple):
    """How things stand, for somebody who watches."""

    open: int
    """WebSocket connections that are not over."""
    seen: int
    sent: tuple[int, int]
    """Bytes of frames by role: the clients', the servers'."""
    frames: int
    messages: int
    """Messages whose last frame has not come yet."""


class Connections:
    """All connections of a run."""

    def __init__(self, settings: Settings, flows: Flows, reassembly: Reassembly, judge: Judge) -> None:
        self._settings = settings
        self._flows = flows
        self._reassembly = reassembly
        self._judge = judge
        rows = max(settings.frame_rows, ROWS)
        self._decoder = FrameDecoder(
            rows,
            settings.control_bytes,
            settings.flood_control_frames,
            settings.flood_control_period,
            settings.large_message,
            settings.frame_bytes,
        )
        self._messages = Messages(settings, rows=rows)
        self._messages.searching = judge.reports("SEC-013")
        self._messages.mixing = judge.reports("SEC-019")
        self._links: dict[int, Link] = {}
        """By slot, as long as there is something to tell of them."""
        self._numbered: dict[int, Link] = {}
        """WebSocket connections, by number; gone once their last rows are collected."""
        self._unacknowledged: dict[int, Link] = {}
        """Directions with a Close that the other side has not acknowledged, as far as is known."""
        self._ended: list[tuple[Link, Place]] = []
        self._due: list[Record] = []
        self._single: list[Chunks] = []
        """Tables of one row that `_feed` is done with: each is a dozen arrays to make."""
        self._held: dict[int, int] = {}
        """Bytes that unfinished heads and what may be frames hold, by slot: the connection that has been quiet longest
        first."""
        self._held_total = 0
        self._now = 0
        """Ordinal of the packet at hand."""
        self.capture = Capture()
        self._sent = [0, 0]
        """Bytes of frames by role, over connections that have ended."""
        self.decryption: Decryption | None = None
        """Where there are keys: what takes the place of TLS connections' bytes."""
        self.count = 0
        self.frames = 0
        self.messages = 0
        self.limits: dict[str, int] = {}

    def all_limits(self) -> dict[str, int]:
        """How often each limit was reached, by the name of the setting."""
        total: dict[str, int] = {}
        parts = [self.limits, self._messages.limits, self._judge.limits, self._reassembly.limits]
        if self.decryption is not None:
            parts.append(self.decryption.limits)
        for part in parts:
            for name, count in part.items():
                total[name] = total.get(name, 0) + count
        if self._flows.evicted:
            total["connections"] = self._flows.evicted
        return total

    def take(self, chunks: Chunks, data: bytearray) -> Iterator[Record]:
        """Work through all ``chunks``; those not stored stand in ``data``. Records that are due."""
        if self.decryption is not None:
            chunks = self.decryption.plain(chunks, data)
        self._decoder.grow(2 * self._flows.slots)
        self._messages.grow(2 * self._flows.slots)
        i, count = 0, chunks.count
        while i < count:
            source = chunks.stored[i] if chunks.kind[i] == streams.DATA else 0
            buffer = chunks.store if source else data
            i = self._decoder.decode(buffer, chunks, i, count, source)
            self._now = chunks.ordinal[min(i, count - 1)]
            self._messages.pieces(buffer, self._decoder.pieces)
            if self._decoder.closes:
                self._closed()
            if self._decoder.full():
                yield from self._collect(self._now)
            if self._decoder.stop == decode.ATTENTION:
                if chunks.kind[i] == streams.DATA and self._carried(chunks, i) and chunks.stored[i] != source:
                    continue  # frame data again, from the other buffer
                self._attend(chunks, i, data)
                i += 1
                if self._due:
                    yield from self._due
                    self._due = []
                if self._decoder.full() or self._judge.full or len(self._ended) >= ENDED:
                    yield from self._collect(self._now)
            elif self._decoder.stop == decode.SUSPICIOUS:
                i += self._suspect(chunks, i, buffer)
        chunks.clear()

    def finish(self, ordinal: int, limits: dict[str, int]) -> Iterator[Record]:
        """The capture is over, after ``ordinal`` packets: what is left, and what there is to say of it as a whole.

        ``limits`` were reached before there were connections: while the packets were read and unwrapped.
        """
        yield from self._collect(self._now)
        yield from self._judge.settle()
        self.capture.limits = self.all_limits() | limits
        self._judge.capture(self.capture, ordinal)
        yield from self._judge.settle()

    def glance(self) -> Glance:
        """How things stand. Takes time in proportion to the connections that are open."""
        sent, messages, still = list(self._sent), 0, 0
        for link in self._links.values():
            still += link.number >= 0
            for d in (2 * link.slot, 2 * link.slot + 1):
                decoder = self._decoder.decoders[d]
                if decoder is not None:
                    sent[1 - decoder.client] += decoder.size
                    messages += bool(decoder.open)
        return Glance(still, self.count, (sent[0], sent[1]), self.frames, messages)

    def collect(self) -> Iterator[Record]:
        """What is known after all chunks that were taken, for somebody who waits: the next may take long."""
        return self._collect(self._now + 1)

    def _collect(self, before: int) -> Iterator[Record]:
        """Run the rules over the rows collected so far, and give out what was known before the packet of that ordinal.

        Of the packet at hand there may be more to come.
        """
        frames = FrameColumns(self._decoder.frames, settings=self._settings)
        self.frames += int(frames.complete.sum())
        if len(frames):
            self._judge.frames(frames, self._numbered)
        messages = self._messages.collect(frames)
        if len(messages):
            self._judge.messages(messages, self._numbered)
        if len(frames):
            self._judge.listen(frames)
        self._decoder.frames.clear()
        for link, place in self._ended:
            self.messages += sum(link.messages)
            self._judge.connection(link, place, self.capture)
            del self._numbered[link.number]
        self._ended = []
        yield from self._judge.settle(before)

    # --- what a chunk is

    def _carried(self, chunks: Chunks, i: int) -> bool:
        return bool(self._decoder.phase[chunks.direction[i]] in (decode.FRAMES_PHASE, decode.IGNORED_PHASE))

    def _attend(self, chunks: Chunks, i: int, data: bytearray) -> None:
        kind, d, place = chunks.kind[i], chunks.direction[i], _place(chunks, i)
        if kind == streams.TICK:
            self._judge.tick(place)
            for closed in list(self._unacknowledged):
                acked = self._reassembly.streams.acked[closed]
                if self.decryption is not None:
                    acked = self.decryption.acknowledged(closed, acked)
                self._acknowledged(closed, acked, chunks.offset[i])
            return
        if kind == streams.OPEN:
            packed = bytes(chunks.store[chunks.start[i] : chunks.start[i] + 2 * ENDPOINT])
            self._open(d >> 1, chunks.length[i], unpacked(packed), bool(chunks.acked[i]), place)
            return
        link = self._links.get(d >> 1)
        if link is None:
            return
        link.end_ns = max(link.end_ns, place.time_ns)
        link.facts.last = place
        if kind in ENDS:
            link.acknowledged[d & 1], link.acknowledged[d & 1 ^ 1] = chunks.acked[i], chunks.start[i]
            self._acknowledged(d, chunks.start[i], place.time_ns)
            self._acknowledged(d ^ 1, chunks.acked[i], place.time_ns)
        if kind == streams.DATA:
            payload = _bytes(chunks.store if chunks.stored[i] else data, chunks, i)
            self._data(link, d, Chunk(payload, chunks.offset[i], place, chunks.acked[i]))
        elif kind == streams.GAP:
            self._gap(link, d, chunks.offset[i], chunks.length[i], place, chunks.start[i])
        elif kind == streams.TLS:
            self._tls(link, d, chunks.offset[i], chunks.length[i], chunks.start[i], place)
        elif kind == streams.CONFLICT:
            copies = Copies.unpack(chunks.store, chunks.start[i])
            limit = self._settings.kept_losses
            self._kept(link.conflict(d & 1, chunks.offset[i], chunks.length[i], copies, place, limit))
        elif kind == streams.SIGN:
            link.sign(d & 1, chunks.length[i], chunks.start[i], place)
        elif kind in CUTS:
            self._side_ended(link, d, CUTS[kind], place, chunks.offset[i], chunks.acked[i])
        elif kind == streams.END:
            link.over(chunks.length[i])
            self._end(link, place)

    def _closed(self) -> None:
        """First Close frames were read: from now on it matters when they are acknowledged."""
        for d in self._decoder.closes:
            self._unacknowledged[d] = link = self._links[d >> 1]
            link.conversation(self._settings)
        self._decoder.closes.clear()

    def _acknowledged(self, d: int, end: int, time_ns: int) -> None:
        """Direction ``d`` was acknowledged up to ``end``, at that time or before."""
        link = self._unacknowledged.get(d)
        if link is not None and self._decoder.decoders[d].close_end <= end:
            del self._unacknowledged[d]
            link.conversation(self._settings).sides[link.role(d & 1)].close_acked_ns = time_ns

    def _open(self, slot: int, tcp_stream: int, endpoints: Endpoints, synced: bool, place: Place) -> None:
        self._links[slot] = Link(
            slot=slot,
            tcp_stream=tcp_stream,
            endpoints=endpoints,
            http=HttpConnection(self._settings, lambda: self._take_number(slot)),
            start_ns=place.time_ns,
            end_ns=place.time_ns,
            facts=Transport(connection=-1, first=place, last=place),
            guess=None if synced else Guess(self._settings.undecided_size),
        )
        for d in (2 * slot, 2 * slot + 1):
            self._decoder.phase[d] = decode.HTTP_PHASE
            self._decoder.decoders[d] = None

    def _take_number(self, slot: int) -> int:
        link, number = self._links[slot], self.count
        self.count += 1
        link.number = number
        self._numbered[number] = link
        return number

    # --- HTTP

    def _data(self, link: Link, d: int, chunk: Chunk) -> None:
        """Bytes that the decoder does not take."""
        if self._decoder.phase[d] == decode.SUSPECT_PHASE:
            link.suspects[d].append(chunk)
            self._suspects(link, d, more=True)
        elif link.switched:
            self._first_frame(link, d, chunk)
        elif not (self._settings.decode_as and self._named(link, d, chunk)):
            link.reached[d & 1] = chunk.end
            if link.http is not None:
                state = link.http.data(d & 1, chunk.data, chunk.offset, chunk.place, chunk.acked)
                self._after_http(link, link.http, state, chunk.place)
            if link.guess is not None:
                self._guess(link, link.guess, d & 1, chunk)

    def _named(self, link: Link, d: int, chunk: Chunk) -> bool:
        """Whether the port was named as WebSocket and these bytes are no HTTP; if they are frames, read them."""
        ports = [port for _, port in link.endpoints]
        server = next((side for side in (1, 0) if ports[side] in self._settings.decode_as), None)
        spoken = link.http is not None and link.http.client_side >= 0
        if server is None or spoken or sniff.is_tls(chunk.data):
            return False
        if sniff.begins_request(chunk.data) is not False or sniff.begins_response(chunk.data) is not False:
            return False
        if begins_frames(chunk.data, client=d & 1 != server):
            self._take_number(link.slot)
            link.http = link.guess = None
            link.client_side, link.switched, link.role_evidence = 1 - server, True, "port"
            link.facts.switched, link.facts.opening_seen = True, False
            self._decode(link, Agreement(ROLES_SURE | UNKNOWN_EXTENSION, seen=False))
            link.begin = [NOT_YET, NOT_YET]
            self._first_frame(link, d, chunk)
        return True

    def _after_http(self, link: Link, http: HttpConnection, state: State, place: Place) -> None:
        for exchange in http.exchanges:
            link.answered(exchange)
            self._judge.exchange(exchange, place, link)
            if exchange.request is not None and not exchange.tls:
                self.capture.clear += 1
                self.capture.clear_loopback += is_loopback(
                    unpacked_address(link.endpoints[1 - exchange.client_side][0])
                )
                self.capture.clear_first = self.capture.clear_first or exchange.request.place(exchange.request.offset)
        http.exchanges.clear()
        for exchange, chunk, is_http in http.sequels:
            self._judge.after_refusal(exchange, chunk, http=is_http, ordinal=place.ordinal)
        http.sequels.clear()
        if http.limit is not None:
            self._reached(http.limit)
            http.limit = None
        if state is State.IGNORE:
            self._ignore(link, http, place)
        elif state is State.SWITCHED:
            self._switch(link, http, place)
        self._weigh(link, place)

    def _weigh(self, link: Link, place: Place) -> None:
        """Note what is kept of the connection by now; give up others where all keep too much."""
        held = link.held
        self._held_total += held - self._held.pop(link.slot, 0)
        if held:
            self._held[link.slot] = held
        while self._held_total > self._settings.total_head_size:
            self._give_up(self._links[next(iter(self._held))], "total_head_size", place)

    def _give_up(self, link: Link, limit: str, place: Place) -> None:
        """Follow no further what is not decided yet."""
        guessed, link.guess = link.guess is not None, None
        for search in link.searches.values():
            search.drop()
        if link.http is not None:
            self._after_http(link, link.http, link.http.give_up(limit), place)
            return
        self._reached(limit)
        if guessed:
            self._leave(link)
        self._weigh(link, place)

    def _reached(self, limit: str) -> None:
        self.limits[limit] = self.limits.get(limit, 0) + 1

    def _kept(self, remembered: bool) -> None:
        """A loss was told of; note where it is only counted."""
        if not remembered:
            self._reached("kept_losses")

    def _tls(self, link: Link, d: int, offset: int, event: int, detail: int, place: Place) -> None:
        """What the decryption has to say of a connection."""
        if event == streams.SECURED:
            link.tls = True
            link.nameless = None if detail else place
        elif event == streams.WITHHELD:
            self._kept(link.lost(d & 1, offset, detail, place, self._settings.kept_losses))
        elif event == streams.EARLY:
            self.capture.sealed(EARLY_DATA, place)
        elif event == streams.UNREADABLE:
            self.capture.unreadable += 1
            self.capture.unreadable_first = self.capture.unreadable_first or place
        else:
            self._sealed(link, Reason(detail), place)

    def _sealed(self, link: Link, reason: Reason, place: Place) -> None:
        """The connection is TLS, and stays so."""
        self.capture.sealed(WORDS[reason], place)
        if not link.switched:
            link.http = link.guess = None
            self._leave(link)

    def _ignore(self, link: Link, http: HttpConnection, place: Place) -> None:
        """Not WebSocket, or not any more; not by an opening that was captured, at least."""
        if http.reason in SETTLED:
            link.guess = None
        link.http = None
        if http.reason == "tls":
            self.capture.sealed(WORDS[Reason.NO_KEYS if self.decryption is None else Reason.NO_HANDSHAKE], place)
        elif http.reason == "http2" and link.tls:
            self.capture.sealed("HTTP/2, which is not read", place)
        elif http.reason == "switched-elsewhere":
            link.facts.elsewhere = "another protocol"
        if link.guess is None:
            self._leave(link)

    def _leave(self, link: Link) -> None:
        """Nothing that the connection carries is read any more."""
        for d in (2 * link.slot, 2 * link.slot + 1):
            self._decoder.phase[d] = decode.IGNORED_PHASE
        if self.decryption is not None:
            self.decryption.drop(link.slot)
        if link.number < 0:
            del self._links[link.slot]  # nothing more is told of it

    # --- from HTTP to frames

    def _switch(self, link: Link, http: HttpConnection, place: Place) -> None:
        """The opening was accepted: frames follow in both directions, and some may have come already."""
        assert http.exchange is not None, "switched without an exchange"
        guess = link.guess
        link.http = link.guess = None
        link.switched = True
        link.client_side = http.client_side
        agreed = agreement(http.exchange)
        link.facts.switched = True
        link.facts.opening_seen = agreed.seen
        link.facts.unknown_extensions = list(agreed.unknown)
        link.facts.legacy = agreed.legacy
        self._decode(link, agreed)
        if agreed.decodable:
            for side in (http.client_side, 1 - http.client_side):
                d, at = 2 * link.slot + side, http.frames_from[side]
                link.begin[side] = at
                chunks = http.leftover[side]
                if at < 0:
                    self._lost(link, d, seen=agreed.seen)
                    chunks = (guess.sides[side].chunks if guess is not None else None) or chunks
                self._replay(link, d, chunks, at, link.reached[side], place)

    def _replay(self, link: Link, d: int, chunks: list[Chunk], at: int, until: int, place: Place) -> None:
        """Read what came of frames before the packet at ``place`` made known that they are: ``chunks``, from ``at`` on.

        What was not kept of the stream up to ``until`` is a hole.
        """
        for chunk in chunks:
            if 0 <= at < chunk.offset:
                self._hole(link, d, at, chunk.offset - at, place)
            known = msgspec.structs.replace(chunk.place, ordinal=place.ordinal)
            self._first_frame(link, d, msgspec.structs.replace(chunk, place=known))
            at = max(at, chunk.end)
        if 0 <= at < until:
            self._hole(link, d, at, until - at, place)

    def _lost(self, link: Link, d: int, *, seen: bool) -> None:
        """Where a frame begins in a direction that carries some is not known; ``seen``: but the opening was seen."""
        side = d & 1
        link.begin[side], link.doubt[side] = AGAIN, True
        self._messages.lose(d)
        gap = link.lost_last(side)
        if seen and gap is not None:
            self._kept(link.out_of_step(side, gap.offset, gap.length, gap.place, self._settings.kept_losses))

    # --- frames found by themselves

    def _guess(self, link: Link, guess: Guess, side: int, chunk: Chunk) -> None:
        """Look at a segment of a connection whose opening is not all there."""
        guess.add(side, chunk)
        if guess.hopeless:
            link.guess = None
            if link.http is None:
                self._leave(link)
        else:
            self._settle(link, guess, chunk.place, over=False)
        self._weigh(link, chunk.place)

    def _settle(self, link: Link, guess: Guess, place: Place, *, over: bool) -> None:
        """If the bytes are frames beyond doubt, read them as such."""
        http = link.http
        known = -1 if http is None else http.client_side
        asked = http is not None and http.asked
        client = guess.client(known, asked=asked, over=over)
        if client < 0:
            return
        if http is not None and asked:
            self._after_http(link, http, http.believe(), place)
            return
        link.http = link.guess = None
        link.client_side = client
        if link.number < 0:
            self._take_number(link.slot)
        link.switched = True
        link.facts.switched, link.facts.opening_seen, link.facts.roles_guessed = True, False, known < 0
        link.role_evidence = "masks" if known < 0 else "opening"
        self._decode(link, Agreement(UNKNOWN_EXTENSION | (0 if known < 0 else ROLES_SURE), seen=False))
        for side in (client, 1 - client):
            chunks = guess.sides[side].chunks
            if guess.full[side]:
                self._reached("undecided_size")
            link.begin[side] = chunks[0].offset if chunks else AGAIN
            link.doubt[side] = not chunks
            self._replay(link, 2 * link.slot + side, chunks, link.begin[side], link.reached[side], place)
        self._weigh(link, place)

    def _search(self, link: Link, d: int, chunk: Chunk) -> None:
        """A segment of a direction in which the next frame has still to be found."""
        side = d & 1
        search = link.searches.get(side)
        if search is None:
            context = self._decoder.decoders[d].context
            reserved = bool(context & (decode.COMPRESSION | UNKNOWN_EXTENSION))
            search = link.searches[side] = Search(side == link.client_side, reserved=reserved)
        search.add(chunk)
        if search.size > self._settings.undecided_size:
            self._reached("undecided_size")
            search.drop()
        if search.bits >= SURE:
            del link.searches[side]
            self._decoder.resume(d)
            link.begin[side] = search.chunks[0].offset
            self._replay(link, d, search.chunks, link.begin[side], chunk.end, chunk.place)
        self._weigh(link, chunk.place)

    def _decode(self, link: Link, agreed: Agreement) -> None:
        """Frames from now on, in both directions; `_first_frame` takes each to its first one."""
        pair: list[Decoder] = []
        for side in (0, 1):
            d = 2 * link.slot + side
            client = side == link.client_side
            if agreed.decodable:
                self._decoder.phase[d] = decode.HTTP_PHASE
                self._messages.begin(d, agreed.client if client else agreed.server, tls=link.tls)
            else:
                self._decoder.phase[d] = decode.IGNORED_PHASE
            kept = max(self._settings.control_bytes, self._settings.frame_bytes)
            decoder = Decoder(link.number, client, agreed.context, kept, self._messages.hashing)
            self._decoder.decoders[d] = decoder
            pair.append(decoder)
        pair[0].peer, pair[1].peer = pair[1], pair[0]

    def _first_frame(self, link: Link, d: int, chunk: Chunk) -> None:
        """Bytes of a direction that carries frames, or will in this chunk, or in a later one."""
        if self._decoder.phase[d] == decode.IGNORED_PHASE:
            return
        if self._decoder.phase[d] == decode.SUSPECT_PHASE:
            self._data(link, d, chunk)
            return
        if self._decoder.phase[d] == decode.HTTP_PHASE:
            begin = link.begin[d & 1]
            if begin == AGAIN:
                self._search(link, d, chunk)
                return
            if begin == NOT_YET:
                if not begins_frames(chunk.data, client=d & 1 == link.client_side):
                    return
                begin = chunk.offset
            if begin >= chunk.end:
                return
            chunk = chunk.after(max(0, begin - chunk.offset))
            self._decoder.phase[d] = decode.FRAMES_PHASE
        self._feed(d, chunk)

    def _feed(self, d: int, chunk: Chunk) -> None:
        """Give the decoder bytes that do not come from a batch."""
        chunks = self._single.pop() if self._single else Chunks(1)
        place = chunk.place
        chunks.kind[0], chunks.direction[0], chunks.offset[0] = streams.DATA, d, chunk.offset
        chunks.length[0], chunks.start[0], chunks.acked[0] = len(chunk.data), 0, chunk.acked
        chunks.file[0], chunks.packet[0], chunks.time_ns[0] = place.file, place.packet, place.time_ns
        chunks.file_offset[0], chunks.ordinal[0] = place.file_offset, place.ordinal
        chunks.count = 1
        padded = bytearray(chunk.data)
        i = 0
        while i < 1:
            i = self._decoder.decode(padded, chunks, i, 1, 0)
            self._messages.pieces(padded, self._decoder.pieces)
            self._closed()
            if self._decoder.full():
                self._due += self._collect(self._now)
            if self._decoder.stop == decode.SUSPICIOUS:
                i += self._suspect(chunks, i, padded)
            elif self._decoder.stop == decode.ATTENTION:
                raise AssertionError("frame data nobody can decode")
        self._single.append(chunks)

    # --- HTTP where a frame should begin

    def _suspect(self, chunks: Chunks, i: int, buffer: Any) -> int:
        """A frame seems to begin with a letter that HTTP begins with. Rows to go on by."""
        d, text, place = chunks.direction[i], _bytes(buffer, chunks, i), _place(chunks, i)
        verdict = sniff.frame_is_http(text, self._settings.request_line)
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
        text = b"".join(chunk.data for chunk in kept)
        verdict = sniff.frame_is_http(text, self._settings.request_line)
        if verdict is None and more:
            return
        if verdict is False and len(text) >= self._settings.request_line:
            self._reached("request_line")
        del link.suspects[d]
        self._decoder.phase[d] = decode.FRAMES_PHASE
        first, known = kept[0], kept[-1].place.ordinal
        if verdict:
            self._decoder.http(d, first.offset, first.acked, msgspec.structs.replace(first.place, ordinal=known))
            return
        self._decoder.decoders[d].cleared = True
        for number, chunk in enumerate(kept):
            if self._decoder.phase[d] == decode.SUSPECT_PHASE:  # the next frame may be HTTP as well
                link.suspects[d] += kept[number:]
                self._suspects(link, d, more=more)
                return
            place = msgspec.structs.replace(chunk.place, ordinal=known)
            self._feed(d, msgspec.structs.replace(chunk, place=place))

    # --- gaps and ends

    def _gap(self, link: Link, d: int, offset: int, length: int, place: Place, reason: int) -> None:
        if reason not in (streams.SEALED, streams.SEALED_UNSURE):
            self._kept(link.lost(d & 1, offset, length, place, self._settings.kept_losses))
        if self._decoder.phase[d] != decode.HTTP_PHASE or link.switched:
            self._hole(link, d, offset, length, place, sure=reason != streams.SEALED_UNSURE)
            return
        link.reached[d & 1] = offset + length
        if link.guess is None:
            link.guess = Guess(self._settings.undecided_size)
        link.guess.lose(d & 1, length)
        if link.http is not None:
            self._after_http(link, link.http, link.http.gap(d & 1, offset, length, place), place)

    def _hole(self, link: Link, d: int, offset: int, length: int, place: Place, *, sure: bool = True) -> None:
        """Bytes of a direction that carries frames are missing; not ``sure``: nobody knows how many."""
        if self._decoder.phase[d] == decode.SUSPECT_PHASE:
            self._suspects(link, d, more=False)
        if self._decoder.phase[d] == decode.HTTP_PHASE and 0 <= link.begin[d & 1] < offset + length:
            length -= max(0, link.begin[d & 1] - offset)
            self._decoder.phase[d] = decode.FRAMES_PHASE
        if d & 1 in link.searches:
            link.searches[d & 1].lose(length)
        if self._decoder.phase[d] != decode.FRAMES_PHASE:
            return
        decoder = self._decoder.decoders[d]
        if decoder.stage == decode.AT_PAYLOAD and decoder.p_compressed:
            self._messages.lose(d)
        self._known_at(decoder, place)
        if not self._decoder.gap(d, length if sure else NO_FRAME):
            self._kept(link.out_of_step(d & 1, offset, length, place, self._settings.kept_losses))
            self._messages.interrupt(d, decoder)
            link.begin[d & 1] = AGAIN
            self._decoder.phase[d] = decode.HTTP_PHASE

    def _side_ended(self, link: Link, d: int, cut: Cut, place: Place, sent: int, acked: int) -> None:
        side = d & 1
        if cut is Cut.RST:
            link.reset = True
        else:
            link.finished = True
        link.facts.ended = True
        link.over_ns = place.time_ns if link.over_ns < 0 else link.over_ns
        if link.guess is not None:
            self._settle(link, link.guess, place, over=True)
        if self._decoder.phase[d] == decode.HTTP_PHASE and link.http is not None:
            self._after_http(link, link.http, link.http.end(side, cut, place), place)
        if link.switched:
            self._flush(link, d, cut, place)
            if cut is Cut.RST:
                self._flush(link, d ^ 1, Cut.RST, place)
            self._judge.side_ended(link, side, cut, place, sent, acked)

    def _flush(self, link: Link, d: int, cut: Cut, place: Place) -> None:
        """No more frames come in a direction."""
        if self._decoder.phase[d] == decode.SUSPECT_PHASE:
            self._suspects(link, d, more=False)
        decoder = self._decoder.decoders[d]
        if decoder is not None and self._decoder.phase[d] == decode.FRAMES_PHASE:
            self._known_at(decoder, place)
            self._messages.end(d, decoder, cut)
            self._decoder.flush(d, cut)
        if decoder is not None:
            self._decoder.phase[d] = decode.IGNORED_PHASE

    def _known_at(self, decoder: Decoder, place: Place) -> None:
        """The packet at ``place`` shows what became of the frame at hand."""
        decoder.ordinal, decoder.last_packet, decoder.last_time_ns = place.ordinal, place.packet, place.time_ns

    def _end(self, link: Link, place: Place) -> None:
        """The connection is over, or the capture is."""
        both = (2 * link.slot, 2 * link.slot + 1)
        if link.guess is not None:
            self._settle(link, link.guess, place, over=True)
        for d in both:
            if self._decoder.phase[d] == decode.HTTP_PHASE and link.http is not None:
                self._after_http(link, link.http, link.http.end(d & 1, Cut.END, place), place)
        link.http = link.guess = None
        link.searches.clear()
        self._weigh(link, place)
        for d in both:
            self._flush(link, d, Cut.END, place)
            self._decoder.phase[d] = decode.IGNORED_PHASE
            decoder = self._decoder.decoders[d]
            if decoder is not None:
                if decoder.stopped in (Cut.LENGTH, Cut.HTTP):
                    link.doubt[d & 1] = True
                role = 1 - decoder.client
                link.frames[role], link.messages[role], link.sent[role] = decoder.whole, decoder.finished, decoder.size
                self._sent[role] += decoder.size
                if link.dialogue is not None:
                    side = link.dialogue.sides[role]
                    side.asked, side.asked_ns = decoder.asked, decoder.asked_ns
            self._decoder.decoders[d] = None
            self._unacknowledged.pop(d, None)
        self._links.pop(link.slot, None)
        if link.number >= 0:
            self._ended.append((link, place))


def _place(chunks: Chunks, i: int) -> Place:
    """The packet of row ``i``, and the row's first byte in the file."""
    return Place(chunks.file[i], chunks.packet[i], chunks.ordinal[i], chunks.time_ns[i], chunks.file_offset[i])


def _bytes(buffer: Any, chunks: Chunks, i: int) -> bytes:
    start = chunks.start[i]
    return bytes(memoryview(buffer)[start : start + chunks.length[i]])
