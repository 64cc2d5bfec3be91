"""CT and FG: control frames and fragmentation (RFC 6455 5.4, 5.5).

A message is a frame with an opcode and FIN set, or that without FIN and continuation frames up to one with it. Control
frames may stand between these and are never in pieces themselves. Whether a message is open is known to the decoder,
which tells it with each frame; where its first frame may not have been captured, a continuation is not judged.
"""

from __future__ import annotations

from analyzer.frames.columns import FrameColumns
from analyzer.messages.columns import ENDED, MessageColumns
from analyzer.model import Cut, Level, Opcode, Role, Severity
from analyzer.rules.faults import Hits
from analyzer.rules.registry import rule
from analyzer.wire import frame


@rule("CT-001", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 5.5", role=Role.BOTH, close_code=1002)
def control_frame_too_long(frames: FrameColumns) -> Hits:
    """A control frame has more than 125 bytes of payload.

    Control frames are short so that a receiver can always hold one and never has to wait for the rest. Most stacks
    fail the connection. Put less into the ping, or shorten the close reason.

    Violates:
        server: 89 7e 00 7e fe*126

        client: 88 fe 00 c8 37 fa 21 3d 00*200

    Conforms:
        server: 89 7d fe*125
    """
    return Hits(
        rows=frames.control_frame & (frames.payload_length > frame.CONTROL_LIMIT) & frames.whole,
        expected=f"at most {frame.CONTROL_LIMIT} bytes",
        found=lambda row: f"{frames.payload_length[row]} bytes",
        at=1,
    )


@rule("CT-002", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 6455 5.5, 5.4", role=Role.BOTH, close_code=1002)
def control_frame_fragmented(frames: FrameColumns) -> Hits:
    """A control frame has FIN clear, as if more of it were to follow.

    Control frames may come between the fragments of a message and are therefore never fragmented themselves. A
    continuation frame after it belongs to nothing.

    Violates:
        client: 09 89 37 fa 21 3d 51 88 40 5a 5a 9f 4f 49 06

        server: 08 02 03 e8

    Conforms:
        client: 01 89 37 fa 21 3d 51 88 40 5a 5a 9f 4f 49 06
        client: 89 84 37 fa 21 3d 47 93 4f 5a
        client: 80 89 37 fa 21 3d 51 88 40 5a 5a 9f 4f 49 05
    """
    return Hits(rows=frames.control_frame & ~frames.fin & frames.whole, expected="FIN set", found="FIN clear")


@rule("FG-001", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 6455 5.4", role=Role.BOTH, close_code=1002)
def continuation_without_start(frames: FrameColumns) -> Hits:
    """A continuation frame comes while no message is in progress.

    A fragmented message starts with a text or binary frame whose FIN is clear; a continuation frame without one has
    nothing to continue. It opens no message, whatever its FIN says.

    Violates:
        client: 80 86 37 fa 21 3d 58 88 51 55 56 94

        server: 01 03 48 65 6c
        server: 80 02 6c 6f
        server: 80 01 21

    Conforms:
        client: 01 83 37 fa 21 3d 7f 9f 4d
        client: 00 80 37 fa 21 3d
        client: 80 82 37 fa 21 3d 5b 95

        client: 01 83 37 fa 21 3d 7f 9f 4d
        server: 01 03 48 65 6c
        server: 80 02 6c 6f
        client: 80 82 37 fa 21 3d 5b 95
    """
    orphan = (frames.opcode == Opcode.CONTINUATION) & (frames.open == 0)
    return Hits(
        rows=orphan & frames.whole & frames.opening_seen & ~frames.unknown_extension,
        expected="opcode 1 or 2, since no message is in progress",
        found="opcode 0",
    )


@rule("FG-002", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 6455 5.4", role=Role.BOTH, close_code=1002)
def data_frame_inside_message(frames: FrameColumns) -> Hits:
    """A new data message begins before the previous one is finished.

    The fragments of messages must not be mixed, unless an extension says how. The unfinished message is dropped and
    the new one begins. Usual cause: two threads that write to one connection without a lock around the message.

    Violates:
        client: 01 83 37 fa 21 3d 7f 9f 4d
        client: 81 82 37 fa 21 3d 5b 95

        server: 02 01 00
        server: 01 01 61

    Conforms:
        client: 01 83 37 fa 21 3d 7f 9f 4d
        client: 89 80 37 fa 21 3d
        client: 80 82 37 fa 21 3d 5b 95

        client: 01 83 37 fa 21 3d 7f 9f 4d
        server: 81 02 68 69
        client: 80 82 37 fa 21 3d 5b 95
    """
    data = (frames.opcode == Opcode.TEXT) | (frames.opcode == Opcode.BINARY)
    return Hits(
        rows=data & (frames.open == 1) & frames.whole & ~frames.unknown_extension,
        expected="opcode 0, since a message is in progress",
        found=lambda row: f"opcode {frames.opcode[row]}",
    )


@rule(
    "FG-003",
    severity=Severity.INFO,
    level=Level.OBSERVATION,
    rfc="RFC 6455 5.5.1, 6.1",
    role=Role.BOTH,
    opcode=Opcode.CLOSE,
)
def close_inside_message(frames: FrameColumns) -> Hits:
    """A side sent Close while its own message was unfinished.

    Legal: the message is given up. The peer never gets it, so look here when the last message of a conversation is
    missing.

    Violates:
        client: 01 84 37 fa 21 3d 51 88 40 5a
        client: 88 82 37 fa 21 3d 34 12

    Conforms:
        client: 01 84 37 fa 21 3d 51 88 40 5a
        client: 80 84 37 fa 21 3d 5a 9f 4f 49
        client: 88 82 37 fa 21 3d 34 12
    """
    return Hits(
        rows=(frames.opcode == Opcode.CLOSE) & (frames.open == 1) & (frames.closed == 0) & frames.whole,
        expected="the rest of the message",
        found="Close",
    )


@rule("FG-004", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 6.1 (4)", role=Role.BOTH)
def message_unfinished_at_end(messages: MessageColumns) -> Hits:
    """A side closed TCP with its message unfinished and no Close sent.

    The fragments that came are worthless to the peer, which reports 1006. Look for a process that ended while it was
    still producing the message.

    Violates:
        client: 01 84 37 fa 21 3d 51 88 40 5a
        client: FIN

    Conforms:
        client: 01 84 37 fa 21 3d 51 88 40 5a
        client: 80 80 37 fa 21 3d
        client: FIN

        client: 01 84 37 fa 21 3d 51 88 40 5a
        client: RST

        client: 01 84 37 fa 21 3d 51 88 40 5a
        client: 88 82 37 fa 21 3d 34 12
        client: FIN

        client: 01 84 37 fa 21 3d 51 88 40 5a
    """
    ended = (messages.event == ENDED) & (messages.cut == Cut.FIN) & (messages.frames > 0)
    return Hits(
        rows=ended & (messages.closed == 0) & (messages.torn == 0),
        expected="a frame with FIN set",
        found=lambda row: f"TCP FIN after {messages.frames[row]} fragment{'s' if messages.frames[row] > 1 else ''}",
        severity=lambda row: Severity.INFO if messages.peer_closed[row] else None,
    )
