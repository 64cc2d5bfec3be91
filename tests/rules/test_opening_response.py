"""HS-201 to HS-217: where each rule puts its finger."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from tests.http.feeding import REQUEST, RESPONSE, Talk
from tests.rules.openings import raised, rules_of


def test_they_are_all_here() -> None:
    assert rules_of("opening_response") == [f"HS-{number}" for number in range(201, 218)]


@pytest.mark.parametrize(
    ("rule_id", "old", "new", "at", "length"),
    [
        ("HS-201", b"101 S", b"101S", b"Switching", 1),
        ("HS-202", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.0", 8),
        ("HS-203", b"Upgrade: websocket\r\n", b"", b"HTTP/1.1", 1),
        ("HS-204", b"websocket", b"web-socket", b"Upgrade: web-socket", 19),
        ("HS-205", b"Connection: Upgrade", b"Connection: x", b"Connection: x", 13),
        ("HS-207", b"s3pP", b"S3pP", b"S3pP", 28),
        ("HS-208", b"Upgrade: w", b"Sec-WebSocket-Accept: x\r\nUpgrade: w", b"Sec-WebSocket-Accept: s3", 50),
        ("HS-209", b"Upgrade: w", b"Sec-WebSocket-Protocol: abc\r\nUpgrade: w", b"abc", 3),
        ("HS-210", b"Upgrade: w", b"Sec-WebSocket-Protocol: a,b\r\nUpgrade: w", b",b", 1),
        ("HS-211", b"Upgrade: w", b"Sec-WebSocket-Protocol: a/b\r\nUpgrade: w", b"a/b", 3),
        ("HS-213", b"Upgrade: w", b"Content-Length: 5\r\nUpgrade: w", b"Content-Length: 5", 17),
        ("HS-216", b"Upgrade: w", b"Sec-WebSocket-Version: 13\r\nUpgrade: w", b"Sec-WebSocket-Version: 13", 25),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    response = RESPONSE.replace(old, new, 1)
    faults = raised(Talk().client(REQUEST).server(response), rule_id)
    assert [(fault.offset, fault.length) for fault in faults] == [(response.index(at), length)]


def with_field(field: bytes) -> bytes:
    return RESPONSE[:-2] + field + b"\r\n\r\n"


def test_no_content_announced_is_a_remark_and_content_a_warning() -> None:
    severities = {
        length: raised(Talk().client(REQUEST).server(with_field(b"Content-Length: " + length)), "HS-213")[0].severity
        for length in (b"0", b"5")
    }
    assert severities == {b"0": Severity.INFO, b"5": None}


def test_websocket_twice_is_a_warning_and_a_list_an_error() -> None:
    twice = raised(Talk().client(REQUEST).server(with_field(b"Upgrade: WebSocket")), "HS-204")
    other = raised(Talk().client(REQUEST).server(with_field(b"Upgrade: h2c")), "HS-204")
    assert [fault.severity for fault in (*twice, *other)] == [Severity.WARNING, None]


def test_an_accept_value_that_differs_in_case_shows_what_was_expected() -> None:
    (fault,) = raised(Talk().client(REQUEST).server(RESPONSE.replace(b"s3pP", b"S3pP")), "HS-207")
    assert fault.expected == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert fault.found == '"S3pPLMBiTxaQ9kYGzzhZRbK+xOo="'


def test_a_subprotocol_in_another_case_is_named_as_such() -> None:
    request = REQUEST[:-2] + b"Sec-WebSocket-Protocol: chat\r\n\r\n"
    (fault,) = raised(Talk().client(request).server(with_field(b"Sec-WebSocket-Protocol: CHAT")), "HS-209")
    assert "case only" in fault.found
