"""The requests of a connection that wait for their final responses, and the openings among them.

Responses come in the order of the requests (RFC 9112 9.3.2), with one exception: a 101 that names websocket answers
an opening, even where the responses to earlier requests were not captured. An opening becomes an `Exchange` when its
request is known, or when only its answer is; all those of a connection share a number.
"""

from __future__ import annotations

from collections.abc import Callable

from analyzer.http.exchange import SWITCHING, Exchange, speaks_websocket, switches
from analyzer.http.head import Head


class Pending:
    """A request without its final response."""

    __slots__ = ("exchange", "head", "interim")

    def __init__(self, head: Head, exchange: Exchange | None) -> None:
        self.head = head
        self.exchange = exchange
        """None: the request is no opening."""
        self.interim: list[Head] = []


class Requests:
    """The queue: the oldest request first."""

    __slots__ = ("_number", "_openings", "_raised", "_take_number", "plain", "tunnel", "waiting")

    def __init__(self, take_number: Callable[[], int]) -> None:
        """``take_number`` gives the WebSocket connection its number; called once, at the first opening."""
        self.waiting: list[Pending] = []
        self.plain = 0
        """Responses to requests that were no openings."""
        self.tunnel = False
        """A CONNECT was granted."""
        self._take_number = take_number
        self._number = -1
        self._openings = 0
        self._raised: set[str] = set()
        """Rules that told something of an opening of this connection already."""

    @property
    def first(self) -> Pending | None:
        """The one whose response is next."""
        return self.waiting[0] if self.waiting else None

    @property
    def last(self) -> Pending | None:
        """The newest."""
        return self.waiting[-1] if self.waiting else None

    @property
    def openings(self) -> list[Exchange]:
        """Those that wait, the oldest first."""
        return [pending.exchange for pending in self.waiting if pending.exchange is not None]

    @property
    def held(self) -> int:
        """Bytes of the heads that wait."""
        return sum(len(pending.head.raw) for pending in self.waiting)

    def opening(self, head: Head | None, client_side: int) -> Exchange:
        """A new exchange; without its request where that was not captured."""
        if self._number < 0:
            self._number = self._take_number()
        exchange = Exchange(
            connection=self._number,
            index=self._openings,
            client_side=client_side,
            request=head,
            connect_before=self.tunnel,
            raised_before=self._raised,
        )
        self._openings += 1
        return exchange

    def add(self, head: Head, exchange: Exchange | None) -> None:
        """One more request waits."""
        self.waiting.append(Pending(head, exchange))

    def take(self, response: Head, acked: int) -> Pending | None:
        """The request that a final response answers, which waits no more; None where it is none of these."""
        if switches(response):
            for index, pending in enumerate(self.waiting):
                if pending.exchange is not None:
                    return self.waiting.pop(index)
        first = self.first
        if first is None:
            return None
        if first.exchange is not None and response.code != SWITCHING and 0 < acked <= first.head.offset:
            return None  # sent before the server had a byte of the opening: it answers something else
        return self.waiting.pop(0)

    def keep_openings(self) -> None:
        """Responses were lost, which is not known: those of other requests are not waited for any more."""
        self.waiting = [pending for pending in self.waiting if pending.exchange is not None]


def waits(pending: Pending) -> bool:
    """What the client sends after this request depends on the answer."""
    head = pending.head
    return pending.exchange is not None or head.method == b"CONNECT" or speaks_websocket(head)
