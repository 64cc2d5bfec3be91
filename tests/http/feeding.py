"""Byte strings given straight to an `HttpConnection`, without packets around them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from analyzer.http.connection import HttpConnection
from analyzer.http.exchange import Exchange, State
from analyzer.model import Cut, Place
from analyzer.settings import Settings
from samples import opening

CLIENT, SERVER = 0, 1

REQUEST = opening.head(opening.request(opening.RFC_KEY))
RESPONSE = opening.head(opening.response(opening.RFC_KEY))
PLAIN = b"GET /page HTTP/1.1\r\nHost: a.example\r\n\r\n"
MASKED = bytes.fromhex("8185 37fa213d 7f9f4d5158")
UNMASKED = bytes.fromhex("8105 48656c6c6f")


class Talk:
    """One TCP connection: each side's bytes in the order they are said, a packet for each piece."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.numbers: list[int] = []
        self.connection = HttpConnection(settings or Settings(), self._take)
        self.sent = [0, 0]
        self.after = [b"", b""]
        """What came once frames were known to follow."""
        self.packets = itertools.count(1)

    def _take(self) -> int:
        self.numbers.append(len(self.numbers))
        return self.numbers[-1]

    def _place(self) -> Place:
        number = next(self.packets)
        return Place(file=0, packet=number, ordinal=number - 1, time_ns=number, file_offset=1000 * number)

    def say(self, side: int, data: bytes, *, acked: int | None = None, pieces: Iterator[int] | None = None) -> None:
        """Send bytes that acknowledge all the other side has sent, unless said otherwise."""
        known = self.sent[1 - side] if acked is None else acked
        while data:
            size = len(data) if pieces is None else min(len(data), next(pieces))
            if self.connection.state is State.SWITCHED:
                self.after[side] += data[:size]
            else:
                self.connection.data(side, data[:size], self.sent[side], self._place(), known)
            self.sent[side] += size
            data = data[size:]

    def client(self, data: bytes, acked: int | None = None) -> Talk:
        self.say(CLIENT, data, acked=acked)
        return self

    def server(self, data: bytes, acked: int | None = None) -> Talk:
        self.say(SERVER, data, acked=acked)
        return self

    def lose(self, side: int, count: int) -> Talk:
        self.connection.gap(side, self.sent[side], count, self._place())
        self.sent[side] += count
        return self

    def end(self, side: int, how: Cut) -> Talk:
        self.connection.end(side, how, self._place())
        return self

    def finish(self) -> list[Exchange]:
        for side in (CLIENT, SERVER):
            self.connection.end(side, Cut.END, self._place())
        return self.connection.exchanges

    def left(self, side: int) -> bytes:
        """The bytes of frames, as the caller gets them."""
        return b"".join(chunk.data for chunk in self.connection.leftover[side]) + self.after[side]
