"""Annotations for GitHub Actions: workflow commands on standard output, one for each kind of finding.

    ::error file=chat.pcap,line=17,title=MK-001 unmasked-client-frame::connection 0, client frame 3: ...

GitHub shows the first ten of each level, so findings of one rule in one direction of a connection share one
annotation, and the worst come first. ``line`` is the packet's number. A stranger's text can neither end a
command nor begin one: line ends, percent signs and, in properties, colons and commas are encoded as the runner
decodes them.
"""

from __future__ import annotations

from typing import BinaryIO

from analyzer.model import Finding, Record, Severity, Summary
from analyzer.report.escape import elide, visible
from analyzer.report.sink import Look
from analyzer.report.tally import Group, Tally
from analyzer.report.verdict import verdict

COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
LONGEST = 400
"""Characters of what was found: a field's value may have 64 KiB."""


class GitHub:
    """Holds one finding of each kind, and writes the annotations when closed."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out`` in UTF-8; observations (severity info) only where ``look`` is verbose."""
        self._out = out
        self._tally = Tally(look.kept_findings, look.verbose)
        self._summary: Summary | None = None

    def write(self, record: Record) -> None:
        """Take the record in."""
        if isinstance(record, Finding):
            self._tally.add(record)
        elif isinstance(record, Summary):
            self._summary = record

    def close(self) -> None:
        """Write the annotations, then the verdict as plain text."""
        groups = [group for groups in self._tally.by_connection().values() for group in groups]
        groups.sort(key=lambda group: group.first.severity.rank)
        for group in groups:
            self._out.write(command(group).encode() + b"\n")
        if self._summary is not None:
            line = verdict(self._summary, self._tally.blamed_count(), len(self._tally.observed))
            words = "".join(text for text, _ in line)
            self._out.write(words.encode() + b"\n")


def command(group: Group) -> str:
    """The workflow command for a kind of finding, without a line feed."""
    finding = group.first
    properties = {
        "file": finding.file,
        "line": finding.packet,
        "title": f"{finding.rule} {finding.name}",
    }
    stated = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None)
    return f"::{COMMANDS[finding.severity]} {stated}::{_data(_message(group))}"


def _message(group: Group) -> str:
    finding = group.first
    who = [] if finding.connection is None else [f"connection {finding.connection}"]
    if finding.direction is not None:
        who.append(finding.direction if finding.frame is None else f"{finding.direction} frame {finding.frame}")
    parts = [f"{', '.join(who)}: {finding.text}" if who else finding.text]
    if finding.expected:
        parts.append(f"expected {elide(finding.expected, LONGEST)}")
    if finding.found:
        parts.append(f"found {elide(finding.found, LONGEST)}")
    parts.append(finding.rfc)
    if group.instances > 1:
        parts.append(f"{group.instances} times")
    return "; ".join(parts)


def _data(text: str) -> str:
    return visible(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
