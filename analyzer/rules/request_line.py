"""HS-001 to HS-007: the request line of an opening, and the request as a whole (RFC 6455 4.1, 1 to 3).

An opening is an HTTP/1.1 GET for a path, without content. Like every rule about the request these begin by asking
whether it can be judged: a head with lost bytes cannot, nor can one that asks for a protocol older than RFC 6455.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http import fields as grammar
from analyzer.http.fields import latin
from analyzer.http.head import HTTP_1_1
from analyzer.model import Cut, Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening
from analyzer.rules.opening_faults import SHOWN, at_field, quoted, syntax
from analyzer.rules.registry import rule

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
