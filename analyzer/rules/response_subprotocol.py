"""HS-209 to HS-212: the subprotocol a server chose (RFC 6455 4.2.2, 4; 11.3.4).

One of the names the client offered, letter for letter, or no field at all. What was offered is known only where the
request was captured whole.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http import fields as grammar
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import PROTOCOL, Opening
from analyzer.rules.opening_faults import at_value, missing, quoted, repeated
from analyzer.rules.registry import rule


@rule(
    "HS-209",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 4.1 (resp 6), 4.2.2 (4)",
    role=Role.SERVER,
    fail_required=True,
)
def subprotocol_not_offered(opening: Opening) -> Iterator[Fault]:
    """Server selected a subprotocol the client did not offer.

    The client must fail the connection: it does not speak what the server chose. The server may only pick one
    of the names offered, letter for letter, or leave the field out.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: mqtt

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: Chat

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: chat
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: superchat, chat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: chat

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: superchat | Sec-WebSocket-Protocol: chat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: chat
    """
    if not opening.switching or not opening.exchange.intact_request:
        return
    offered = [element.text for element in opening.subprotocols_offered]
    for field in opening.field("server", PROTOCOL):
        # What is no token cannot have been a legal offer either: HS-211.
        if not grammar.is_token(field.value) or field.value in offered:
            continue
        case_only = field.value.lower() in (name.lower() for name in offered)
        expected = f"one of {quoted(b', '.join(offered))}" if offered else "no Sec-WebSocket-Protocol: none was offered"
        found = quoted(field.value) + (" (differs in case only)" if case_only else "")
        yield at_value(field, field.value_offset, len(field.value), expected, found)


@rule(
    "HS-210",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 11.3.4, 4.3",
    role=Role.SERVER,
    fail_required=True,
)
def subprotocol_multiple(opening: Opening) -> Iterator[Fault]:
    """Server selected more than one subprotocol.

    A connection speaks one subprotocol. A server that echoes the client's list has chosen nothing, and the
    client must fail the connection. Answer with one name.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat, superchat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: chat, superchat

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat, superchat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: chat | Sec-WebSocket-Protocol: superchat
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat, superchat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: chat
    """
    if not opening.switching:
        return
    fields = opening.field("server", PROTOCOL)
    if len(fields) > 1:
        yield from repeated(fields, "one Sec-WebSocket-Protocol field")
    elif fields and b"," in fields[0].value:
        at = fields[0].value_offset + fields[0].value.index(b",")
        yield at_value(fields[0], at, 1, "one subprotocol", quoted(fields[0].value))


@rule(
    "HS-211",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 4.2.2 (4)",
    role=Role.SERVER,
    fail_required=True,
)
def subprotocol_empty(opening: Opening) -> Iterator[Fault]:
    """Server's Sec-WebSocket-Protocol is empty or not a token.

    An empty value is not the same as no field: no client can have offered it, so the client fails the
    connection. Where no subprotocol is chosen, leave the field out.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol:

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: "chat"
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    """
    if not opening.switching:
        return
    for field in opening.field("server", PROTOCOL):
        if not grammar.is_token(field.value):
            found = quoted(field.value) if field.value else "an empty value"
            yield at_value(field, field.value_offset, len(field.value), "a token, or no field", found)


@rule("HS-212", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 4.2.2 (4), 1.9", role=Role.SERVER)
def subprotocol_not_selected(opening: Opening) -> Iterator[Fault]:
    """Client offered subprotocols and the server chose none.

    RFC 6455 allows it. Browsers and some libraries fail the connection all the same, so it may explain an
    early close.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Protocol: chat
    """
    response = opening.response
    if not opening.switching or response is None or not opening.exchange.intact_request:
        return
    offered = opening.subprotocols_offered
    if offered and not opening.field("server", PROTOCOL):
        names = quoted(b", ".join(element.text for element in offered))
        yield missing(response, PROTOCOL, f"one of {names}, or none")
