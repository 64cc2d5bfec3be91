"""HS-501 to HS-506: openings of the protocols before RFC 6455, recognised and named.

Three generations were in use. hixie-75 (2010) had no key at all; its answer is told by WebSocket-Origin and
WebSocket-Location. hixie-76, also hybi-00, hid two numbers in Sec-WebSocket-Key1 and -Key2 and sent eight more bytes
after the head, which the server answered with an MD5 of the three. Both enclosed text between 00 and ff. From hybi-04
on the opening is nearly today's, with a version below 13 and Sec-WebSocket-Origin for Origin, and from version 7 on the
frames are today's as well. Whoever still speaks one of them is worth knowing about, and nothing else of RFC 6455 can be
asked of a hixie connection.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from analyzer.http.exchange import HIXIE76_REQUEST, HIXIE76_RESPONSE
from analyzer.http.fields import latin
from analyzer.http.head import Field
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import KEY, STANDARD_VERSION, VERSION, Legacy, Opening
from analyzer.rules.opening_faults import at_field, at_start_line, at_value, quoted
from analyzer.rules.registry import rule

KEY_1, KEY_2 = "Sec-WebSocket-Key1", "Sec-WebSocket-Key2"
DRAFT_ORIGIN = "Sec-WebSocket-Origin"
LONGEST_NUMBER = 12
"""Digits: 32 bits, times 12 spaces at most, come to no more (draft-hixie-thewebsocketprotocol-76 4.1)."""


@rule(
    "HS-501",
    severity=Severity.INFO,
    level=Level.OBSERVATION,
    rfc="draft-ietf-hybi-thewebsocketprotocol-00 1.3",
    role=Role.CLIENT,
)
def legacy_hixie_76(opening: Opening) -> Iterator[Fault]:
    """hixie-76 / hybi-00 opening.

    Browsers of 2010 and 2011 spoke it (Safari 5, Firefox 4, Chrome 6 to 13), and old Flash replacements still do. Its
    frames are not those of RFC 6455, so they are not read.

    Violates:
        client: http GET /demo HTTP/1.1 | Host: a.example | Upgrade: WebSocket | Connection: Upgrade | Origin: http://a.example | Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5 | Sec-WebSocket-Key2: 12998 5 Y3 1  .P00
        client: 5e 6e 3a 64 73 5b 34 55
        server: http HTTP/1.1 101 WebSocket Protocol Handshake | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Origin: http://a.example | Sec-WebSocket-Location: ws://a.example/demo
        server: 38 6a 4b 53 27 79 3a 47 2a 43 6f 2c 57 78 61 2d
        client: 00 48 69 ff
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if opening.legacy is not Legacy.HIXIE_76 or not opening.exchange.intact_request:
        return
    answered = opening.field("server", DRAFT_ORIGIN) or opening.field("server", "Sec-WebSocket-Location")
    if len(opening.exchange.request_content) == HIXIE76_REQUEST or answered:
        field = opening.field("client", KEY_1)[0]
        yield at_field(field, f"{VERSION}: 13", f"{KEY_1} and {KEY_2}, and content after the head")


@rule(
    "HS-502",
    severity=Severity.INFO,
    level=Level.OBSERVATION,
    rfc="draft-hixie-thewebsocketprotocol-75 3.1",
    role=Role.CLIENT,
)
def legacy_hixie_75(opening: Opening) -> Iterator[Fault]:
    """hixie-75 opening.

    The first protocol that browsers spoke (Chrome 4, Safari 5.0). The answer proves it: a request without key and
    version alone is more likely a broken client of today. Its frames are not those of RFC 6455, so they are not read.

    Violates:
        client: http GET /demo HTTP/1.1 | Upgrade: WebSocket | Connection: Upgrade | Host: a.example | Origin: http://a.example
        server: http HTTP/1.1 101 Web Socket Protocol Handshake | Upgrade: WebSocket | Connection: Upgrade | WebSocket-Origin: http://a.example | WebSocket-Location: ws://a.example/demo
        client: 00 48 69 ff
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /demo HTTP/1.1 | Upgrade: WebSocket | Connection: Upgrade | Host: a.example | Origin: http://a.example
        server: http HTTP/1.1 400 Bad Request | Content-Length: 0
    """
    request = opening.request
    if opening.legacy is Legacy.HIXIE_75 and opening.exchange.intact_request and request is not None:
        found = "no key and no version, answered with WebSocket-Origin or WebSocket-Location"
        yield at_start_line(request, f"{VERSION}: 13", found)


@rule("HS-503", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 11.6", role=Role.CLIENT)
def legacy_hybi_draft(opening: Opening) -> Iterator[Fault]:
    """Opening of an interim draft version (4-8).

    Versions 7 and 8 were in browsers of 2011 (Firefox 6 to 10, Chrome 14 and 15) and their frames are today's, so they
    are judged; the drafts before 7 frame differently and are not read. Their Origin is called Sec-WebSocket-Origin.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 8 | Sec-WebSocket-Origin: http://a.example
        client: 81 80 37 fa 21 3d

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 6
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if opening.legacy is Legacy.HYBI and opening.exchange.intact_request:
        field = opening.field("client", VERSION)[0]
        yield at_value(field, field.value_offset, len(field.value), "13", latin(field.value))


@rule("HS-504", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 4.3", role=Role.CLIENT)
def legacy_mixed_handshake(opening: Opening) -> Iterator[Fault]:
    """Opening mixes fields of old drafts and version 13.

    No version of the protocol has both. A server may take it for either, and one that takes it for hixie-76 waits for
    eight bytes that never come. It is read here as version 13. Leave out Sec-WebSocket-Key1 and -Key2.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5 | Sec-WebSocket-Key2: 12998 5 Y3 1  .P00 | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    old = opening.field("client", KEY_1) + opening.field("client", KEY_2)
    new = bool(opening.field("client", KEY)) or opening.version == STANDARD_VERSION
    if opening.judge_request and old and new:
        beside = KEY if opening.field("client", KEY) else f"{VERSION}: 13"
        yield at_field(old[0], f"no {latin(old[0].name)}", f"{latin(old[0].name)} beside {beside}")


@rule(
    "HS-505",
    severity=Severity.WARNING,
    level=Level.MUST,
    rfc="draft-hixie-thewebsocketprotocol-76 5.2",
    role=Role.SERVER,
)
def hixie_76_challenge_mismatch(opening: Opening) -> Iterator[Fault]:
    """hixie-76 challenge answer is wrong.

    Each key holds a number: its digits, divided by how many spaces it has. The answer is the MD5 of both numbers, four
    bytes each with the most significant first, and the eight bytes that followed the request's head. A client whose
    challenge is answered wrongly closes the connection.

    Violates:
        client: http GET /demo HTTP/1.1 | Host: a.example | Upgrade: WebSocket | Connection: Upgrade | Origin: http://a.example | Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5 | Sec-WebSocket-Key2: 12998 5 Y3 1  .P00
        client: 5e 6e 3a 64 73 5b 34 55
        server: http HTTP/1.1 101 WebSocket Protocol Handshake | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Origin: http://a.example | Sec-WebSocket-Location: ws://a.example/demo
        server: 00*16
    Conforms:
        client: http GET /demo HTTP/1.1 | Host: a.example | Upgrade: WebSocket | Connection: Upgrade | Origin: http://a.example | Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5 | Sec-WebSocket-Key2: 12998 5 Y3 1  .P00
        client: 5e 6e 3a 64 73 5b 34 55
        server: http HTTP/1.1 101 WebSocket Protocol Handshake | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Origin: http://a.example | Sec-WebSocket-Location: ws://a.example/demo
        server: 38 6a 4b 53 27 79 3a 47 2a 43 6f 2c 57 78 61 2d
    """
    exchange, response = opening.exchange, opening.response
    if opening.legacy is not Legacy.HIXIE_76 or not exchange.accepted or response is None:
        return
    if not exchange.intact_request or not exchange.intact_response:
        return
    numbers = [_number(opening.field("client", name)) for name in (KEY_1, KEY_2)]
    challenge, answer = exchange.request_content, exchange.response_content
    if len(challenge) != HIXIE76_REQUEST or len(answer) != HIXIE76_RESPONSE or None in numbers:
        return
    asked = b"".join(number.to_bytes(4, "big") for number in numbers if number is not None) + challenge
    right = hashlib.md5(asked, usedforsecurity=False).digest()
    if answer != right:
        yield Fault(expected=right.hex(" "), found=answer.hex(" "), offset=response.offset)


def _number(fields: list[Field]) -> int | None:
    """The number that a key holds; None where it holds none (draft-hixie-thewebsocketprotocol-76 5.2)."""
    if len(fields) != 1:
        return None
    value = fields[0].value
    digits = re.sub(rb"[^0-9]", b"", value)
    spaces = value.count(b" ")
    if not 0 < len(digits) <= LONGEST_NUMBER or not spaces or int(digits) % spaces:
        return None
    number = int(digits) // spaces
    return number if number < 1 << 32 else None


@rule("HS-506", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 4.1 (8)", role=Role.CLIENT)
def draft_origin_header(opening: Opening) -> Iterator[Fault]:
    """Sec-WebSocket-Origin used with version 13.

    The field was Origin's name in the drafts up to 10. A server of today looks at Origin, and does not find who is
    asking.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Origin: http://a.example
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 8 | Sec-WebSocket-Origin: http://a.example
    """
    if opening.judge_request and opening.version == STANDARD_VERSION:
        for field in opening.field("client", DRAFT_ORIGIN):
            yield at_field(field, "Origin", f"{DRAFT_ORIGIN}: {quoted(field.value)}")
