"""Real peers talk here and now: recorded on loopback, and judged as the bundled recordings are.

Skipped, with the reason, where a peer or tcpdump is not installed: the bundled recordings (`test_real.py`) are judged
everywhere.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.model import Connection, Finding, Severity
from tests.peers.expected import EXPECTED, RACES
from tests.peers.record import CASTS, missing, record
from tests.running import analysed, only


@pytest.mark.parametrize("name", CASTS)
def test_nobody_is_accused_of_what_he_did_not_do(name: str, tmp_path: Path) -> None:
    if reason := missing(CASTS[name]):
        pytest.skip(reason)
    capture = tmp_path / "capture.pcap"
    try:
        record(name, capture)
    except PermissionError as refused:
        pytest.skip(str(refused))
    records = analysed(capture.read_bytes())
    told = {
        (finding.rule, finding.direction)
        for finding in only(Finding, records)
        if finding.severity in (Severity.WARNING, Severity.ERROR)
    }
    assert told <= {(each.rule, each.side) for each in EXPECTED[name]} | RACES.get(name, set())
    assert len(only(Connection, records)) > max(each.connection for each in EXPECTED[name])


def test_each_recording_has_its_expectation() -> None:
    assert list(EXPECTED) == list(CASTS)
