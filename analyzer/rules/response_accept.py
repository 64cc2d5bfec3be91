"""HS-206 to HS-208: the proof that a WebSocket server read this very opening (RFC 6455 4.2.2, 5.4).

Sec-WebSocket-Accept is base64(SHA-1(key + GUID)): neither a cache nor a server that speaks another protocol comes up
with it. The client fails the connection where it is missing or differs.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http import fields as grammar
from analyzer.http.fields import latin
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import ACCEPT, KEY, Opening
from analyzer.rules.opening_faults import at_value, missing, quoted, repeated
from analyzer.rules.registry import rule


@rule(
    "HS-206",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 4.1 (resp 4), 4.2.2 (5.4)",
    role=Role.SERVER,
    fail_required=True,
)
def accept_missing(opening: Opening) -> Iterator[Fault]:
    """101 answer lacks Sec-WebSocket-Accept.

    The field proves that the server understood a WebSocket opening; without it the client must fail the
    connection. Send base64(SHA-1(key + GUID)).

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.1 403 Forbidden | Content-Length: 0
    """
    if not opening.switching or opening.response is None or opening.legacy is not None:
        return
    if opening.exchange.intact_request and opening.field("client", KEY) and not opening.field("server", ACCEPT):
        yield missing(opening.response, ACCEPT, "Sec-WebSocket-Accept made from the key")


@rule(
    "HS-207",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 4.1 (resp 4), 4.2.2 (5.4)",
    role=Role.SERVER,
    fail_required=True,
)
def accept_mismatch(opening: Opening) -> Iterator[Fault]:
    r"""Sec-WebSocket-Accept does not match the key.

    The client computes base64(SHA-1(key text + 258EAFA5-E914-47DA-95CA-C5AB0DC85B11)) and fails the connection
    if the server's value differs, be it in the case of one letter. Usual causes: the key was decoded first,
    the GUID mistyped, the digest encoded in hex, or a cache replayed an old answer.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept:\x20\x20 s3pPLMBiTxaQ9kYGzzhZRbK+xOo=

        client: http GET /other HTTP/1.1 | Host: a.example
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 204 No Content
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    """
    keys = opening.field("client", KEY)
    if not opening.switching or not opening.exchange.intact_request or len(keys) != 1 or b"," in keys[0].value:
        return
    expected = grammar.accept_for(keys[0].value)
    for field in opening.field("server", ACCEPT):
        if field.value != expected:
            yield at_value(field, field.value_offset, len(field.value), latin(expected), quoted(field.value))


@rule("HS-208", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 6455 11.3.3", role=Role.SERVER)
def accept_duplicated(opening: Opening) -> Iterator[Fault]:
    """Sec-WebSocket-Accept appears more than once.

    Which of two values a client compares is not defined. Two layers of the server, or a proxy, each added
    one: let only one do it.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Accept: {accept}
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    """
    if opening.judge_response:
        yield from repeated(opening.field("server", ACCEPT), "one Sec-WebSocket-Accept field")
