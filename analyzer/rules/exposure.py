"""SEC-010 to SEC-012, SEC-018, SEC-026: what an opening shows to those on the path, and to those who read logs.

A finding never shows a credential: it says the name and the length, and in the evidence asterisks stand in the
credential's place. On loopback nobody else is on the path, so what would be a warning is an observation there.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http.fields import latin
from analyzer.http.head import Field
from analyzer.model import Level, Role, Severity
from analyzer.rules import credentials, hosts
from analyzer.rules.capture_facts import Capture
from analyzer.rules.credentials import Credential
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening
from analyzer.rules.opening_faults import at_field, quoted
from analyzer.rules.registry import rule

SHOWN = 5
"""Fields of an opening told one by one, and names that a message lists."""

COOKIES = 20
"""Set-Cookie fields of an answer that are looked at; browsers keep no more than 50 cookies of a site (RFC 6265 6.1)."""


@rule("SEC-010", severity=Severity.INFO, level=Level.SHOULD, rfc="RFC 6455 10.6", role=Role.BOTH)
def cleartext_websocket(capture: Capture) -> Iterator[Fault]:
    """WebSocket without TLS.

    Whoever is on the path can read and change what is sent, and intermediaries that take it for HTTP may break it. Told
    once for the capture, with the first opening and the number of openings. On loopback and behind a proxy that ends
    TLS this is as it should be; elsewhere use wss.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

    Conforms:
        client: raw 16 03 01 00 05 01 00 00 01 03
    """
    if capture.clear:
        loopback = f", {capture.clear_loopback} of them on loopback" if capture.clear_loopback else ""
        yield Fault(
            expected="openings over TLS",
            found=f"{capture.clear} opening{'s' * (capture.clear > 1)} in the clear{loopback}",
            place=capture.clear_first,
            count=capture.clear,
        )


@rule("SEC-011", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 10.5, 10.6", role=Role.CLIENT)
def credentials_in_cleartext(opening: Opening) -> Iterator[Fault]:
    """Authentication data sent over ws.

    Everybody on the path can take the password, token or session cookie and use it. Use wss, and mark session cookies
    Secure, so that browsers keep them back. Where both ends are on one machine this is an observation.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13 | Authorization: Basic dXNlcjpwYXNz

        client: http GET /chat HTTP/1.1 | Host: a.example | Cookie: theme=dark; sessionid=38afes7a8 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: bearer, a8Fj30dkQw92mZx7

        client: http GET /chat HTTP/1.1 | Host: a.example | X-Api_Key: a8Fj30dk | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Cookie: theme=dark | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: graphql-transport-ws, v12.stomp
    """
    request = opening.request
    if not opening.judge_request or request is None or not opening.clear:
        return
    found = list(credentials.in_fields(request))
    found += credentials.in_protocols(opening.subprotocols_offered, opening.field("client", "Sec-WebSocket-Protocol"))
    if not found:
        return
    local = hosts.is_loopback(opening.address("server")) or hosts.is_loopback(opening.address("client"))
    by_field: dict[int, list[Credential]] = {}
    for credential in found:
        by_field.setdefault(_field(credential).offset, []).append(credential)
    blank = _secrets(opening)
    for mine in list(by_field.values())[:SHOWN]:
        field = _field(mine[0])
        yield Fault(
            expected="no authentication data, or TLS",
            found=_told(field, mine),
            offset=field.offset,
            length=len(field.name),
            header=latin(field.name),
            severity=Severity.INFO if local else None,
            secrets=blank,
        )


@rule("SEC-012", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 10.5", role=Role.CLIENT)
def token_in_request_target(opening: Opening) -> Iterator[Fault]:
    """Secret in the URL.

    Servers, proxies and browsers write URLs into logs and histories, with TLS as well as without, and a secret in one
    is kept there. Send it in a cookie, in the first message, or as a ticket that is good for one connection and a few
    seconds. A session identifier of Socket.IO is an observation.

    Violates:
        client: http GET /ws?access_token=eyJhbGciOiJIUzI1NiJ9.e30.xyz HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

        client: http GET /socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

    Conforms:
        client: http GET /ws?room=5 HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

        client: http GET /api/kernels/5/channels?session_id=8bfbd7e5-6a50-4f7e-9d3f-2b1c0a4e5f60 HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13
    """
    request = opening.request
    if not opening.judge_request or request is None:
        return
    found = sorted(credentials.in_target(request), key=lambda credential: credential.weak)
    if found:
        yield Fault(
            expected="no secret in the request target",
            found=_listed(found),
            offset=found[0].offset,
            length=found[0].length,
            severity=Severity.INFO if found[0].weak else None,
            secrets=_secrets(opening),
        )


@rule("SEC-018", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 10.6", role=Role.CLIENT)
def mixed_content(opening: Opening) -> Iterator[Fault]:
    """Secure page opened an insecure WebSocket.

    The page came over TLS, its messages do not: what TLS was to protect is open again. Browsers refuse to do it, so
    either an app with a web view did, or TLS ends before the point of capture, as in front of a proxied server; where
    there is a sign of that, this is an observation. Use wss in the page.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Origin: https://a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Origin: http://a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13
    """
    if not opening.judge_request or not opening.clear or hosts.is_loopback(opening.address("server")):
        return
    behind = bool(opening.relay_signs) or hosts.is_private(opening.address("server"))
    for field in opening.field("client", "Origin"):
        if field.value.lower().startswith(b"https://"):
            found = f"Origin {quoted(field.value)} on a connection without TLS"
            severity = Severity.INFO if behind else None
            yield at_field(field, "wss, since the page came over https", found, severity=severity)


@rule("SEC-026", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 10.6", role=Role.SERVER)
def cookie_set_in_clear(opening: Opening) -> Iterator[Fault]:
    """Session cookie set on a clear opening.

    Everybody on the path can take the cookie and use the session; one without Secure, though set over TLS, is sent in
    the clear by the next plain request. Answer over TLS, and set Secure.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Set-Cookie: sid=abc

    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Set-Cookie: AWSALB=a8Fj30dk; Secure

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Set-Cookie: sid=; Max-Age=0
    """
    if not opening.judge_response:
        return
    fields = opening.field("server", "Set-Cookie")[:COOKIES]
    first = [(field, *next(iter(credentials.cookies(field)), (b"", b"", 0))) for field in fields]
    blank = tuple((offset, len(value)) for _, _, value, offset in first)
    for field, name, value, _ in first:
        secure = any(part.strip().lower() == b"secure" for part in field.value.split(b";")[1:])
        if credentials.is_session_cookie(name, value) and (opening.clear or not secure):
            yield Fault(
                expected="a session cookie over TLS, with Secure",
                found=f"cookie {quoted(name)}, {len(value)} characters, {'in the clear' if opening.clear else 'without Secure'}",
                offset=field.offset,
                length=len(field.name),
                header=latin(field.name),
                secrets=blank,
            )


def _secrets(opening: Opening) -> tuple[tuple[int, int], ...]:
    """All that the evidence of a request must not show."""
    if opening.request is None:
        return ()
    protocols = opening.field("client", "Sec-WebSocket-Protocol")
    found = [*credentials.in_target(opening.request), *credentials.in_fields(opening.request)]
    found += credentials.in_protocols(opening.subprotocols_offered, protocols)
    return tuple(credential.blank for credential in found)


def _field(credential: Credential) -> Field:
    assert credential.field is not None, "in the request target, not in a field"
    return credential.field


def _told(field: Field, found: list[Credential]) -> str:
    """What stands in a field, by names and lengths."""
    name = latin(field.name)
    if field.name.lower() == b"cookie":
        return f"{name}: {_listed(found)}"
    scheme = field.value.partition(b" ")[0] if field.value_offset < found[0].offset else b""
    if field.name.lower() == b"sec-websocket-protocol" or not scheme:
        return f"{name}: {', '.join(str(each.length) for each in found[:SHOWN])} characters"
    return f"{name}: {quoted(scheme)} and {found[0].length} characters"


def _listed(found: list[Credential]) -> str:
    names = ", ".join(f"{quoted(each.name.encode('latin-1'))} of {each.length} characters" for each in found[:SHOWN])
    return names + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
