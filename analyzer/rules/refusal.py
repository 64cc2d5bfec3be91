"""HS-301 to HS-311: what came of an opening that was not accepted (RFC 6455 4.2.2, RFC 9110 15).

A server may refuse an opening with any status that HTTP has, so most of these are outcomes, told so that a report says
why there is no WebSocket connection. What a refusal must hold (a challenge, a Location, the versions spoken) is HTTP's
business and the same for every draft of the protocol, so nothing here asks which of them the request spoke.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http.fields import latin
from analyzer.http.head import Head
from analyzer.model import Cause, Cut, Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import STANDARD_VERSION, VERSION, Opening
from analyzer.rules.opening_faults import at_field, at_start_line, quoted
from analyzer.rules.registry import rule

AUTHENTICATE = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}
MOVED = (301, 302, 303, 307, 308)
"""Redirects that are of no use without Location (RFC 9110 15.4); 300 may do without, 304 is none."""
UPGRADE_REQUIRED = 426
ENDS = {Cut.FIN: "FIN", Cut.RST: "RST"}


@rule("HS-301", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 4.2.2", role=Role.SERVER)
def handshake_rejected(opening: Opening) -> Iterator[Fault]:
    """Server refused the opening.

    Legal, and often meant: the page is unknown, the origin not allowed, the server too busy. Status, reason,
    Retry-After and the beginning of the content say what the server had to say about it. No frames follow; the
    connection may be used for further requests.

    Violates:
        server: http HTTP/1.1 403 Forbidden | Content-Length: 0

        server: http HTTP/1.1 503 Service Unavailable | Retry-After: 120 | Content-Length: 5
        server: 62 75 73 79 0a
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=

        server: http HTTP/1.1 401 Unauthorized | WWW-Authenticate: Bearer | Content-Length: 0
    """
    told = opening.status in AUTHENTICATE or (
        opening.status == UPGRADE_REQUIRED and opening.field("server", VERSION)
    )  # HS-302, HS-306
    if opening.refused and 400 <= opening.status < 600 and not told:
        content = opening.exchange.response_content
        retry = [f"Retry-After: {quoted(field.value)}" for field in opening.field("server", "Retry-After")]
        begins = [f"content begins {quoted(content)}"] if content else []
        yield _outcome(opening, "101", *retry[:1], *begins)


@rule("HS-302", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 4.1, 4.2.2 (2)", role=Role.SERVER)
def handshake_auth_required(opening: Opening) -> Iterator[Fault]:
    """Server asks for authentication.

    Legal. The client may ask again with credentials, on the same connection or another. Browsers give a page no way to
    do so for WebSocket, so such servers usually look at a cookie or a token in the URI instead.

    Violates:
        server: http HTTP/1.1 401 Unauthorized | WWW-Authenticate: Basic realm="x" | Content-Length: 0
    Conforms:
        server: http HTTP/1.1 403 Forbidden | Content-Length: 0
    """
    if opening.refused and opening.status in AUTHENTICATE:
        yield _outcome(opening, "101")


@rule("HS-303", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 9110 15.5.2", role=Role.SERVER)
def auth_challenge_missing(opening: Opening) -> Iterator[Fault]:
    """401 without WWW-Authenticate (407 without Proxy-Authenticate).

    The status says that credentials are missing, the field how to give them; without it a client cannot go on. Where no
    way of authentication exists, 403 is the status to send.

    Violates:
        server: http HTTP/1.1 401 Unauthorized | Content-Length: 0

        server: http HTTP/1.1 407 Proxy Authentication Required | WWW-Authenticate: Basic realm="x" | Content-Length: 0
    Conforms:
        server: http HTTP/1.1 401 Unauthorized | WWW-Authenticate: Bearer | Content-Length: 0

        server: http HTTP/1.1 407 Proxy Authentication Required | Proxy-Authenticate: Basic realm="x" | Content-Length: 0
    """
    name = AUTHENTICATE.get(opening.status)
    if opening.refused and name is not None and not opening.field("server", name):
        yield _lacks(opening, name)


@rule("HS-304", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 4.1, 4.2.2 (3)", role=Role.SERVER)
def handshake_redirected(opening: Opening) -> Iterator[Fault]:
    """Server redirects the opening.

    Clients need not follow, and browsers do not. Where they do, the new address is a new opening on another connection.
    Give clients the final address.

    Violates:
        server: http HTTP/1.1 302 Found | Location: https://b.example/chat | Content-Length: 0
    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if opening.refused and 300 <= opening.status < 400:
        locations = [f"Location: {quoted(field.value)}" for field in opening.field("server", "Location")]
        yield _outcome(opening, "101", *locations[:1])


@rule("HS-305", severity=Severity.WARNING, level=Level.SHOULD, rfc="RFC 9110 15.4", role=Role.SERVER)
def redirect_without_location(opening: Opening) -> Iterator[Fault]:
    """Redirect lacks Location.

    Without it a client that would follow does not know where to.

    Violates:
        server: http HTTP/1.1 302 Found | Content-Length: 0
    Conforms:
        server: http HTTP/1.1 307 Temporary Redirect | Location: /chat2 | Content-Length: 0

        server: http HTTP/1.1 304 Not Modified

        server: http HTTP/1.1 300 Multiple Choices | Content-Length: 0
    """
    if opening.refused and opening.status in MOVED and not opening.field("server", "Location"):
        yield _lacks(opening, "Location")


@rule("HS-306", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 4.4", role=Role.SERVER)
def version_negotiation(opening: Opening) -> Iterator[Fault]:
    """Server refused the version and listed others.

    The way to negotiate: the client may ask again with a version of the list. Some servers put the list into every
    refusal, so where 13 was asked for it says nothing about the cause.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
        server: http HTTP/1.1 426 Upgrade Required | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Version: 13 | Content-Length: 0
    Conforms:
        server: http HTTP/1.1 400 Bad Request | Content-Length: 0

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Version: 13
    """
    fields = opening.field("server", VERSION)
    if opening.refused and fields:
        listed = quoted(b", ".join(field.value for field in fields))
        asked = "no version that can be read" if opening.version is None else f"version {opening.version}"
        yield at_field(fields[0], f"101 to {asked}", f"{opening.status}, {VERSION}: {listed}")


@rule("HS-307", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.2.2 (4), 4.4", role=Role.SERVER)
def version_list_missing(opening: Opening) -> Iterator[Fault]:
    """Refused version without listing supported ones.

    A client that speaks several versions cannot choose another. Answer with Sec-WebSocket-Version and all versions the
    server speaks. After a 400 it is a warning, and only where nothing else was wrong with the request: 400 may be meant
    for something else.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
        server: http HTTP/1.1 426 Upgrade Required | Upgrade: websocket | Connection: Upgrade | Content-Length: 0

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 8
        server: http HTTP/1.1 400 Bad Request | Content-Length: 0
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
        server: http HTTP/1.1 400 Bad Request | Sec-WebSocket-Version: 13, 8, 7 | Content-Length: 0

        client: http GET /chat HTTP/1.1 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
        server: http HTTP/1.1 400 Bad Request | Content-Length: 0

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
        server: http HTTP/1.1 403 Forbidden | Content-Length: 0
    """
    other = opening.version is not None and opening.version != STANDARD_VERSION
    if not opening.refused or not opening.judge_request or not other or opening.field("server", VERSION):
        return
    if opening.status == UPGRADE_REQUIRED:
        yield _lacks(opening, VERSION)
    elif opening.status == 400 and not opening.defects_of_request - {"HS-111"}:
        yield _lacks(opening, VERSION, Severity.WARNING)


@rule("HS-308", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 9110 15.5.22", role=Role.SERVER)
def upgrade_required_without_upgrade(opening: Opening) -> Iterator[Fault]:
    """426 answer lacks Upgrade.

    426 tells the client to switch protocols, Upgrade to which. RFC 6455 is older than this demand and only proposes the
    status, so it is a warning. Send Upgrade: websocket, and Connection: Upgrade with it.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
        server: http HTTP/1.1 426 Upgrade Required | Sec-WebSocket-Version: 13 | Content-Length: 0
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 25
        server: http HTTP/1.1 426 Upgrade Required | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Version: 13 | Content-Length: 0
    """
    if opening.refused and opening.status == UPGRADE_REQUIRED and not opening.field("server", "Upgrade"):
        yield _lacks(opening, "Upgrade")


@rule("HS-309", severity=Severity.INFO, level=Level.MAY, rfc="RFC 9110 7.8", role=Role.SERVER)
def upgrade_ignored(opening: Opening) -> Iterator[Fault]:
    """Server ignored the upgrade and answered as plain HTTP.

    Legal HTTP, and no WebSocket connection. Usually the request reached a server, or a path of it, that knows nothing
    of WebSocket, or a proxy dropped Upgrade on the way.

    Violates:
        server: http HTTP/1.1 200 OK | Content-Type: text/html | Content-Length: 0
    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if opening.refused and 200 <= opening.status < 300:
        yield _outcome(opening, "101")


@rule("HS-310", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 4.1", role=Role.SERVER)
def handshake_unanswered(opening: Opening) -> Iterator[Fault]:
    """Opening never answered.

    The connection, or the capture of it, ended before a final response came. After a FIN or RST of the server: it is
    overloaded, or something in between cut the connection. After one of the client: its patience was at an end.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: silent
        server: RST

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: silent
        +30s
        client: FIN
        server: FIN
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: silent
        gap server 129
        client: FIN
    """
    exchange, request = opening.exchange, opening.request
    if not exchange.unanswered or request is None:
        return
    assert exchange.ended is not None, "unanswered, and nothing ended"
    how = ENDS.get(exchange.ended)
    who = "client" if exchange.ended_by == exchange.client_side else "server"
    place = request.place(request.offset)
    yield Fault(
        expected="a final response",
        found="no response before the end of what was captured" if how is None else f"{how} of the {who}",
        place=place,
        cause=Cause(direction="client", frame=None, packet=place.packet, stream_offset=request.offset),
    )


@rule("HS-311", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 9110 15.5.6", role=Role.SERVER)
def method_rejection_without_allow(opening: Opening) -> Iterator[Fault]:
    """405 answer lacks Allow.

    The status says that the method is wrong, Allow which ones are right.

    Violates:
        client: http POST /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 405 Method Not Allowed | Content-Length: 0
    Conforms:
        client: http POST /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 405 Method Not Allowed | Allow: GET | Content-Length: 0
    """
    if opening.refused and opening.status == 405 and not opening.field("server", "Allow"):
        yield _lacks(opening, "Allow")


def _outcome(opening: Opening, expected: str, *more: str) -> Fault:
    """The status line tells it, and ``more`` of the answer."""
    head = _answer(opening)
    status = f"{opening.status} {latin(head.reason)}".rstrip()
    return at_start_line(head, expected, ", ".join((status, *more)))


def _lacks(opening: Opening, name: str, severity: Severity | None = None) -> Fault:
    """The answer has no field of that name."""
    expected = f"{name} in a {opening.status}"
    return at_start_line(_answer(opening), expected, f"no {name}", header=name, severity=severity)


def _answer(opening: Opening) -> Head:
    assert opening.response is not None, "refused without an answer"
    return opening.response
