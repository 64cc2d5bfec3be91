"""The subject of the opening's rules: what may be judged, and which of two rules speaks."""

from __future__ import annotations

import pytest

from analyzer.model import Cut
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Legacy, Opening
from analyzer.rules.registry import Rule
from samples import opening as correct
from tests.http.feeding import CLIENT, PLAIN, REQUEST, RESPONSE, SERVER, Talk
from tests.rules import openings
from tests.rules.openings import rules_of

OWN = rules_of(
    *("request_line", "request_fields", "request_key", "request_offers", "opening_text"),
    *("response_head", "response_accept", "response_subprotocol", "response_switch"),
)


def found(talk: Talk) -> list[list[tuple[Rule, Fault]]]:
    """By exchange: what the rules of request and response say."""
    return [[hit for hit in opening if hit[0].id in OWN] for opening in openings.found(talk)]


def ids(talk: Talk) -> list[list[str]]:
    return [[rule.id for rule, _ in exchange] for exchange in found(talk)]


def with_fields(head: bytes, *fields: bytes) -> bytes:
    return head[:-2] + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def without(head: bytes, name: bytes) -> bytes:
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(name))


def test_a_correct_opening_has_no_findings() -> None:
    assert ids(Talk().client(REQUEST).server(RESPONSE)) == [[]]


NO_HOST, NO_CONNECTION = without(REQUEST, b"Host"), without(RESPONSE, b"Connection")


@pytest.mark.parametrize("cut", range(1, len(NO_HOST), 7))
def test_no_rule_judges_a_request_with_a_hole(cut: int) -> None:
    assert ids(Talk().client(NO_HOST).server(RESPONSE)) == [["HS-101", "HS-214"]]
    talk = Talk().client(NO_HOST[:cut]).lose(CLIENT, 7).client(NO_HOST[cut + 7 :]).server(RESPONSE)
    assert [rule for exchange in ids(talk) for rule in exchange] == []


@pytest.mark.parametrize("cut", range(1, len(NO_CONNECTION), 7))
def test_no_rule_judges_an_answer_with_a_hole(cut: int) -> None:
    assert ids(Talk().client(REQUEST).server(NO_CONNECTION)) == [["HS-205"]]
    talk = Talk().client(REQUEST).server(NO_CONNECTION[:cut]).lose(SERVER, 7).server(NO_CONNECTION[cut + 7 :])
    talk.finish()
    assert [rule for exchange in ids(talk) for rule in exchange] == []


def test_a_request_that_was_not_captured_hides_what_depends_on_it() -> None:
    answer = with_fields(RESPONSE, b"Sec-WebSocket-Protocol: chat").replace(b"s3pPL", b"aaaaa")
    assert ids(Talk().server(answer, acked=-1)) == [[]]


def test_a_list_of_versions_is_one_finding() -> None:
    request = REQUEST.replace(b"Version: 13", b"Version: 25, 8")
    assert ids(Talk().client(request).server(b"HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n")) == [["HS-113"]]


def test_two_accept_fields_are_one_finding() -> None:
    assert ids(Talk().client(REQUEST).server(with_fields(RESPONSE, b"Sec-WebSocket-Accept: x"))) == [["HS-208"]]


def test_two_subprotocols_are_one_finding() -> None:
    answer = with_fields(RESPONSE, b"Sec-WebSocket-Protocol: a, ")
    assert ids(Talk().client(REQUEST).server(answer)) == [["HS-210"]]


def test_an_empty_subprotocol_is_one_finding() -> None:
    answer = with_fields(RESPONSE, b"Sec-WebSocket-Protocol: ")
    assert ids(Talk().client(REQUEST).server(answer)) == [["HS-211"]]


def test_a_version_asked_for_twice_is_reported_once_and_refused_each_time() -> None:
    request = REQUEST.replace(b"Version: 13", b"Version: 25")
    refused = b"HTTP/1.1 426 X\r\nContent-Length: 0\r\n\r\n"
    assert ids(Talk().client(request).server(refused).client(request).server(refused)) == [["HS-111"], []]
    assert ids(Talk().client(request).server(refused).client(request).server(RESPONSE)) == [["HS-111"], ["HS-214"]]


def test_an_accepted_bad_request_lists_what_was_wrong() -> None:
    request = without(REQUEST, b"Host").replace(b"GET", b"PUT")
    ((*_, (rule, fault)),) = found(Talk().client(request).server(RESPONSE))
    assert rule.id == "HS-214"
    assert "HS-001, HS-101" in fault.found


def test_a_plain_request_is_not_blamed_for_an_unsolicited_switch() -> None:
    assert ids(Talk().client(without(PLAIN, b"Host")).server(RESPONSE)) == [["HS-215"]]


HIXIE_76 = (
    b"GET /demo HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\r\n8 bytes."
)
HIXIE_75 = b"GET /demo HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nOrigin: http://a/\r\n\r\n"
OLD_ANSWER = b"HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nWebSocket-Origin: http://a\r\n\r\n"
"""Followed by the 16 bytes that hixie-76 has there, and hixie-75 nothing."""


@pytest.mark.parametrize(
    ("request_bytes", "legacy"),
    [
        (HIXIE_76, Legacy.HIXIE_76),
        (HIXIE_75, Legacy.HIXIE_75),
        (REQUEST.replace(b"Version: 13", b"Version: 8"), Legacy.HYBI),
        (REQUEST, None),
    ],
)
def test_earlier_protocols_are_told_apart(request_bytes: bytes, legacy: Legacy | None) -> None:
    talk = Talk().client(request_bytes).server(OLD_ANSWER + bytes(16))
    assert Opening(talk.connection.exchanges[0]).legacy is legacy


@pytest.mark.parametrize("request_bytes", [HIXIE_76, HIXIE_75])
def test_nothing_of_rfc_6455_applies_to_hixie(request_bytes: bytes) -> None:
    assert ids(Talk().client(request_bytes).server(OLD_ANSWER + bytes(16))) == [[]]


def test_a_keyless_request_without_the_old_answer_is_a_broken_client() -> None:
    (raised,) = ids(Talk().client(HIXIE_75).server(b"HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n"))
    assert {"HS-106", "HS-110"} <= set(raised)


def test_a_misspelt_protocol_is_both_sides_fault() -> None:
    request = REQUEST.replace(b"Upgrade: websocket", b"Upgrade: websockets")
    answer = RESPONSE.replace(b"Upgrade: websocket", b"Upgrade: websockets")
    assert ids(Talk().client(request).server(answer)) == [["HS-104", "HS-204", "HS-214"]]


def test_a_request_cut_by_fin_is_judged_for_its_syntax_only() -> None:
    talk = Talk().client(without(REQUEST, b"Host")[:-2]).end(CLIENT, Cut.FIN)
    talk.finish()
    assert ids(talk) == [["HS-005"]]


def test_offers_carry_their_offsets() -> None:
    request = correct.head(correct.request(correct.RFC_KEY, extensions="a; b, c", subprotocol="x, y"))
    talk = Talk().client(request).server(RESPONSE)
    opening = Opening(talk.connection.exchanges[0])
    for element in opening.subprotocols_offered:
        assert request[element.offset : element.offset + 1] == element.text
    uses, faults = opening.extensions_offered
    assert [(use.name, request[use.offset : use.offset + 1]) for use in uses] == [(b"a", b"a"), (b"c", b"c")]
    assert faults == []
