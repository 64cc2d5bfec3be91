"""TX-001 and TX-002: text messages must be UTF-8 (RFC 6455 5.6, 8.1).

It is the message that must be, not each frame: a character may be cut by a fragment's end. The search itself goes on
while payload passes (`analyzer.frames.text`; for compressed messages after inflating), so the byte at fault is known
however long the message is, and what is judged here is only its row.
"""

from __future__ import annotations

import numpy as np

from analyzer.frames.text import REASONS, TRUNCATED
from analyzer.messages.columns import INVALID, MessageColumns
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Hits
from analyzer.rules.registry import rule


@rule(
    "TX-001",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 5.6, 8.1",
    role=Role.BOTH,
    close_code=1007,
    fail_required=True,
)
def text_invalid_utf8(messages: MessageColumns) -> Hits:
    """A text message contains bytes that are not UTF-8.

    Text is UTF-8 over the whole message, also across fragments; a receiver that finds anything else must fail the
    connection, with 1007. Usual causes: Latin-1 or binary data sent as text, or a string cut in the middle of a
    character. Send binary data in binary messages.

    Violates:
        client: 81 95 37 fa 21 3d f9 40 c0 80 8e 35 a2 f3 8b 34 94 c9 a7 7a a1 58 53 93 55 58 53

        server: 01 01 e2
        server: 80 01 28

        server: 81 02 c0 80

        server: 81 04 f4 90 80 80

        server: 01 02 61 ff

    Conforms:
        client: 81 83 37 fa 21 3d d8 45 9f
        client: 01 81 37 fa 21 3d f9
        client: 80 81 37 fa 21 3d 8d

        server: 82 02 c0 80

        server: 89 02 c0 80

        server: 81 03 ef bb bf

        server: 81 01 00
    """
    return Hits(
        rows=(messages.event == INVALID) & (messages.reason != TRUNCATED),
        expected="UTF-8",
        found=lambda row: _found(messages, row),
        at=lambda row: _at(messages, row),
    )


@rule(
    "TX-002",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 5.6, 8.1",
    role=Role.BOTH,
    close_code=1007,
    fail_required=True,
)
def text_truncated_utf8(messages: MessageColumns) -> Hits:
    """A text message ends inside a code point.

    A fragment may end anywhere, a message may not. Usual cause: text cut to a number of bytes instead of characters.
    The receiver must fail the connection, with 1007.

    Violates:
        client: 81 84 37 fa 21 3d f9 40 c0 80

        server: 01 02 e2 82
        server: 80 00

    Conforms:
        client: 01 84 37 fa 21 3d f9 40 c0 80
        client: 80 81 37 fa 21 3d 8e

        server: 01 02 e2 82
        server: FIN
    """
    return Hits(
        rows=np.asarray((messages.event == INVALID) & (messages.reason == TRUNCATED)),
        expected="the rest of the code point",
        found="the end of the message",
        at=lambda row: _at(messages, row),
    )


def _at(messages: MessageColumns, row: int) -> int:
    return int(messages.bad_stream_offset[row] - messages.offset[row])


def _found(messages: MessageColumns, row: int) -> str:
    """What is the same however TCP cut the payload: not the bytes before the bad one, which may be gone."""
    r = messages.row(row)
    inside = f" in a code point begun with {r.lead:02x}" if r.lead else ""
    return f"{r.context[-1]:02x}{inside}, message byte {r.bad_offset}: {REASONS[r.reason]}"
