"""CL-002 to CL-008, CL-010 to CL-012, CL-015, CL-016: the code a Close frame gives (RFC 6455 7.4).

Who may use a code is a matter of ranges: below 1000 nobody, up to 2999 the protocol, up to 3999 who registered it, up
to 4999 applications. Three codes of the protocol are never sent, because they are what an API tells its own program
where no Close frame arrived or none with a code; one means nothing yet. What has been registered is in `iana`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analyzer.frames.columns import FrameColumns, Mask
from analyzer.model import Level, Opcode, Role, Severity
from analyzer.rules import iana
from analyzer.rules.faults import Hits
from analyzer.rules.registry import rule


def _codes(
    frames: FrameColumns, rows: Mask, expected: str, severity: Callable[[int], Severity | None] | None = None
) -> Hits:
    """Close frames whose code is at fault, drawn at the code."""
    return Hits(
        rows=rows,
        expected=expected,
        found=lambda row: f"{frames.close_code[row]}",
        at=lambda row: int(frames.header[row]),
        length=2,
        severity=severity,
    )


def _reserved(frames: FrameColumns, code: int) -> Hits:
    return _codes(frames, frames.close_code == code, "a code that may be sent")


def _told(frames: FrameColumns, row: int) -> str:
    code, reason = frames.close_body(row)
    said = reason.decode(errors="replace")
    return f"{code}: {said}" if said else f"{code}"


@rule(
    "CL-002",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 7.4.2",
    role=Role.BOTH,
    close_code=1002,
    opcode=Opcode.CLOSE,
)
def close_code_below_1000(frames: FrameColumns) -> Hits:
    """A Close frame has a code below 1000.

    Codes 0 to 999 are not used. Look for a missing default, an exit status or an HTTP status sent as close code, or the
    two bytes swapped.

    Violates:
        client: 88 82 37 fa 21 3d 34 1d

        server: 88 02 00 00

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
    """
    code = frames.close_code
    return _codes(frames, (code >= 0) & (code < 1000), "1000, or another code that may be sent")


@rule(
    "CL-003",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 7.4.1",
    role=Role.BOTH,
    close_code=1002,
    opcode=Opcode.CLOSE,
)
def close_code_1004(frames: FrameColumns) -> Hits:
    """A Close frame has the reserved code 1004.

    1004 is reserved: what it means was never said. Every mainstream stack refuses it.

    Violates:
        client: 88 82 37 fa 21 3d 34 16

        server: 88 02 03 ec

    Conforms:
        client: 88 82 37 fa 21 3d 34 11
    """
    return _reserved(frames, 1004)


@rule(
    "CL-004",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 7.4.1",
    role=Role.BOTH,
    close_code=1002,
    opcode=Opcode.CLOSE,
)
def close_code_1005(frames: FrameColumns) -> Hits:
    """A Close frame has the reserved code 1005.

    1005 is what an API reports when a Close frame came without a code. To say nothing, send a Close without payload.

    Violates:
        client: 88 82 37 fa 21 3d 34 17

        server: 88 02 03 ed

    Conforms:
        client: 88 80 37 fa 21 3d
    """
    return _reserved(frames, 1005)


@rule(
    "CL-005",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 7.4.1",
    role=Role.BOTH,
    close_code=1002,
    opcode=Opcode.CLOSE,
)
def close_code_1006(frames: FrameColumns) -> Hits:
    """A Close frame has the reserved code 1006.

    1006 is what an API reports when the connection ended without a Close frame. Sent in one it contradicts itself;
    it usually comes from passing on the code of another connection.

    Violates:
        client: 88 82 37 fa 21 3d 34 14

        server: 88 02 03 ee

    Conforms:
        client: 88 82 37 fa 21 3d 34 13
    """
    return _reserved(frames, 1006)


@rule(
    "CL-006",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 7.4.1",
    role=Role.BOTH,
    close_code=1002,
    opcode=Opcode.CLOSE,
)
def close_code_1015(frames: FrameColumns) -> Hits:
    """A Close frame has the reserved code 1015.

    1015 is what an API reports when the TLS handshake failed. It usually comes from passing on the code of another
    connection.

    Violates:
        client: 88 82 37 fa 21 3d 34 0d

        server: 88 02 03 f7

    Conforms:
        client: 88 82 37 fa 21 3d 34 0c

        server: 88 02 03 f6
    """
    return _reserved(frames, 1015)


@rule(
    "CL-007",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 7.4.2, 11.7",
    role=Role.BOTH,
    close_code=1002,
    opcode=Opcode.CLOSE,
)
def close_code_unassigned(frames: FrameColumns) -> Hits:
    """A Close frame has a code that the protocol has not assigned.

    Codes 1000 to 2999 belong to the protocol and its extensions. Applications use 4000 to 4999, or register a code from
    3000 to 3999.

    Violates:
        client: 88 82 37 fa 21 3d 30 2a

        server: 88 02 03 f8

    Conforms:
        client: 88 82 37 fa 21 3d 3c 42

        server: 88 02 03 f6
    """
    code = frames.close_code
    return _codes(
        frames,
        (code > 1015) & (code < 3000),
        "an assigned code, or one from 3000 to 4999",
        severity=lambda row: Severity.WARNING if frames.unknown_extension[row] else None,
    )


@rule(
    "CL-008",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 11.7",
    role=Role.BOTH,
    close_code=1002,
    opcode=Opcode.CLOSE,
)
def close_code_above_4999(frames: FrameColumns) -> Hits:
    """A Close frame has a code above 4999.

    Codes end at 4999. Applications use 4000 to 4999.

    Violates:
        client: 88 82 37 fa 21 3d 24 72

        server: 88 02 ff ff

    Conforms:
        client: 88 82 37 fa 21 3d 24 7d
    """
    return _codes(frames, frames.close_code > 4999, "4999 at most")


@rule(
    "CL-010",
    severity=Severity.INFO,
    level=Level.OBSERVATION,
    rfc="RFC 6455 7.4.1",
    role=Role.SERVER,
    opcode=Opcode.CLOSE,
)
def close_1010_from_server(frames: FrameColumns) -> Hits:
    """A server used close code 1010.

    1010 is how a client says that it needs an extension the server did not agree to. A server refuses the opening
    instead.

    Violates:
        server: 88 02 03 f2

    Conforms:
        server: 88 02 03 f3

        client: 88 82 37 fa 21 3d 34 08
        server: 88 02 03 f2
    """
    code = frames.close_code
    return _codes(frames, (code == 1010) & ~frames.from_client & (frames.peer_close != 1010), "another code")


@rule(
    "CL-011", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 7.4.2", role=Role.BOTH, opcode=Opcode.CLOSE
)
def close_code_unregistered(frames: FrameColumns) -> Hits:
    """A Close frame has a code from 3000 to 3999 that is not registered.

    These codes are for libraries and frameworks, registered with IANA, first come first served. Private codes are
    4000 to 4999.

    Violates:
        client: 88 82 37 fa 21 3d 3a 7a

    Conforms:
        client: 88 82 37 fa 21 3d 38 5b

        client: 88 82 37 fa 21 3d 3c 42
    """
    code = frames.close_code
    return _codes(
        frames,
        (code >= 3000) & (code < 4000) & ~np.isin(code, list(iana.REGISTERED)),
        "a registered code, or one from 4000 to 4999",
    )


@rule("CL-012", severity=Severity.INFO, level=Level.SHOULD, rfc="RFC 6455 7.4.1", role=Role.CLIENT, opcode=Opcode.CLOSE)
def close_1010_reason_missing(frames: FrameColumns) -> Hits:
    """A client closed with 1010 without listing the extensions it misses.

    The reason should name them, so that whoever runs the server learns what is asked for.

    Violates:
        client: 88 82 37 fa 21 3d 34 08

    Conforms:
        client: 88 94 37 fa 21 3d 34 08 51 58 45 97 44 4e 44 9b 46 58 1a 9e 44 5b 5b 9b 55 58
    """
    code = frames.close_code
    return Hits(
        rows=(code == 1010) & frames.from_client & (frames.payload_length == 2),
        expected="extension names as reason",
        found="no reason",
        at=lambda row: int(frames.header[row]),
        length=2,
    )


@rule(
    "CL-015", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 7.4.1", role=Role.BOTH, opcode=Opcode.CLOSE
)
def close_reports_failure(frames: FrameColumns) -> Hits:
    """A Close frame reports an error.

    What the endpoint believed to be wrong, not proof that it was. Look at what the other side sent just before.

    Violates:
        server: 88 0c 03 ea 62 61 64 20 6f 70 63 6f 64 65

        client: 88 82 37 fa 21 3d 3c 42

    Conforms:
        server: 88 02 03 e8

        server: 88 02 03 e9
    """
    code = frames.close_code
    failure = np.isin(code, list(iana.FAILURES | iana.SERVER_CODES)) | ((code >= 3000) & (code < 5000))
    return Hits(
        rows=failure,
        expected="1000 or 1001",
        found=lambda row: _told(frames, row),
        at=lambda row: int(frames.header[row]),
        length=2,
    )


@rule(
    "CL-016",
    severity=Severity.INFO,
    level=Level.OBSERVATION,
    rfc="RFC 6455 7.4.1",
    role=Role.CLIENT,
    opcode=Opcode.CLOSE,
)
def server_code_from_client(frames: FrameColumns) -> Hits:
    """A client used a close code meant for servers.

    1012, 1013 and 1014 speak of a service that restarts, is overloaded, or sits behind a bad gateway.

    Violates:
        client: 88 82 37 fa 21 3d 34 0e

    Conforms:
        client: 88 82 37 fa 21 3d 34 09

        server: 88 02 03 f4
        client: 88 82 37 fa 21 3d 34 0e
    """
    code = frames.close_code
    return _codes(
        frames,
        np.isin(code, list(iana.SERVER_CODES)) & frames.from_client & (code != frames.peer_close),
        "a code for clients",
    )
