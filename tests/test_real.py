"""What real stacks say to each other politely draws no error and no warning, whole or cut off at either end."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Finding, Severity, Summary
from analyzer.settings import RECORDS, Settings
from tests.conftest import CAPTURES

REAL = sorted((CAPTURES / "real").glob("*.pcap"))
SETTINGS = Settings(records=frozenset(RECORDS))
HEADER, RECORD = 24, 16
PARTS = 7
"""Places at which a capture is cut."""


def accused(path: Path) -> list[str]:
    """The rules, but those that tell what the capture does not hold; and whatever is an error."""
    with open_source([str(path)], SETTINGS) as source:
        records = list(pipeline.run(source, SETTINGS))
    assert isinstance(records[-1], Summary)
    assert records[-1].connections
    findings = [record for record in records if isinstance(record, Finding)]
    return [
        finding.rule
        for finding in findings
        if finding.severity is Severity.ERROR
        or (finding.severity is Severity.WARNING and not finding.rule.startswith("ST-"))
    ]


def packets(data: bytes) -> list[bytes]:
    """The records of a pcap file of this machine's byte order."""
    found, at = [], HEADER
    while at < len(data):
        end = at + RECORD + int.from_bytes(data[at + 8 : at + 12], "little")
        found.append(data[at:end])
        at = end
    return found


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_nobody_is_accused(path: Path) -> None:
    assert accused(path) == []


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_nobody_is_accused_where_the_capture_holds_a_part(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    every = packets(data)
    for part in range(1, PARTS):
        at = len(every) * part // PARTS
        for half in (every[:at], every[at:]):
            cut = tmp_path / "part.pcap"
            cut.write_bytes(data[:HEADER] + b"".join(half))
            with open_source([str(cut)], SETTINGS) as source:
                found = [record for record in pipeline.run(source, SETTINGS) if isinstance(record, Finding)]
            assert [each.rule for each in found if each.severity is Severity.ERROR] == []


def test_the_stacks_are_described() -> None:
    described = (CAPTURES / "real" / "README.md").read_text(encoding="utf-8")
    assert len(REAL) == described.count("\n| `")
    assert all(f"| `{path.stem}` |" in described for path in REAL)
