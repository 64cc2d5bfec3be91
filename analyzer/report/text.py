"""The report for a person at a terminal: the verdict, the connections, then what is wrong, drawn.

The first line answers the question. Connections follow as a table, then findings by connection: the first
of each rule in full with its bytes (`analyzer.report.drawing`), the others of that rule as a count.
Observations (severity info) are folded into counts, and what limits the answer (gaps, limits, a cut file)
stands at the end. Nothing is written before the end, because a connection's line is known when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from analyzer.model import Connection, Finding, Handshake, Level, Record, Run, Summary
from analyzer.report.drawing import draw
from analyzer.report.escape import elide, visible
from analyzer.report.listed import Listed
from analyzer.report.paint import Line, painter, table
from analyzer.report.sink import Look
from analyzer.report.tally import Group, Tally
from analyzer.report.verdict import hints, limits, missing, plural, verdict
from analyzer.report.wording import ended, endpoint, seconds

SHORT_TABLE = 40
"""Connections listed without being asked; beyond it only those with errors or warnings are."""
INDENT = "    "
REQUEST = 3
"""Column of the table that gives way in a narrow terminal."""
NARROW = 24
"""Columns it keeps."""
LONGEST = 400
"""Characters of a fact: a field's value may have 64 KiB."""


class Text:
    """Holds groups of findings and connections within the limits, and writes the report when closed."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out`` in UTF-8."""
        self._out = out
        self._look = look
        self._paint = painter(look.color)
        self._tally = Tally(look.kept_findings, look.verbose)
        self._listed = Listed(look.kept_connections)
        self._inputs = 1
        self._summary: Summary | None = None

    def write(self, record: Record) -> None:
        """Take the record in."""
        match record:
            case Finding():
                self._tally.add(record)
            case Connection() | Handshake():
                self._listed.add(record)
            case Run():
                self._inputs = len(record.inputs)
            case Summary():
                self._summary = record
            case _:
                pass

    def close(self) -> None:
        """Write the report."""
        for line in self._lines():
            self._out.write((self._paint(line) + "\n").encode())

    def _lines(self) -> Iterator[Line]:
        summary = self._summary
        if summary is None:
            yield [("The analysis did not come to its end; what follows is what was found so far.", "error")]
        else:
            yield verdict(summary, self._tally.blamed_count(), len(self._tally.observed))
            if self._look.quiet:
                return
            if not summary.connections:
                yield from ([(f"  {hint}", "")] for hint in hints(summary))
        yield from self._connection_table()
        for connection, groups in self._tally.by_connection().items():
            yield []
            yield self._heading(connection)
            for group in groups:
                yield []
                yield from self._group(group)
        yield from self._notes(summary)

    def _connection_table(self) -> Iterator[Line]:
        shown = list(self._listed.connections.values())
        if len(shown) > SHORT_TABLE and not self._look.verbose:
            shown = [row for row in shown if self._tally.blamed(row.connection)]
        if not self._listed.connections:
            return
        yield []
        if shown:
            shown.sort(key=lambda row: row.connection)
            rows = [["#", "client", "server", "request", "frames", "messages", "ended"], *map(self._row, shown)]
            room = self._look.width - sum(max(map(len, cells)) + 2 for cells in zip(*rows, strict=True))
            room = max(NARROW, room + max(len(row[REQUEST]) for row in rows))
            for row in rows:
                row[REQUEST] = elide(row[REQUEST], room)
            lines = table(rows, right=frozenset({0, 4, 5}))
            yield [(lines[0], "heading")]
            for connection, line in zip(shown, lines[1:], strict=True):
                yield [(line, "" if self._tally.blamed(connection.connection) or len(shown) == 1 else "dim")]
            yield [("a/b: by the client / by the server", "dim")]
        hidden = len(self._listed.connections) - len(shown)
        if hidden:
            yield [(f"{plural(hidden, 'connection')} without errors or warnings not listed (-v lists them)", "dim")]
        if self._listed.dropped:
            yield [(f"{plural(self._listed.dropped, 'connection')} more, beyond kept_connections", "dim")]

    def _row(self, connection: Connection) -> list[str]:
        return [
            str(connection.connection),
            endpoint(connection.client),
            endpoint(connection.server),
            elide(self._listed.requests.get(connection.connection, "-"), LONGEST),
            f"{connection.client_frames}/{connection.server_frames}",
            f"{connection.client_messages}/{connection.server_messages}",
            ended(connection),
        ]

    def _heading(self, number: int | None) -> Line:
        if number is None:
            return [("The capture as a whole", "heading")]
        connection = self._listed.connections.get(number)
        if connection is None:
            return [(f"Connection {number}", "heading")]
        between = f"  {endpoint(connection.client)} -> {endpoint(connection.server)}"
        request = elide(self._listed.requests.get(number, ""), max(NARROW, self._look.width - len(between) - 18))
        return [(f"Connection {number}", "heading"), (f"{between}  {request}", "")]

    def _group(self, group: Group) -> Iterator[Line]:
        finding = group.first
        yield [
            ("  ", ""),
            (str(finding.severity), str(finding.severity)),
            (f" {visible(finding.rule)} ", "heading"),
            (f"{visible(finding.name)}: {visible(finding.text)}", ""),
        ]
        for label, value in self._facts(finding):
            yield [(f"{INDENT}{label:<9}", "dim"), (elide(value, LONGEST), "")]
        if finding.secondary:
            yield [(f"{INDENT}secondary: the peer had already failed the connection", "dim")]
        drawing = draw(finding, self._look.width - 2 * len(INDENT))
        yield from ([(INDENT * 2, ""), *line] for line in drawing)
        more = group.instances - 1
        if more > 0:
            yield [(f"{INDENT}and {more} more{_where_more(group)}", "")]

    def _facts(self, finding: Finding) -> Iterator[tuple[str, str]]:
        yield "where", self._where(finding)
        if finding.cause is not None:
            cause = finding.cause
            frame = "" if cause.frame is None else f" frame {cause.frame}"
            yield "after", f"{cause.direction}{frame} in packet {cause.packet}"
        if finding.expected:
            yield "expected", finding.expected
        if finding.found:
            yield "found", finding.found
        if finding.close_code is not None:
            rule = self._look.rules.get(finding.rule)
            duty = "must fail" if rule is not None and rule.fail_required else "may fail"
            yield "the peer", f"{duty} the connection with close code {finding.close_code}"
        level = "" if finding.level is Level.OBSERVATION else f" ({finding.level})"
        yield "section", f"{finding.rfc}{level}"

    def _where(self, finding: Finding) -> str:
        parts = []
        if finding.direction is not None:
            frame = "" if finding.frame is None else f" frame {finding.frame}"
            parts.append(f"{finding.direction}{frame}")
        if finding.header is not None:
            parts.append(f"field {finding.header}")
        if finding.packet is not None:
            name = f" of {finding.file}" if self._inputs > 1 and finding.file else ""
            parts.append(f"packet {finding.packet}{name}")
        if finding.time_ns is not None:
            parts.append(self._when(finding.connection, finding.time_ns))
        if finding.byte_offset is not None:
            start = finding.stream_offset
            since = f" (+{finding.byte_offset - start})" if start is not None and finding.byte_offset > start else ""
            parts.append(f"stream byte {finding.byte_offset}{since}")
        if finding.file_offset is not None:
            parts.append(f"file byte {finding.file_offset}")
        return ", ".join(parts) or "the whole capture"

    def _when(self, number: int | None, time_ns: int) -> str:
        connection = None if number is None else self._listed.connections.get(number)
        if connection is None:
            return f"at {seconds(time_ns)} s"
        after = time_ns - connection.start_ns
        return f"{'-' if after < 0 else '+'}{seconds(abs(after))} s"

    def _notes(self, summary: Summary | None) -> Iterator[Line]:
        notes: list[str] = []
        for (rule, name), count in sorted(self._tally.infos.items()):
            notes.append(f"info {rule} {name}: {count} (-v shows where)")
        if self._tally.dropped:
            notes.append(
                f"{plural(self._tally.dropped, 'finding')} more, beyond kept_findings; the counts include them"
            )
        if summary is not None:
            if summary.gaps:
                notes.append(f"{missing(summary)}; what depends on them was not judged")
            if summary.drops:
                notes.append(f"{plural(summary.drops, 'packet')} dropped by the capture itself")
            notes += limits(summary)
            if summary.skipped:
                reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(summary.skipped.items()))
                notes.append(f"packets not looked at: {reasons}")
            notes += summary.notes
        if notes:
            yield []
            yield [("Notes", "heading")]
            yield from ([(f"  {visible(note)}", "")] for note in notes)
        if summary is not None:
            yield []
            yield [(totals(summary), "dim")]


def totals(summary: Summary) -> str:
    """The last line: how much was looked at."""
    counts = ", ".join(
        plural(count, noun)
        for count, noun in (
            (summary.packets, "packet"),
            (summary.bytes, "byte"),
            (summary.tcp_streams, "TCP connection"),
            (summary.frames, "frame"),
            (summary.messages, "message"),
        )
    )
    return f"{counts}; read in {seconds(summary.elapsed_ns)} s"


def _where_more(group: Group) -> str:
    packets = [other.packet for other in (group.second, group.last) if other is not None and other.packet is not None]
    if group.second is None or not packets:
        return ""
    if packets[0] == packets[-1]:
        return f", in packet {packets[0]}"
    return f", first in packet {packets[0]}, last in packet {packets[-1]}"
