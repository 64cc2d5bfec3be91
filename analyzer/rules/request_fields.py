"""HS-101 to HS-105: what HTTP itself asks of an opening (RFC 6455 4.1, 4 to 6; RFC 9110 7.8; RFC 9112 3.2).

Host names the site. Upgrade names the protocol to switch to, and Connection has to name Upgrade, because both
concern one hop only and a proxy in between must not pass them on unseen.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http import fields as grammar
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening
from analyzer.rules.opening_faults import at_field, at_value, connection_without_upgrade, missing, quoted, repeated
from analyzer.rules.registry import rule


@rule("HS-101", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (4), 4.2.1 (2)", role=Role.CLIENT)
def host_missing(opening: Opening) -> Iterator[Fault]:
    """Opening request lacks Host.

    One address serves many sites; without Host the server cannot tell which is meant, and every HTTP/1.1
    server must answer 400 (RFC 9112 3.2). Send the authority of the ws URI as Host.

    Violates:
        client: http GET /chat HTTP/1.1 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if opening.judge_request and opening.request is not None and not opening.field("client", "Host"):
        yield missing(opening.request, "Host", "one Host field")


@rule("HS-102", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 9112 3.2", role=Role.CLIENT)
def host_duplicated(opening: Opening) -> Iterator[Fault]:
    """Opening request has more than one Host.

    A proxy and the server behind it may each believe another of the two, which lets a request reach a site
    it was not checked for; a server must answer 400. Send Host once.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Host: b.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | X-Forwarded-Host: b.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if opening.judge_request:
        yield from repeated(opening.field("client", "Host"), "one Host field")


@rule("HS-103", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (4)", role=Role.CLIENT)
def host_invalid(opening: Opening) -> Iterator[Fault]:
    r"""Host value is empty or not host[:port].

    Host holds the host of the ws URI and, where it is not the default, its port; nothing else of the URI, no
    user name and no path. What does not fit matches no site, or the wrong one.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: user@a.example/chat | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example:65536 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: [2001:db8::1]:8080 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: my_app~1.example%2d:80 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if not opening.judge_request:
        return
    for field in opening.field("client", "Host"):
        fault = grammar.authority_fault(field.value, field.value_offset)
        if fault is not None:
            yield at_value(field, fault.offset, 1, "host[:port]", f"{fault.what}: {quoted(field.value)}")


@rule("HS-104", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (5), 4.2.1 (3)", role=Role.CLIENT)
def request_upgrade_missing(opening: Opening) -> Iterator[Fault]:
    """Opening request does not list websocket in Upgrade.

    Without it the request asks for an ordinary answer, whatever other fields it has, and a server may not
    switch. A reverse proxy that drops hop-by-hop fields is the usual cause: it must set Upgrade anew.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: h2c | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: h2c, WebSocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: h2c | Upgrade: websocket/13 | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    request = opening.request
    if not opening.judge_request or request is None:
        return
    fields = opening.field("client", "Upgrade")
    if not fields:
        yield missing(request, "Upgrade", "Upgrade: websocket")
    elif not grammar.lists_websocket(opening.elements("client", "Upgrade")):
        yield at_field(fields[0], "Upgrade: websocket", quoted(b", ".join(field.value for field in fields)))


@rule("HS-105", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (6), 4.2.1 (4)", role=Role.CLIENT)
def request_connection_missing(opening: Opening) -> Iterator[Fault]:
    """Opening request lacks the Upgrade token in Connection.

    Upgrade concerns one hop; Connection must name it, or proxies pass it on to servers it is not meant for
    (RFC 9110 7.8). Send Connection: Upgrade, alone or in a list.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: keep-alive | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: keep-alive, Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: keep-alive | Connection: uPGRADE | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if opening.judge_request and opening.request is not None:
        yield from connection_without_upgrade(opening, opening.request, "client")
