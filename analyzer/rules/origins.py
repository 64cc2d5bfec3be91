"""SEC-014 to SEC-017, SEC-027: which page opened a connection, and what the server made of that (RFC 6455 10.2).

Browsers tell the page's origin, and servers decide by it: WebSocket knows no same-origin policy, and cookies go along.
Programs that are no browsers may send any Origin or none, and intermediaries change Host and Origin, so almost all of
this is an observation.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http.fields import absolute_target
from analyzer.http.head import Field
from analyzer.model import Level, Role, Severity
from analyzer.rules import hosts
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening
from analyzer.rules.opening_faults import at_field, missing, quoted
from analyzer.rules.registry import rule

NOT_BROWSERS = (b"node", b"undici", b"deno", b"bun/", b"jsdom", b"python", b"curl", b"okhttp", b"bot")
"""In a User-Agent that begins as browsers' do, what says that it is another program's."""


@rule("SEC-014", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 6455 4.1 (8)", role=Role.CLIENT)
def origin_missing_from_browser(opening: Opening) -> Iterator[Fault]:
    """Browser opening without Origin.

    A server that lets requests without Origin pass, as those of programs, would let this one pass too. Browsers always
    send it: look for a proxy that drops it, or for a tool that copies a browser's User-Agent. With a proxy in the path
    or a client in a private network this is an observation.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 | Sec-Fetch-Mode: websocket | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | User-Agent: python-websockets | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | User-Agent: Mozilla/5.0 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | User-Agent: node | Sec-Fetch-Mode: websocket | Accept-Language: * | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13
    """
    request = opening.request
    if not opening.judge_request or request is None:
        return
    # Versions 4 to 8 have a name of their own for it.
    if opening.field("client", "Origin") or opening.field("client", "Sec-WebSocket-Origin"):
        return
    if not _is_browser(opening):
        return
    excused = bool(opening.relay_signs) or hosts.is_private(opening.address("client"))
    fault = missing(request, "Origin", "Origin, as browsers send it")
    yield Fault(
        expected=fault.expected,
        found=fault.found,
        offset=fault.offset,
        header=fault.header,
        severity=Severity.INFO if excused else None,
    )


def _is_browser(opening: Opening) -> bool:
    """Two signs of a browser: a User-Agent like theirs, and a field that scripts and most tools do not set."""
    assert opening.request is not None, "no request"
    agents = opening.field("client", "User-Agent")
    if not agents or not agents[0].value.startswith(b"Mozilla/"):
        return False
    if any(name in agents[0].value.lower() for name in NOT_BROWSERS):
        return False
    languages = opening.field("client", "Accept-Language")
    if languages and languages[0].value == b"*":
        return False  # undici's, whatever its User-Agent is set to
    return bool(languages) or any(field.name.lower().startswith(b"sec-fetch-") for field in opening.request.fields)


@rule("SEC-015", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 10.2", role=Role.SERVER)
def cross_origin_accepted(opening: Opening) -> Iterator[Fault]:
    """Server accepted a foreign Origin.

    A page of another site opened the connection, and the server took it. Where cookies tell who the user is, any page
    the user visits can act for the user (cross-site WebSocket hijacking). It is right where others' pages are meant to
    connect; otherwise compare Origin with the sites that may.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Origin: https://evil.example | Cookie: sid=1 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Origin: https://a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: ws.site.example | Origin: https://www.site.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13
    """
    origin, asked = _origin(opening), _host(opening)
    if not _accepted(opening) or origin is None or asked is None:
        return
    _, host = hosts.web_origin(origin.value) or ("", "")
    if not host or any(hosts.same_site(host, name) for name in (asked, *_forwarded_hosts(opening))):
        return
    if opening.relay_signs and not _forwarded_hosts(opening):
        return  # a proxy that puts its own upstream's name into Host
    cookies = ", and the request carries cookies" if opening.field("client", "Cookie") else ""
    yield Fault(
        expected=f"an Origin of {quoted(asked.encode('latin-1'))}, or one that is allowed",
        found=f"101 for {quoted(origin.value)}{cookies}",
        header="Origin",
    )


@rule("SEC-016", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 10.2", role=Role.SERVER)
def origin_null_accepted(opening: Opening) -> Iterator[Fault]:
    """Server accepted Origin null.

    Files, sandboxed frames and some apps send null, and any page can put a sandboxed frame around its script: null is
    as good as no check. Accept it only where nothing depends on who asks.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Origin: null | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Origin: null | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 403 Forbidden | Content-Length: 0
    """
    origin = _origin(opening)
    if _accepted(opening) and origin is not None and origin.value == b"null":
        yield Fault(expected="403, or an Origin that says who asks", found="101 for Origin null", header="Origin")


@rule("SEC-017", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 10.2", role=Role.SERVER)
def origin_reflected(opening: Opening) -> Iterator[Fault]:
    """Answer reflects any Origin in Access-Control-Allow-Origin.

    The field means nothing to WebSocket, but a server that answers with the very origin that asked, and allows
    credentials, often does so for every origin, here and in its HTTP interface.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Origin: https://x.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Access-Control-Allow-Origin: https://x.example | Access-Control-Allow-Credentials: true

    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Origin: https://x.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Access-Control-Allow-Origin: *

        client: http GET /chat HTTP/1.1 | Host: a.example | Origin: https://a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Access-Control-Allow-Origin: https://a.example | Access-Control-Allow-Credentials: true
    """
    origin = _origin(opening)
    if not _accepted(opening) or origin is None:
        return
    _, host = hosts.web_origin(origin.value) or ("", "")
    if host and host == _host(opening):
        return  # its own pages: that is no reflection
    credentials = opening.field("server", "Access-Control-Allow-Credentials")
    for field in opening.field("server", "Access-Control-Allow-Origin")[:1]:
        if field.value == origin.value and any(each.value == b"true" for each in credentials):
            yield at_field(field, "no such field in a 101", f"the Origin of the request, {quoted(field.value)}")


@rule("SEC-027", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 10.2", role=Role.CLIENT)
def public_origin_to_local_server(opening: Opening) -> Iterator[Fault]:
    """Public page reaches a loopback or private server.

    A page from the internet talks to a program on the user's machine or network, which no firewall sees. Helper programs
    do so by design, and must check Origin. Where Host is the page's own name, the name may have been made to point
    inside (DNS rebinding), or a proxy stands before the server.

    Violates:
        client: http GET / HTTP/1.1 | Host: 127.0.0.1:8080 | Origin: https://shop.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

    Conforms:
        client: http GET / HTTP/1.1 | Host: 127.0.0.1:8080 | Origin: http://localhost:3000 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13
    """
    origin, asked = _origin(opening), _host(opening)
    if not opening.judge_request or origin is None or asked is None or opening.relay_signs:
        return
    _, host = hosts.web_origin(origin.value) or ("", "")
    if not host or hosts.is_local_host(host):
        return
    address = opening.address("server")
    inside = address is not None and hosts.is_private(address)
    if not inside and not hosts.is_local_host(asked):
        return
    where = str(address) if inside else asked
    rebound = ", which Host names too" if host == asked else ""
    yield at_field(origin, "a page of the same network", f"{quoted(origin.value)}{rebound}, to {where}")


def _accepted(opening: Opening) -> bool:
    return opening.switching and opening.exchange.accepted and opening.judge_request


def _origin(opening: Opening) -> Field | None:
    """The Origin field, where there is exactly one."""
    fields = opening.field("client", "Origin")
    return fields[0] if len(fields) == 1 else None


def _host(opening: Opening) -> str | None:
    """The host that was asked for (RFC 9112 3.2.2): of an absolute target, or of the one Host field."""
    absolute = None if opening.request is None else absolute_target(opening.request.target)
    fields = opening.field("client", "Host")
    if absolute is not None:
        return hosts.host_of(absolute[1]) or None
    return hosts.host_of(fields[0].value) or None if len(fields) == 1 else None


def _forwarded_hosts(opening: Opening) -> list[str]:
    """The hosts that were asked for before a proxy changed Host."""
    return [hosts.host_of(element.text) for element in opening.elements("client", "X-Forwarded-Host")]
