"""What a peer has to do about a violation, and whether the capture shows that it did (RFC 6455 7.1.7, 5.1)."""

from __future__ import annotations

from analyzer.model import Finding, Frame
from analyzer.report.verdict import plural
from analyzer.walkthrough.document import Words, code, words
from analyzer.walkthrough.gather import Gathered
from analyzer.walkthrough.moments import OTHER, duration
from analyzer.walkthrough.segments import Traffic


def demanded(finding: Finding) -> Words:
    """What the RFC asks of the other side."""
    assert finding.direction is not None
    return words(
        f"The {OTHER[finding.direction]} must fail the connection: close it, and before that it should say why, in a"
        f" Close with code {finding.close_code} (RFC 6455 7.1.7)."
    )


def done(finding: Finding, gathered: Gathered, traffic: Traffic) -> Words:
    """What the other side did, as far as the capture shows."""
    assert finding.direction is not None
    assert finding.time_ns is not None
    peer = OTHER[finding.direction]
    close = next(iter(gathered.sides[peer].closes), None)
    end = next(((kind, spot) for kind, spot in traffic.ends if spot.direction == peer), None)
    if close is not None and close.time_ns < finding.time_ns:
        return words(f"The {peer} had sent its Close before, in packet {close.packet}.")
    if close is not None:
        after = duration(close.time_ns - finding.time_ns)
        answer = _answers(close, gathered)
        return words(
            f"The {peer} sent a Close ", *_with_code(close), f" {after} later, in packet {close.packet}",
            ", which answers the other side's Close." if answer else "." if close.close_code == finding.close_code
            else f"; a failure of this kind is named by {finding.close_code}.",
        )  # fmt: skip
    if end is not None and end[1].time_ns >= finding.time_ns:
        after = duration(end[1].time_ns - finding.time_ns)
        return words(f"The {peer} ended TCP with a {end[0]} {after} later, in packet {end[1].packet}, without a Close.")
    later = [
        frame
        for frame in (*gathered.first, *gathered.last)
        if frame.direction == peer and frame.time_ns > finding.time_ns
    ]
    went_on = f", which went on to send {plural(len(later), 'frame')} more" if later else ""
    return words(f"The capture shows neither a Close nor an end of TCP from the {peer}{went_on}.")


def _answers(close: Frame, gathered: Gathered) -> bool:
    """Whether the other side's Close came first, so that this one says nothing about the violation."""
    others = gathered.sides[OTHER[close.direction]].closes
    return bool(others) and others[0].time_ns <= close.time_ns


def _with_code(close: Frame) -> Words:
    return words("without a code") if close.close_code is None else words("with code ", code(close.close_code))
