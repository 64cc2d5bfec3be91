"""The first line."""

from __future__ import annotations

import msgspec
import pytest

from analyzer.report.paint import painter
from analyzer.report.verdict import hints, limits, verdict
from tests.report.made import CLEAN, SUMMARY


@pytest.mark.parametrize(
    ("changes", "blamed", "line"),
    [
        ({}, 0, "No violation in 1 WebSocket connection"),
        ({"severities": {"info": 2}}, 0, "No violation in 1 WebSocket connection (2 kinds of observation)"),
        (
            {"connections": 5, "severities": {"error": 3, "warning": 1}},
            2,
            "3 errors, 1 warning in 2 of 5 WebSocket connections",
        ),
        ({"severities": {"warning": 2}}, 1, "2 warnings in 1 WebSocket connection"),
        (
            {"gaps": 1, "gap_bytes": 9},
            0,
            "No violation in 1 WebSocket connection, as far as the capture shows: 9 bytes missing in 1 gap",
        ),
        ({"connections": 0}, 0, "No WebSocket connection found in 100 packets"),
        ({"connections": 0, "severities": {"info": 9}}, 0, "No WebSocket connection found in 100 packets"),
    ],
)
def test_verdict(changes: dict[str, object], blamed: int, line: str) -> None:
    observed = 2 if "observation" in line else 0
    assert painter(False)(verdict(msgspec.structs.replace(CLEAN, **changes), blamed, observed)) == line


def test_hints_fit_the_capture() -> None:
    assert hints(msgspec.structs.replace(CLEAN, packets=0)) == ["The capture holds no packets."]
    assert "no TCP" in hints(msgspec.structs.replace(CLEAN, tcp_streams=0))[0]
    assert any("--decode-as" in hint for hint in hints(CLEAN))
    encrypted = hints(msgspec.structs.replace(CLEAN, tcp_streams=3, findings={"ST-005": 3}))
    assert any("3 of them encrypted" in hint for hint in encrypted)
    assert not any("--decode-as" in hint for hint in encrypted)


def test_limits_say_how_often() -> None:
    assert limits(SUMMARY) == ["limit findings_per_rule reached once"]
    assert limits(msgspec.structs.replace(SUMMARY, limits={"b": 2, "a": 1})) == [
        "limit a reached once",
        "limit b reached 2 times",
    ]
