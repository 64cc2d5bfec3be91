"""HS-213 to HS-217: where each rule puts its finger."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from tests.http.feeding import REQUEST, RESPONSE, Talk
from tests.rules.openings import pointed_at, raised, rules_of, with_field


def test_they_are_all_here() -> None:
    assert rules_of("response_switch") == [f"HS-{number}" for number in range(213, 218)]


@pytest.mark.parametrize(
    ("rule_id", "old", "new", "at", "length"),
    [
        ("HS-213", b"Upgrade: w", b"Content-Length: 5\r\nUpgrade: w", b"Content-Length: 5", 17),
        ("HS-216", b"Upgrade: w", b"Sec-WebSocket-Version: 13\r\nUpgrade: w", b"Sec-WebSocket-Version: 13", 25),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    response = RESPONSE.replace(old, new, 1)
    assert pointed_at(rule_id, response=response) == [(response.index(at), length)]


def test_no_content_announced_is_a_remark_and_content_a_warning() -> None:
    severities = {
        length: raised(Talk().client(REQUEST).server(with_field(b"Content-Length: " + length)), "HS-213")[0].severity
        for length in (b"0", b"5")
    }
    assert severities == {b"0": Severity.INFO, b"5": None}
