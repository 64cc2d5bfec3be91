"""A baseline passes over as many findings of a kind as it lists, and counts what is left."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from analyzer.errors import InputError, OutputError
from analyzer.model import Finding, Record, Summary
from analyzer.report.baseline import Baseline
from tests.report import made


def passed(path: Path, records: list[Record], *, update: bool = False) -> list[Record]:
    baseline = Baseline(str(path), 100, update=update)
    left = [record for record in map(baseline.see, records) if record is not None]
    if update:
        baseline.write()
    return left


def story(*findings: Finding) -> list[Record]:
    total = sum(finding.count for finding in findings)
    summary = msgspec.structs.replace(made.SUMMARY, findings={"MK-001": total}, severities={"error": total})
    return [made.RUN, made.handshake(0), *findings, summary]


def test_the_same_again_is_nothing_new(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    twice = story(made.UNMASKED, made.later(made.UNMASKED, 30))
    assert passed(file, twice, update=True) == twice
    _, _, summary = passed(file, twice)
    assert isinstance(summary, Summary)
    assert (summary.known, summary.findings, summary.severities) == (2, {}, {"error": 0})


def test_one_more_is_new(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    passed(file, story(made.UNMASKED), update=True)
    _, _, new, summary = passed(file, story(made.UNMASKED, made.later(made.UNMASKED, 30)))
    assert isinstance(new, Finding)
    assert new.packet == 30
    assert isinstance(summary, Summary)
    assert (summary.known, summary.findings) == (1, {"MK-001": 1})


def test_of_a_counted_finding_the_rest_is_new(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    passed(file, story(made.UNMASKED), update=True)
    _, _, new, _ = passed(file, story(msgspec.structs.replace(made.UNMASKED, count=5)))
    assert isinstance(new, Finding)
    assert new.count == 4


def test_another_rule_direction_or_endpoint_is_new(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    passed(file, story(made.UNMASKED), update=True)
    for change in ({"rule": "MK-002"}, {"direction": "server"}, {"header": "Host"}, {"connection": 1}):
        assert len(passed(file, story(msgspec.structs.replace(made.UNMASKED, **change)))) == 4


def test_the_file_can_be_read_by_people(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    passed(file, story(made.UNMASKED), update=True)
    text = file.read_text()
    assert '"rule": "MK-001"' in text
    assert '"endpoint": "a.example/chat"' in text
    made.assert_harmless(text)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"baseline": 2, "findings": []}', b"\xff", b'{"baseline":1}'])
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "known.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match="baseline"):
        Baseline(str(file), 100, update=False)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--update-baseline makes one"):
        Baseline(str(tmp_path / "none.json"), 100, update=False)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    baseline = Baseline(str(tmp_path / "no" / "known.json"), 100, update=True)
    with pytest.raises(OutputError, match="cannot write the baseline"):
        baseline.write()
