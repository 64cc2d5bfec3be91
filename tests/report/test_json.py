"""The JSON document."""

from __future__ import annotations

import json

import msgspec

from analyzer.model import Report
from tests.report import made


def test_golden() -> None:
    text = made.rendered("json", made.STORY)
    made.assert_golden("story.json", text)
    made.assert_harmless(text)


def test_it_is_a_report() -> None:
    report = msgspec.json.decode(made.rendered("json", made.STORY), type=Report)
    assert (len(report.connections), len(report.frames), len(report.findings)) == (3, 1, 7)
    rules = [finding.rule for finding in report.findings]
    assert rules == ["MK-001", "MK-001", "TX-001", "MK-001", "HS-111", "CT-003", "ST-013"]
    assert [finding.packet for finding in report.findings[:4]] == [17, 19, 21, 40]


def test_findings_beyond_the_limit_are_counted() -> None:
    document = json.loads(made.rendered("json", made.STORY, kept_findings=2))
    assert len(document["findings"]) == 2
    assert document["summary"]["limits"] == {"findings_per_rule": 1, "kept_findings": 5}
    assert document["summary"]["findings"]["MK-001"] == 4


def test_kinds_not_asked_for_are_empty() -> None:
    document = json.loads(made.rendered("json", made.STORY, records=frozenset({"findings"})))
    assert {kind: len(document[kind]) for kind in ("connections", "handshakes", "frames", "messages", "findings")} == {
        "connections": 0,
        "handshakes": 0,
        "frames": 0,
        "messages": 0,
        "findings": 7,
    }


def test_an_analysis_that_stopped_still_gives_a_document() -> None:
    assert json.loads(made.rendered("json", made.STORY[:5]))["summary"] is None
    assert json.loads(made.rendered("json", []))["run"] is None
