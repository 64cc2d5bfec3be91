"""Compares what the analyzer says about a recorded capture with what the peers are known to have sent.

The truth (`NAME.truth.json` beside the capture) comes from the peers' own logs. An absent key or null means
"not recorded", never "none". Connections are told apart by the client's address and port, and by order where
a port was used again. Only what was recorded whole is compared: frames and messages that never arrived whole
are in neither list.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Connection, Direction, Finding, Frame, Message, Record, Severity
from analyzer.settings import RECORDS, Settings

DIRECTIONS: tuple[Direction, Direction] = ("client", "server")

CONFLICTS = "the capture was rewritten so that a tenth of the segments come again with other bytes: each is one"
EXPLAINED = {
    ("rw_conflict", "ST-009", "client"): CONFLICTS,
    ("rw_conflict", "ST-009", "server"): CONFLICTS,
    ("tls12_python", "HS-601", "client"): "Python's resuming clients ask for Host: localhost and send no server_name",
}
"""Warnings that no truth lists, for it tells of WebSocket only, by capture, rule and side; and why each is right.

There are none in ordinary traffic, in lookalikes, violators, or what Autobahn sends and gets: not even of SEC.
"""

WEIGHTY = (Severity.ERROR, Severity.WARNING)
SUFFIX = re.compile(r"\.(pcap|pcapng)(\.gz)?$")

Truth = dict[str, Any]


class Compared(msgspec.Struct):
    """One capture's outcome."""

    capture: str
    connections: int = 0
    frames: int = 0
    messages: int = 0
    listed: int = 0
    """Violations in the truth."""
    found: int = 0
    """Of those, the ones reported with rule, side and offset."""
    unexpected: int = 0
    """Errors and warnings that the truth does not list."""
    problems: list[str] = []

    def row(self) -> tuple[str | int, ...]:
        """The numbers, under HEADINGS."""
        return (
            self.capture, self.connections, self.frames, self.messages, self.listed, self.found, self.unexpected,
            len(self.problems),
        )  # fmt: skip


HEADINGS = ("capture", "connections", "frames", "messages", "listed", "found", "unexpected", "problems")


class Result(msgspec.Struct):
    """A connection's records."""

    connection: Connection
    frames: dict[Direction, list[Frame]]
    messages: dict[Direction, list[Message]]
    findings: list[Finding]


def compare(capture: Path) -> Compared:
    """Analyse ``capture`` and compare with the truth beside it."""
    truths = _connections(truth_file(capture))
    keylog = json.loads(truth_file(capture).read_text()).get("keylog")
    settings = Settings(
        records=frozenset(RECORDS),
        findings_per_rule=1_000_000,
        held_findings=1_000_000,
        keylog=str(capture.with_name(keylog)) if keylog else "",
    )
    records = pipeline.run(open_source([str(capture)], settings), settings)
    return judge(capture.name, truths, records)


def truth_file(capture: Path) -> Path:
    """The ground truth of a capture."""
    return capture.with_name(SUFFIX.sub(".truth.json", capture.name))


def _connections(path: Path) -> list[Truth]:
    """The connections of a truth file, or of the files of its parts."""
    truth = json.loads(path.read_text())
    parts = truth.get("truth_of_parts") or ()
    return [*truth["connections"], *(each for part in parts for each in _connections(path.with_name(part)))]


def judge(capture: str, truths: list[Truth], records: Iterable[Record]) -> Compared:
    """Compare one capture's records with its truth."""
    outcome = Compared(capture, problems=[])
    results, floating = _collect(records)
    pairs = list(_pairs(truths, results))
    for truth, result in pairs:
        label = f"{truth['label']} ({truth['client'][1]})"
        if result is None:
            outcome.problems.append(f"{label}: connection not reported")
            continue
        outcome.connections += 1
        outcome.problems += (
            f"{label}: {text}"
            for check in (_frames, _messages, _violations, _unlisted)
            for text in check(outcome, truth, result)
        )
    matched = {result.connection.connection for _, result in pairs if result}
    others = [finding for number, result in results.items() if number not in matched for finding in result.findings]
    for finding in (*others, *floating):
        if finding.severity in WEIGHTY:
            outcome.unexpected += 1
            outcome.problems.append(f"connection {finding.connection}: not in the truth: {finding}")
    return outcome


def table(rows: Iterable[Iterable[str | int]]) -> str:
    """The rows under HEADINGS, aligned."""
    lines = [[str(cell) for cell in row] for row in (HEADINGS, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in pairs)
        for pairs in (enumerate(zip(line, widths, strict=True)) for line in lines)
    )


def _collect(records: Iterable[Record]) -> tuple[dict[int, Result], list[Finding]]:
    connections: dict[int, Connection] = {}
    frames: dict[tuple[int, Direction], list[Frame]] = defaultdict(list)
    messages: dict[tuple[int, Direction], list[Message]] = defaultdict(list)
    findings: dict[int | None, list[Finding]] = defaultdict(list)
    for record in records:
        match record:
            case Connection():
                connections[record.connection] = record
            case Frame():
                frames[record.connection, record.direction].append(record)
            case Message():
                messages[record.connection, record.direction].append(record)
            case Finding():
                findings[record.connection].append(record)
    results = {
        number: Result(
            connection,
            {side: frames.pop((number, side), []) for side in DIRECTIONS},
            {side: messages.pop((number, side), []) for side in DIRECTIONS},
            findings.pop(number, []),
        )
        for number, connection in sorted(connections.items())
    }
    assert not frames, "frames of connections that have no record"
    assert not messages, "messages of connections that have no record"
    return results, [finding for rest in findings.values() for finding in rest]


def _pairs(truths: list[Truth], results: dict[int, Result]) -> Iterator[tuple[Truth, Result | None]]:
    waiting: dict[int, list[Result]] = defaultdict(list)
    for result in sorted(results.values(), key=lambda each: each.connection.start_ns):
        waiting[result.connection.client[1]].append(result)
    for truth in truths:
        address, port = truth["client"]
        same = (each for each in waiting[port] if address in (None, each.connection.client[0]))
        result = next(same, None)
        if result is not None:
            waiting[port].remove(result)
        yield truth, result


def _frames(outcome: Compared, truth: Truth, result: Result) -> Iterator[str]:
    for side in DIRECTIONS:
        expected = (truth["frames"] or {}).get(side)
        if expected is None:
            continue
        frames = [frame for frame in result.frames[side] if frame.complete]
        if len(frames) != len(expected):
            yield f"{len(frames)} {side} frames instead of {len(expected)}"
        for index, (frame, wanted) in enumerate(zip(frames, expected, strict=False)):
            seen = {
                "opcode": frame.opcode,
                "fin": frame.fin,
                "rsv": frame.rsv1 << 2 | frame.rsv2 << 1 | frame.rsv3,
                "payload_length": frame.payload_length,
                "masked": frame.masked,
                "stream_offset": frame.stream_offset,
            }
            outcome.frames += 1
            recorded = {name: wanted[name] for name in seen if wanted.get(name) is not None}
            wrong = {name: (seen[name], value) for name, value in recorded.items() if seen[name] != value}
            if wrong:
                yield f"{side} frame {index}: {wrong} (ours, truth)"
                break


def _messages(outcome: Compared, truth: Truth, result: Result) -> Iterator[str]:
    for side in DIRECTIONS:
        expected = (truth["messages"] or {}).get(side)
        if expected is None:
            continue
        messages = [message for message in result.messages[side] if message.complete]
        if len(messages) != len(expected):
            yield f"{len(messages)} {side} messages instead of {len(expected)}"
        for index, (message, wanted) in enumerate(zip(messages, expected, strict=False)):
            outcome.messages += 1
            if [message.opcode, message.length, message.sha256] != wanted:
                yield f"{side} message {index}: {[message.opcode, message.length, message.sha256]} instead of {wanted}"
                break


def _violations(outcome: Compared, truth: Truth, result: Result) -> Iterator[str]:
    for violation in truth["violations"] or ():
        outcome.listed += 1
        offset = violation["stream_offset"]
        alike = [
            finding
            for finding in result.findings
            if finding.rule in violation["rules"] and finding.direction == violation["direction"]
        ]
        if any(offset in (None, finding.stream_offset, finding.byte_offset) for finding in alike):
            outcome.found += 1
        else:
            at = [(finding.stream_offset, finding.byte_offset) for finding in alike]
            where = f"found at {at} instead of {offset}" if alike else "missing"
            yield f"{'/'.join(violation['rules'])} of the {violation['direction']} {where}: {violation['what']}"


def _unlisted(outcome: Compared, truth: Truth, result: Result) -> Iterator[str]:
    listed: dict[tuple[str, str | None], set[int | None]] = defaultdict(set)
    for entry in [*(truth["violations"] or ()), *(truth.get("reactions") or ())]:
        for rule in entry["rules"]:
            listed[rule, entry["direction"]].add(entry.get("stream_offset"))
    capture = SUFFIX.sub("", outcome.capture)
    for finding in result.findings:
        at = listed.get((finding.rule, finding.direction), set())
        if finding.severity not in WEIGHTY or not at.isdisjoint({None, finding.stream_offset, finding.byte_offset}):
            continue
        if (capture, finding.rule, finding.direction) not in EXPLAINED:
            outcome.unexpected += 1
            yield f"not in the truth: {finding} ({finding.direction}, byte {finding.byte_offset})"
