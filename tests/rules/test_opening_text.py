"""TX-003: where the rule puts its finger."""

from __future__ import annotations

from tests.http.feeding import REQUEST, RESPONSE
from tests.rules.openings import pointed_at, rules_of


def test_it_is_here() -> None:
    assert rules_of("opening_text") == ["TX-003"]


def test_the_first_byte_that_is_no_utf8_is_pointed_at() -> None:
    request = REQUEST.replace(b"/chat", b"/ch\xffat")
    assert pointed_at("TX-003", request=request) == [(request.index(b"\xff"), 1)]


def test_so_it_is_in_the_answer() -> None:
    response = RESPONSE[:-2] + b"X-Name: caf\xe9 au lait\r\n\r\n"
    assert pointed_at("TX-003", response=response) == [(response.index(b"\xe9"), 1)]
