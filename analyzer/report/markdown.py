"""The report as Markdown, for a comment on a pull request or an issue.

What strangers sent stands in ``<code>`` elements, each character that could mean something to HTML or Markdown as
its entity: inside them GitHub also resolves no mention and no reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import BinaryIO

from analyzer.model import Connection, Finding, Handshake, Level, Record, Summary
from analyzer.report.drawing import draw
from analyzer.report.escape import elide, visible
from analyzer.report.listed import Listed
from analyzer.report.sink import Look
from analyzer.report.tally import Group, Tally
from analyzer.report.verdict import limits, missing, plural, verdict
from analyzer.report.wording import ended, endpoint

_ACTIVE = re.compile(r"""(?i)[<>&"'`*_\[\](){}|~\\#!$@^] | :(?=/) | (?<=www)\.""", re.VERBOSE)

LONGEST = 400
"""Characters of a fact: a field's value may have 64 KiB."""
SHORT = 20
"""Connections listed whatever there is to say of them; beyond it only those with errors or warnings are."""
TABLE = 100
"""Rows of the table of connections, at most."""
WIDTH = 100
"""Columns of a drawing."""


class Markdown:
    """Holds one finding of each kind and the connections, and writes the report when closed."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out`` in UTF-8."""
        self._out = out
        self._look = look
        self._tally = Tally(look.kept_findings, look.verbose)
        self._listed = Listed(look.kept_connections)
        self._summary: Summary | None = None

    def write(self, record: Record) -> None:
        """Take the record in."""
        match record:
            case Finding():
                self._tally.add(record)
            case Connection() | Handshake():
                self._listed.add(record)
            case Summary():
                self._summary = record

    def close(self) -> None:
        """Write the report."""
        for line in self._lines():
            self._out.write(line.encode() + b"\n")

    def _lines(self) -> Iterator[str]:
        summary = self._summary
        if summary is None:
            yield "# The analysis did not come to its end"
        else:
            words = "".join(text for text, _ in verdict(summary, self._tally.blamed_count(), len(self._tally.observed)))
            yield f"# {words}"
        yield from self._table()
        for number, groups in self._tally.by_connection().items():
            yield ""
            yield "## The capture as a whole" if number is None else f"## Connection {number}"
            if number in self._listed.requests:
                yield ""
                yield code(self._listed.requests[number])
            for group in groups:
                yield from self._group(group)
        yield from self._notes(summary)

    def _table(self) -> Iterator[str]:
        rows = sorted(self._listed.connections.values(), key=lambda row: row.connection)
        if len(rows) > SHORT:
            rows = [row for row in rows if self._tally.blamed(row.connection)]
        if not rows:
            return
        yield ""
        yield "| # | client | server | request | frames | messages | ended |"
        yield "|--:|---|---|---|--:|--:|---|"
        for row in rows[:TABLE]:
            yield (
                f"| {row.connection} | {code(endpoint(row.client))} | {code(endpoint(row.server))}"
                f" | {code(self._listed.requests.get(row.connection, '-'))} | {row.client_frames}/{row.server_frames}"
                f" | {row.client_messages}/{row.server_messages} | {ended(row)} |"
            )
        hidden = len(self._listed.connections) - len(rows[:TABLE])
        if hidden:
            yield ""
            yield f"{plural(hidden, 'connection')} not listed"

    def _group(self, group: Group) -> Iterator[str]:
        finding = group.first
        yield ""
        yield f"### {finding.severity} {finding.rule} {finding.name}: {plain(finding.text)}"
        yield ""
        for label, value in _facts(finding):
            yield f"- {label}: {value}"
        if group.instances > 1:
            yield f"- {group.instances} times"
        rule = self._look.rules.get(finding.rule)
        if rule is not None and rule.prose:
            yield ""
            yield plain(" ".join(rule.prose.split()))
        drawing = draw(finding, WIDTH)
        if drawing:
            yield ""
            yield "<pre>"
            for line in drawing:
                yield escape(visible("".join(text for text, _ in line).rstrip()))
            yield "</pre>"

    def _notes(self, summary: Summary | None) -> Iterator[str]:
        notes = [f"info {rule} {name}: {count}" for (rule, name), count in sorted(self._tally.infos.items())]
        if self._tally.dropped:
            notes.append(f"{plural(self._tally.dropped, 'finding')} more, beyond kept_findings")
        if summary is not None:
            if summary.gaps:
                notes.append(missing(summary))
            if summary.drops:
                notes.append(f"{plural(summary.drops, 'packet')} dropped by the capture itself")
            notes += limits(summary)
            notes += [code(note) for note in summary.notes]
        if notes:
            yield ""
            yield "## Notes"
            yield ""
            yield from (f"- {note}" for note in notes)


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    where = []
    if finding.direction is not None:
        where.append(finding.direction if finding.frame is None else f"{finding.direction} frame {finding.frame}")
    if finding.header is not None:
        where.append(f"field {code(finding.header)}")
    if finding.packet is not None:
        where.append(f"packet {finding.packet}" + (f" of {code(finding.file)}" if finding.file else ""))
    if finding.byte_offset is not None:
        where.append(f"stream byte {finding.byte_offset}")
    yield "where", ", ".join(where) or "the whole capture"
    if finding.expected:
        yield "expected", code(finding.expected)
    if finding.found:
        yield "found", code(finding.found)
    if finding.close_code is not None:
        yield "close code", str(finding.close_code)
    yield "section", finding.rfc + ("" if finding.level is Level.OBSERVATION else f" ({finding.level})")
    if finding.secondary:
        yield "secondary", "the peer had already failed the connection"


def entities(text: str) -> str:
    """``text`` on one line, every mark that HTML or Markdown could act on as an entity, also in links and names."""
    return _ACTIVE.sub(lambda mark: f"&#{ord(mark[0])};", visible(text))


def code(text: str) -> str:
    """What a stranger sent, in a code element, shortened."""
    return f"<code>{entities(elide(text, LONGEST))}</code>"


def plain(text: str) -> str:
    """Our own words in running text: marks that Markdown or HTML would act on are escaped."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#|~&@" else char for char in visible(text))
