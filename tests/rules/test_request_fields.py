"""HS-101 to HS-105: where each rule puts its finger."""

from __future__ import annotations

import pytest

from tests.http.feeding import REQUEST
from tests.rules.openings import pointed_at, rules_of


def test_they_are_all_here() -> None:
    assert rules_of("request_fields") == [f"HS-{number}" for number in range(101, 106)]


@pytest.mark.parametrize(
    ("rule_id", "old", "new", "at", "length"),
    [
        ("HS-101", b"Host", b"Hist", b"GET", 1),
        ("HS-102", b"Upgrade: w", b"hosT: b\r\nUpgrade: w", b"hosT: b", 7),
        ("HS-103", b"server.example", b"a@b", b"@b", 1),
        ("HS-104", b"Upgrade: websocket", b"Upgrade: h2c", b"Upgrade: h2c", 12),
        ("HS-105", b"Connection: Upgrade", b"Connection: x", b"Connection: x", 13),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    request = REQUEST.replace(old, new, 1)
    assert pointed_at(rule_id, request=request) == [(request.index(at), length)]
