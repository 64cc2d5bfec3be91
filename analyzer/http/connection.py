"""One TCP connection as HTTP/1.1, up to the byte where frames begin.

Both directions are read by the same code: a head is gathered, its content is counted off, and the next head
follows. Which side is the client shows when a request or a status line comes. Requests wait in a queue for
their responses, which answer them in order (RFC 9112 9.3.2). Four things make a capture different from what
a peer sees, and are handled here:

- After an opening (or a CONNECT) it depends on the answer what the client's next bytes are, and the capture
  may hold them before the answer. They wait in the side's ``stash``, for a head's size at most.
- The capture may hold an answer before its request. What the answer's segment acknowledges tells: if that is
  more than the client has been seen to send, the answer waits as well, for `PATIENCE` chunks.
- Bytes may be lost. Lost content of known length is no matter; a head with a hole is kept but not judged;
  anything else puts the side out of step until a segment begins with a request or status line.
- The answer may never be in the capture, although the client goes on with frames. Where nothing else explains
  a masked frame after a complete opening, the connection counts as switched, without a response.

What one side's next bytes are, which request an answer belongs to, and what frames prove is decided in one class,
because each decision may bring on the others: an answer releases what has waited, and that may be the next request.
"""

from __future__ import annotations

from collections.abc import Callable

from analyzer.http import sniff
from analyzer.http.body import Chunked, Counted, UntilClose, request_body, response_body
from analyzer.http.collector import Collector, miss_end
from analyzer.http.exchange import (
    HIXIE76_REQUEST,
    HIXIE76_RESPONSE,
    KEPT,
    SWITCHING,
    Chunk,
    Exchange,
    State,
    is_hixie76,
    is_opening,
    names_only_websocket,
    switched_elsewhere,
    switches,
    upgrades,
)
from analyzer.http.head import NOT_HTTP, Defect, Head
from analyzer.http.requests import Pending, Requests, waits
from analyzer.http.side import Mode, Side, masked_frame
from analyzer.model import Cut, Place
from analyzer.settings import Settings

PATIENCE = 16
"""Chunks to wait for bytes that are known to exist but have not come: packets swap places over short distances."""

STRANGE_CHUNKS = 4
STRANGE_BYTES = 2048
"""A connection that has shown no HTTP after so many chunks or bytes of one side is given up."""


class HttpConnection:
    """Feed it both directions in the order of the capture; see `State` for what comes of it."""

    def __init__(self, settings: Settings, take_number: Callable[[], int]) -> None:
        """``take_number`` gives the WebSocket connection its number; called once, at the first opening."""
        self.state = State.HTTP
        self.reason = ""
        """Why the connection is ignored: tls, http2, switched-elsewhere, not-http, no-answer, limit, ended."""
        self.limit: str | None = None
        """Name of the setting that was exceeded, for the caller to count and to clear."""
        self.exchanges: list[Exchange] = []
        """Finished openings, for the caller to drain."""
        self.sequels: list[tuple[Exchange, Chunk, bool]] = []
        """Openings that led to no frames, and what the client sent next: its first bytes, and whether they begin a
        request. For the caller to drain after the exchanges."""
        self.exchange: Exchange | None = None
        """After `State.SWITCHED`: the one that did it. ``accepted`` is false if its 101 did not name websocket."""
        self.client_side = -1
        """0 or 1, once known."""
        self.frames_from = [-1, -1]
        """After `State.SWITCHED`, by side: stream offset where frames begin; bytes before it are none. -1: not known,
        because the head that ends there was lost or cut."""
        self.leftover: tuple[list[Chunk], list[Chunk]] = ([], [])
        """After `State.SWITCHED`, by side: bytes that came already. A jump in their offsets is a gap."""
        self._settings = settings
        self._sides = (Side(), Side())
        self._requests = Requests(take_number)
        self._held: tuple[Head, int] | None = None
        """A final response that came before its request, and what it acknowledges."""
        self._patience = PATIENCE
        self._followed: Exchange | None = None
        """The opening that led to no frames and that nothing of the client followed yet."""
        self._challenged: Exchange | None = None
        """A hixie-76 opening, accepted by an answer whose content has not come yet."""
        self._undecided: Exchange | None = None
        """Answered by a 101 that does not name websocket: the next bytes show what follows."""

    # --- what the caller does

    def data(self, side: int, data: bytes, stream_offset: int, place: Place, acked: int) -> State:
        """Bytes of one side, next in its stream. Offsets in bytes; ``acked`` is -1 where unknown."""
        if self.state is State.HTTP and data:
            chunk = Chunk(bytes(data), stream_offset, place, acked)
            this = self._sides[side]
            this.seen = max(this.seen, chunk.end)
            if stream_offset == 0 and acked == 0:
                this.unasked = place
            self._feed(side, chunk)
            self._settle(waited=True)
        return self.state

    def gap(self, side: int, stream_offset: int, length: int, place: Place) -> State:
        """Bytes of one side that the capture does not hold. ``place`` is not used: nothing was captured there."""
        if self.state is State.HTTP:
            this = self._sides[side]
            this.seen = max(this.seen, stream_offset + length)
            if this.mode is not Mode.WAIT:  # in the stash the jump of offsets shows it
                self._lose(side, stream_offset + length)
            self._settle()
        return self.state

    def end(self, side: int, how: Cut, place: Place | None = None) -> State:
        """One side sends no more: FIN, RST, or the capture shows no more of it (END)."""
        if self.state is not State.HTTP:
            return self.state
        this = self._sides[side]
        this.ended = this.ended or how
        if side == self.client_side or self.client_side < 0:
            self._close_head(side, how)
        elif how is not Cut.RST:
            self._cut_response(side, how)
        if self._held and self.state is State.HTTP:
            self._patience = 0
        if self._challenged is not None and (side == 1 - self.client_side or how is Cut.RST):
            self._challenge_over()
        self._settle()
        both = all(one.ended for one in self._sides) or how is Cut.RST
        answered = side == 1 - self.client_side and self._held is None
        if self.state is State.HTTP and (both or answered):
            self._unseen_answer(final=True)
            if self.state is State.HTTP:
                self._unanswered(how, side)
                if both:
                    self._ignore("ended")
        return self.state

    @property
    def held(self) -> int:
        """Bytes of memory that unfinished heads and what waits for them stand for."""
        return sum(side.held for side in self._sides) + self._requests.held

    @property
    def asked(self) -> bool:
        """An opening waits for its answer."""
        return bool(self._requests.openings)

    def believe(self) -> State:
        """The opening that was `asked` for was accepted: its answer was not seen, but frames were."""
        exchange = self._requests.openings[-1]
        server = self._sides[1 - self.client_side]
        if server.mode is Mode.HEAD and server.collector.verified:
            head = server.collector.torn_response()
            if head.code == SWITCHING:
                exchange.response = head
        exchange.accepted = True
        self._requests.waiting.clear()
        self._finish(exchange)
        self._switch(exchange)
        return self.state

    def give_up(self, limit: str) -> State:
        """Follow the connection no further, because the limit of that name was reached."""
        self.limit = limit
        self._ignore("limit")
        return self.state

    def skip(self, side: int) -> int:
        """Bytes of that side to come that need not be fed; after them `data` goes on at a higher offset."""
        this = self._sides[side]
        if self.state is State.IGNORE:
            return 1 << 62
        first = self._requests.first
        awaited = first is not None and first.exchange is not None
        if self.state is not State.HTTP or this.mode is not Mode.BODY or awaited or side == self.client_side:
            return 0  # an opening, or its answer, may turn up where content was announced
        return this.body.skippable()

    # --- one side's bytes

    def _feed(self, side: int, chunk: Chunk) -> None:
        this = self._sides[side]
        while chunk.data and self.state is State.HTTP:
            if this.mode is Mode.WAIT:
                self._stash(side, chunk)
                return
            if chunk.offset < this.at:
                chunk = chunk.after(min(len(chunk.data), this.at - chunk.offset))
                continue
            if chunk.offset > this.at:
                self._lose(side, chunk.offset)
            if this.mode is Mode.LOST:
                if not self._found_again(side, chunk):
                    this.at = chunk.end
                    self._strange(side, chunk)
                    return
            elif this.mode is Mode.BODY and self._begins_anew(side, chunk):
                this.begin_head()
            elif this.mode is Mode.BODY:
                used = this.body.take(chunk.data)
                self._keep(side, chunk.data[:used])
                this.at += used
                chunk = chunk.after(used)
                if this.body.failed:
                    self._out_of_step(side)
                elif this.body.done:
                    self._message_done(side)
            else:
                used = self._head_bytes(side, chunk)
                if used < 0:
                    return
                chunk = chunk.after(used)
        if chunk.data and self.state is State.SWITCHED:
            self.leftover[side].append(chunk)

    def _keep(self, side: int, data: bytes) -> None:
        """Content goes by: its first bytes may tell something."""
        this = self._sides[side]
        exchange = this.content_of
        if exchange is None:
            return
        kept = exchange.request_content if side == self.client_side else exchange.response_content
        kept += data[: KEPT - len(kept)]
        if side == self.client_side:
            exchange.request_content = kept
        else:
            exchange.response_content = kept
        if len(kept) == KEPT:
            this.content_of = None

    def _begins_anew(self, side: int, chunk: Chunk) -> bool:
        """A message begins where content was expected, because the content was never sent.

        A server leaves it out in its answer to HEAD, of which the capture may not hold the request; a client
        that was answered before it sent any (Expect, RFC 9110 10.1.1) leaves it out as well.
        """
        if side == self.client_side:
            return not self._requests.waiting and sniff.begins_line(chunk.data, request=True, response=False)
        waiting = self._requests.first
        if waiting is None or waiting.exchange is None or not 0 < waiting.head.end <= chunk.acked:
            return False
        return sniff.begins_line(chunk.data, request=False, response=True)

    def _head_bytes(self, side: int, chunk: Chunk) -> int:
        """Give the collector a chunk; bytes used, or -1 if all were."""
        this = self._sides[side]
        collector = this.collector
        if collector.holes and collector.verified and not sniff.is_text(chunk.data):
            self._torn(side)
            return 0
        used = collector.add(chunk)
        this.at = chunk.end if used < 0 else chunk.offset + used
        if not collector.verified:
            looks = collector.looks(request=side != 1 - self.client_side, response=side != self.client_side)
            if looks is False:
                self._not_http(side)
                return -1
            if looks:
                collector.verified = True
                self.client_side = 1 - side if collector.begins_response() else side
        if used < 0:
            if len(collector) > self._settings.head_size:
                self.give_up("head_size")
            return -1
        this.collector = Collector()
        self._follow(side, collector, http=True)
        head = collector.head(is_request=side == self.client_side, complete=True)
        if head.gap and sum(defect.kind != "bare LF" for defect in head.defects) > collector.holes:
            head.end = -1  # what follows the gap does not look like fields: the head may have ended unseen
        if head.method == sniff.H2_METHOD:
            self._ignore("http2")
        elif head.is_request:
            self._request(head)
        else:
            if collector.blank_before and not this.responses:
                head.defects.insert(0, Defect(head.offset, "empty line before the status line"))
            self._response(head, collector.acked())
        return used

    def _torn(self, side: int) -> None:
        """What follows a hole in a head is no text, or nothing follows: the head ended in the hole."""
        this, collector = self._sides[side], self._sides[side].collector
        this.gapped = True
        if side == self.client_side:
            if not self._close_head(side, None):
                self._out_of_step(side)
            return
        head = collector.torn_response()
        this.lose_step()
        self._response(head, collector.acked())

    def _follow(self, side: int, collector: Collector, *, http: bool) -> None:
        """Something begins; where it is what follows an opening that led to no frames, that is noted."""
        if side != self.client_side or self._followed is None:
            return
        first = collector.first()
        if first is not None:
            self.sequels.append((self._followed, first, http))
        self._followed = None

    def _stash(self, side: int, chunk: Chunk) -> None:
        this = self._sides[side]
        this.stash.append(chunk)
        this.stashed += len(chunk.data)
        if this.stashed > self._settings.head_size:
            self._patience = 0
            self._settle()
            if self.state is State.HTTP and this.stashed > self._settings.head_size:
                self.give_up("head_size")

    def _release(self, side: int) -> None:
        """Read on after waiting: the stash is HTTP."""
        this = self._sides[side]
        if this.mode is Mode.WAIT:
            this.begin_head()
        chunks, this.stash, this.stashed = this.stash, [], 0
        for chunk in chunks:
            self._feed(side, chunk)

    def _lose(self, side: int, until: int) -> None:
        this = self._sides[side]
        count = until - this.at
        if count <= 0:
            return
        this.content_of = None
        if side == self.client_side:
            self._followed = None
        if this.mode is Mode.HEAD and this.collector.verified:
            this.collector.lose()
        elif this.mode is Mode.HEAD or (this.mode is Mode.BODY and not this.body.skip(count)):
            this.gapped = True
            self._out_of_step(side)
        elif this.mode is Mode.BODY and this.body.done:
            self._message_done(side)
        this.at = until

    def _message_done(self, side: int) -> None:
        """The content is over. After an opening's content the client waits."""
        this = self._sides[side]
        last = self._requests.last if side == self.client_side else None
        this.begin_head()
        if last is not None and waits(last):
            this.mode = Mode.WAIT
        this.content_of = None
        if self._challenged is not None and side == 1 - self.client_side:
            self._challenge_over()

    def _challenge_over(self) -> None:
        """The content of a hixie-76 answer is here, or will not come any more."""
        exchange, self._challenged = self._challenged, None
        assert exchange is not None, "nobody was challenged"
        self._finish(exchange)
        self._switch(exchange)

    def _out_of_step(self, side: int) -> None:
        self._sides[side].lose_step()
        if side == 1 - self.client_side:
            self._requests.keep_openings()

    def _found_again(self, side: int, chunk: Chunk) -> bool:
        this = self._sides[side]
        request, response = side != 1 - self.client_side, side != self.client_side
        if not sniff.begins_line(chunk.data, request=request, response=response):
            return False
        this.begin_head()
        this.at, this.strange = chunk.offset, 0
        return True

    def _strange(self, side: int, chunk: Chunk) -> None:
        """Count what is no HTTP; give up where nothing else was seen either."""
        this, other = self._sides[side], self._sides[1 - side]
        this.strange += 1
        if self.client_side >= 0 or this.gapped:
            return
        if other.strange or this.strange >= STRANGE_CHUNKS or chunk.end >= STRANGE_BYTES:
            self._ignore("not-http")

    def _not_http(self, side: int) -> None:
        """A message does not begin as HTTP does."""
        this = self._sides[side]
        chunks = [chunk for _, chunk in this.collector.chunks]
        start = b"".join(chunk.data for chunk in chunks[:8])
        acked = this.collector.acked()
        waiting = self._requests.first
        if side == self.client_side and (waiting is not None or self._held is not None):
            this.mode = Mode.WAIT
            if waiting is None:
                self._patience = 0  # no request comes that the answer could have been waiting for
            for chunk in chunks:
                self._stash(side, chunk)
            return
        if not sniff.may_be_tls(start):
            self._follow(side, this.collector, http=False)
        answers = side == 1 - self.client_side and waiting is not None and waiting.exchange is not None
        if answers and waiting is not None and acked >= waiting.head.end > 0 and not this.gapped:
            self._wrong_answer(side, waiting, tls=sniff.is_tls(start))
            return
        if sniff.is_tls(start) and not answers:
            self._ignore("tls")
            return
        self._out_of_step(side)
        self._strange(side, chunks[-1])

    def _wrong_answer(self, side: int, waiting: Pending, *, tls: bool) -> None:
        """The server answered an opening with something that is no HTTP."""
        exchange = waiting.exchange
        assert exchange is not None
        exchange.alert = tls
        if not tls:
            collector = self._sides[side].collector
            head = collector.head(is_request=False, complete=False)
            head.intact = not head.gap
            if not any(defect.kind == NOT_HTTP for defect in head.defects):
                head.defects.insert(0, Defect(head.offset, NOT_HTTP))
            exchange.response = head
        self._requests.waiting.remove(waiting)
        self._finish(exchange)
        self._ignore("not-http")

    # --- requests

    def _request(self, head: Head) -> None:
        client = self._sides[self.client_side]
        if len(self._requests.waiting) >= self._settings.pending_openings:
            self.give_up("pending_openings")
            return
        exchange = self._opening(head) if is_opening(head) else None
        self._requests.add(head, exchange)
        client.body = Counted(HIXIE76_REQUEST) if exchange is not None and is_hixie76(head) else request_body(head)
        client.content_of = exchange
        client.mode = Mode.BODY
        if client.body.done:
            self._message_done(self.client_side)
        if head.gap:
            client.gapped = True

    def _opening(self, head: Head | None) -> Exchange:
        self._patience = PATIENCE
        return self._requests.opening(head, self.client_side)

    def _close_head(self, side: int, how: Cut | None) -> bool:
        """End a request head that will not be finished; True if it was an opening."""
        this = self._sides[side]
        if this.mode is not Mode.HEAD or this.collector.empty or not this.collector.verified:
            return False
        head = this.collector.unfinished(how, is_request=True)
        this.collector = Collector()
        if not is_opening(head):
            return False
        if how is None:  # the answer shows how far the server read, so nothing is missing from the head
            head.intact = not head.gap
            miss_end(head)
        if head.gap:
            head.end = -1
        self._requests.add(head, self._opening(head))
        this.mode = Mode.WAIT
        return True

    # --- responses

    def _response(self, head: Head, acked: int) -> None:
        server = self._sides[1 - self.client_side]
        server.responses += 1
        if 100 <= head.code < 200 and head.code != SWITCHING:
            if self._requests.first is not None:
                self._interim(self._requests.first, head)
            return
        if not self._pair(head, acked, patient=True):
            self._held = (head, acked)
            self._patience = PATIENCE
            server.mode = Mode.WAIT

    def _interim(self, pending: Pending, head: Head) -> None:
        if len(pending.interim) < self._settings.interim_responses:
            pending.interim.append(head)
        else:
            self.limit = "interim_responses"

    def _pair(self, head: Head, acked: int, *, patient: bool) -> bool:
        """Find the request of a final response; False if it may still come."""
        client = self._sides[self.client_side]
        switching = head.code == SWITCHING
        pending = self._requests.take(head, acked)
        if pending is None:
            behind = acked > client.at
            begun = client.mode is Mode.HEAD and not client.collector.empty
            unasked = switches(head) and acked == 0 and client.seen == 0
            answers_begun = switching and not behind and acked >= 0 and not unasked
            if patient and (behind or begun or unasked) and not answers_begun:
                return False
            if switching and self._close_head(self.client_side, None):
                pending = self._requests.waiting.pop()
        if pending is None and switches(head):
            pending = Pending(head, self._opening(None))
        if pending is None:
            self._after_plain(head, b"GET")  # the answer to a request that was not captured
        else:
            self._answered(pending, head, acked)
        return True

    def _answered(self, pending: Pending, response: Head, acked: int) -> None:
        exchange, request = pending.exchange, pending.head
        if exchange is None and switches(response):
            exchange = self._opening(request)
        if exchange is None:
            self._after_plain(response, request.method)
            return
        exchange.response, exchange.answer_acked = response, acked
        exchange.interim = pending.interim
        # A 101 in whose lost part Upgrade may have stood is taken at its word.
        hidden = response.gap and response.code == SWITCHING and not upgrades(response)
        exchange.accepted = switches(response) or hidden
        if exchange.accepted and not response.gap and exchange.request is not None and is_hixie76(request):
            server = self._sides[1 - self.client_side]
            server.body, server.content_of, server.mode = Counted(HIXIE76_RESPONSE), exchange, Mode.BODY
            self._challenged = exchange
            return
        self._finish(exchange)
        if response.code != SWITCHING:
            self._followed = exchange
            self._body(response, request.method)
            if not isinstance(self._sides[1 - self.client_side].body, Chunked):
                self._sides[1 - self.client_side].content_of = exchange
            self._release(1 - self.client_side)
            self._release(self.client_side)
        elif names_only_websocket(response):
            self._switch(exchange)
        elif exchange.request is not None and switched_elsewhere(exchange.request, response):
            self._ignore("switched-elsewhere")
        else:
            self._undecided = exchange
            for one in self._sides:
                one.mode = Mode.WAIT

    def _after_plain(self, response: Head, method: bytes) -> None:
        """What a final response to a request that was no opening means for what follows."""
        if response.code == SWITCHING:
            if upgrades(response) or not response.gap:
                self._ignore("switched-elsewhere")
            return
        self._requests.plain += 1
        if method == b"CONNECT" and 200 <= response.code < 300:
            self._requests.tunnel = True
            self._requests.waiting.clear()
            self._sides[1 - self.client_side].mode = Mode.HEAD
        else:
            self._body(response, method)
        self._release(1 - self.client_side)
        self._release(self.client_side)

    def _body(self, response: Head, method: bytes) -> None:
        side = 1 - self.client_side
        server = self._sides[side]
        server.body = response_body(response, method) if not response.gap else UntilClose()
        server.mode = Mode.BODY
        if response.gap:
            server.gapped = True
            self._out_of_step(side)
        elif server.body.done:
            self._message_done(side)

    def _cut_response(self, side: int, how: Cut) -> None:
        """The server ended inside a response head: keep what there is of it."""
        this = self._sides[side]
        if this.mode is not Mode.HEAD or this.collector.empty or not this.collector.verified:
            return
        first = self._requests.first
        if first is None or first.exchange is None:
            return
        head = this.collector.unfinished(how, is_request=False)
        if head.gap and head.code == SWITCHING:
            self._torn(side)
            return
        first.exchange.response = head

    # --- decisions

    def _settle(self, *, waited: bool = False) -> None:
        """Decide what waits for bytes that may have come now."""
        if self.state is not State.HTTP:
            return
        if waited and self._held is not None:
            self._patience -= 1
        while self._held is not None and self.state is State.HTTP and (self._requests.waiting or self._patience <= 0):
            held, self._held = self._held, None
            if not self._pair(*held, patient=self._patience > 0):
                self._held = held
                break
        if self._undecided is not None:
            self._decide(self._undecided)
        elif self.state is State.HTTP and self._held is None:
            self._unseen_answer(final=self._patience <= 0, waited=waited)

    def _decide(self, exchange: Exchange) -> None:
        """After a 101 that does not name websocket alone: more HTTP, or frames."""
        client, server = self._sides[self.client_side], self._sides[1 - self.client_side]
        begins = [
            probe(b"".join(chunk.data for chunk in side.stash).lstrip(sniff.LINE_ENDS))
            for side, probe in ((client, sniff.begins_request), (server, sniff.begins_response))
            if side.stash
        ]
        if True in begins:
            self._undecided = None
            self._followed = exchange
            self._release(1 - self.client_side)
            self._release(self.client_side)
        elif False in begins:
            self._switch(exchange)

    def _unseen_answer(self, *, final: bool, waited: bool = False) -> None:
        """A client that goes on with frames after its opening has had an answer, captured or not."""
        if self.client_side < 0 or len(self._requests.waiting) != 1:
            return
        pending = self._requests.waiting[0]
        client, server = self._sides[self.client_side], self._sides[1 - self.client_side]
        if pending.exchange is None or not client.stash or not masked_frame(client.stash[0].data):
            return
        acked = max(chunk.acked for chunk in client.stash)
        nothing = server.seen == 0 and acked < 0
        torn = server.mode is Mode.HEAD and server.collector.verified and server.collector.holes > 0
        if not (nothing or torn or acked > server.seen or (server.gapped and acked != 0)):
            return
        if waited:
            self._patience -= 1
        if not (final or self._patience <= 0):
            return
        if torn:
            self._torn(1 - self.client_side)
        else:
            self._requests.waiting.clear()
            pending.exchange.accepted = True
            self._finish(pending.exchange)
            self._switch(pending.exchange)

    def _switch(self, exchange: Exchange) -> None:
        """Frames follow: hand over what came of them already."""
        client, server = self.client_side, 1 - self.client_side
        hixie = exchange.request is not None and is_hixie76(exchange.request)
        if exchange.request is not None and exchange.request.end >= 0:
            this = self._sides[client]
            if this.mode is Mode.BODY and isinstance(this.body, Counted):
                self.frames_from[client] = this.at + this.body.left
            elif this.mode is Mode.WAIT:
                self.frames_from[client] = this.at
            elif this.mode is Mode.HEAD:
                self.frames_from[client] = this.at - len(this.collector)
                self.leftover[client].extend(early for _, early in this.collector.chunks)
        if exchange.response is not None and exchange.response.end >= 0:
            self.frames_from[server] = exchange.response.end + (HIXIE76_RESPONSE if hixie else 0)
        for side in (client, server):
            self.leftover[side].extend(self._sides[side].stash)
            self._sides[side].stash = []
        self.exchange = exchange
        self._undecided = None
        self.state = State.SWITCHED

    def _unanswered(self, how: Cut, side: int) -> None:
        """No final response will come any more, because of what ``side`` did."""
        if not self._requests.waiting:
            return
        server = self._sides[1 - self.client_side]
        hidden = server.mode is Mode.LOST or server.collector.holes > 0  # a lost byte may have been an answer's
        for pending in self._requests.waiting:
            exchange = pending.exchange
            if exchange is not None:
                exchange.ended, exchange.ended_by = how, side
                exchange.interim = pending.interim
                exchange.unanswered = not hidden and exchange.response is None
                self._finish(exchange)
        self._requests.waiting.clear()

    def _finish(self, exchange: Exchange) -> None:
        exchange.plain_before = self._requests.plain
        exchange.spoke_first = self._sides[1 - self.client_side].unasked
        self.exchanges.append(exchange)

    def _ignore(self, reason: str) -> None:
        if self._challenged is not None:
            self._finish(self._challenged)
        for exchange in self._requests.openings:
            self._finish(exchange)
        self._challenged = None
        self._requests.waiting.clear()
        self.reason = reason
        self.state = State.IGNORE
