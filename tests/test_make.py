"""The sample captures in the repository are the ones that `samples.make` builds, and show what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Connection, Finding, Frame, Handshake, Message, Record, Severity
from analyzer.settings import RECORDS, Settings
from samples import make

SAMPLES = Path(__file__).parent.parent / "samples"


def _records(name: str) -> list[Record]:
    settings = Settings(records=frozenset(RECORDS))
    return list(pipeline.run(open_source([str(SAMPLES / name)], settings), settings))


@pytest.mark.parametrize("name", ["echo.pcap", "violations.pcap", "wss.pcapng", "README.md", "echo/WALKTHROUGH.md"])
def test_the_committed_file_is_what_make_builds(name: str) -> None:
    committed = SAMPLES / name
    stale = not committed.exists() or committed.read_bytes() != make.build()[name]
    assert not stale, f"samples/{name} is out of date: run python -m samples.make in the root of the repository"


def test_the_table_of_the_rules_is_what_make_builds() -> None:
    if not make.RULES.exists():
        pytest.skip("the sources are not beside the samples")
    assert make.RULES.read_text(encoding="utf-8") == make.rule_table(), "run python -m samples.make"


def test_the_echo_conversation_is_clean() -> None:
    records = _records("echo.pcap")
    findings = [record for record in records if isinstance(record, Finding)]
    assert [str(finding) for finding in findings if finding.severity is not Severity.INFO] == []
    (connection,) = [record for record in records if isinstance(record, Connection)]
    assert (connection.client_close_code, connection.server_close_code) == (1000, 1000)
    (handshake,) = [record for record in records if isinstance(record, Handshake)]
    assert handshake.accepted
    messages = [record for record in records if isinstance(record, Message)]
    assert [message.length for message in messages if message.direction == "client"] == [15, 15, 26, 256]
    assert [message.frames for message in messages if message.direction == "client"] == [1, 1, 2, 1]
    frames = [record for record in records if isinstance(record, Frame)]
    assert all(frame.complete for frame in frames)
    assert [frame.opcode for frame in frames if frame.direction == "client"] == [1, 1, 10, 1, 9, 0, 2, 8]


@pytest.mark.parametrize(("name", "tls"), [("violations.pcap", False), ("wss.pcapng", True)])
def test_the_gallery_shows_every_rule(name: str, tls: bool) -> None:
    records = _records(name)
    ports = {record.connection: record.client[1] for record in records if isinstance(record, Connection)}
    found = {
        (finding.rule, ports[finding.connection] // make.PORTS)
        for finding in records
        if isinstance(finding, Finding) and finding.connection is not None
    }
    of_the_run = {finding.rule for finding in records if isinstance(finding, Finding) and finding.connection is None}
    missing = [
        rule.id
        for port, rule in make.gallery(tls=tls)
        if (rule.id, port // make.PORTS) not in found and not (rule.subject == "Capture" and rule.id in of_the_run)
    ]
    assert missing == []
