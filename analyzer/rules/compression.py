"""EX-201 to EX-208, ST-017 and SEC-020: compressed messages (RFC 7692 6, 7.2).

The frame rules need permessage-deflate in use, which only a captured opening tells. The message rules are given what
the inflater noticed; it says nothing of messages that lost bytes, nor of those that may refer to one that did.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from analyzer.frames.columns import FrameColumns
from analyzer.frames.decode import RSV1
from analyzer.messages.columns import DEFLATED, MessageColumns, Status
from analyzer.messages.inflate import Defect
from analyzer.model import Level, Opcode, Role, Severity
from analyzer.rules.faults import Hits
from analyzer.rules.registry import rule


@rule(
    "EX-201",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 7692 6",
    role=Role.BOTH,
    close_code=1002,
    fail_required=True,
)
def rsv1_on_control_frame(frames: FrameColumns) -> Hits:
    """The compressed bit is set on a control frame.

    Control frames are never compressed, also where permessage-deflate is in use. The receiver must fail the
    connection. Usual cause: a sender that sets RSV1 on all its frames.

    Violates:
        extensions: permessage-deflate
        client: c9 82 37 fa 21 3d 5f 93

        extensions: permessage-deflate
        server: c8 02 03 e8

    Conforms:
        extensions: permessage-deflate
        client: 41 83 37 fa 21 3d c5 b2 ec
        client: 89 82 37 fa 21 3d 5f 93
        client: 80 84 37 fa 21 3d fe 33 26 3d

        client: c9 82 37 fa 21 3d 5f 93
    """
    return _marked(frames, frames.control_frame, "RSV1 clear on control frames")


@rule(
    "EX-202",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 7692 6",
    role=Role.BOTH,
    close_code=1002,
    fail_required=True,
)
def rsv1_on_continuation(frames: FrameColumns) -> Hits:
    """The compressed bit is set on a continuation frame.

    The first frame says for the whole message whether it is compressed; the others leave RSV1 clear. The receiver must
    fail the connection. Usual cause: a sender that compresses each fragment by itself.

    Violates:
        extensions: permessage-deflate
        client: 41 83 37 fa 21 3d c5 b2 ec
        client: c0 84 37 fa 21 3d fe 33 26 3d

    Conforms:
        extensions: permessage-deflate
        client: 41 83 37 fa 21 3d c5 b2 ec
        client: 80 84 37 fa 21 3d fe 33 26 3d

        extensions: deflate-frame
        client: 41 83 37 fa 21 3d c5 b2 ec
        client: c0 84 37 fa 21 3d fe 33 26 3d
    """
    return _marked(frames, np.asarray(frames.opcode == Opcode.CONTINUATION), "RSV1 on a message's first frame only")


@rule("EX-203", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 7692 7.2.1, 7.2.2", role=Role.BOTH, close_code=1007)
def inflate_error(messages: MessageColumns) -> Hits:
    """A compressed message is not valid DEFLATE.

    Nobody can read it, nor what refers to it later. Usual causes: RSV1 set on a message that was not compressed, a
    zlib or gzip header before the data, or two threads that share one compressor.

    Violates:
        extensions: permessage-deflate
        client: c1 82 37 fa 21 3d c8 05

        extensions: permessage-deflate
        server: c1 05 48 65 6c 6c 6f

    Conforms:
        extensions: permessage-deflate
        client: c1 88 37 fa 21 3d c4 b2 ec f4 fe fd 21 3d

        extensions: permessage-deflate
        server: 81 05 48 65 6c 6c 6f

        # what the first message held is not known
        extensions: permessage-deflate
        server: c1 07 f2
        gap server 2
        server: c9 c9 07 00
        server: c1 05 f2 00 11 00 00
    """
    return _hits(
        messages, Defect.NO_DEFLATE, "DEFLATE", lambda row: f"{messages.row(row).detail}, {_sent(messages, row)}"
    )


@rule("EX-204", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 7692 7.2.1", role=Role.BOTH, close_code=1007)
def deflate_incomplete(messages: MessageColumns) -> Hits:
    """A compressed message stops inside a DEFLATE block.

    The end of each message has to be flushed to a byte, after which 00 00 ff ff is taken off. What is missing comes, if
    at all, with the next message. The empty message is one byte, 00: no bytes at all leave most receivers in peace,
    and those that keep their context out of step.

    Violates:
        extensions: permessage-deflate
        client: c1 83 37 fa 21 3d c5 b2 ec

        extensions: permessage-deflate
        server: c1 00

    Conforms:
        extensions: permessage-deflate
        client: c1 81 37 fa 21 3d 37

        extensions: permessage-deflate
        server: 41 03 f2 48 cd
        server: 80 04 c9 c9 07 00
    """
    empty = messages.reason == Defect.EMPTY
    incomplete = _of(messages, Defect.INCOMPLETE) | _of(messages, Defect.EMPTY)
    return Hits(
        rows=incomplete,
        expected="the end of a block",
        found=lambda row: "no bytes at all" if empty[row] else f"the end of the message, {_sent(messages, row)}",
        severity=lambda row: Severity.WARNING if empty[row] and not messages.takeover[row] else None,
    )


@rule("EX-205", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 7692 7.2.1 (3)", role=Role.BOTH, close_code=1007)
def deflate_tail_kept(messages: MessageColumns) -> Hits:
    """A compressed message still ends with 00 00 ff ff.

    The sender has to take these four bytes off, since the receiver puts them on again; it then stands inside a block
    that has not begun. Inside a message they are normal.

    Violates:
        extensions: permessage-deflate
        client: c1 8b 37 fa 21 3d c5 b2 ec f4 fe fd 21 3d 37 05 de

    Conforms:
        extensions: permessage-deflate
        client: c1 8d 37 fa 21 3d c5 b2 24 3d 37 fa de c2 fd 33 e8 3a 37
    """
    return _hits(messages, Defect.TAIL_KEPT, "the last 00 00 ff ff removed", lambda row: "00 00 ff ff")


@rule(
    "EX-206",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 7692 7.1.1, 7.2.1",
    role=Role.BOTH,
    close_code=1007,
)
def context_takeover_used(messages: MessageColumns) -> Hits:
    """A sender referred to an earlier message though takeover was ruled out.

    With no_context_takeover in the server's answer, the receiver forgets each message once it is inflated, so it cannot
    read this one. Usual cause: a sender that did not look at the answer, and keeps its compressor.

    Violates:
        extensions: permessage-deflate; client_no_context_takeover
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21
        client: c1 85 37 fa 21 3d c5 fa 30 3d 37

    Conforms:
        extensions: permessage-deflate; client_no_context_takeover
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21

        extensions: permessage-deflate; server_no_context_takeover
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21
        client: c1 85 37 fa 21 3d c5 fa 30 3d 37
    """
    return _hits(
        messages,
        Defect.REACHED_BACK,
        "references within the message",
        lambda row: f"one to {_counted(messages.distance[row])} before it, {_sent(messages, row)}",
    )


@rule(
    "EX-207",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 7692 7.1.2, 7.2.1",
    role=Role.BOTH,
    close_code=1007,
)
def window_exceeded(messages: MessageColumns) -> Hits:
    """A back-reference is longer than the window agreed.

    A receiver that keeps no more than was agreed cannot read the message. That many do, because their zlib keeps more,
    makes it appear only with some peers. Usual cause: a compressor set up with a larger window than the answer names.

    Violates:
        extensions: permessage-deflate; client_max_window_bits=8
        client: c1 95 37 fa 21 3d 45 8e 53 4b 46 8f 52 ca c7 0e d3 cb 9e e2 24 28 b9 b2 c0 3c 37

    Conforms:
        extensions: permessage-deflate; client_max_window_bits=9
        client: c1 95 37 fa 21 3d 45 8e 53 4b 46 8f 52 ca c7 0e d3 cb 9e e2 24 28 b9 b2 c0 3c 37
    """
    return _hits(
        messages,
        Defect.TOO_FAR,
        lambda row: f"at most {_counted(messages.allowed[row])} back",
        lambda row: f"{messages.distance[row]}, and the first that is too long {_sent(messages, row)}",
    )


@rule("EX-208", severity=Severity.INFO, level=Level.MAY, rfc="RFC 7692 7.2.1", role=Role.BOTH)
def deflate_final_block(messages: MessageColumns) -> Hits:
    """A compressed message uses a block with BFINAL set.

    Legal, but such a block ends the stream for zlib, and many receivers do not go on after it as they should.

    Violates:
        extensions: permessage-deflate
        client: c1 88 37 fa 21 3d c4 b2 ec f4 fe fd 21 3d

    Conforms:
        extensions: permessage-deflate
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21
    """
    return _hits(
        messages, Defect.FINAL_BLOCK, "BFINAL clear", lambda row: f"a final block that ends {_sent(messages, row)}"
    )


@rule("ST-017", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def inflate_context_lost(messages: MessageColumns) -> Hits:
    """Compressed messages can no longer be read.

    They may refer to an earlier message, and one of these was missed, cut, too large or wrong. What this side sends
    compressed is not judged any more; what it sends uncompressed is.

    Violates:
        extensions: permessage-deflate
        client: c1 87 37 fa 21 3d c5 b2
        gap client 5
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21

    Conforms:
        extensions: permessage-deflate; client_no_context_takeover
        client: c1 87 37 fa 21 3d c5 b2
        gap client 5
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21
    """
    return _hits(messages, Defect.CONTEXT_LOST, "all earlier compressed messages", lambda row: "one that is not known")


@rule("SEC-020", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 10.4", role=Role.BOTH)
def decompression_bomb(messages: MessageColumns) -> Hits:
    """A compressed message grows extremely.

    A receiver that inflates without a limit gives its memory away for a few bytes. It may be harmless, an image of one
    colour for example. Limit the size of messages as they are inflated.

    Violates:
        extensions: permessage-deflate
        server: c1 7e 04 0e ec c1 31 01 00 00 00 c2 a0 f5 4f 6d 0d 0f a0 00*1020 80 77 03

    Conforms:
        extensions: permessage-deflate
        server: c1 0b f2 48 cd c9 c9 57 f0 40 27 01 00
    """
    return _hits(
        messages,
        Defect.BOMB,
        "less growth",
        lambda row: (
            f"{messages.raw[row]} bytes that inflate to {messages.length[row]}"
            + (" or more" if messages.status[row] == Status.LIMITED else "")
        ),
    )


def _marked(frames: FrameColumns, which: NDArray[np.bool_], expected: str) -> Hits:
    marked = which & ((frames.rsv & RSV1) != 0)
    known = frames.compression & frames.whole & ~frames.unknown_extension
    return Hits(rows=marked & known, expected=expected, found="RSV1 set")


def _of(messages: MessageColumns, defect: Defect) -> NDArray[np.bool_]:
    return np.asarray((messages.event == DEFLATED) & (messages.reason == defect))


def _hits(
    messages: MessageColumns, defect: Defect, expected: str | Callable[[int], str], found: Callable[[int], str]
) -> Hits:
    return Hits(rows=_of(messages, defect), expected=expected, found=found)


def _sent(messages: MessageColumns, row: int) -> str:
    """Where in the message as sent."""
    return f"at compressed byte {messages.bad_offset[row]}"


def _counted(count: int) -> str:
    return f"{count} byte{'' if count == 1 else 's'}"
