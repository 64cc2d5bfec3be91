"""FR and MK: the frame header and who must mask (RFC 6455 5.1 to 5.3).

What a header may hold depends on what the opening agreed on: reserved bits and opcodes belong to extensions, and with
an unknown one in use nothing is said of them. Headers that were read after a loss count as well, if they are whole:
where a frame begins is then known for sure.
"""

from __future__ import annotations

import numpy as np

from analyzer.frames.columns import FrameColumns
from analyzer.frames.decode import RSV1
from analyzer.model import Cut, Level, Role, Severity
from analyzer.rules.faults import Hits
from analyzer.rules.registry import rule
from analyzer.wire import frame, tables

SHORT_16 = frame.LENGTH_16 - 1
"""The longest payload that needs no extended length."""
SHORT_64 = (1 << 16) - 1
"""The longest payload that needs no 64-bit length."""


@rule(
    "FR-001",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 5.2",
    role=Role.BOTH,
    close_code=1002,
    fail_required=True,
)
def rsv_without_extension(frames: FrameColumns) -> Hits:
    r"""A reserved bit is set that no negotiated extension defines.

    The receiver cannot know what the bit means, so it cannot know what the payload is, and has to fail the
    connection. Usual causes: a sender that compresses although permessage-deflate was not agreed, or one that
    lost its place and sends payload where a header should be.

    Violates:
        client: c1 85 37 fa 21 3d 7f 9f 4d 51 58

        server: 91 05 48 65 6c 6c 6f

        extensions: permessage-deflate
        server: a1 05 48 65 6c 6c 6f

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58

        extensions: permessage-deflate
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21

        extensions: x-private
        client: f1 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    unowned = frames.rsv & ~frames.rsv_owned
    # Per-frame compression of old browsers owns RSV1 too, but only on data frames.
    unowned |= np.where(frames.control_frame & ~frames.compression, frames.rsv & RSV1, 0)
    return Hits(
        rows=(unowned != 0) & frames.whole & ~frames.unknown_extension,
        expected="RSV1, RSV2 and RSV3 clear, or an extension that defines them",
        found=lambda row: " and ".join(name for name, bit in tables.RSV_BITS.items() if unowned[row] & bit) + " set",
    )


@rule(
    "FR-002",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 5.2, 5.6",
    role=Role.BOTH,
    close_code=1002,
    fail_required=True,
)
def reserved_data_opcode(frames: FrameColumns) -> Hits:
    """A frame has an opcode from 3 to 7, reserved for data frames yet to be defined.

    No receiver knows what to do with such a frame, and the RFC has it fail the connection. Look for a sender that
    computes the first byte wrongly, or whose stream of frames is out of step.

    Violates:
        client: 83 80 37 fa 21 3d

        server: 87 02 68 69

    Conforms:
        client: 82 80 37 fa 21 3d

        extensions: x-private
        client: 83 80 37 fa 21 3d
    """
    data = ~frames.control_frame & (frames.opcode > 2)
    return Hits(
        rows=data & frames.whole & ~frames.unknown_extension,
        expected="opcode 0, 1 or 2",
        found=lambda row: f"opcode {frames.opcode[row]:#x}",
    )


@rule(
    "FR-003",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 5.2, 5.5",
    role=Role.BOTH,
    close_code=1002,
    fail_required=True,
)
def reserved_control_opcode(frames: FrameColumns) -> Hits:
    """A frame has an opcode from 11 to 15, reserved for control frames yet to be defined.

    No receiver knows what to do with such a frame, and the RFC has it fail the connection. Look for a sender that
    computes the first byte wrongly, or whose stream of frames is out of step.

    Violates:
        client: 8b 80 37 fa 21 3d

        server: 8f 00

    Conforms:
        client: 8a 80 37 fa 21 3d

        extensions: x-private
        server: 8b 00
    """
    return Hits(
        rows=(frames.opcode > 10) & frames.whole & ~frames.unknown_extension,
        expected="opcode 8, 9 or 10",
        found=lambda row: f"opcode {frames.opcode[row]:#x}",
    )


@rule("FR-004", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 5.2", role=Role.BOTH, close_code=1002)
def length_not_minimal_16(frames: FrameColumns) -> Hits:
    """A payload shorter than 126 bytes has its length in the 16-bit form.

    The shortest form is required, so that a length can be written in one way only: receivers and filters on the way
    would otherwise see different frames. The payload can still be read; strict receivers fail the connection.

    Violates:
        server: 82 7e 00 05 01 02 03 04 05

        client: 89 fe 00 00 37 fa 21 3d

    Conforms:
        server: 82 05 01 02 03 04 05

        server: 82 7e 00 7e 00*126
    """
    return Hits(
        rows=(frames.length7 == frame.LENGTH_16) & (frames.payload_length <= SHORT_16) & frames.whole,
        expected=lambda row: f"7-bit length {frames.payload_length[row]}",
        found=lambda row: f"16-bit length {frames.payload_length[row]}",
        at=1,
        length=3,
    )


@rule("FR-005", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 5.2", role=Role.BOTH, close_code=1002)
def length_not_minimal_64(frames: FrameColumns) -> Hits:
    """A payload shorter than 65536 bytes has its length in the 64-bit form.

    The shortest form is required, so that a length can be written in one way only: receivers and filters on the way
    would otherwise see different frames. The payload can still be read; strict receivers fail the connection.

    Violates:
        server: 82 7f 00 00 00 00 00 00 00 05 01 02 03 04 05

        client: 82 ff 00 00 00 00 00 00 00 c8 00 00 00 00 00*200

    Conforms:
        server: 82 7e 00 c8 00*200

        server: 82 7f 00 00 00 00 00 01 00 00 00*65536
    """
    return Hits(
        rows=(frames.length7 == frame.LENGTH_64) & (frames.payload_length <= SHORT_64) & frames.whole,
        expected=lambda row: (
            f"{'7' if frames.payload_length[row] <= SHORT_16 else '16'}-bit length {frames.payload_length[row]}"
        ),
        found=lambda row: f"64-bit length {frames.payload_length[row]}",
        at=1,
        length=9,
    )


@rule("FR-006", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 5.2", role=Role.BOTH, close_code=1002)
def length_msb_set(frames: FrameColumns) -> Hits:
    """The most significant bit of a 64-bit payload length is set.

    No frame can be that long, so what follows cannot be told apart any more: the direction is not read further.
    Usual causes: a signed number that became negative, or payload sent where a header should be.

    Violates:
        server: 82 7f 80 00 00 00 00 00 00 05 48 65 6c 6c 6f

    Conforms:
        server: 82 7f 00 00 00 01 00 00 00 00 00 00 00
    """
    return Hits(
        rows=(frames.cut == Cut.LENGTH) & frames.opening_seen,
        expected="a 63-bit length",
        found=lambda row: f"{frames.payload_length[row]:#x}",
        at=2,
        length=8,
    )


@rule("FR-007", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 6.1 (7)", role=Role.BOTH)
def frame_truncated_by_close(frames: FrameColumns) -> Hits:
    """The sender closed TCP in the middle of a frame.

    The message that was being sent is lost, and the peer reports 1006. Look for a process that ended, or a socket
    that was closed, while data was still queued.

    Violates:
        client: 81 85 37 fa 21 3d 7f 9f
        client: FIN

        server: 81
        server: FIN

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        client: FIN

        client: 81 85 37 fa 21 3d 7f 9f
        client: RST

        client: 81 85 37 fa 21 3d 7f 9f
    """
    return Hits(
        rows=frames.cut == Cut.FIN,
        expected=lambda row: (
            f"{frames.payload_length[row]} bytes of payload" if frames.whole[row] else "a whole frame header"
        ),
        found=lambda row: f"{frames.present[row]} before FIN" if frames.whole[row] else "FIN inside the header",
    )


@rule(
    "FR-008",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 5.2",
    role=Role.BOTH,
    close_code=1002,
    fail_required=True,
)
def http_where_frame_expected(frames: FrameColumns) -> Hits:
    r"""HTTP text stands where a frame should begin.

    Somebody on this side does not know that the connection was upgraded: typically a proxy or an application
    server that answers an error page on it. What follows is no WebSocket, so the direction is not read further.

    Violates:
        server: 48 54 54 50 2f 31 2e 31 20 34 30 30 20 42 61 64 20 52 65 71 75 65 73 74 0d 0a 0d 0a

        client: 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 0d 0a

    Conforms:
        server: 81 0c 48 54 54 50 2f 31 2e 31 20 34 30 30
    """
    return Hits(
        rows=(frames.cut == Cut.HTTP) & frames.opening_seen & frames.named,
        expected="a frame",
        found="an HTTP start line",
    )


@rule(
    "MK-001",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 5.1, 5.3",
    role=Role.CLIENT,
    close_code=1002,
    fail_required=True,
    together=True,
)
def unmasked_client_frame(frames: FrameColumns) -> Hits:
    """A client sent a frame without masking it.

    Masking keeps a web page from writing bytes of its choice onto the wire, where an old proxy might take them for
    HTTP and poison its cache. Every frame of a client must be masked, over TLS as well, and a server that gets one
    that is not must close with 1002.

    Violates:
        client: 81 05 48 65 6c 6c 6f

        client: 88 02 03 e8

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58

        client: 81 80 37 fa 21 3d

        server: 81 05 48 65 6c 6c 6f
    """
    return Hits(
        rows=frames.from_client & ~frames.masked & frames.whole & frames.roles_sure,
        expected="MASK set",
        found="MASK clear",
        at=1,
    )


@rule(
    "MK-002",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 5.1",
    role=Role.SERVER,
    close_code=1002,
    fail_required=True,
)
def masked_server_frame(frames: FrameColumns) -> Hits:
    """A server masked a frame.

    Only clients mask. A client that gets a masked frame must close with 1002. Usual cause: a library's client code
    used on the server's side of a relay, passing frames on as they came.

    Violates:
        server: 81 85 37 fa 21 3d 7f 9f 4d 51 58

        server: 89 80 00 00 00 00

    Conforms:
        server: 81 05 48 65 6c 6c 6f

        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    return Hits(
        rows=~frames.from_client & frames.masked & frames.whole & frames.roles_sure,
        expected="MASK clear",
        found="MASK set",
        at=1,
    )
