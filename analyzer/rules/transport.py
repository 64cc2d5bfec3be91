"""ST: what the capture shows of a connection, and what it does not (policy P5).

No peer is to blame for these. They say why something is missing from the report: where bytes were lost, where the
capture began too late or ended too early, where a limit was reached, the other rules stay silent rather than guess.
"""

# ruff: noqa: E501 - an example's HTTP head stands on one line

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from analyzer.model import Direction, Level, Place, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.registry import rule

REMEMBERED = 100
"""Losses and conflicts of a connection told one by one; the rest is counted."""


NOT_LOSSES = frozenset(("findings_per_rule", "held_findings"))
"""Limits beyond which nothing is lost: findings are counted exactly."""


class Loss(msgspec.Struct, frozen=True):
    """Bytes of one direction that are missing, or that came twice and differ."""

    direction: Direction
    offset: int
    length: int
    place: Place


class Transport(msgspec.Struct, kw_only=True):
    """One connection as the capture shows it, looked at when it is over."""

    connection: int
    first: Place
    """Of the first packet that carried bytes."""
    last: Place
    synced: bool = True
    """A SYN was captured."""
    opening_seen: bool = True
    """The opening's answer was captured whole."""
    roles_guessed: bool = False
    """Only the mask bits tell the client from the server."""
    switched: bool = False
    """Frames were read."""
    ended: bool = False
    """A FIN or RST of either side was captured."""
    gaps: list[Loss] = []
    more_gaps: int = 0
    conflicts: list[Loss] = []
    more_conflicts: int = 0
    out_of_step: list[Loss] = []
    more_out_of_step: int = 0
    """Where the frame boundaries were lost."""
    unknown_extensions: list[str] = []
    plain_before: int = 0
    tunnelled: bool = False
    spoke_first: Place | None = None
    """Of the server's first byte, where it acknowledges nothing of the client and yet an opening followed."""
    legacy: str = ""
    """The protocol before RFC 6455 that was agreed on, where its frames are not read."""
    elsewhere: str = ""
    """Protocol other than WebSocket that a 101 switched to."""


class Capture(msgspec.Struct):
    """The run as a whole, looked at when it is over."""

    cut: int = 0
    """Packets stored shorter than they were on the wire; then where the first is."""
    cut_first: Place | None = None
    backwards: int = 0
    """Packets with a time before their predecessor's."""
    backwards_first: Place | None = None
    encrypted: int = 0
    """Connections that are TLS."""
    encrypted_first: Place | None = None
    clear: int = 0
    """Openings without TLS; how many of them on loopback; where the first is."""
    clear_loopback: int = 0
    clear_first: Place | None = None
    latest_ns: int = 0
    """Time of the packet before."""
    limits: dict[str, int] = {}
    """How often each limit was reached, by the name of its setting."""


class Aftermath(msgspec.Struct, frozen=True):
    """A direction whose peer failed the connection, and which had more findings."""

    rule: str
    """Of the first violation."""


@rule("ST-001", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def capture_starts_midstream(transport: Transport) -> Iterator[Fault]:
    """The capture begins inside the connection.

    No SYN was captured, so there may have been more before the first byte seen. What depends on it is not judged.

    Violates:
        midstream
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade
        server: silent

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if not transport.synced:
        yield Fault(expected="SYN", found="no SYN", place=transport.first)


@rule("ST-002", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def tcp_gap(transport: Transport) -> Iterator[Fault]:
    """Bytes of one direction are missing from the capture.

    The receiver had them, or later ones; the capture does not. What they could have changed is not judged. Captures
    lose packets when the disk or the reader is too slow, or when packets take another way.

    Violates:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        gap client 11
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        +3s
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    yield from _losses(transport.gaps, transport.more_gaps, "all bytes", "missing")


@rule("ST-003", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def snaplen_cut(capture: Capture) -> Iterator[Fault]:
    """Packets are stored shorter than they were on the wire.

    The capture was made with a snapshot length, so payloads are cut and most messages cannot be read. Record again
    without one (``tcpdump -s 0``).

    Violates:
        snaplen 90
        client: 82 fe 00 80 00 00 00 00 41*128

    Conforms:
        client: 82 fe 00 80 00 00 00 00 41*128
    """
    if capture.cut:
        yield Fault(
            expected="whole packets",
            found=_several(capture.cut, "packet", "cut"),
            place=capture.cut_first,
            count=capture.cut,
        )


@rule("ST-005", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def encrypted(capture: Capture) -> Iterator[Fault]:
    """Connections are TLS, and no keys were given.

    Only their TCP level can be seen. Nothing is known about what they carry.

    Violates:
        client: raw 16 03 01 00 05 01 00 00 01 00

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if capture.encrypted:
        yield Fault(
            expected="plaintext, or keys",
            found=_several(capture.encrypted, "TLS connection"),
            place=capture.encrypted_first,
            count=capture.encrypted,
        )


@rule("ST-006", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def handshake_not_seen(transport: Transport) -> Iterator[Fault]:
    """Frames were read although the answer to the opening was not captured whole.

    Which extensions are in use is unknown, so reserved bits and opcodes are not judged, nor what compressed messages
    hold. Where nothing of the opening was captured, the side that masks all its frames is taken for the client; then
    masking is not judged either.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: silent
        gap server 129
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        +5s
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        server: 81 05 48 65 6c 6c 6f
        client: FIN

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    if transport.switched and not transport.opening_seen:
        roles = "; roles from the mask bits" if transport.roles_guessed else ""
        yield Fault(
            expected="a captured 101", found=f"frames without one, extensions unknown{roles}", place=transport.first
        )


@rule("ST-007", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def frame_desync(transport: Transport) -> Iterator[Fault]:
    """Frame boundaries were lost.

    Missing bytes hide a frame header, so where the next frame begins is unknown. The direction is read again from the
    first segment that surely begins with a frame; rules that need to know all that came before stay silent in it.

    Violates:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        gap client 20
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        +5s
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58

    Conforms:
        client: 82 94 37 fa 21 3d 00 00
        gap client 10
        client: 00 00 00 00 00 00 00 00 81 80 37 fa 21 3d
        +5s
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    for number, loss in enumerate(transport.out_of_step, 1):
        yield Fault(
            side=loss.direction,
            expected="a frame header",
            found=f"{loss.length} bytes missing where it should be",
            offset=loss.offset,
            place=loss.place,
            count=1 + (transport.more_out_of_step if number == len(transport.out_of_step) else 0),
        )


@rule("ST-008", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def capture_ends_open(transport: Transport) -> Iterator[Fault]:
    """The capture ends while the connection is open.

    What happened afterwards, an answer or a closing handshake, is not known.

    Violates:
        client: 81 80 37 fa 21 3d

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        server: FIN
        client: FIN
    """
    if transport.switched and not transport.ended:
        yield Fault(expected="FIN or RST", found="the end of the capture", place=transport.last)


@rule("ST-009", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def conflicting_retransmission(transport: Transport) -> Iterator[Fault]:
    """Retransmitted bytes differ from the first copy.

    The first copy was used. TCP never changes bytes on the way again: somebody injects, a middlebox rewrites, or the
    capture mixes two connections.

    Violates:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        again client 11: 81 85 37 fa 21 3d 00 00 00 00 00

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        again client 11: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    yield from _losses(transport.conflicts, transport.more_conflicts, "the bytes of the first copy", "differ")


@rule("ST-010", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def timestamps_unordered(capture: Capture) -> Iterator[Fault]:
    """Packet times go backwards.

    The capture was put together from several, or its clock was set. Times between packets mean little.

    Violates:
        client: 81 80 37 fa 21 3d
        -5s
        client: 81 80 37 fa 21 3d

    Conforms:
        client: 81 80 37 fa 21 3d
        client: 81 80 37 fa 21 3d
    """
    if capture.backwards:
        yield Fault(
            expected="rising times",
            found=_several(capture.backwards, "packet", "earlier than the one before"),
            place=capture.backwards_first,
            count=capture.backwards,
        )


@rule("ST-013", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def analysis_limit_reached(capture: Capture) -> Iterator[Fault]:
    """A limit of the analysis was reached.

    What lies beyond it was not looked at. Each limit has a name and can be raised, on the command line in the
    ``limits`` table of the configuration.

    Violates:
        client: raw 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 58 3a 20 61*70000

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    for name, count in sorted(capture.limits.items()):
        if name not in NOT_LOSSES:
            yield Fault(expected=f"less than {name}", found=_several(count, "time", "reached"), count=count)


@rule("ST-014", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def unknown_extension_active(transport: Transport) -> Iterator[Fault]:
    """An extension is in use that cannot be interpreted.

    It may define reserved bits and opcodes and change payloads, so none of these are judged.

    Violates:
        extensions: x-private
        client: 81 80 37 fa 21 3d

    Conforms:
        extensions: permessage-deflate
        client: 81 80 37 fa 21 3d
    """
    if transport.unknown_extensions:
        yield Fault(
            expected="permessage-deflate or none",
            found=", ".join(transport.unknown_extensions),
            place=transport.first,
        )


@rule("ST-016", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def not_websocket_after_101(transport: Transport) -> Iterator[Fault]:
    """A 101 switched to a protocol other than WebSocket, which the request listed.

    That is right. What follows is not WebSocket, so it is left alone.

    Violates:
        client: http GET / HTTP/1.1 | Host: a.example | Upgrade: h2c, websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: h2c | Connection: Upgrade

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if transport.elsewhere:
        yield Fault(expected="websocket", found=transport.elsewhere, place=transport.first)


@rule("ST-018", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.CLIENT)
def http_before_upgrade(transport: Transport) -> Iterator[Fault]:
    """Other HTTP exchanges came before the opening on the same connection.

    Legal: HTTP/1.1 connections are used again.

    Violates:
        client: http GET /page HTTP/1.1 | Host: a.example
        server: http HTTP/1.1 200 OK | Content-Length: 0
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if transport.plain_before:
        yield Fault(
            expected="the opening first",
            found=_several(transport.plain_before, "exchange", "before it"),
            place=transport.first,
        )


@rule("ST-019", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def after_failure_secondary(aftermath: Aftermath) -> Iterator[Fault]:
    """Findings came after the peer had reason to fail the connection, and it did.

    From the first violation on nobody is obliged to read what that side sent (RFC 6455 7.1.7). The later findings are
    kept, marked secondary and lowered to info.

    Violates:
        client: 81 05 48 65 6c 6c 6f
        client: 83 80 37 fa 21 3d
        server: 88 02 03 ea

    Conforms:
        client: 81 05 48 65 6c 6c 6f
        server: 88 02 03 ea

        client: 81 05 48 65 6c 6c 6f
        client: 83 80 37 fa 21 3d
        server: 81 02 68 69
        +10s
        server: 81 02 68 69
    """
    yield Fault(expected=f"nothing after {aftermath.rule}", found="more findings")


@rule("ST-022", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.CLIENT)
def tunnelled_through_proxy(transport: Transport) -> Iterator[Fault]:
    """The opening runs inside a tunnel that a proxy granted.

    Legal. The server is the one that Host names, not the one at the other end of the TCP connection.

    Violates:
        client: http CONNECT a.example:80 HTTP/1.1 | Host: a.example:80
        server: http HTTP/1.1 200 Connection established
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if transport.tunnelled:
        yield Fault(expected="a direct connection", found="CONNECT", place=transport.first)


def _losses(losses: list[Loss], more: int, expected: str, verb: str) -> Iterator[Fault]:
    for number, loss in enumerate(losses, 1):
        last = number == len(losses)
        yield Fault(
            side=loss.direction,
            expected=expected,
            found=f"{_several(loss.length, 'byte', verb)} at {loss.offset}",
            offset=loss.offset,
            place=loss.place,
            count=1 + more if last else 1,
        )


def _several(count: int, noun: str, rest: str = "") -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}{' ' + rest if rest else ''}"
