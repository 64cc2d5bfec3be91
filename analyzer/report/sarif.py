"""SARIF 2.1.0 (OASIS), for code scanning services and editors.

A capture is a binary artifact: a result's region gives the offending bytes (``byteOffset``, ``byteLength`` in the
decompressed capture) and, for viewers that want a line, the packet's number as ``startLine``. Logical locations
name the connection and the direction. Fingerprints leave out what changes from recording to recording
(`analyzer.report.fingerprint`). Results are spooled, so their number costs no memory.
"""

from __future__ import annotations

import shutil
from typing import BinaryIO
from urllib.parse import quote

from analyzer.model import Finding, Record, Run, Severity, Summary
from analyzer.report.escape import visible
from analyzer.report.fingerprint import VERSION, Fingerprints
from analyzer.report.jsonl import encode
from analyzer.report.sink import Look
from analyzer.report.spool import spool
from analyzer.rules.registry import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}

Json = dict[str, object]


class Sarif:
    """Spools results, and writes the log when closed."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out``."""
        self._out = out
        self._look = look
        self._results = spool(self)
        self._fingerprints = Fingerprints(look.kept_connections)
        self._index: dict[str, int] = {}
        self._inputs: dict[str, int] = {}
        self._run: Run | None = None
        self._summary: Summary | None = None

    def write(self, record: Record) -> None:
        """Take the record in."""
        self._fingerprints.see(record)
        if isinstance(record, Run):
            self._run = record
            self._index = {rule: number for number, rule in enumerate(record.rules)}
            self._inputs = {entry.path: number for number, entry in enumerate(record.inputs)}
        elif isinstance(record, Finding):
            self._results.write((b",\n" if self._results.tell() else b"\n") + encode(self._result(record)))
        elif isinstance(record, Summary):
            self._summary = record

    def close(self) -> None:
        """Write the log; the invocation says whether the analysis came to its end."""
        out = self._out
        out.write(b'{"$schema":%s,"version":"2.1.0","runs":[{"tool":' % encode(SCHEMA))
        out.write(encode(self._tool()))
        out.write(b',\n"invocations":[%s]' % encode(self._invocation()))
        out.write(b',\n"artifacts":%s' % encode(self._artifacts()))
        out.write(b',\n"results":[')
        with self._results as rows:
            rows.seek(0)
            shutil.copyfileobj(rows, out)
        out.write(b"]}]}\n")

    def _tool(self) -> Json:
        run = self._run
        rules = [self._look.rules[rule] for rule in self._index if rule in self._look.rules]
        driver: Json = {
            "name": "wsanalyzer",
            "version": "" if run is None else run.version,
            "rules": [_rule(rule) for rule in rules],
        }
        return {"driver": driver}

    def _invocation(self) -> Json:
        notes = [] if self._summary is None else self._summary.notes
        return {
            "executionSuccessful": self._summary is not None,
            "toolExecutionNotifications": [{"level": "note", "message": {"text": visible(note)}} for note in notes],
        }

    def _artifacts(self) -> list[Json]:
        return (
            []
            if self._run is None
            else [_artifact(entry.path, entry.bytes, entry.sha256) for entry in self._run.inputs]
        )

    def _result(self, finding: Finding) -> Json:
        result: Json = {
            "ruleId": finding.rule,
            "level": LEVELS[finding.severity],
            "message": {"text": visible(_message(finding))},
            "locations": [self._location(finding)],
            "partialFingerprints": {VERSION: self._fingerprints.name(finding)},
            "properties": {
                "name": finding.name,
                "level": finding.level,
                "rfc": finding.rfc,
                "expected": visible(finding.expected),
                "found": visible(finding.found),
                "frame": finding.frame,
                "packet": finding.packet,
                "streamOffset": finding.stream_offset,
                "byteOffset": finding.byte_offset,
                "secondary": finding.secondary,
            },
        }
        if self._look.rules.get(finding.rule) is not None and finding.rule in self._index:
            result["ruleIndex"] = self._index[finding.rule]
        if finding.count > 1:
            result["occurrenceCount"] = finding.count
        return result

    def _location(self, finding: Finding) -> Json:
        location: Json = {}
        if finding.file is not None:
            artifact: Json = {"uri": uri(finding.file)}
            if finding.file in self._inputs:
                artifact["index"] = self._inputs[finding.file]
            physical: Json = {"artifactLocation": artifact}
            region: Json = {}
            if finding.packet is not None:
                region["startLine"] = finding.packet
            if finding.file_offset is not None:
                region["byteOffset"] = finding.file_offset
                region["byteLength"] = 1 if finding.evidence is None else max(1, finding.evidence.mark[1])
            if region:
                physical["region"] = region
            location["physicalLocation"] = physical
        if finding.connection is not None:
            names = [f"connection {finding.connection}"]
            if finding.direction is not None:
                names.append(finding.direction)
            location["logicalLocations"] = [
                {"name": names[-1], "fullyQualifiedName": "/".join(names), "kind": "member"}
            ]
        return location


def _message(finding: Finding) -> str:
    parts = [f"{finding.text}."]
    if finding.expected:
        parts.append(f"Expected {finding.expected},")
    if finding.found:
        parts.append(f"found {finding.found}.")
    return " ".join(parts)


def _rule(rule: Rule) -> Json:
    text = " ".join(rule.prose.split()) or rule.title
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": text},
        "help": {"text": f"{text}\n\n{rule.rfc} ({rule.level})"},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"level": rule.level, "rfc": rule.rfc, "role": rule.role, "closeCode": rule.close_code},
    }


def _artifact(path: str, size: int | None, sha256: str | None) -> Json:
    artifact: Json = {"location": {"uri": uri(path)}, "roles": ["analysisTarget"]}
    if size is not None:
        artifact["length"] = size
    if sha256 is not None:
        artifact["hashes"] = {"sha-256": sha256}
    return artifact


def uri(path: str) -> str:
    """A path as a relative reference (RFC 3986 4.2) or a file URI (RFC 8089); standard input by its usual name."""
    if path == "-":
        return "stdin"
    quoted = quote(path.encode("utf-8", "surrogateescape"))
    return f"file://{quoted}" if path.startswith("/") else quoted
