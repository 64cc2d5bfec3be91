"""HS-001 to HS-007: where each rule puts its finger."""

from __future__ import annotations

import pytest

from tests.http.feeding import REQUEST, RESPONSE, Talk
from tests.rules.openings import pointed_at, raised, rules_of


def test_they_are_all_here() -> None:
    assert rules_of("request_line") == [f"HS-{number:03}" for number in range(1, 8)]


@pytest.mark.parametrize(
    ("rule_id", "old", "new", "at", "length"),
    [
        ("HS-001", b"GET", b"POST", b"POST", 4),
        ("HS-002", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.0", 8),
        ("HS-003", b"/chat", b"ws://a/b", b"ws://a/b", 8),
        ("HS-004", b"/chat", b"/chat#x", b"#x", 2),
        ("HS-005", b"Host:", b"Host :", b" :", 1),
        ("HS-006", b"/chat", b"http://b.example/", b"Host: server", 20),
        ("HS-007", b"Host", b"Content-Length: 01\r\nHost", b"Content-Length: 01", 18),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    request = REQUEST.replace(old, new, 1)
    assert pointed_at(rule_id, request=request) == [(request.index(at), length)]


def test_offsets_are_those_of_the_stream_not_of_the_head() -> None:
    ok = b"HTTP/1.1 204 No Content\r\n\r\n"
    plain = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    talk = Talk().client(plain).server(ok).client(REQUEST.replace(b"GET", b"PUT")).server(RESPONSE)
    (fault,) = raised(talk, "HS-001")
    assert fault.offset == len(plain)
