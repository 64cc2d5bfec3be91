"""HS-114 to HS-117: where each rule puts its finger."""

from __future__ import annotations

import pytest

from tests.http.feeding import REQUEST
from tests.rules.openings import pointed_at, rules_of


def test_they_are_all_here() -> None:
    assert rules_of("request_offers") == [f"HS-{number}" for number in range(114, 118)]


@pytest.mark.parametrize(
    ("rule_id", "old", "new", "at", "length"),
    [
        ("HS-114", b"Host", b"Sec-WebSocket-Protocol: a, b/c\r\nHost", b"b/c", 3),
        ("HS-115", b"Host", b"Sec-WebSocket-Protocol: a, bc, a\r\nHost", b"a\r\nHost", 1),
        ("HS-117", b"Host", b"Origin: http://x/y\r\nHost", b"/y", 1),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    request = REQUEST.replace(old, new, 1)
    assert pointed_at(rule_id, request=request) == [(request.index(at), length)]
