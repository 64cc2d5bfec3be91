"""The page: records in, one file of HTML out, readable wherever it is mailed to.

What strangers sent reaches the page in two ways only: through the template, which escapes, and as JSON in elements that
no browser executes, from which the page's script makes text nodes and nothing else. Both have gone through
`analyzer.report.escape.visible`. A content security policy with the digests of the page's own script and style forbids
every other one, and every request.

In memory are the findings and connections within the ``kept_*`` limits and the diagrams within those below; what is
beyond them is counted exactly, and the page says so.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from typing import Any, BinaryIO, NamedTuple

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from analyzer.model import Connection, Finding, Frame, Handshake, Level, Message, Record, Run, Summary
from analyzer.report.drawing import opcode_name
from analyzer.report.escape import elide, visible
from analyzer.report.html.bytes import fields
from analyzer.report.html.charts import HEIGHT, WIDTH, Chart, charts
from analyzer.report.html.diagram import LONGEST, Diagram
from analyzer.report.html.figures import Figures
from analyzer.report.jsonl import encode
from analyzer.report.listed import Listed
from analyzer.report.sink import Look
from analyzer.report.tally import Tally
from analyzer.report.text import totals
from analyzer.report.verdict import hints, limits, missing, plural, verdict
from analyzer.report.wording import ended, endpoint
from analyzer.wire.frame import FIRST

FRAMES = 10_000
"""Frames of one connection that are rows of their own."""
ALL_FRAMES = 20_000
"""Frames that are, over all connections: about 400 bytes each, in memory and in the page."""
DIAGRAMS = 500
"""Connections with a diagram and charts."""
EVIDENCE = 512
"""Bytes of a finding's evidence that the page carries."""

SCRIPTS = ("dom.js", "bytes.js", "table.js", "detail.js", "diagram.js", "main.js")
"""Parts of the page's one script, in this order."""
OPCODES = 1 << next(field.subcon.length for field in FIRST.subcon.subcons if field.name == "opcode")


class Shown(NamedTuple):
    """A connection as the template shows it beyond its row of a table."""

    number: int
    diagram: Markup
    charts: list[Chart]


class Html:
    """Holds what the page shows, and writes it when closed."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out`` in UTF-8."""
        self._out = out
        self._look = look
        self._tally = Tally(0, verbose=True)  # asked only for whom findings blame
        self._run: Run | None = None
        self._summary: Summary | None = None
        self._findings: list[Finding] = []
        self._rules: Counter[tuple[str, str, str]] = Counter()
        self._listed = Listed(look.kept_connections)
        self._diagrams: dict[int, Diagram] = {}
        self._figures = Figures()
        self._frames = 0
        self._left_out: Counter[str] = Counter()

    def write(self, record: Record) -> None:
        """Take the record in."""
        match record:
            case Frame():
                self._frame(record)
            case Message():
                self._figures.message(record)
                if (diagram := self._diagrams.get(record.connection)) is not None:
                    diagram.message(record)
            case Finding():
                self._finding(record)
            case Handshake():
                self._handshake(record)
            case Connection():
                self._figures.end(record.connection)
                self._diagram(record.connection)
                self._listed.add(record)
            case Run():
                self._run = record
            case Summary():
                self._summary = record

    def _diagram(self, number: int) -> Diagram | None:
        diagram = self._diagrams.get(number)
        if diagram is None and len(self._diagrams) < DIAGRAMS:
            diagram = self._diagrams[number] = Diagram()
        return diagram

    def _frame(self, frame: Frame) -> None:
        self._figures.frame(frame)
        diagram = self._diagram(frame.connection)
        if diagram is None:
            return
        room = self._frames < ALL_FRAMES and diagram.frames < FRAMES
        if diagram.frame(frame, room=room):
            self._frames += 1
        else:
            self._left_out["frames"] += 1

    def _handshake(self, handshake: Handshake) -> None:
        self._listed.add(handshake)
        diagram = self._diagram(handshake.connection)
        if diagram is not None:
            diagram.handshake(handshake)

    def _finding(self, finding: Finding) -> None:
        self._tally.add(finding)
        self._rules[finding.severity, finding.rule, finding.name] += finding.count
        if len(self._findings) < self._look.kept_findings:
            self._findings.append(finding)
        else:
            self._left_out["findings"] += finding.count

    def close(self) -> None:
        """Write the page."""
        style, script = Markup(_asset("style.css")), Markup("".join(_asset(name) for name in SCRIPTS))
        page = _environment().get_template("page.html.j2")
        summary = self._summary
        for piece in page.generate(
            policy=policy(script, style),
            style=style,
            script=script,
            verdict=None if summary is None else verdict(summary, self._tally.blamed_count()),
            inputs=[] if self._run is None else self._run.inputs,
            version="" if self._run is None else self._run.version,
            totals="" if summary is None else totals(summary),
            hints=[] if summary is None or summary.connections else hints(summary),
            notes=list(self._notes()),
            rules=self._rule_rows(),
            charts=charts(self._figures),
            chart_width=WIDTH,
            chart_height=HEIGHT,
            data=data(self._data()),
            shown=self._shown(),
        ):
            self._out.write(piece.encode())

    def _rule_rows(self) -> list[tuple[str, str, str, int]]:
        """Severity, id, name and count of each rule with findings, worst first."""
        ranks = {"error": 0, "warning": 1, "info": 2}
        rows = [(*key, count) for key, count in self._rules.items()]
        return sorted(rows, key=lambda row: (ranks[row[0]], -row[3], row[1]))

    def _notes(self) -> Iterator[str]:
        """What limits the answer, and what the page leaves out."""
        summary = self._summary
        if summary is not None:
            if summary.gaps:
                yield missing(summary)
            if summary.drops:
                yield f"{plural(summary.drops, 'packet')} dropped by the capture itself"
            yield from limits(summary)
            yield from (f"{plural(count, 'packet')} skipped: {reason}" for reason, count in summary.skipped.items())
            yield from (elide(note, LONGEST) for note in summary.notes)
        left_out = self._left_out
        if left_out["findings"]:
            yield (
                f"{plural(left_out['findings'], 'finding')} more than the {self._look.kept_findings} in the table "
                "(kept_findings); the counts by rule include them"
            )
        if self._listed.dropped:
            more = plural(self._listed.dropped, "connection")
            yield f"{more} more than the {self._look.kept_connections} in the table (kept_connections)"
        if len(self._diagrams) >= DIAGRAMS and len(self._listed.connections) + self._listed.dropped > DIAGRAMS:
            yield f"Diagrams and charts of the first {DIAGRAMS} connections only; the charts of the capture include all"
        if left_out["frames"]:
            yield (
                f"{plural(left_out['frames'], 'frame')} beyond the first {FRAMES} of a connection and {ALL_FRAMES} of "
                "the capture are not shown one by one: each span of time has one row with their number"
            )
        if not self._frames and any(row.client_frames + row.server_frames for row in self._listed.connections.values()):
            yield "The result holds no frames: analyze the capture with -f html, or store --records all"
        elif any(diagram.without_bytes for diagram in self._diagrams.values()):
            yield "The result holds no bytes of frames: analyze the capture with -f html to see them"

    def _data(self) -> dict[str, Any]:
        """All but the diagrams."""
        blamed = Counter(finding.connection for finding in self._findings if finding.severity != "info")
        rules = {finding.rule for finding in self._findings}
        layouts = set().union(*(diagram.layouts for diagram in self._diagrams.values()))
        several = self._run is None or len(self._run.inputs) > 1
        return {
            "rules": {name: self._about(name) for name in sorted(rules) if name in self._look.rules},
            "fields": {layout.hex(): fields(layout) for layout in sorted(layouts)},
            "opcodes": [opcode_name(opcode) for opcode in range(OPCODES)],
            "findings": [_finding_row(finding, named=several) for finding in self._findings],
            "connections": [
                {
                    "number": row.connection,
                    "client": endpoint(row.client),
                    "server": endpoint(row.server),
                    "request": elide(self._listed.requests.get(row.connection, "-"), LONGEST),
                    "frames": [row.client_frames, row.server_frames],
                    "messages": [row.client_messages, row.server_messages],
                    "ended": ended(row),
                    "reasons": [
                        elide(reason or "", LONGEST) for reason in (row.client_close_reason, row.server_close_reason)
                    ],
                    "blamed": blamed[row.connection],
                }
                for row in sorted(self._listed.connections.values(), key=lambda row: row.connection)
            ],
            "verbose": self._look.verbose,
        }

    def _about(self, name: str) -> dict[str, Any]:
        rule = self._look.rules[name]
        paragraphs = [" ".join(part.split()) for part in rule.prose.split("\n\n")]
        return {
            "title": rule.title,
            "prose": [part for part in paragraphs if part],
            "duty": "must fail" if rule.fail_required else "may fail",
        }

    def _shown(self) -> Iterator[Shown]:
        by_connection: dict[int | None, list[tuple[int, Finding]]] = {}
        for number, finding in enumerate(self._findings):
            by_connection.setdefault(finding.connection, []).append((number, finding))
        for number, diagram in sorted(self._diagrams.items()):
            laid_out = diagram.laid_out(by_connection.get(number, []), self._listed.connections.get(number))
            yield Shown(number, inert(laid_out), charts(diagram.figures))


def _finding_row(finding: Finding, *, named: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity,
        "connection": finding.connection,
        "direction": finding.direction,
        "frame": finding.frame,
        "packet": finding.packet,
        "offset": finding.stream_offset,
        "byte": finding.byte_offset,
        "header": finding.header,
        "text": finding.text,
        "expected": finding.expected,
        "found": finding.found,
        "rfc": finding.rfc if finding.level is Level.OBSERVATION else f"{finding.rfc} ({finding.level})",
        "code": finding.close_code,
        "count": finding.count,
        "secondary": finding.secondary,
        "file": finding.file if named else None,
        "file_offset": finding.file_offset,
    }
    if finding.cause is not None:
        cause = finding.cause
        frame = "" if cause.frame is None else f" frame {cause.frame}"
        row["cause"] = f"{cause.direction}{frame} in packet {cause.packet}"
    if finding.evidence is not None:
        evidence = finding.evidence
        first = max(0, evidence.mark[0] - EVIDENCE // 2)
        row["evidence"] = {
            "at": evidence.stream_offset + first,
            "hex": evidence.hex[2 * first : 2 * (first + EVIDENCE)],
            "mark": [evidence.mark[0] - first, evidence.mark[1]],
        }
    return {
        key: elide(value, LONGEST) if isinstance(value, str) else value
        for key, value in row.items()
        if value is not None
    }


def policy(script: str, style: str) -> str:
    """The content security policy that lets this script and this style run, and nothing else, from anywhere."""
    return (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def data(value: object) -> Markup:
    """A value as JSON for an element of type application/json."""
    return inert(encode(value))


def inert(json: bytes) -> Markup:
    """JSON in which nothing can end the element it stands in, or begin another."""
    for char in b"<>&":
        json = json.replace(b"%c" % char, b"\\u%04x" % char)
    return Markup(json.decode())


def _asset(name: str) -> str:
    return resources.files("analyzer.report.html").joinpath("assets", name).read_text(encoding="utf-8")


def _environment() -> Environment:
    made = Environment(
        loader=DictLoader({"page.html.j2": _asset("page.html.j2")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["visible"] = lambda text: visible(str(text))
    return made
