"""EX-001 to EX-007 and EX-30x: lists of extensions over lines, quotes and cases."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from tests.rules.judging import ids, judge

ANSWER = (
    "server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade"
    " | Sec-WebSocket-Accept: {accept}"
)
FAMILIES = ("EX-0", "EX-3")


def talk(offer: str, *answers: str) -> str:
    """A request that offers, and a 101 with these lines."""
    return f"extensions: {offer}\n" + ANSWER + "".join(f" | Sec-WebSocket-Extensions: {value}" for value in answers)


def offered(value: str) -> str:
    """Offered, and not taken."""
    return talk(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bbf-usp-protocol; eid=x", []),
        (", ,bbf-usp-protocol,", []),
        ('bbf-usp-protocol; eid="a,b;c"', ["EX-002"]),
        ('bbf-usp-protocol; eid="a\\\\"b"', ["EX-001"]),
        ("permessage-deflate; ", ["EX-001"]),
        ("permessage-deflate;;client_max_window_bits", ["EX-001"]),
        ("; client_max_window_bits", ["EX-001"]),
        (",", ["EX-001"]),
        ("permessage-deflate; client_max_window_bits = 10", ["EX-001"]),
        ("permessage-deflate; client_max_window_bits=10, a/b, c d", ["EX-001"]),
        ("foo", ["EX-004"]),
    ],
)
def test_the_grammar_of_an_offer(value: str, expected: list[str]) -> None:
    assert ids(offered(value), *FAMILIES) == expected


def test_a_slip_is_told_once_a_head_at_its_byte() -> None:
    (finding,) = judge(offered("permessage-deflate; =1; =2"), "EX-001")
    assert (finding.direction, finding.header) == ("client", "Sec-WebSocket-Extensions")
    assert finding.found.endswith(", and 1 more")
    assert finding.evidence is not None
    mark = finding.evidence.mark[0]
    assert bytes.fromhex(finding.evidence.hex)[mark:].startswith(b"=1")


def test_both_sides_are_told_of_names_nobody_registered() -> None:
    found = judge(talk("foo, bar", "bar"), "EX-004")
    assert [(finding.direction, finding.found) for finding in found] == [("client", "foo, bar"), ("server", "bar")]


@pytest.mark.parametrize(
    ("offer", "answers", "expected"),
    [
        ("foo, bar", ("foo", "bar"), ["EX-004", "EX-007", "EX-302"]),
        ("foo", ("FOO",), ["EX-004", "EX-302"]),
        ("foo", ("bar",), ["EX-003", "EX-004", "EX-302"]),
        ("permessage-deflate", ("permessage-deflate, permessage-deflate",), ["EX-005"]),
        ("deflate-frame", ("deflate-frame",), ["EX-004", "EX-301"]),
        ("permessage-deflate, deflate-frame", ("deflate-frame",), ["EX-004", "EX-301"]),
        (
            "permessage-deflate, permessage-bzip2",
            ("permessage-deflate, permessage-bzip2",),
            ["EX-004", "EX-006", "EX-302"],
        ),
        ("permessage-deflate", ("a b",), ["EX-001"]),
    ],
)
def test_what_a_server_accepts(offer: str, answers: tuple[str, ...], expected: list[str]) -> None:
    found = judge(talk(offer, *answers), *FAMILIES)
    assert [finding.rule for finding in found if finding.direction == "server"] == expected


def test_only_a_compression_cannot_be_accepted_twice() -> None:
    (finding,) = judge(talk("foo", "foo, foo"), "EX-005")
    assert finding.severity is Severity.WARNING
    (finding,) = judge(talk("permessage-deflate", "permessage-deflate, permessage-deflate"), "EX-005")
    assert finding.severity is Severity.ERROR


def test_what_was_offered_is_not_known_where_the_request_has_a_hole() -> None:
    request = "client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13"
    answer = f"{ANSWER} | Sec-WebSocket-Extensions: permessage-deflate"
    assert ids(f"{request} | {key}\n{answer}", "EX-003") == ["EX-003"]
    assert ids(f"snaplen 150\n{request} | {key} | X: {'y' * 200}\nsnaplen 2000\n{answer}\n+5s", "EX") == []


def test_a_refusal_accepts_nothing() -> None:
    assert ids("server: http HTTP/1.1 400 Bad | Sec-WebSocket-Extensions: permessage-deflate", "EX") == []


@pytest.mark.parametrize("name", ["deflate-stream", "mux"])
def test_what_changes_the_framing_is_not_read_as_frames(name: str) -> None:
    transcript = f"extensions: {name}\nclient: f2 48 cd c9\nserver: 80 01 ff 00 00"
    assert ids(transcript, "FR", "MK", "CT", "FG", "CL", "SC", "TX") == []
    assert ids(transcript, "EX-302", "ST-014") == ["EX-302", "ST-014"]


def test_frames_compressed_one_by_one_are_not_judged() -> None:
    """RSV1 on any data frame is theirs; on a control frame it is nobody's."""
    transcript = "extensions: deflate-frame\nserver: 41 02 ff ff c0 01 07\nserver: 81 02 68 69\nserver: c9 00"
    assert ids(transcript, "FR", "EX-2", "TX", "ST-014", "EX-3") == ["EX-301", "FR-001", "ST-014"]
    assert ids("extensions: deflate-frame\nserver: 81 01 ff", "TX") == ["TX-001"], "not marked, so not compressed"
