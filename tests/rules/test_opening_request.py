"""HS-001 to HS-118 and TX-003: where each rule puts its finger."""

from __future__ import annotations

import pytest

from tests.http.feeding import REQUEST, RESPONSE, Talk
from tests.rules.openings import raised, rules_of


def test_they_are_all_here() -> None:
    numbers = [*range(1, 8), *range(101, 119)]
    assert rules_of("opening_request") == [*(f"HS-{number:03}" for number in numbers), "TX-003"]


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
        ("HS-101", b"Host", b"Hist", b"GET", 1),
        ("HS-102", b"Upgrade: w", b"hosT: b\r\nUpgrade: w", b"hosT: b", 7),
        ("HS-103", b"server.example", b"a@b", b"@b", 1),
        ("HS-104", b"Upgrade: websocket", b"Upgrade: h2c", b"Upgrade: h2c", 12),
        ("HS-105", b"Connection: Upgrade", b"Connection: x", b"Connection: x", 13),
        ("HS-107", b"==", b"==,", b",", 1),
        ("HS-108", b"dGhl", b"dGh", b"dGh", 23),
        ("HS-109", b"ZQ==", b"ZR==", b"R==", 1),
        ("HS-111", b": 13", b": 9", b"9", 1),
        ("HS-113", b": 13", b": 13;", b"13;", 3),
        ("HS-114", b"Host", b"Sec-WebSocket-Protocol: a, b/c\r\nHost", b"b/c", 3),
        ("HS-115", b"Host", b"Sec-WebSocket-Protocol: a, bc, a\r\nHost", b"a\r\nHost", 1),
        ("HS-117", b"Host", b"Origin: http://x/y\r\nHost", b"/y", 1),
        ("TX-003", b"/chat", b"/ch\xffat", b"\xff", 1),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    request = REQUEST.replace(old, new, 1)
    faults = raised(Talk().client(request).server(RESPONSE), rule_id)
    assert [(fault.offset, fault.length) for fault in faults] == [(request.index(at), length)]


def test_offsets_are_those_of_the_stream_not_of_the_head() -> None:
    ok = b"HTTP/1.1 204 No Content\r\n\r\n"
    plain = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    talk = Talk().client(plain).server(ok).client(REQUEST.replace(b"GET", b"PUT")).server(RESPONSE)
    (fault,) = raised(talk, "HS-001")
    assert fault.offset == len(plain)
