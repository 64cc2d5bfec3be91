"""The capture again, as pcapng, with a comment on each packet that carries a finding: for Wireshark.

In Wireshark the filter ``frame.comment`` lists the packets, and each comment says rule, verdict and section. The
capture is read a second time when the findings are known, so it cannot come from a pipe. Several captures become
sections of one file. Where secrets are to be left out, packets end with their TCP headers (`analyzer.report.shorten`).
"""

from __future__ import annotations

from typing import BinaryIO

from analyzer.capture.stream import STDIN, open_stream
from analyzer.errors import UsageError
from analyzer.model import Finding, Level, Record, Run
from analyzer.report.copying import copy
from analyzer.report.escape import elide, visible
from analyzer.report.shorten import Shortener
from analyzer.report.sink import Look
from analyzer.settings import Settings

LONGEST = 300
"""Characters of what was expected and found: a field's value may have 64 KiB."""
MOST = 20
"""Comments on one packet, at most; one more says how many are left out."""


class Commented:
    """Holds comments, and copies the captures when closed."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out``."""
        self._out = out
        self._look = look
        self._inputs: list[str] = []
        self._comments: dict[str, dict[int, list[tuple[int, str]]]] = {}
        self._kept = 0

    def write(self, record: Record) -> None:
        """Take the record in. Raises UsageError where the input cannot be read again."""
        if isinstance(record, Run):
            self._inputs = [entry.path for entry in record.inputs]
            if STDIN in self._inputs:
                raise UsageError("pcapng: standard input cannot be read a second time; save the capture to a file")
        elif isinstance(record, Finding) and record.packet is not None and record.file is not None:
            self._add(record, record.file, record.packet)

    def _add(self, finding: Finding, file: str, packet: int) -> None:
        if self._kept < self._look.kept_findings:
            told = (finding.severity.rank, comment(finding))
            self._comments.setdefault(file, {}).setdefault(packet, []).append(told)
            self._kept += 1

    def close(self) -> None:
        """Copy every capture. Raises InputError where one is gone."""
        for path in self._inputs:
            stream = open_stream(path)
            try:
                comments = {packet: chosen(told) for packet, told in self._comments.pop(path, {}).items()}
                shorten = Shortener().cut if self._look.redact else None
                copy(stream, self._out, comments, Settings().block_size, shorten=shorten)
            finally:
                stream.close()


def chosen(told: list[tuple[int, str]]) -> list[str]:
    """The comments for one packet, the worst first, not too many."""
    texts = [text for _, text in sorted(told, key=lambda one: one[0])]
    more = len(texts) - MOST
    return texts if more <= 0 else [*texts[:MOST], f"wsanalyzer: {more} more findings"]


def comment(finding: Finding) -> str:
    """What a finding's packet is told, on one line."""
    who = [] if finding.connection is None else [f"WebSocket connection {finding.connection}"]
    if finding.direction is not None:
        who.append(finding.direction if finding.frame is None else f"{finding.direction} frame {finding.frame}")
    parts = [f"wsanalyzer: {finding.severity} {finding.rule} {finding.name}: {visible(finding.text)}."]
    if finding.expected:
        parts.append(f"Expected {elide(finding.expected, LONGEST)}.")
    if finding.found:
        parts.append(f"Found {elide(finding.found, LONGEST)}.")
    if who:
        parts.append(f"{', '.join(who)}.")
    level = "" if finding.level is Level.OBSERVATION else f" ({finding.level})"
    parts.append(f"{finding.rfc}{level}.")
    if finding.close_code is not None:
        parts.append(f"Close code {finding.close_code}.")
    if finding.count > 1:
        parts.append(f"{finding.count} times.")
    if finding.secondary:
        parts.append("Secondary: the peer had already failed the connection.")
    return " ".join(parts)
