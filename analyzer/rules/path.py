"""ST: what a connection went through that is lawful, and good to know when the rest is read.

Proxies and tunnels, other exchanges before the opening or another protocol after it, ports that were used before,
silence.
"""

# ruff: noqa: E501 - an example's HTTP head stands on one line

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.http.head import Head
from analyzer.model import Direction, Level, Role, Severity
from analyzer.rules.faults import Fault, several
from analyzer.rules.registry import rule
from analyzer.rules.transport import Relay, Transport
from analyzer.settings import SECOND

RELAY_FIELDS = re.compile(rb"via|forwarded|x-forwarded-.*", re.IGNORECASE)
"""Fields that proxies add: RFC 9110 7.6.3, RFC 7239, and what was used before it."""


@rule("ST-016", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def not_websocket_after_101(transport: Transport) -> Iterator[Fault]:
    """A 101 switched to a protocol other than WebSocket, which the request listed.

    That is right. What follows is not WebSocket, so it is left alone.

    Violates:
        client: http GET / HTTP/1.1 | Host: a.example | Upgrade: h2c, websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: h2c | Connection: Upgrade

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if transport.elsewhere:
        yield Fault(expected="websocket", found=transport.elsewhere, place=transport.first)


@rule("ST-018", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.CLIENT)
def http_before_upgrade(transport: Transport) -> Iterator[Fault]:
    """Other HTTP exchanges came before the opening on the same connection.

    Legal: HTTP/1.1 connections are used again.

    Violates:
        client: http GET /page HTTP/1.1 | Host: a.example
        server: http HTTP/1.1 200 OK | Content-Length: 0
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if transport.plain_before:
        yield Fault(
            expected="the opening first",
            found=several(transport.plain_before, "exchange", "before it"),
            place=transport.first,
        )


@rule("ST-021", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def port_reuse(transport: Transport) -> Iterator[Fault]:
    """The addresses and ports were those of an earlier connection.

    A SYN with another sequence number opened a connection where one had been. Legal once the first is over; the two
    are told as two.

    Violates:
        client: 81 80 37 fa 21 3d
        client: FIN
        server: FIN
        connection 2:
        ports of 1
        client: 81 80 37 fa 21 3d

    Conforms:
        client: 81 80 37 fa 21 3d
        client: FIN
        server: FIN
        connection 2:
        client: 81 80 37 fa 21 3d
    """
    if transport.reused:
        yield Fault(expected="other ports", found="a SYN on the same ones", place=transport.first)


@rule("ST-022", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.CLIENT)
def tunnelled_through_proxy(transport: Transport) -> Iterator[Fault]:
    """The opening runs inside a tunnel that a proxy granted.

    Legal. The server is the one that Host names, not the one at the other end of the TCP connection.

    Violates:
        client: http CONNECT a.example:80 HTTP/1.1 | Host: a.example:80
        server: http HTTP/1.1 200 Connection established
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if transport.tunnelled:
        yield Fault(expected="a direct connection", found="CONNECT", place=transport.first)


@rule("ST-023", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def idle_gap(transport: Transport) -> Iterator[Fault]:
    """Nothing was sent for long while the connection was open.

    Legal. But middleboxes forget connections on which nothing passes, often after a minute; a Ping now and then keeps
    them. TCP's own keep-alives do not count. The threshold is the time-out ``idle``.

    Violates:
        client: 81 80 37 fa 21 3d
        +300s
        client: 81 80 37 fa 21 3d

    Conforms:
        client: 81 80 37 fa 21 3d
        +20s
        client: 89 80 37 fa 21 3d
        +50s
        client: 89 80 37 fa 21 3d
    """
    if transport.silence is not None:
        silence = transport.silence
        yield Fault(
            expected="something sent in between",
            found=f"nothing for {silence.longest_ns / SECOND:.1f} s" + (" at most" if silence.count > 1 else ""),
            place=silence.place,
            count=silence.count,
        )


def relay_field(head: Head, direction: Direction) -> Relay | None:
    """The first field of a head that proxies add."""
    for field in head.fields:
        if RELAY_FIELDS.fullmatch(field.name):
            name = field.name.decode("latin-1")
            return Relay(direction, f"no {name}", name, head.place(field.offset), field.offset, name)
    return None
