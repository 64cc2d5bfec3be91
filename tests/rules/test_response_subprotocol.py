"""HS-209 to HS-212: where each rule puts its finger."""

from __future__ import annotations

import pytest

from tests.http.feeding import REQUEST, RESPONSE, Talk
from tests.rules.openings import pointed_at, raised, rules_of, with_field


def test_they_are_all_here() -> None:
    assert rules_of("response_subprotocol") == [f"HS-{number}" for number in range(209, 213)]


@pytest.mark.parametrize(
    ("rule_id", "old", "new", "at", "length"),
    [
        ("HS-209", b"Upgrade: w", b"Sec-WebSocket-Protocol: abc\r\nUpgrade: w", b"abc", 3),
        ("HS-210", b"Upgrade: w", b"Sec-WebSocket-Protocol: a,b\r\nUpgrade: w", b",b", 1),
        ("HS-211", b"Upgrade: w", b"Sec-WebSocket-Protocol: a/b\r\nUpgrade: w", b"a/b", 3),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    response = RESPONSE.replace(old, new, 1)
    assert pointed_at(rule_id, response=response) == [(response.index(at), length)]


def test_a_subprotocol_in_another_case_is_named_as_such() -> None:
    request = REQUEST[:-2] + b"Sec-WebSocket-Protocol: chat\r\n\r\n"
    (fault,) = raised(Talk().client(request).server(with_field(b"Sec-WebSocket-Protocol: CHAT")), "HS-209")
    assert "case only" in fault.found
