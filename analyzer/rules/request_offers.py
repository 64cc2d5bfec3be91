"""HS-114 to HS-117: the subprotocols an opening offers, and where it says it comes from (RFC 6455 4.1, 8 and 10).

Sec-WebSocket-Protocol is a list in order of preference, of which the server may pick one; Origin is the page a
browser opens the connection for, and what a server lets it in by. Extensions are offered too: see `extensions`.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http import fields as grammar
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import PROTOCOL, Legacy, Opening
from analyzer.rules.opening_faults import at_field, at_value, quoted, repeated
from analyzer.rules.registry import rule


@rule("HS-114", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (10), 4.3", role=Role.CLIENT)
def subprotocol_offer_syntax(opening: Opening) -> Iterator[Fault]:
    """Offered subprotocols are not a list of non-empty tokens.

    The server picks one by its exact text; a name with blanks, quotes or slashes cannot be picked, and strict
    servers refuse the opening. Use letters, digits and !#$%&'*+-.^_`|~ only, or leave the field out.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat, "super chat"

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol:
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat, v2.example+json

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat,,superchat
    """
    fields = opening.field("client", PROTOCOL)
    if not opening.judge_request or not fields:
        return
    if not opening.subprotocols_offered:
        yield at_field(fields[0], "at least one token", "an empty list")
    for element in opening.subprotocols_offered:
        if not grammar.is_token(element.text):
            yield at_value(fields[0], element.offset, len(element.text), "a token", quoted(element.text))


@rule("HS-115", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (10)", role=Role.CLIENT)
def subprotocol_offer_duplicate(opening: Opening) -> Iterator[Fault]:
    """Same subprotocol offered twice.

    The offer is a list of distinct names in order of preference; a repeated one says the list was put
    together wrongly. Compare exactly: names that differ in case are different.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat, chat

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat | Sec-WebSocket-Protocol: chat
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat | Sec-WebSocket-Protocol: superchat

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: chat, Chat
    """
    if not opening.judge_request:
        return
    seen: set[bytes] = set()
    fields = opening.field("client", PROTOCOL)
    for element in opening.subprotocols_offered:
        if element.text in seen:
            yield at_value(
                fields[0], element.offset, len(element.text), "each name once", f"{quoted(element.text)} again"
            )
        seen.add(element.text)


@rule("HS-116", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 6454 7.3", role=Role.CLIENT)
def origin_duplicated(opening: Opening) -> Iterator[Fault]:
    """More than one Origin field.

    Servers decide by Origin which sites may connect; with two of them one may be checked and the other
    meant. Send it once. Only browsers are bound to this, hence a warning.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Origin: http://a.example | Origin: http://b.example
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Origin: null
    """
    if opening.judge_request:
        for name in _origin_fields(opening):
            yield from repeated(opening.field("client", name), f"one {name} field")


def _origin_fields(opening: Opening) -> list[str]:
    """The drafts in use had a name of their own for it."""
    return ["Origin", "Sec-WebSocket-Origin"] if opening.legacy is Legacy.HYBI else ["Origin"]


@rule("HS-117", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 6455 4.1 (8)", role=Role.CLIENT)
def origin_malformed(opening: Opening) -> Iterator[Fault]:
    """Origin is not a serialized origin.

    Servers compare Origin as text with the sites they allow; a path or a trailing slash makes the comparison
    fail. Send scheme, host and port only, or null.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Origin: https://a.example/page

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Origin: http://a.example http://b.example
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Origin: https://a.example:8443

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Origin: chrome-extension://abcdefghijklmnop

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Origin: file://
    """
    if not opening.judge_request:
        return
    for name in _origin_fields(opening):
        for field in opening.field("client", name):
            fault = grammar.origin_fault(field.value, field.value_offset)
            if fault is not None:
                found = f"{fault.what}: {quoted(field.value)}"
                yield at_value(field, fault.offset, 1, "scheme://host[:port] or null", found)
