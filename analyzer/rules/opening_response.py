"""HS-201 to HS-217: what a server can get wrong in its answer to an opening (RFC 6455 4.2.2).

Most rules are about a 101 only: any other status is an outcome, not a mistake. A 101 to another protocol
that the request listed too is no WebSocket answer, and no rule here looks at it.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http import fields as grammar
from analyzer.http.exchange import names_only_websocket, switches
from analyzer.http.fields import latin
from analyzer.model import Cut, Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import ACCEPT, KEY, PROTOCOL, STANDARD_VERSION, VERSION, Opening
from analyzer.rules.opening_faults import (
    at_field,
    at_value,
    connection_without_upgrade,
    missing,
    quoted,
    repeated,
    syntax,
)
from analyzer.rules.registry import rule

HTTP_1_1 = (1, 1)

ACCEPTING_IS_WRONG = frozenset(
    {
        *("HS-001", "HS-002", "HS-003", "HS-005", "HS-101", "HS-102", "HS-103", "HS-104", "HS-105", "HS-106"),
        *("HS-107", "HS-108", "HS-110", "HS-111", "HS-112", "HS-113", "HS-114", "EX-001"),
    }
)
"""What RFC 6455 4.2.1 has a server check before it accepts. Warnings and oddities are not among them."""


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
        fault = at_field(fields[-1], "Upgrade: websocket, once", found)
        yield Fault(
            expected=fault.expected,
            found=found,
            offset=fault.offset,
            length=fault.length,
            header=fault.header,
            severity=Severity.WARNING,
        )
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
            yield Fault(
                expected=f"no {name}",
                found=quoted(field.value),
                offset=field.offset,
                length=len(field.line.rstrip(b"\r\n")),
                header=latin(field.name),
                severity=Severity.INFO if harmless else None,
            )


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
        response = opening.response
        yield Fault(
            expected="a refusal (400, or 426 for the version)",
            found=f"101 in spite of {', '.join(sorted(reasons))}",
            offset=response.offset,
            length=len(response.raw.partition(b"\n")[0].rstrip(b"\r")),
        )


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
        yield Fault(
            expected="an answer without switching",
            found="101 to websocket for a request without Upgrade: websocket",
            offset=response.offset,
            length=len(response.raw.partition(b"\n")[0].rstrip(b"\r")),
        )


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
