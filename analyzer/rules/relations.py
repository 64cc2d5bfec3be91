"""HS-403, SC-017, ST-020, SEC-007, SEC-009: what shows only when connections are compared.

Their subject is a `Meeting`: a connection, and what `peers` knows of earlier ones between the same hosts, with the same
handshake key or with the same masking keys. Addresses stand for hosts and may hide several, so none of it is an error.
"""

# ruff: noqa: E501 - an example's HTTP head stands on one line

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http.fields import latin
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.peers import SEQUENCE, Meeting
from analyzer.rules.registry import rule

MS = 1_000_000


@rule("HS-403", severity=Severity.INFO, level=Level.MUST_NOT, rfc="RFC 6455 4.1 (2)", role=Role.CLIENT)
def parallel_connecting(meeting: Meeting) -> Iterator[Fault]:
    """A client's address had two openings to one server pending at once.

    A client waits with its next opening until the one before succeeded or failed, so that a page cannot flood a server
    with openings. Several programs, or several hosts behind one address, look the same from outside: this is
    information.

    Violates:
        connection 1:
        client: http GET /a HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA== | Sec-WebSocket-Version: 13
        server: silent
        connection 2:
        client: http GET /b HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 3hLzc0fGqkVh2mNcXyT1Rg== | Sec-WebSocket-Version: 13

    Conforms:
        connection 1:
        client: 81 80 37 fa 21 3d
        connection 2:
        client: 81 80 9c 0e 11 a2
    """
    if meeting.pending is not None:
        yield Fault(
            expected="an answer to the opening before",
            found=f"the opening of connection {meeting.pending.connection} was unanswered too",
        )


@rule("SC-017", severity=Severity.INFO, level=Level.SHOULD, rfc="RFC 6455 7.2.3", role=Role.CLIENT)
def reconnect_without_backoff(meeting: Meeting) -> Iterator[Fault]:
    """A client connects again at once after abnormal ends, again and again.

    A server that went down is met by all its clients at once when it comes back. After an abnormal end wait a random
    time before the first new attempt, and longer before each further one.

    Violates:
        +1s
        connection 1:
        client: 81 80 37 fa 21 3d
        server: RST
        connection 2:
        client: 81 80 9c 0e 11 a2
        server: RST
        connection 3:
        client: 81 80 5b 70 d4 e8
        server: RST
        connection 4:
        client: 81 80 17 c2 f4 3d

    Conforms:
        connection 1:
        client: 81 80 37 fa 21 3d
        server: RST
        +1s
        connection 2:
        client: 81 80 9c 0e 11 a2
        server: RST
        +2s
        connection 3:
        client: 81 80 5b 70 d4 e8
        server: RST
        +4s
        connection 4:
        client: 81 80 17 c2 f4 3d
    """
    if meeting.hasty is not None:
        run, pauses = meeting.hasty
        said = ", ".join(f"{pause / MS:.1f}" for pause in pauses)
        yield Fault(
            side="client",
            expected="a random pause, then longer ones",
            found=f"{len(pauses)} openings {said} ms after abnormal ends",
            place=run.start,
            count=len(pauses),
        )


@rule("ST-020", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.INTERMEDIARY)
def intermediary_suspected(meeting: Meeting) -> Iterator[Fault]:
    """A proxy or middlebox is in the path.

    A field that proxies add, packets of one side with another number of hops to go, or two connections with one
    handshake key, of which one lies in time inside the other: somebody between client and server passes the opening on.
    What is found wrong may be the intermediary's doing, and without extensions it may fragment messages anew (RFC 6455
    5.4).

    Violates:
        connection 1:
        client: http GET / HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 3hLzc0fGqkVh2mNcXyT1Rg== | Sec-WebSocket-Version: 13
        server: silent
        connection 2:
        client: http GET / HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 3hLzc0fGqkVh2mNcXyT1Rg== | Sec-WebSocket-Version: 13
        connection 1:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Via: 1.1 relay

        client: 81 80 37 fa 21 3d
        hops server 57
        server: 81 00

    Conforms:
        client: 81 80 37 fa 21 3d
        server: 81 00
    """
    if meeting.relayed is not None:
        yield Fault(
            expected="one connection for one handshake key",
            found=f"the opening of connection {meeting.relayed.connection} inside this one, with the same key",
            place=meeting.asked,
        )
    for relay in meeting.relays:
        yield Fault(
            side=relay.direction,
            expected=relay.expected,
            found=relay.found,
            offset=relay.offset,
            header=relay.header,
            place=relay.place,
        )


@rule("SEC-007", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 6455 4.1 (7)", role=Role.CLIENT)
def handshake_key_reused(meeting: Meeting) -> Iterator[Fault]:
    """Sec-WebSocket-Key is repeated on another connection.

    The key is chosen anew for each connection, also for one that follows a 401, a redirection or a 426: an answer out
    of a cache could pass for a fresh one otherwise. Draw 16 random bytes each time.

    Violates:
        connection 1:
        client: http GET / HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: MYnDFVtBIiNR1eIQ5NNvmA== | Sec-WebSocket-Version: 13
        connection 2:
        client: http GET / HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: MYnDFVtBIiNR1eIQ5NNvmA== | Sec-WebSocket-Version: 13

    Conforms:
        connection 1:
        client: http GET / HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: MYnDFVtBIiNR1eIQ5NNvmA== | Sec-WebSocket-Version: 13
        connection 2:
        client: http GET / HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 3hLzc0fGqkVh2mNcXyT1Rg== | Sec-WebSocket-Version: 13
    """
    if meeting.same_key is not None and meeting.field is not None:
        yield Fault(
            expected="a new key",
            found=f"the key of connection {meeting.same_key.connection}",
            offset=meeting.field.value_offset,
            length=len(meeting.field.value),
            header=latin(meeting.field.name),
        )


@rule("SEC-009", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 6455 5.3, 10.3", role=Role.CLIENT)
def masking_key_sequence_repeated(meeting: Meeting) -> Iterator[Fault]:
    """Two connections begin with the same masking keys.

    A generator that was not seeded, or seeded with the time, gives every connection the same keys; who saw one knows
    them all. Use the operating system's random source.

    Violates:
        connection 1:
        client: 81 80 6b 8b 45 67 81 80 32 7b 23 c6 81 80 64 3c 98 69 81 80 66 33 48 73
        client: FIN
        server: FIN
        connection 2:
        client: 81 80 6b 8b 45 67 81 80 32 7b 23 c6 81 80 64 3c 98 69 81 80 66 33 48 73

    Conforms:
        connection 1:
        client: 81 80 6b 8b 45 67 81 80 32 7b 23 c6 81 80 64 3c 98 69 81 80 66 33 48 73
        connection 2:
        client: 81 80 a1 5b 00 9e 81 80 17 c2 f4 3d 81 80 6c 90 25 b8 81 80 d3 0f 7a 41
    """
    if meeting.same_masks is not None and meeting.mark is not None:
        yield Fault(
            side="client",
            expected="keys that no other connection has",
            found=f"the first {SEQUENCE} keys are those of connection {meeting.same_masks}",
            offset=meeting.mark.offset + meeting.mark.at,
            place=meeting.mark.place,
        )
