"""HS-601: what a wss connection shows of its TLS, once decryption has proved that it carries an opening."""

# ruff: noqa: E501 - an example's HTTP head stands on one line

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Level, Role, Severity
from analyzer.rules import hosts
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening
from analyzer.rules.opening_faults import quoted
from analyzer.rules.registry import rule


@rule("HS-601", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 6455 4.1 (5)", role=Role.CLIENT)
def wss_without_sni(opening: Opening) -> Iterator[Fault]:
    """TLS ClientHello of a WebSocket connection lacks server_name.

    A client that opens wss must say in its first TLS message which server it wants (RFC 6066 3). Where several names
    share an address, the server has no other way to choose the certificate, and answers with the wrong one or none.
    An address needs no name, and a name may be hidden by encrypting the ClientHello. Give the TLS library the host's
    name: in Python ``server_hostname``, in Node ``servername``.

    Violates:
        tls: no-sni
        client: 81 80 37 fa 21 3d

    Conforms:
        tls
        client: 81 80 37 fa 21 3d

        tls: no-sni
        client: http GET /chat HTTP/1.1 | Host: 192.0.2.7 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        client: 81 80 37 fa 21 3d
    """
    place = opening.exchange.nameless
    fields = opening.field("client", "Host")
    if place is None or not opening.judge_request or len(fields) != 1:
        return
    host = hosts.host_of(fields[0].value)
    if host and hosts.address_of(host) is None:
        yield Fault(
            expected=f"server_name {quoted(host.encode('latin-1', 'replace'))} in the ClientHello",
            found="no server_name",
            place=place,
        )
