"""CL and SC-001 to SC-003: a Close frame, its reason and its answer, and what may follow it (RFC 6455 5.5.1).

A Close frame is empty or begins with a code, which the answer usually repeats; after the code comes UTF-8. It is the
last frame of its sender. Which code may stand there is the matter of `close_codes`.
"""

from __future__ import annotations

import numpy as np

from analyzer.frames.columns import FrameColumns, Mask
from analyzer.frames.decode import NO_CODE
from analyzer.model import Level, Opcode, Role, Severity
from analyzer.rules.faults import Hits
from analyzer.rules.registry import rule


def _close(frames: FrameColumns) -> Mask:
    return np.asarray((frames.opcode == Opcode.CLOSE) & frames.whole)


def _bad_reason(frames: FrameColumns) -> Mask:
    bad = np.zeros(len(frames), dtype=np.bool_)
    for row in np.flatnonzero(_close(frames) & frames.complete & (frames.control_size == frames.length)).tolist():
        bad[row] = _bad_at(frames, row) >= 0
    return bad


def _bad_at(frames: FrameColumns, row: int) -> int:
    """The first byte of the reason that is not UTF-8, or begins what is not; -1 where all is well."""
    try:
        frames.close_body(row)[1].decode()
    except UnicodeDecodeError as error:
        return error.start
    return -1


@rule(
    "CL-001",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 5.5.1",
    role=Role.BOTH,
    close_code=1002,
    opcode=Opcode.CLOSE,
)
def close_one_byte_payload(frames: FrameColumns) -> Hits:
    """A Close frame has a payload of one byte.

    A Close frame is empty, or starts with a close code of two bytes. One byte is neither.

    Violates:
        client: 88 81 37 fa 21 3d 56

        server: 88 01 03

    Conforms:
        client: 88 80 37 fa 21 3d

        client: 88 82 37 fa 21 3d 34 12
    """
    return Hits(
        rows=_close(frames) & (frames.payload_length == 1),
        expected="no payload, or at least 2 bytes",
        found="1 byte",
        at=1,
    )


@rule(
    "CL-009",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 5.5.1, 8.1",
    role=Role.BOTH,
    close_code=1007,
    fail_required=True,
    opcode=Opcode.CLOSE,
)
def close_reason_not_utf8(frames: FrameColumns) -> Hits:
    """The reason in a Close frame is not valid UTF-8.

    The reason is text like any other. Usual cause: a long reason cut to 123 bytes in the middle of a character.

    Violates:
        client: 88 85 37 fa 21 3d 34 12 cc 9d b7

        server: 88 03 03 e8 e2

    Conforms:
        client: 88 89 37 fa 21 3d 34 12 66 4f f4 46 e2 a2 52

        server: 88 02 03 e8
    """
    return Hits(
        rows=_bad_reason(frames),
        expected="UTF-8",
        found=lambda row: (
            f"{frames.close_body(row)[1][_bad_at(frames, row)]:02x} at reason byte {_bad_at(frames, row)}"
        ),
        at=lambda row: int(frames.header[row]) + 2 + _bad_at(frames, row),
    )


@rule(
    "CL-013", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 5.5.1", role=Role.BOTH, opcode=Opcode.CLOSE
)
def close_code_not_echoed(frames: FrameColumns) -> Hits:
    """The answer to a Close carries another code.

    An endpoint usually sends the code back that it got. Another one is legal and says what the answering side thought.

    Violates:
        client: 88 82 37 fa 21 3d 34 13
        server: 88 02 03 e8

    Conforms:
        client: 88 82 37 fa 21 3d 34 13
        server: 88 02 03 e9

        client: 88 82 37 fa 21 3d 34 13
        server: 88 00

        unacked
        client: 88 82 37 fa 21 3d 34 13
        server: 88 02 03 e8
    """
    code = frames.close_code
    answers = (frames.peer_close > NO_CODE) & (frames.closed == 0)
    return Hits(
        rows=answers & (code >= 0) & (code != frames.peer_close),
        expected=lambda row: f"{frames.peer_close[row]}, the code it answers",
        found=lambda row: f"{code[row]}",
        at=lambda row: int(frames.header[row]),
        length=2,
    )


@rule("CL-014", severity=Severity.INFO, level=Level.MAY, rfc="RFC 6455 7.1.5", role=Role.BOTH, opcode=Opcode.CLOSE)
def close_without_code(frames: FrameColumns) -> Hits:
    """A Close frame has no status code.

    Legal. The peer's API reports 1005.

    Violates:
        client: 88 80 37 fa 21 3d

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
    """
    return Hits(rows=_close(frames) & (frames.payload_length == 0), expected="a code", found="no payload", at=1)


@rule("SC-001", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 6455 5.5.1, 5.1", role=Role.BOTH)
def data_frame_after_close(frames: FrameColumns) -> Hits:
    """A data frame follows the sender's own Close.

    Close is the last thing a side says. The peer discards what comes after, so this data is lost. Usual cause: a writer
    that does not know that another part of the program has closed the connection.

    Violates:
        client: 88 82 37 fa 21 3d 34 12
        client: 81 84 37 fa 21 3d 5b 9b 55 58

        server: 88 02 03 e8
        server: 80 00

    Conforms:
        client: 81 84 37 fa 21 3d 5b 9b 52 49
        client: 88 82 37 fa 21 3d 34 12

        client: 88 82 37 fa 21 3d 34 12
        server: 81 02 68 69
        server: 88 02 03 e8
    """
    return Hits(
        rows=~frames.control_frame & (frames.closed == 1) & frames.whole,
        expected="nothing after Close",
        found=lambda row: f"a frame with opcode {frames.opcode[row]}",
    )


@rule("SC-002", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 5.5.1, 5.5.2", role=Role.BOTH)
def control_frame_after_close(frames: FrameColumns) -> Hits:
    """A Ping or Pong follows the sender's own Close.

    Only data frames are forbidden after a Close; the peer need not answer.

    Violates:
        client: 88 82 37 fa 21 3d 34 12
        client: 89 80 37 fa 21 3d

    Conforms:
        client: 89 80 37 fa 21 3d
        client: 88 82 37 fa 21 3d 34 12
    """
    ping_or_pong = (frames.opcode == Opcode.PING) | (frames.opcode == Opcode.PONG)
    return Hits(
        rows=ping_or_pong & (frames.closed == 1) & frames.whole,
        expected="nothing after Close",
        found=lambda row: Opcode(int(frames.opcode[row])).name.capitalize(),
    )


@rule(
    "SC-003",
    severity=Severity.WARNING,
    level=Level.OBSERVATION,
    rfc="RFC 6455 5.5.1, 7.1.5",
    role=Role.BOTH,
    opcode=Opcode.CLOSE,
)
def close_frame_repeated(frames: FrameColumns) -> Hits:
    """A side sent a second Close.

    One Close each is what the closing handshake is made of. The second is ignored; which code the peer reports
    depends on its implementation.

    Violates:
        client: 88 82 37 fa 21 3d 34 12
        client: 88 80 37 fa 21 3d

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
    """
    return Hits(
        rows=(frames.opcode == Opcode.CLOSE) & (frames.closed == 1) & frames.whole,
        expected="one Close",
        found="another Close",
    )
