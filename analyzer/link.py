"""What is remembered of one TCP connection that gives bytes, and the record it becomes when it is over.

Until an opening or the masks tell who is the client, its two ends are only *sides*. What is noted before that (gaps,
conflicts, signs of relays) goes under the name that side 0 would have as the client, and `Link.settle_roles` puts it
right in the end. A capture may hold a hundred thousand of these at once, so what most of them never need is made when
it is first asked for.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Literal

import msgspec

from analyzer.frames.guess import Guess
from analyzer.frames.sync import Search
from analyzer.http.connection import HttpConnection
from analyzer.http.exchange import SWITCHING, Chunk, Exchange
from analyzer.model import Connection, Direction, Place
from analyzer.rules.dialogue import NEVER, Dialogue, dialogue
from analyzer.rules.path import relay_field
from analyzer.rules.transport import Conflict, Loss, Relay, Silence, Transport
from analyzer.settings import Settings
from analyzer.tcp.delivery import Copies
from analyzer.tcp.packets import HOPS, IDLE, REUSED
from analyzer.tcp.streams import SYNCED, UNHEARD


def _pair() -> list[int]:
    return [0, 0]


class Link(msgspec.Struct, kw_only=True):
    """One TCP connection. *Side* is the endpoint (0: the one with the even direction number), *role* 0 the client's."""

    slot: int
    """Direction numbers are ``2 * slot`` and ``2 * slot + 1``."""
    tcp_stream: int
    endpoints: tuple[tuple[bytes, int], tuple[bytes, int]]
    http: HttpConnection | None
    """As long as the opening is read; heads are a connection's largest part by far."""
    facts: Transport
    start_ns: int
    end_ns: int
    number: int = -1
    """Of the WebSocket connection; -1 as long as there is no opening."""
    client_side: int = 0
    switched: bool = False
    """Frames follow, or something else that the opening agreed on."""
    status: int | None = None
    """Of the answer to the opening that was finished last."""
    elsewhere: bool = False
    """That answer is a 101, captured whole, to something else."""
    guess: Guess | None = None
    """As long as bytes may be frames although no opening, or not all of it, was captured."""
    searches: dict[int, Search] = msgspec.field(default_factory=dict)
    """By side: where a frame may begin, as long as that is not known."""
    reached: list[int] = msgspec.field(default_factory=_pair)
    """By side: the end of what went to HTTP, captured or not."""
    begin: list[int] = msgspec.field(default_factory=_pair)
    """By side, once switched: stream offset of the first frame."""
    over_ns: int = -1
    """Time of the first FIN or RST; -1: none was captured."""
    reset: bool = False
    finished: bool = False
    """A FIN was captured."""
    frames: list[int] = msgspec.field(default_factory=_pair)
    """By role, like the next two; filled in at the end."""
    messages: list[int] = msgspec.field(default_factory=_pair)
    sent: list[int] = msgspec.field(default_factory=_pair)
    """Bytes after the opening."""
    closes: list[tuple[int | None, str | None] | None] = msgspec.field(default_factory=lambda: [None, None])
    """By role: code and reason of the first Close."""
    first_close: int = -1
    """The role that sent a Close first."""
    doubt: list[bool] = msgspec.field(default_factory=lambda: [False, False])
    """By side: frames may have been among bytes that are missing."""
    role_evidence: Literal["opening", "port", "masks"] = "opening"
    dialogue: Dialogue | None = None
    """Once there is something to say about what the sides did."""
    acknowledged: list[int] = msgspec.field(default_factory=_pair)
    """By side: how much of the other one's stream it acknowledged; filled in when either ends."""
    unheard: bool = False
    """One of the two heads of the opening was not captured, and perhaps nothing of that side was."""
    lost_at: list[int] = msgspec.field(default_factory=lambda: [NEVER, NEVER])
    """By side: ordinal from which bytes are missing."""
    suspects: dict[int, list[Chunk]] = msgspec.field(default_factory=dict)
    """By direction number: where a frame should begin, bytes that may be HTTP."""
    tls: bool = False
    """The bytes were decrypted."""
    nameless: Place | None = None
    """Of a ClientHello that names no server."""

    @property
    def held(self) -> int:
        """Bytes of memory that what is not decided yet stands for."""
        held = sum(search.size for search in self.searches.values())
        return held + (0 if self.http is None else self.http.held) + (0 if self.guess is None else self.guess.size)

    def direction(self, side: int) -> Direction:
        """Who sends from ``side``."""
        return "client" if side == self.client_side else "server"

    def role(self, side: int) -> int:
        """0 for the client's side, 1 for the server's; and the other way round."""
        return side ^ self.client_side

    def conversation(self, settings: Settings) -> Dialogue:
        """What its sides did."""
        if self.dialogue is None:
            self.dialogue = dialogue(settings)
        return self.dialogue

    def lost(self, side: int, offset: int, length: int, place: Place, limit: int) -> bool:
        """Bytes of ``side`` are missing. Whose they are is told by `settle_roles`, when that is known.

        Whether it is remembered by itself; beyond ``limit`` of them they are counted.
        """
        self.lost_at[side] = min(self.lost_at[side], place.ordinal)
        if len(self.facts.gaps) < limit:
            self.facts.gaps.append(Loss(_even(side), offset, length, place))
            return True
        self.facts.more_gaps += 1
        return False

    def lost_last(self, side: int) -> Loss | None:
        """What was missing last of ``side``."""
        return next((loss for loss in reversed(self.facts.gaps) if loss.direction == _even(side)), None)

    def conflict(self, side: int, offset: int, length: int, copies: Copies, place: Place, limit: int) -> bool:
        """Bytes of ``side`` came twice and differ. The answer is as that of `lost`."""
        if len(self.facts.conflicts) < limit:
            self.facts.conflicts.append(Conflict(_even(side), offset, length, place, *copies))
            return True
        self.facts.more_conflicts += 1
        return False

    def sign(self, side: int, kind: int, detail: int, place: Place) -> None:
        """A packet of ``side`` told something beside its bytes (SIGN in `analyzer.tcp.streams`)."""
        if kind == REUSED:
            self.facts.reused = True
        elif kind == HOPS:
            before, now = detail >> 8, detail & 0xFF
            self.facts.relays.append(Relay(_even(side), f"{before} hops to go", str(now), place))
        elif kind == IDLE:
            self.silent(detail, place)

    def silent(self, nanoseconds: int, place: Place) -> None:
        """Nothing was sent for too long."""
        known = self.facts.silence
        if known is None:
            self.facts.silence = Silence(1, nanoseconds, place)
            return
        known.count += 1
        if nanoseconds > known.longest_ns:
            known.longest_ns, known.place = nanoseconds, place

    def answered(self, exchange: Exchange) -> None:
        """An opening is finished."""
        self.client_side, exchange.endpoints = exchange.client_side, self.endpoints
        exchange.tls, exchange.nameless = self.tls, self.nameless
        self.status = None if exchange.response is None else exchange.response.code
        self.elsewhere = self.status == SWITCHING and exchange.intact_response and not exchange.accepted
        self.facts.plain_before, self.facts.tunnelled = exchange.plain_before, exchange.connect_before
        self.facts.spoke_first = None if exchange.request is None else exchange.spoke_first
        for side, head in ((exchange.client_side, exchange.request), (1 - exchange.client_side, exchange.response)):
            relay = None if head is None else relay_field(head, _even(side))
            known = any(one.header and one.direction == _even(side) for one in self.facts.relays)
            if relay is not None and not known:
                self.facts.relays.append(relay)

    def out_of_step(self, side: int, offset: int, length: int, place: Place, limit: int) -> bool:
        """Missing bytes of ``side`` hide where the next frame begins. The answer is as that of `lost`."""
        self.doubt[side] = True
        if len(self.facts.out_of_step) < limit:
            self.facts.out_of_step.append(Loss(_even(side), offset, length, place))
            return True
        self.facts.more_out_of_step += 1
        return False

    def over(self, told: int) -> None:
        """The connection's END came, with this ``length``."""
        self.facts.synced = bool(told & SYNCED)
        self.facts.unheard = [_even(side) for side in (0, 1) if told & UNHEARD[side]]

    def settle_roles(self) -> Transport:
        """The facts, with everything under the name of who sent the bytes. To be called once, at the end."""
        facts = self.facts
        facts.connection = self.number
        if self.client_side == 1:
            told: list[list[Any]] = [facts.gaps, facts.conflicts, facts.out_of_step, facts.relays]
            for items in told:
                items[:] = [msgspec.structs.replace(one, direction=_OTHER[one.direction]) for one in items]
            facts.unheard = [_OTHER[direction] for direction in facts.unheard]
        return facts

    def state(self) -> str:
        """How it ended, in one word; `Connection.state` lists them."""
        if not self.switched and self.status is None:
            return "unanswered"
        if not self.switched and self.status != SWITCHING:
            return "refused"
        if self.elsewhere:
            return "not-websocket"
        if self.closes[0] is not None and self.closes[1] is not None:
            return "closed"
        over = self.reset or self.finished or self.first_close >= 0
        if over and any(self.doubt[side] and self.closes[side != self.client_side] is None for side in (0, 1)):
            return "unclear"
        if self.first_close >= 0:
            return "closed-by-client" if self.first_close == 0 else "closed-by-server"
        if self.reset:
            return "reset"
        return "fin" if self.finished else "open"

    def abnormal(self) -> bool:
        """It surely ended without a closing handshake, or without an answer to its opening."""
        state = self.state()
        by_reset = state.startswith("closed-by") and self.reset
        return self.over_ns >= 0 and (state in ("unanswered", "reset", "fin") or by_reset)

    def record(self) -> Connection:
        """The connection as a record, when it is over."""
        client, server = self.client_side, 1 - self.client_side
        client_close, server_close = self.closes[0] or (None, None), self.closes[1] or (None, None)
        return Connection(
            connection=self.number,
            tcp_stream=self.tcp_stream,
            client=_address(self.endpoints[client]),
            server=_address(self.endpoints[server]),
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            transport="http1",
            h2_stream=None,
            tls=self.tls,
            state=self.state(),
            role_evidence=self.role_evidence,
            client_frames=self.frames[0],
            server_frames=self.frames[1],
            client_messages=self.messages[0],
            server_messages=self.messages[1],
            client_bytes=self.sent[0],
            server_bytes=self.sent[1],
            client_close_code=client_close[0],
            client_close_reason=client_close[1],
            server_close_code=server_close[0],
            server_close_reason=server_close[1],
        )


_OTHER: dict[Direction, Direction] = {"client": "server", "server": "client"}


def _even(side: int) -> Direction:
    """The name of a side, taking the even one for the client for the time being."""
    return "server" if side else "client"


def _address(endpoint: tuple[bytes, int]) -> tuple[str, int]:
    return str(ipaddress.ip_address(endpoint[0])), endpoint[1]
