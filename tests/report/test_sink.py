"""What sinks share."""

from __future__ import annotations

from analyzer.model import Finding, Frame
from analyzer.report.sink import KINDS, wanted
from analyzer.settings import RECORDS


def test_every_kind_has_its_struct() -> None:
    assert sorted(KINDS) == sorted(RECORDS)
    assert wanted(frozenset({"frames", "findings"})) == (Frame, Finding)
