"""HS-201 to HS-205: an answer that switches, as HTTP has it (RFC 6455 4.1 and 4.2.2; RFC 9110 7.8).

Most rules about the answer concern a 101 only: any other status is an outcome, not a mistake. A 101 to another
protocol that the request listed too is no WebSocket answer, and no rule here looks at it.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http import fields as grammar
from analyzer.http.exchange import names_only_websocket, switches
from analyzer.http.fields import latin
from analyzer.http.head import HTTP_1_1
from analyzer.model import Cut, Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening
from analyzer.rules.opening_faults import at_field, connection_without_upgrade, missing, quoted, syntax
from analyzer.rules.registry import rule


@rule("HS-201", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.2.2 (5)", role=Role.SERVER)
def response_http_syntax(opening: Opening) -> Iterator[Fault]:
    r"""Answer to the opening is not a valid HTTP response.

    Clients read the answer with an HTTP parser; what it does not accept ends the connection, and what one
    accepts another refuses. Write status line and fields as RFC 9112 has them, each line ended by CRLF.

    Violates:
        server: http HTTP/1.1 101Switching | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection : Upgrade | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.1 101 Switching Protocols\nUpgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: silent
        server: 53 53 48 2d 32 2e 30 0d 0a
    Conforms:
        server: http HTTP/1.1 100 Continue
        server: http HTTP/1.1 101 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.1 103 Early Hints | Link: </a.css>; rel=preload
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | X-Name: caf\xe9

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: silent
        server: 15 03 01 00 02 02 46
    """
    response = opening.response
    if response is None or opening.hixie or opening.elsewhere:
        return
    # A server that ends its stream inside the head has said all it will ever say.
    ended = response.cut is Cut.FIN and not response.gap
    if response.intact or ended:
        yield from syntax(response)


@rule("HS-202", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.2.2 (5)", role=Role.SERVER)
def response_http_version_too_low(opening: Opening) -> Iterator[Fault]:
    """101 sent as HTTP/1.0.

    HTTP/1.0 has no Upgrade, so a client or proxy that takes the version seriously does not switch. A refusal
    in HTTP/1.0 is legal.

    Violates:
        server: http HTTP/1.0 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.0 403 Forbidden | Content-Length: 0
    """
    response = opening.response
    if not opening.switching or response is None:
        return
    version = response.http_version
    if version is not None and version < HTTP_1_1:
        yield Fault(
            expected="HTTP/1.1", found=latin(response.version), offset=response.offset, length=len(response.version)
        )


@rule(
    "HS-203",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 4.1 (resp 2), 4.2.2 (5.2)",
    role=Role.SERVER,
    fail_required=True,
)
def response_upgrade_missing(opening: Opening) -> Iterator[Fault]:
    """101 answer lacks Upgrade.

    Upgrade says what the connection switched to; without it the client must fail the connection. Often a
    proxy dropped the field: it has to set it anew.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.1 403 Forbidden | Content-Length: 0
    """
    if opening.switching and opening.response is not None and not opening.field("server", "Upgrade"):
        yield missing(opening.response, "Upgrade", "Upgrade: websocket")


@rule(
    "HS-204",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 4.1 (resp 2), 4.2.2 (5.2)",
    role=Role.SERVER,
    fail_required=True,
)
def response_upgrade_wrong(opening: Opening) -> Iterator[Fault]:
    """101 answer's Upgrade is not exactly websocket.

    The client compares the whole value, ignoring case: a list, a version or another spelling makes it fail
    the connection. websocket twice, as proxies in a row produce, is a warning.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket, h2c | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket/13 | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket, h2c | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: h2c | Connection: Upgrade
    """
    response = opening.response
    fields = opening.field("server", "Upgrade")
    if not opening.switching or response is None or not fields:
        return
    if len(fields) == 1 and fields[0].value.lower() == grammar.WEBSOCKET:
        return
    found = quoted(b", ".join(field.value for field in fields))
    if names_only_websocket(response):
        yield at_field(fields[-1], "Upgrade: websocket, once", found, severity=Severity.WARNING)
        return
    elements = opening.elements("server", "Upgrade")
    others = {e.text.lower() for e in elements} - {grammar.WEBSOCKET}
    listed = {e.text.lower() for e in opening.elements("client", "Upgrade")}
    # Where the request was not captured whole it may have listed the others too, and then they are legal.
    if elements and len(others) < len(elements) and (not opening.exchange.intact_request or others <= listed):
        return
    if elements and not switches(response) and not opening.exchange.intact_request:
        return
    yield at_field(fields[0], "Upgrade: websocket", found)


@rule(
    "HS-205",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 4.1 (resp 3), 4.2.2 (5.3)",
    role=Role.SERVER,
    fail_required=True,
)
def response_connection_missing(opening: Opening) -> Iterator[Fault]:
    """101 answer lacks the Upgrade token in Connection.

    The client must fail the connection without it. Send Connection: Upgrade, alone or in a list; a proxy in
    between has to pass it on for this answer.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: keep-alive | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Sec-WebSocket-Accept: {accept}
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: keep-alive, upgrade | Sec-WebSocket-Accept: {accept}
    """
    if opening.switching and opening.response is not None:
        yield from connection_without_upgrade(opening, opening.response, "server")
