"""Recordings of real stacks draw the errors and warnings listed in `peers/expected.py`, each with its reason; no other.

Cut off at either end they draw no error that they do not draw whole.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Finding, Severity, Summary
from analyzer.settings import RECORDS, Settings
from tests.conftest import CAPTURES
from tests.peers.expected import ERRORS, EXPECTED

REAL = sorted((CAPTURES / "real").glob("*.pcap"))
SETTINGS = Settings(records=frozenset(RECORDS))
HEADER, RECORD = 24, 16
PARTS = 7
"""Places at which a capture is cut."""


def told(path: Path) -> list[tuple[int | None, str, str | None]]:
    """Connection, rule and side of what is an error or a warning, in order."""
    with open_source([str(path)], SETTINGS) as source:
        records = list(pipeline.run(source, SETTINGS))
    assert isinstance(records[-1], Summary)
    assert records[-1].connections
    assert not records[-1].gaps
    return sorted(
        (record.connection, record.rule, record.direction)
        for record in records
        if isinstance(record, Finding) and record.severity in (Severity.ERROR, Severity.WARNING)
    )


def packets(data: bytes) -> list[bytes]:
    """The records of a pcap file of this machine's byte order."""
    found, at = [], HEADER
    while at < len(data):
        end = at + RECORD + int.from_bytes(data[at + 8 : at + 12], "little")
        found.append(data[at:end])
        at = end
    return found


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_nobody_is_accused_of_what_he_did_not_do(path: Path) -> None:
    assert told(path) == sorted(each[:3] for each in EXPECTED.get(path.stem, []))


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
            errors = {each.rule for each in found if each.severity is Severity.ERROR}
            assert errors <= ERRORS.get(path.stem, set())


def test_the_stacks_are_described() -> None:
    described = (CAPTURES / "real" / "README.md").read_text(encoding="utf-8")
    assert len(REAL) == described.count("\n| `")
    assert all(f"| `{path.stem}` |" in described for path in REAL)
