"""A finding before the policies: what a rule saw, and where in the order of things it belongs.

A rule says what is wrong (`Fault`, or `Hits` for rows of columns). Each function here knows one subject and adds where
that is: connection and direction, the frame, the byte in the stream, the packet and the file, and the bytes themselves
as evidence. The key makes the order of findings independent of batches; the engine writes them in it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from analyzer.frames.columns import FrameColumns
from analyzer.frames.text import TRUNCATED
from analyzer.http.head import Head
from analyzer.messages.columns import INVALID, MessageColumns
from analyzer.model import NOWHERE, Direction, Evidence, Finding, Place, Role
from analyzer.rules.dialogue import Wrong
from analyzer.rules.faults import BLANK, Fault, Hits
from analyzer.rules.mask_keys import KEY_SIZE, Mark
from analyzer.rules.opening import Opening
from analyzer.rules.registry import Rule
from analyzer.rules.sequel import Sequel

LAST = 1 << 62
"""Stands for the stream offset of what comes after all bytes."""
SHOWN = 120
"""Bytes of a head shown around the offending one: a field line, usually whole."""
REACTIONS = frozenset(("SC-007", "SC-008", "SC-009", "SC-010", "SC-016"))
"""Rules about how a side took the other's violations: the other's reaction to its own does not matter to them."""


class Draft(msgspec.Struct):
    """One finding, not yet weighed against the others."""

    key: tuple[int, int, int, int, int]
    """Completing packet (ordinal), connection, direction (0: client), stream offset, number of the rule."""
    finding: Finding
    stateful: bool
    """It is about the bytes after the opening, so the peer's reaction decides about its weight (policy P4)."""
    time_ns: int = 0
    """When it came to be known, where it is stateful: from then on the peer may react."""
    end: int = -1
    """Stream offset one past the frame at fault; -1: it is not whole, or the finding is about more than a frame."""

    @property
    def offset(self) -> int:
        """Stream offset of the frame at fault."""
        return self.key[3]


def side_number(direction: Direction | None) -> int:
    """0 for the client, 1 for the server, 2 where no direction is concerned: the order within a packet."""
    return 2 if direction is None else 0 if direction == "client" else 1


def finding(
    rule: Rule,
    fault: Fault,
    *,
    connection: int | None,
    direction: Direction | None,
    place: Place | None,
    files: list[str],
    frame: int | None = None,
    stream_offset: int | None = None,
    byte_offset: int | None = None,
    evidence: Evidence | None = None,
) -> Finding:
    """What the registry knows about ``rule``, what the rule says of the fault, and where the subject has it."""
    return Finding(
        rule=rule.id,
        name=rule.name,
        severity=fault.severity or rule.severity,
        level=rule.level,
        rfc=rule.rfc,
        connection=connection,
        direction=direction,
        frame=frame,
        packet=None if place is None else place.packet,
        time_ns=None if place is None else place.time_ns,
        stream_offset=stream_offset,
        byte_offset=byte_offset,
        header=fault.header,
        file=None if place is None else files[place.file],
        file_offset=None if place is None or place.file_offset < 0 else place.file_offset,
        text=fault.text or rule.title,
        expected=fault.expected,
        found=fault.found,
        close_code=rule.close_code,
        evidence=evidence,
        count=fault.count,
        cause=fault.cause,
    )


def of_frames(rule: Rule, number: int, frames: FrameColumns, files: list[str]) -> Iterator[Draft]:
    """What ``rule`` finds in ``frames``."""
    hits: Hits = rule.check(frames)
    for row in np.flatnonzero(hits.rows).tolist():
        at = hits.at(row) if callable(hits.at) else hits.at
        head = frames.head_bytes(row)
        length = max(1, min(hits.length, len(head) - at))
        direction, offset = frames.direction(row), int(frames.offset[row])
        place = frames.place(row, at)
        has_frame = bool(head)
        yield Draft(
            key=(place.ordinal, int(frames.connection[row]), side_number(direction), offset, number),
            finding=finding(
                rule,
                _fault(hits, row),
                connection=int(frames.connection[row]),
                direction=direction,
                place=place,
                files=files,
                frame=int(frames.index[row]),
                stream_offset=offset,
                byte_offset=offset + at,
                evidence=Evidence(offset, head.hex(), (at, length)) if has_frame else None,
            ),
            stateful=True,
            time_ns=int(frames.last_time_ns[row]),
            end=offset + int(frames.header[row]) + int(frames.length[row]) if frames.complete[row] else -1,
        )


def of_messages(rule: Rule, number: int, messages: MessageColumns, files: list[str]) -> Iterator[Draft]:
    """What ``rule`` finds in ``messages``."""
    hits: Hits = rule.check(messages)
    for index in np.flatnonzero(hits.rows).tolist():
        row = messages.row(index)
        bad = row.bad_stream_offset >= 0
        place = messages.bad_place(index) if bad else Place(row.file, row.packet, row.ordinal, row.time_ns, NOWHERE)
        # where the text ends too early, no byte is wrong: the last one before the end stands for it
        early = int(row.event == INVALID and row.reason == TRUNCATED and row.bad_in_frame >= 0)
        evidence = None
        if bad and row.wire:
            before = row.bad_in_frame - row.wire_from
            evidence = Evidence(row.bad_stream_offset - before, row.wire.hex(), (max(0, before - early), 1))
        direction = messages.direction(index)
        yield Draft(
            key=(row.ordinal, row.connection, side_number(direction), row.offset, number),
            finding=finding(
                rule,
                _fault(hits, index),
                connection=row.connection,
                direction=direction,
                place=msgspec.structs.replace(place, file_offset=place.file_offset - early),
                files=files,
                frame=row.frame if bad else None,
                stream_offset=row.offset if bad else None,
                byte_offset=row.bad_stream_offset - early if bad else None,
                evidence=evidence,
            ),
            stateful=True,
            time_ns=max(row.time_ns, row.bad_time_ns),
        )


def of_opening(rule: Rule, number: int, opening: Opening, fault: Fault, files: list[str], ordinal: int) -> Draft:
    """A fault of an opening as a draft; ``ordinal`` of the packet that settled the exchange."""
    direction: Direction = fault.side or ("server" if rule.role is Role.SERVER else "client")
    head = opening.head(direction) or opening.head("client") or opening.head("server")
    assert head is not None, "an exchange without either head"
    offset = head.offset if fault.offset is None else fault.offset
    raw = _blanked(head, fault.secrets) if fault.secrets else head.raw
    index = max(0, min(offset - head.offset, len(raw) - 1))
    start = max(0, index - SHOWN // 2)
    shown = raw[start : start + SHOWN]
    absent = fault.cause is not None
    mark = (index - start, max(1, min(fault.length, len(shown) - (index - start))))
    return Draft(
        key=(ordinal, opening.exchange.connection, side_number(direction), head.offset, number),
        finding=finding(
            rule,
            fault,
            connection=opening.exchange.connection,
            direction=direction,
            place=fault.place or head.place(offset),
            files=files,
            stream_offset=None if absent else head.offset,
            byte_offset=None if absent else offset,
            evidence=Evidence(head.stream_offset(start), shown.hex(), mark) if shown and not absent else None,
        ),
        stateful=False,
    )


def of_mask_keys(
    rule: Rule, number: int, fault: Fault, mark: Mark, files: list[str], connection: int, ordinal: int
) -> Draft:
    """A fault of a direction's masking keys as a draft: ``mark`` shows it, the packet ``ordinal`` made it known."""
    return Draft(
        key=(ordinal, connection, side_number("client"), mark.offset, number),
        finding=finding(
            rule,
            fault,
            connection=connection,
            direction="client",
            place=mark.place,
            files=files,
            frame=mark.frame,
            stream_offset=mark.offset,
            byte_offset=mark.offset + mark.at,
            evidence=Evidence(mark.offset, mark.head.hex(), (mark.at, KEY_SIZE)),
        ),
        stateful=True,
        time_ns=mark.time_ns,
    )


def of_sequel(rule: Rule, number: int, sequel: Sequel, fault: Fault, files: list[str], ordinal: int) -> Draft:
    """A fault of what a client did after its opening, as a draft; the packet of that ordinal made it known."""
    return Draft(
        key=(ordinal, sequel.connection, side_number("client"), sequel.offset, number),
        finding=finding(
            rule,
            fault,
            connection=sequel.connection,
            direction="client",
            place=sequel.place,
            files=files,
            frame=sequel.frame,
            stream_offset=sequel.offset,
            byte_offset=sequel.offset,
            evidence=Evidence(sequel.offset, sequel.data.hex(), (0, 1)) if sequel.data else None,
        ),
        stateful=False,
    )


def _blanked(head: Head, secrets: tuple[tuple[int, int], ...]) -> bytes:
    """The head's bytes with its secrets made unreadable."""
    raw = bytearray(head.raw)
    for offset, length in secrets:
        start = max(0, offset - head.offset)
        end = min(len(raw), offset - head.offset + length)
        raw[start:end] = BLANK * max(0, end - start)
    return bytes(raw)


def of_subject(rule: Rule, number: int, fault: Fault, files: list[str], connection: int | None, ordinal: int) -> Draft:
    """A fault of a connection or of the run as a draft; ``ordinal`` of the packet after which it was looked at."""
    direction: Direction | None = fault.side
    key = (ordinal, -1 if connection is None else connection, side_number(direction), fault.offset or 0, number)
    return Draft(
        key=key,
        finding=finding(
            rule,
            fault,
            connection=connection,
            direction=direction,
            place=fault.place,
            files=files,
            byte_offset=fault.offset,
            stream_offset=fault.offset,
        ),
        stateful=False,
    )


def of_dialogue(rule: Rule, number: int, fault: Fault, files: list[str], connection: int, ordinal: int) -> Draft:
    """A fault of one side of a connection as a draft; ``ordinal`` of the packet that ended the connection.

    What a side did not do comes after all it did, so the peer's reaction to an earlier violation decides about its
    weight as well (policy P4).
    """
    offset = LAST if fault.offset is None else fault.offset
    return Draft(
        key=(ordinal, connection, side_number(fault.side), offset, number),
        finding=finding(
            rule,
            fault,
            connection=connection,
            direction=fault.side,
            place=fault.place,
            files=files,
            frame=fault.frame,
            stream_offset=fault.offset,
            byte_offset=fault.offset,
        ),
        stateful=rule.id not in REACTIONS,
    )


def wrong(rule: Rule, draft: Draft, files: list[str]) -> Wrong:
    """What the peer may fail the connection over."""
    found = draft.finding
    assert rule.close_code is not None, "nothing to fail a connection over"
    assert found.packet is not None, "a violation without a packet"
    assert found.time_ns is not None, "a violation without a time"
    assert found.file is not None, "a violation without a file"
    at = NOWHERE if found.file_offset is None else found.file_offset
    byte = draft.offset if found.byte_offset is None else found.byte_offset
    return Wrong(
        key=draft.key,
        rule=rule.id,
        close_code=rule.close_code,
        fail_required=rule.fail_required,
        place=Place(files.index(found.file), found.packet, draft.key[0], found.time_ns, at),
        known_ns=draft.time_ns,
        frame=found.frame,
        offset=draft.offset,
        byte=byte,
        end=draft.end,
    )


def _fault(hits: Hits, row: int) -> Fault:
    """One of the hits by itself."""
    return Fault(
        expected=_said(hits.expected, row),
        found=_said(hits.found, row),
        severity=hits.severity(row) if hits.severity else None,
        text=hits.text(row) if hits.text else None,
    )


def _said(words: object, row: int) -> str:
    return str(words(row) if callable(words) else words)
