"""HS-106 to HS-113 and HS-118: the key and the version an opening asks with (RFC 6455 4.1, 7 and 9; 11.3).

Sec-WebSocket-Key is a nonce of 16 bytes in base64, for the server to hash: its answer then belongs to this opening
and no other. Sec-WebSocket-Version is 13 for the protocol of RFC 6455. Whether a nonce was chosen well is judged
over many openings, in `handshake_key`.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http import fields as grammar
from analyzer.http.fields import latin
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import ACCEPT, KEY, STANDARD_VERSION, VERSION, Legacy, Opening
from analyzer.rules.opening_faults import at_field, at_value, missing, quoted, repeated
from analyzer.rules.registry import rule


@rule("HS-106", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (7), 4.2.1 (5)", role=Role.CLIENT)
def key_missing(opening: Opening) -> Iterator[Fault]:
    """Opening request lacks Sec-WebSocket-Key.

    The key proves to both sides that the answer was made for this opening and by a WebSocket server, not
    replayed from a cache or tricked out of an HTTP server. Send 16 random bytes in base64.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /demo HTTP/1.1 | Upgrade: WebSocket | Connection: Upgrade | Host: a.example | Origin: http://a.example
        server: http HTTP/1.1 101 Web Socket Protocol Handshake | Upgrade: WebSocket | Connection: Upgrade | WebSocket-Origin: http://a.example | WebSocket-Location: ws://a.example/demo
    """
    if not opening.judge_request or opening.legacy is not None or opening.request is None:
        return
    if not opening.field("client", KEY):
        yield missing(opening.request, KEY, "one Sec-WebSocket-Key field")


@rule("HS-107", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 6455 11.3.1", role=Role.CLIENT)
def key_duplicated(opening: Opening) -> Iterator[Fault]:
    """Sec-WebSocket-Key appears more than once.

    The server answers one key; which of two it takes is not defined, so the client may reject a correct
    answer. Send the field once; repeated fields joined by a proxy show as a comma in the value.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, AQIDBAUGBwgJCgsMDQ4PEA== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA== | Sec-WebSocket-Key1: x | Sec-WebSocket-Version: 13
    """
    if not opening.judge_request:
        return
    fields = opening.field("client", KEY)
    yield from repeated(fields, "one Sec-WebSocket-Key field")
    if len(fields) == 1 and b"," in fields[0].value:
        at = fields[0].value_offset + fields[0].value.index(b",")
        yield at_value(fields[0], at, 1, "one key", quoted(fields[0].value))


@rule("HS-108", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (7), 4.2.1 (5)", role=Role.CLIENT)
def key_malformed(opening: Opening) -> Iterator[Fault]:
    r"""Sec-WebSocket-Key is not base64 of 16 bytes.

    Servers that check the key answer 400, others let it pass, so the client works here and fails there. The
    value is 22 base64 characters and two equals signs: 16 random bytes, encoded once.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ-_== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key:\x20\x20dGhlIHNhbXBsZSBub25jZQ==\x20\x20 | Sec-WebSocket-Version: 13
    """
    if not opening.judge_request or opening.legacy is not None:
        return
    for field in opening.field("client", KEY):
        # A comma means two keys in one field: HS-107.
        if not grammar.key_is_16_bytes(field.value) and b"," not in field.value:
            yield at_value(
                field, field.value_offset, len(field.value), "22 base64 characters and ==", quoted(field.value)
            )


@rule("HS-109", severity=Severity.INFO, level=Level.MUST, rfc="RFC 4648 3.5", role=Role.CLIENT)
def key_noncanonical_base64(opening: Opening) -> Iterator[Fault]:
    """Sec-WebSocket-Key has non-zero pad bits.

    The last base64 character of 16 bytes carries four bits that an encoder leaves zero. The server hashes the
    text as it stands, so nothing breaks; RFC 6455's own sample had the flaw (erratum 3150).

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA== | Sec-WebSocket-Version: 13
    """
    if not opening.judge_request:
        return
    for field in opening.field("client", KEY):
        if grammar.key_is_16_bytes(field.value) and not grammar.key_is_canonical(field.value):
            yield at_value(field, field.value_offset + 21, 1, "A, Q, g or w", latin(field.value[21:22]))


@rule("HS-110", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (9), 4.2.1 (6)", role=Role.CLIENT)
def version_missing(opening: Opening) -> Iterator[Fault]:
    """Opening request lacks Sec-WebSocket-Version.

    The server cannot know which protocol the frames will follow, and must not assume one. Send 13.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if opening.judge_request and opening.request is not None and not opening.field("client", VERSION):
        yield missing(opening.request, VERSION, "Sec-WebSocket-Version: 13")


@rule("HS-111", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (9)", role=Role.CLIENT)
def version_unsupported(opening: Opening) -> Iterator[Fault]:
    """Opening request asks for a version other than 13.

    Only 13 was ever standardised: 0 to 3 are early drafts, 9 to 12 are reserved, the rest is unassigned. A
    server answers 426 with the versions it has. Versions 4 to 8 are drafts that were in use (HS-503).

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 8

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if not opening.judge_request or opening.legacy is Legacy.HYBI or "HS-111" in opening.raised_before:
        return  # a client that asks for one version after another is still at fault only once
    fields = opening.field("client", VERSION)
    if opening.version is not None and opening.version != STANDARD_VERSION:
        status = "interim" if opening.version <= 8 else "reserved" if opening.version <= 12 else "unassigned"
        yield at_value(fields[0], fields[0].value_offset, len(fields[0].value), "13", f"{opening.version} ({status})")


@rule("HS-112", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 6455 11.3.5", role=Role.CLIENT)
def version_duplicated(opening: Opening) -> Iterator[Fault]:
    """Sec-WebSocket-Version appears more than once in a request.

    A client asks for one version; a server that gets two must guess. Repeating the field is for the server,
    to list what it supports in a refusal.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 400 Bad Request | Sec-WebSocket-Version: 13 | Sec-WebSocket-Version: 8, 7 | Content-Length: 0
    """
    if opening.judge_request:
        yield from repeated(opening.field("client", VERSION), "one Sec-WebSocket-Version field")


@rule("HS-113", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.3", role=Role.CLIENT)
def version_syntax(opening: Opening) -> Iterator[Fault]:
    """Sec-WebSocket-Version value breaks its grammar.

    In a request the value is a single number from 0 to 255 without leading zeros; lists belong into a
    server's refusal. Send 13.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13, 8

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 013

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 256
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 0
    """
    if not opening.judge_request:
        return
    for field in opening.field("client", VERSION):
        if grammar.version_number(field.value) is None:
            yield at_value(field, field.value_offset, len(field.value), "one number from 0 to 255", quoted(field.value))


@rule("HS-118", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 4.3, 11.3.3", role=Role.CLIENT)
def accept_in_request(opening: Opening) -> Iterator[Fault]:
    """Response-only field Sec-WebSocket-Accept sent in a request.

    Servers ignore it. It tells that the request was put together by hand or copied from a response.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if opening.judge_request:
        for field in opening.field("client", ACCEPT):
            yield at_field(field, "no Sec-WebSocket-Accept in a request", quoted(field.value))
