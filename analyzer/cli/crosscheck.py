"""``wsanalyzer crosscheck``: where tshark's decoding of a capture and ours differ.

Exit status 0 where both agree, or only known defects of tshark's tell them apart; 1 where a difference is left to
look at; 2 where either could not read the capture, or tshark or pyshark is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli import words as shared

if TYPE_CHECKING:
    from analyzer.crosscheck import Comparison, Difference

TO_LOOK_AT = 1
SHOWN = 40
"""Characters of a text that are shown."""


def crosscheck(
    capture: Annotated[str, typer.Argument(metavar="CAPTURE", help="One file.")],
    keylog: shared.Keylog = None,
) -> int:
    """Compare every frame with what tshark makes of it."""
    from analyzer import api, crosscheck
    from analyzer.capture import tshark
    from analyzer.cli.options import keylog as chosen_keylog
    from analyzer.cli.startup import settle
    from analyzer.cli.terminal import say
    from analyzer.errors import InputError

    path = Path(capture)
    if not path.is_file():
        raise InputError(f"{capture}: crosscheck needs one capture file, which tshark can open too")
    version, pyshark = tshark.versions()
    settle()
    secrets = chosen_keylog(keylog)
    kinds = ("connections", "handshakes", "frames", "messages", "findings")
    records = api.records([capture], *kinds, payloads=True, select=crosscheck.RULES, keylog=secrets)
    ours = crosscheck.own_side(records, crosscheck.overlapped(capture))
    notes: list[str] = []
    theirs = tshark.frames(path, secrets, ours.ports, notes)
    result = crosscheck.compare(ours, theirs, tuple(map(int, version.split("."))))
    for note in notes:
        say(note)
    for line in lines(result, version, pyshark):
        sys.stdout.buffer.write(line.encode() + b"\n")
    return TO_LOOK_AT if result.unexplained else 0


def lines(result: Comparison, tshark: str, pyshark: str) -> Iterator[str]:
    """What is printed: the differences, then the count."""
    for difference in result.differences:
        yield told(difference)
        reason = (
            "look at this" if difference.defect is None else f"known defect of tshark {tshark}: {difference.defect}"
        )
        yield f"    {reason}"
    if result.differences:
        yield ""
    left = len(result.unexplained)
    known = len(result.differences) - left
    if not result.frames:
        yield f"tshark {tshark} (pyshark {pyshark}): nothing to compare, neither side tells of a WebSocket frame"
        return
    yield f"tshark {tshark} (pyshark {pyshark}): {result.frames} frames compared, {result.equal} equal"
    yield f"text messages compared: {result.texts}"
    yield (
        f"differences: {known} by known defects of tshark, {left} to look at" if result.differences else "no difference"
    )


def told(difference: Difference) -> str:
    """One difference on one line: packet, frame, and what each side says."""
    from analyzer.report.wording import endpoint

    ours, theirs = difference.ours, difference.theirs
    seen = theirs if ours is None else ours.seen
    assert seen is not None
    whose = f"TCP stream {seen.stream}, from {endpoint(seen.source)}" if ours is None else str(ours)
    head = f"packet {difference.packet}, {whose}:"
    if theirs is None:
        return f"{head} opcode {seen.opcode}, {seen.payload_length} bytes: not told by tshark"
    if ours is None:
        return f"{head} opcode {seen.opcode}, {seen.payload_length} bytes: told by tshark only"
    parts = (
        f"{name} {_value(getattr(seen, name))}, tshark {_value(getattr(theirs, name))}" for name in difference.fields
    )
    return f"{head} {'; '.join(parts)}"


def _value(value: object) -> str:
    from analyzer.report.escape import elide

    if isinstance(value, bytes):
        return f"{len(value)} bytes '{elide(value[: 4 * SHOWN].decode(errors='backslashreplace'), SHOWN)}'"
    return "none" if value is None else elide(str(value), SHOWN)
