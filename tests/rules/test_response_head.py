"""HS-201 to HS-205: where each rule puts its finger."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from tests.http.feeding import REQUEST, RESPONSE, Talk
from tests.rules.openings import pointed_at, raised, rules_of, with_field


def test_they_are_all_here() -> None:
    assert rules_of("response_head") == [f"HS-{number}" for number in range(201, 206)]


@pytest.mark.parametrize(
    ("rule_id", "old", "new", "at", "length"),
    [
        ("HS-201", b"101 S", b"101S", b"Switching", 1),
        ("HS-202", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.0", 8),
        ("HS-203", b"Upgrade: websocket\r\n", b"", b"HTTP/1.1", 1),
        ("HS-204", b"websocket", b"web-socket", b"Upgrade: web-socket", 19),
        ("HS-205", b"Connection: Upgrade", b"Connection: x", b"Connection: x", 13),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    response = RESPONSE.replace(old, new, 1)
    assert pointed_at(rule_id, response=response) == [(response.index(at), length)]


def test_websocket_twice_is_a_warning_and_a_list_an_error() -> None:
    twice = raised(Talk().client(REQUEST).server(with_field(b"Upgrade: WebSocket")), "HS-204")
    other = raised(Talk().client(REQUEST).server(with_field(b"Upgrade: h2c")), "HS-204")
    assert [fault.severity for fault in (*twice, *other)] == [Severity.WARNING, None]
