"""HS-213 to HS-217: whether the server should have switched, and fields that a 101 has no use for.

A server owes an opening the checks of RFC 6455 4.2.1 before it answers 101, and may switch only to what it was asked
for (RFC 9110 7.8). A 101 has no content (RFC 9110 8.6), and some fields are for the other side to send.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http.exchange import switches
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import KEY, STANDARD_VERSION, VERSION, Opening
from analyzer.rules.opening_faults import at_field, at_start_line, quoted
from analyzer.rules.registry import rule

ACCEPTING_IS_WRONG = frozenset(
    {
        *("HS-001", "HS-002", "HS-003", "HS-005", "HS-101", "HS-102", "HS-103", "HS-104", "HS-105", "HS-106"),
        *("HS-107", "HS-108", "HS-110", "HS-111", "HS-112", "HS-113", "HS-114", "EX-001"),
    }
)
"""What RFC 6455 4.2.1 has a server check before it accepts. Warnings and oddities are not among them."""


@rule("HS-213", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 9110 8.6", role=Role.SERVER)
def content_framing_in_101(opening: Opening) -> Iterator[Fault]:
    """101 answer announces content.

    After the empty line of a 101 come frames; a client or proxy that believes the field waits for content or
    swallows the first frames. Content-Length: 0 is common and does no harm.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Content-Length: 5

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Transfer-Encoding: chunked
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
        server: 81 05 48 65 6c 6c 6f

        server: http HTTP/1.1 403 Forbidden | Content-Length: 0
    """
    if not opening.switching:
        return
    for name in ("Content-Length", "Transfer-Encoding"):
        for field in opening.field("server", name):
            harmless = name == "Content-Length" and bool(field.value) and not field.value.strip(b"0")
            yield at_field(field, f"no {name}", quoted(field.value), severity=Severity.INFO if harmless else None)


@rule("HS-214", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.2.1", role=Role.SERVER)
def accepted_invalid_request(opening: Opening) -> Iterator[Fault]:
    """Server answered 101 to an opening it had to reject.

    The checks of an opening keep pages and caches from being used to talk to a server behind its back. A
    server that skips one accepts more than WebSocket clients. The request's own findings say what it should
    have seen; answer those with 400, or 426 for the version.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 8
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
        server: http HTTP/1.1 426 Upgrade Required | Sec-WebSocket-Version: 13 | Content-Length: 0
    """
    if not opening.switching or opening.response is None or opening.legacy is not None:
        return
    reasons = opening.raised_on_request & ACCEPTING_IS_WRONG
    # Asked for again on the same connection, the wrong version is reported once but must be refused each time.
    if "HS-111" in opening.raised_before and opening.version not in (None, STANDARD_VERSION):
        reasons = reasons | {"HS-111"}
    if reasons:
        found = f"101 in spite of {', '.join(sorted(reasons))}"
        yield at_start_line(opening.response, "a refusal (400, or 426 for the version)", found)


@rule("HS-215", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 9110 7.8", role=Role.SERVER)
def unsolicited_switch(opening: Opening) -> Iterator[Fault]:
    """101 to websocket although the request did not ask for it.

    The client goes on with HTTP on a connection that the server takes for WebSocket. A server may only switch
    to what the request's Upgrade lists.

    Violates:
        client: http GET / HTTP/1.1 | Host: a.example
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        client: http GET /chat HTTP/1.1 | Host: a.example | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    """
    response = opening.response
    if not opening.switching or response is None or not opening.exchange.intact_request or opening.asks:
        return
    if switches(response):
        found = "101 to websocket for a request without Upgrade: websocket"
        yield at_start_line(response, "an answer without switching", found)


@rule("HS-216", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 11.3.5", role=Role.SERVER)
def version_header_in_101(opening: Opening) -> Iterator[Fault]:
    """101 answer carries Sec-WebSocket-Version.

    The field lists a server's versions when it refuses one. In a 101 it does no harm and says nothing.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Version: 13
    Conforms:
        server: http HTTP/1.1 426 Upgrade Required | Sec-WebSocket-Version: 13 | Content-Length: 0
    """
    if opening.switching:
        for field in opening.field("server", VERSION):
            yield at_field(field, "no Sec-WebSocket-Version in a 101", quoted(field.value))


@rule("HS-217", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 4.3, 11.3.1", role=Role.SERVER)
def key_in_response(opening: Opening) -> Iterator[Fault]:
    """Response carries Sec-WebSocket-Key.

    Usually a server that echoes the request's fields. Clients ignore it; nothing forbids it in so many words.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    """
    if opening.judge_response:
        for field in opening.field("server", KEY):
            yield at_field(field, "no Sec-WebSocket-Key in a response", quoted(field.value))
