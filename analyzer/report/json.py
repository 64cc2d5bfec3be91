"""One JSON document: ``{run, connections, handshakes, frames, messages, findings, summary}``.

Records of all kinds arrive mixed, and frames can be many millions. Each kind therefore goes to a spool of
its own (in memory while small, on disk beyond), and the document is put together at the end. Findings are
sorted by connection and place, so they are held: at most ``kept_findings``, the rest stands in the
summary's exact counts and its ``limits``. Each record has its own line, so that results can be compared
with diff.
"""

from __future__ import annotations

import shutil
from typing import BinaryIO

import msgspec

from analyzer.model import Finding, Record, Run, Summary
from analyzer.report.jsonl import encode
from analyzer.report.sink import KINDS, Look, wanted
from analyzer.report.spool import spool


class Document:
    """Collects, and writes it all when closed."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out``. Every key is present, also for kinds of record that were not asked for."""
        self._out = out
        self._limit = look.kept_findings
        self._passes = wanted(look.records)
        self._spools = {KINDS[kind]: spool(self) for kind in KINDS if kind != "findings"}
        self._findings: list[Finding] = []
        self._dropped = 0
        self._run: Run | None = None
        self._summary: Summary | None = None

    def write(self, record: Record) -> None:
        """Put the record aside."""
        if isinstance(record, Run):
            self._run = record
        elif isinstance(record, Summary):
            self._summary = record
        elif not isinstance(record, self._passes):
            return
        elif isinstance(record, Finding):
            if len(self._findings) < self._limit:
                self._findings.append(record)
            else:
                self._dropped += 1
        else:
            rows = self._spools[type(record)]
            rows.write((b",\n" if rows.tell() else b"\n") + encode(record))

    def close(self) -> None:
        """Write the document; ``summary`` is null where the analysis did not come to its end."""
        out = self._out
        out.write(b'{"run":' + (encode(self._run) if self._run else b"null"))
        for kind, struct in KINDS.items():
            if kind == "findings":
                continue
            out.write(b',\n"%s":[' % kind.encode())
            with self._spools[struct] as rows:
                rows.seek(0)
                shutil.copyfileobj(rows, out)
            out.write(b"]")
        self._findings.sort(key=place)
        out.write(b',\n"findings":[' + b",".join(b"\n" + encode(finding) for finding in self._findings) + b"]")
        summary = counted(self._summary, "kept_findings", self._dropped)
        out.write(b',\n"summary":' + (encode(summary) if summary else b"null") + b"}\n")


def place(finding: Finding) -> tuple[float, float, float, str, float, str]:
    """Sort key: connection, time, packet, direction, stream offset, rule; what has no place comes last."""
    last = float("inf")
    return (
        last if finding.connection is None else finding.connection,
        last if finding.time_ns is None else finding.time_ns,
        last if finding.packet is None else finding.packet,
        finding.direction or "~",
        last if finding.byte_offset is None else finding.byte_offset,
        finding.rule,
    )


def counted(summary: Summary | None, limit: str, dropped: int) -> Summary | None:
    """The summary with one more limit that was hit, if it was."""
    if summary is None or not dropped:
        return summary
    return msgspec.structs.replace(summary, limits={**summary.limits, limit: dropped})
