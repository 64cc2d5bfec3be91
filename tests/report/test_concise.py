"""One line a finding."""

from __future__ import annotations

import msgspec

from analyzer.report.concise import line
from tests.report import made


def test_golden() -> None:
    text = made.rendered("concise", made.STORY)
    made.assert_golden("story.concise", text)
    made.assert_harmless(text)
    assert len(text.splitlines()) == 7


def test_what_is_missing_is_a_dash() -> None:
    bare = msgspec.structs.replace(
        made.INFO, packet=None, file=None, direction=None, expected="", found="", count=1, cause=None
    )
    assert line(bare) == "-:-: info ST-013 analysis-limit-reached -/- Ping was not answered"


def test_a_huge_value_is_cut() -> None:
    assert len(line(msgspec.structs.replace(made.UNMASKED, found="x" * 70_000))) < 1000
