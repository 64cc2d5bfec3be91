"""HS-001 to HS-118 and TX-003: what a client can get wrong in its opening request (RFC 6455 4.1).

Each rule about the request begins by asking whether the request can be judged: a head with lost bytes cannot,
nor can one that asks for a protocol older than RFC 6455.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http import fields as grammar
from analyzer.http.fields import latin
from analyzer.http.head import Head
from analyzer.model import Cut, Direction, Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import ACCEPT, KEY, PROTOCOL, STANDARD_VERSION, VERSION, Legacy, Opening
from analyzer.rules.opening_faults import (
    SHOWN,
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
DEFAULT_PORTS = {b"http": b"80", b"ws": b"80", b"https": b"443", b"wss": b"443"}


@rule(
    "HS-001",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 4.1 (2), 4.2.1 (1)",
    role=Role.CLIENT,
)
def request_not_get(opening: Opening) -> Iterator[Fault]:
    """Opening request does not use GET.

    The opening is defined for GET alone; servers and proxies may treat any other method as an ordinary
    request, and answer it without switching. Send the opening with the method GET, in capitals.

    Violates:
        client: http POST /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http get /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http CONNECT a.example:80 HTTP/1.1 | Host: a.example:80
        server: http HTTP/1.1 200 Connection established
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    request = opening.request
    if opening.judge_request and request is not None and request.method != b"GET":
        yield Fault(
            expected="GET", found=quoted(request.method), offset=request.offset, length=len(request.method) or 1
        )


@rule(
    "HS-002",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 4.1 (2), 4.2.1 (1)",
    role=Role.CLIENT,
)
def request_http_version_too_low(opening: Opening) -> Iterator[Fault]:
    """Opening request uses HTTP below 1.1.

    Upgrade exists since HTTP/1.1 only: a server ignores it in a request of HTTP/1.0 (RFC 9110 7.8). The usual
    cause is a proxy that speaks 1.0 to its origin; configure it to speak 1.1.

    Violates:
        client: http GET /chat HTTP/1.0 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET / HTTP/1.0 | Connection: keep-alive
        server: http HTTP/1.0 200 OK | Connection: keep-alive | Content-Length: 0
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    request = opening.request
    if not opening.judge_request or request is None:
        return
    version = request.http_version
    if version is not None and version < HTTP_1_1:
        yield Fault(
            expected="HTTP/1.1 or later",
            found=latin(request.version),
            offset=request.version_offset,
            length=len(request.version),
        )


@rule(
    "HS-003",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 4.1 (3), 4.2.1 (1)",
    role=Role.CLIENT,
)
def request_target_form(opening: Opening) -> Iterator[Fault]:
    """Request target is neither a path nor an absolute http/https URI.

    The resource name of the ws URI goes into the request line as a path; through a forward proxy it is the
    whole URI, with http or https as its scheme. A ws or wss URI there is read by no HTTP server.

    Violates:
        client: http GET ws://a.example/chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET http://a.example/chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /?next=ws://b.example HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    request = opening.request
    # An empty target is a broken request line: HS-005 names it.
    if not opening.judge_request or request is None or not request.target or request.target[:1] == b"/":
        return
    absolute = grammar.absolute_target(request.target)
    if absolute is not None and absolute[0] in (b"http", b"https") and absolute[1]:
        return
    found = quoted(request.target) if absolute is None else f"scheme {latin(absolute[0])} in {quoted(request.target)}"
    yield Fault(
        expected="a path, or an absolute http or https URI",
        found=found,
        offset=request.target_offset,
        length=len(request.target),
    )


@rule("HS-004", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 6455 3", role=Role.CLIENT)
def request_target_fragment(opening: Opening) -> Iterator[Fault]:
    """Request target carries a fragment.

    Fragments mean nothing in a ws URI and are never sent; a number sign that belongs to the path or query is
    written %23. A server that takes it literally looks for another resource than the client meant.

    Violates:
        client: http GET /chat#room1 HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat%23room1?x=1 HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    request = opening.request
    if not opening.judge_request or request is None:
        return
    at = request.target.find(b"#")
    if at >= 0:
        yield Fault(
            expected="no # in the request target",
            found=quoted(request.target),
            offset=request.target_offset + at,
            length=len(request.target) - at,
        )


@rule("HS-005", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1 (1), 4.2.1", role=Role.CLIENT)
def request_http_syntax(opening: Opening) -> Iterator[Fault]:
    r"""Opening request is not a syntactically valid HTTP request.

    Servers and proxies read around such mistakes differently, which is how requests get smuggled past
    checks; strict ones answer 400. The first byte at fault is shown. Build the request with an HTTP library.

    Violates:
        client: http GET /chat HTTP/1.1 | Host : a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET  /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example\nX-Bare: 1 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | X-Folded: a\r\n b | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | X-Nul: a\x00b | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET /chat HTTP/1.1 | hOST:a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | X-Name: caf\xe9\t | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http \r\nGET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    request = opening.request
    if request is None or opening.hixie or not opening.asks:
        return
    # A client that ends its stream inside the head has said all it will ever say.
    ended = request.cut is Cut.FIN and not request.gap
    if request.intact or ended:
        yield from syntax(request)


@rule("HS-006", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 9112 3.2", role=Role.CLIENT)
def absolute_target_host_mismatch(opening: Opening) -> Iterator[Fault]:
    """Absolute request target and Host disagree.

    A proxy goes by the target and replaces Host, an origin server that looks at Host finds another site:
    what reaches the application depends on the path taken. Copy the target's authority into Host.

    Violates:
        client: http GET http://a.example/chat HTTP/1.1 | Host: b.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    Conforms:
        client: http GET http://a.example:80/chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: http GET http://A.example/chat HTTP/1.1 | Host: a.EXAMPLE:80 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    request = opening.request
    hosts = opening.field("client", "Host")
    if not opening.judge_request or request is None or len(hosts) != 1:
        return
    absolute = grammar.absolute_target(request.target)
    host = hosts[0]
    if absolute is None or grammar.authority_fault(host.value, host.value_offset) is not None:
        return
    scheme, authority = absolute
    authority = authority.rpartition(b"@")[2]
    if _normal(authority, scheme) != _normal(host.value, scheme):
        yield at_field(host, f"Host: {latin(authority)[:SHOWN]}", quoted(host.value))


def _normal(authority: bytes, scheme: bytes) -> tuple[bytes, bytes]:
    host, port = grammar.split_authority(authority)
    return host.rstrip(b"."), (port or DEFAULT_PORTS.get(scheme, b"")).lstrip(b"0")


@rule("HS-007", severity=Severity.WARNING, level=Level.SHOULD_NOT, rfc="RFC 9110 9.3.1", role=Role.CLIENT)
def request_has_content(opening: Opening) -> Iterator[Fault]:
    r"""GET opening announces or carries a request body.

    Content has no meaning in a GET, and here it stands between the head and the first frame: a server that
    does not skip it reads it as frames. Send no Content-Length above 0 and no Transfer-Encoding.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Content-Length: 4
        client: 61 62 63 64
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Content-Length: 0
    """
    if not opening.judge_request or opening.legacy is not None:
        return
    for field in opening.field("client", "Transfer-Encoding"):
        yield at_field(field, "no content", f"Transfer-Encoding: {quoted(field.value)}")
    for field in opening.field("client", "Content-Length"):
        if field.value.isdigit() and field.value.strip(b"0"):
            yield at_field(field, "no content", f"Content-Length: {quoted(field.value)}")


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


@rule("TX-003", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 8.1", role=Role.BOTH)
def handshake_value_not_utf8(opening: Opening) -> Iterator[Fault]:
    r"""Handshake field holds bytes that are not UTF-8.

    HTTP lets such bytes pass; programs that read header values as UTF-8 replace them or fail. Encode values
    that are not ASCII.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | X-Name: caf\xe9 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | X-Name: \xff
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | X-Name: caf\xc3\xa9 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if opening.judge_request and opening.request is not None:
        at = _first_not_utf8(opening.request.target)
        if at >= 0:
            target = opening.request.target
            yield Fault(
                expected="UTF-8", found=quoted(target[at:]), side="client", offset=opening.request.target_offset + at
            )
        yield from _values_not_utf8(opening.request, "client")
    if opening.judge_response and opening.response is not None:
        yield from _values_not_utf8(opening.response, "server")


def _values_not_utf8(head: Head, side: Direction) -> Iterator[Fault]:
    for field in head.fields:
        at = _first_not_utf8(field.value)
        if at >= 0:
            yield Fault(
                expected="UTF-8",
                found=quoted(field.value[at:]),
                side=side,
                offset=field.value_offset + at,
                header=latin(field.name),
            )


def _first_not_utf8(value: bytes) -> int:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return error.start
    return -1
