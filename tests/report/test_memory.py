"""A report in memory."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from analyzer.report.memory import Collector
from analyzer.settings import Settings
from tests.report import made


def test_everything_is_in_its_place() -> None:
    collector = Collector(Settings())
    for record in made.STORY:
        collector.write(record)
    collector.close()
    report = collector.report()
    assert report.run is made.RUN
    assert report.summary is made.SUMMARY
    assert [len(report.connections), len(report.handshakes), len(report.frames), len(report.messages)] == [3, 3, 1, 1]
    assert len(report.findings) == 7
    assert report.worst() is Severity.ERROR


def test_limits_hold_and_are_said() -> None:
    collector = Collector(Settings(kept_findings=2, kept_connections=1))
    for record in made.STORY:
        collector.write(record)
    report = collector.report()
    assert (len(report.findings), len(report.connections), len(report.handshakes)) == (2, 1, 1)
    assert report.summary.limits == {"findings_per_rule": 1, "kept_connections": 2, "kept_findings": 5}


def test_a_run_without_its_end_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        Collector(Settings()).report()
