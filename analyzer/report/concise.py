"""One line a finding, for grep, editors and logs; the line's shape is a promise.

    path:packet: severity RULE name connection/direction text (expected ..., found ...)

A dash stands for what a finding does not have. Instances folded into one finding follow as ``[x12]``, and a
finding that matters less because the peer had already failed the connection ends with ``[secondary]``.
"""

from __future__ import annotations

from typing import BinaryIO

from analyzer.model import Finding, Record
from analyzer.report.escape import elide, visible
from analyzer.report.sink import Look

LONGEST = 400
"""Characters of what was found: a field's value may have 64 KiB."""


def line(finding: Finding) -> str:
    """The finding on one line, without a line feed."""
    where = f"{finding.file or '-'}:{_or_dash(finding.packet)}"
    who = f"{_or_dash(finding.connection)}/{finding.direction or '-'}"
    judged = ", ".join(
        f"{label} {elide(value, LONGEST)}"
        for label, value in (("expected", finding.expected), ("found", finding.found))
        if value
    )
    parts = [f"{where}: {finding.severity} {finding.rule} {finding.name} {who} {finding.text}"]
    if judged:
        parts.append(f"({judged})")
    if finding.count > 1:
        parts.append(f"[x{finding.count}]")
    if finding.secondary:
        parts.append("[secondary]")
    return visible(" ".join(parts))


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


class Concise:
    """Writes each finding as it comes; holds nothing."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out``, in UTF-8."""
        self._out = out

    def write(self, record: Record) -> None:
        """A line for a finding, nothing for another record."""
        if isinstance(record, Finding):
            self._out.write(line(record).encode() + b"\n")

    def close(self) -> None:
        """Nothing is left to write."""
