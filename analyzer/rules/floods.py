"""SEC-021 to SEC-023: very much of something that is legal (RFC 6455 10.4).

The protocol sets no limit to frames, fragments and pings, so a receiver has to. The thresholds are settings. Each
message and each flood is told once, at the frame that passes the threshold: the decoder's state before the frame says
what came before, whatever batch it came in.
"""

from __future__ import annotations

import numpy as np

from analyzer.frames.columns import FrameColumns
from analyzer.model import Level, Opcode, Role, Severity
from analyzer.rules.faults import Hits
from analyzer.rules.registry import rule
from analyzer.settings import SECOND

LITTLE = 1024
"""Where less than one byte in so many of a frame came, there is little data behind its length."""


@rule("SEC-021", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 10.4", role=Role.BOTH)
def oversized_message(frames: FrameColumns) -> Hits:
    """Very large frame or message.

    A receiver that makes room for what a frame announces, or collects a message before it looks at it, can be made to
    run out of memory. Limit the size in the receiver (close code 1009), and send large data in parts. A length beyond
    all memory, with little data after it, is a warning.

    Violates:
        client: 82 ff 00 00 00 10 00 00 00 00 37 fa 21 3d 01 02 03

        server: 82 7f 00 00 01 00 00 00 00 01 01 02 03

    Conforms:
        server: 82 7f 00 00 00 00 01 00 00 00 01 02 03
    """
    most, huge = frames.settings.large_message, frames.settings.huge_frame
    continued = (frames.opcode == Opcode.CONTINUATION) & (frames.open == 1)
    before = np.where(continued, frames.m_bytes, 0)
    possible = frames.whole & (frames.length >= 0)  # a length with its highest bit set is FR-006's
    crossing = (before <= most) & (frames.length > most - before)
    return Hits(
        rows=possible & crossing,
        expected=f"at most {most} bytes",
        found=lambda row: (
            f"{before[row] + frames.length[row]} bytes in a message"
            if before[row]
            else f"{frames.length[row]} bytes in a frame, {frames.present[row]} of them captured"
        ),
        at=1,
        severity=lambda row: (
            Severity.WARNING
            if frames.length[row] > huge and frames.present[row] < frames.length[row] // LITTLE
            else None
        ),
    )


@rule("SEC-022", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 10.4", role=Role.BOTH)
def fragment_flood(frames: FrameColumns) -> Hits:
    """Message in very many tiny fragments.

    A fragment may have any size, also none, and each costs the receiver more than its bytes. Receivers that count bytes
    only can be kept busy with messages that never end. Limit the number of fragments, and send fewer.

    Violates:
        server: 01 00
        server: 00*220

    Conforms:
        server: 01 00
        server: 00*100
        server: 80 02 68 69
    """
    many, empty = frames.settings.flood_fragments, frames.settings.flood_empty_fragments
    fragment = (frames.opcode == Opcode.CONTINUATION) & (frames.open == 1) & frames.whole & ~frames.unknown_extension
    none = frames.length == 0
    # The first of the two thresholds to be passed is told.
    by_count = (frames.m_frames == many) & (frames.m_empty + none <= empty)
    by_empty = none & (frames.m_empty == empty) & (frames.m_frames <= many)
    return Hits(
        rows=fragment & (by_count | by_empty),
        expected=f"at most {many} fragments in a message, {empty} of them empty",
        found=lambda row: (
            f"{frames.m_frames[row] + 1} fragments so far, {frames.m_empty[row] + none[row]} of them empty"
        ),
    )


@rule("SEC-023", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 10.4", role=Role.BOTH)
def control_flood(frames: FrameColumns) -> Hits:
    """Ping or Pong flood.

    Each Ping asks for a Pong, so a peer can be kept busy with very little. A keep-alive takes one Ping in many seconds;
    programs that measure the delay send more. Answer the latest Ping only (RFC 6455 5.5.3), and limit their rate.

    Violates:
        repeat 51 server: 89 00 89 00 89 00 89 00 89 00 89 00 89 00 89 00 89 00 89 00

    Conforms:
        server: 89 00
        +20s
        server: 89 00
    """
    period = frames.settings.flood_control_period / SECOND
    return Hits(
        rows=frames.burst > 0,
        expected=f"at most {frames.settings.flood_control_frames} control frames in {period:g} s",
        found=lambda row: f"{frames.burst[row]} control frames",
    )
