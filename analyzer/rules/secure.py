"""HS-601, SEC-019: what can be wrong with a wss connection only, once decryption has proved that it is one.

TLS says whom a client wants to reach before anything else does, and hides all that follows but its length; the first
rule is about the one, the second about the other. Without keys a connection is TLS and no more (ST-005).
"""

# ruff: noqa: E501 - an example's HTTP head stands on one line

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analyzer.messages.columns import MessageColumns
from analyzer.model import Level, Role, Severity
from analyzer.rules import hosts
from analyzer.rules.faults import Fault, Hits
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


@rule("SEC-019", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 7692 8", role=Role.BOTH)
def compression_with_secrets(messages: MessageColumns) -> Hits:
    """Compression mixes secrets with other data.

    TLS hides what a message says and not how long it is. Where one DEFLATE window holds a secret and text that somebody
    else may choose, a right guess at the secret makes the message shorter: who can make the other side send guesses,
    and sees the lengths, reads the secret piece by piece (as CRIME and BREACH did with HTTP). Told once for a side
    whose compressed messages held what looks like a token, and repeated the other side's words. Do not compress
    messages with secrets, or agree on no context takeover for that side.

    Violates:
        tls
        extensions: permessage-deflate
        client: c1 a4 37 fa 21 3d 9d ac 0b 73 9b ae 93 6f 1d 33 69 68 1f 35 0e 77 1e ac e9 72 64 b2 ed 6e 7f d6 08 74 7b 34 6f 10 65 50 24 3d
        server: c1 25 aa 56 4a 2e 2e 4a 8b 2f c9 cf 4e cd 53 b2 52 4a 36 0a cb 4a ce 0d 33 f0 f4 f0 cb 89 34 f6 ca 49 71 54 aa 05 00
        server: c1 24 aa 56 2a 4e cc 4c 01 4a 96 64 a4 2a 94 e7 17 a5 14 2b e4 a7 29 24 e6 29 24 96 94 24 26 67 a7 16 29 d5 02 00

    Conforms:
        tls
        extensions: permessage-deflate; server_no_context_takeover
        client: c1 a4 37 fa 21 3d 9d ac 0b 73 9b ae 93 6f 1d 33 69 68 1f 35 0e 77 1e ac e9 72 64 b2 ed 6e 7f d6 08 74 7b 34 6f 10 65 50 24 3d
        server: c1 25 aa 56 4a 2e 2e 4a 8b 2f c9 cf 4e cd 53 b2 52 4a 36 0a cb 4a ce 0d 33 f0 f4 f0 cb 89 34 f6 ca 49 71 54 aa 05 00
        server: c1 25 aa 56 2a 4e cc 4c 51 b2 52 2a c9 48 55 28 cf 2f 4a 29 56 c8 4f 53 48 cc 53 48 2c 29 49 4c ce 4e 2d 52 aa 05 00

        extensions: permessage-deflate
        client: c1 a4 37 fa 21 3d 9d ac 0b 73 9b ae 93 6f 1d 33 69 68 1f 35 0e 77 1e ac e9 72 64 b2 ed 6e 7f d6 08 74 7b 34 6f 10 65 50 24 3d
        server: c1 25 aa 56 4a 2e 2e 4a 8b 2f c9 cf 4e cd 53 b2 52 4a 36 0a cb 4a ce 0d 33 f0 f4 f0 cb 89 34 f6 ca 49 71 54 aa 05 00
        server: c1 24 aa 56 2a 4e cc 4c 01 4a 96 64 a4 2a 94 e7 17 a5 14 2b e4 a7 29 24 e6 29 24 96 94 24 26 67 a7 16 29 d5 02 00
    """
    return Hits(
        rows=np.asarray(messages.mixed == 1),
        expected="no secrets beside what the peer chooses, or no context takeover",
        found="a token, and text of the peer, in compressed messages of one side",
    )
