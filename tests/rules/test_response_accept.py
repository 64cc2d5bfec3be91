"""HS-206 to HS-208: where each rule puts its finger."""

from __future__ import annotations

import pytest

from tests.http.feeding import REQUEST, RESPONSE, Talk
from tests.rules.openings import pointed_at, raised, rules_of


def test_they_are_all_here() -> None:
    assert rules_of("response_accept") == [f"HS-{number}" for number in range(206, 209)]


@pytest.mark.parametrize(
    ("rule_id", "old", "new", "at", "length"),
    [
        ("HS-207", b"s3pP", b"S3pP", b"S3pP", 28),
        ("HS-208", b"Upgrade: w", b"Sec-WebSocket-Accept: x\r\nUpgrade: w", b"Sec-WebSocket-Accept: s3", 50),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    response = RESPONSE.replace(old, new, 1)
    assert pointed_at(rule_id, response=response) == [(response.index(at), length)]


def test_an_accept_value_that_differs_in_case_shows_what_was_expected() -> None:
    (fault,) = raised(Talk().client(REQUEST).server(RESPONSE.replace(b"s3pP", b"S3pP")), "HS-207")
    assert fault.expected == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert fault.found == '"S3pPLMBiTxaQ9kYGzzhZRbK+xOo="'
