"""ST: what the capture shows of a connection, and what it does not (policy P5).

No peer is to blame for these. They say why something is missing from the report: where bytes were lost, where the
capture began too late or ended too early, where a limit was reached, the other rules stay silent rather than guess.
"""

# ruff: noqa: E501 - an example's HTTP head stands on one line

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from analyzer.model import Direction, Level, Place, Role, Severity
from analyzer.rules.faults import Fault, several
from analyzer.rules.registry import rule


class Loss(msgspec.Struct, frozen=True):
    """Bytes of one direction that are missing, or that came twice and differ."""

    direction: Direction
    offset: int
    length: int
    place: Place


class Conflict(Loss, frozen=True):
    """The latter, with both readings."""

    packet: int
    """The one with the first copy."""
    first: bytes
    """From the first byte that differs on: the first copy, which was used, and the later one."""
    again: bytes


_Loss = TypeVar("_Loss", bound=Loss)


class Relay(msgspec.Struct, frozen=True):
    """A sign that somebody stands between client and server."""

    direction: Direction
    expected: str
    found: str
    place: Place
    offset: int | None = None
    header: str | None = None


class Silence(msgspec.Struct):
    """How often a connection was silent for too long, and the longest time."""

    count: int
    longest_ns: int
    place: Place
    """What ended the longest."""


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
    """The first few; of these, of conflicts and of losses of step, ``more_`` were counted only."""
    more_gaps: int = 0
    conflicts: list[Conflict] = []
    more_conflicts: int = 0
    out_of_step: list[Loss] = []
    """Where the frame boundaries were lost."""
    more_out_of_step: int = 0
    unknown_extensions: list[str] = []
    plain_before: int = 0
    tunnelled: bool = False
    spoke_first: Place | None = None
    """Of the server's first byte, where it acknowledges nothing of the client and yet an opening followed."""
    legacy: str = ""
    """The protocol before RFC 6455 that was agreed on, where its frames are not read."""
    elsewhere: str = ""
    """Protocol other than WebSocket that a 101 switched to."""
    unheard: list[Direction] = []
    """Sides of which no byte was captured, although the other acknowledged some."""
    relays: list[Relay] = []
    reused: bool = False
    """Addresses and ports were those of an earlier connection."""
    silence: Silence | None = None


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
    for gap, count in _counted(transport.gaps, transport.more_gaps):
        yield Fault(
            side=gap.direction,
            expected="all bytes",
            found=f"{several(gap.length, 'byte', 'missing')} at {gap.offset}",
            offset=gap.offset,
            place=gap.place,
            count=count,
        )


@rule("ST-004", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def one_direction_only(transport: Transport) -> Iterator[Fault]:
    """Only one direction was captured.

    One side acknowledges bytes, and not one of them is in the capture: packets take another way back, or a filter
    let only one way through. Whether anything was answered cannot be told.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: silent
        gap server 129
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        +3s
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        server: 81 05 48 65 6c 6c 6f
    """
    for direction in transport.unheard:
        yield Fault(
            side=direction,
            expected=f"bytes of the {direction}",
            found="none, though some were acknowledged",
            place=transport.first,
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
    for loss, count in _counted(transport.out_of_step, transport.more_out_of_step):
        yield Fault(
            side=loss.direction,
            expected="a frame header",
            found=f"{loss.length} bytes missing where it should be",
            offset=loss.offset,
            place=loss.place,
            count=count,
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

    The first copy was used, and the later one only compared. TCP never changes bytes on the way again: somebody
    injects, a middlebox rewrites, or the capture mixes two connections. Keep-alive probes are left out, whose one
    byte means nothing.

    Violates:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        again client 11: 81 85 37 fa 21 3d 00 00 00 00 00

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        again client 11: 81 85 37 fa 21 3d 7f 9f 4d 51 58

        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        again client 1: 00
    """
    for one, count in _counted(transport.conflicts, transport.more_conflicts):
        yield Fault(
            side=one.direction,
            expected=f"{_shown(one.first, one.length)} as in packet {one.packet}, which was used",
            found=f"{_shown(one.again, one.length)} at {one.offset}",
            offset=one.offset,
            place=one.place,
            count=count,
        )


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


@rule("ST-015", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def legacy_protocol_not_decoded(transport: Transport) -> Iterator[Fault]:
    """The frames are those of a draft older than the RFC's, and are not judged.

    The opening agreed on a draft whose frames look different. They are left alone.

    Violates:
        client: http GET /demo HTTP/1.1 | Host: a.example | Upgrade: WebSocket | Connection: Upgrade | Origin: http://a.example | Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5 | Sec-WebSocket-Key2: 12998 5 Y3 1  .P00
        client: 5e 6e 3a 38 5b 32 62 34
        server: http HTTP/1.1 101 WebSocket Protocol Handshake | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Origin: http://a.example | Sec-WebSocket-Location: ws://a.example/demo
        server: 38 6a 51 6d 53 4b 4e 34 6e 33 63 37 38 39 6a 71
        client: 00 48 69 ff

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    if transport.legacy:
        yield Fault(expected="RFC 6455", found=transport.legacy, place=transport.first)


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


def _counted(kept: list[_Loss], more: int) -> Iterator[tuple[_Loss, int]]:
    """Each of those that are kept, and how many it stands for: the last one for all that came after it as well."""
    for number, one in enumerate(kept, 1):
        yield one, 1 + (more if number == len(kept) else 0)


def _shown(data: bytes, length: int) -> str:
    return data.hex(" ") + (" ..." if length > len(data) else "")
