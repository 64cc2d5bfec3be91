"""HS-301 to HS-311: each status, what must come with it, and what is no refusal."""

from __future__ import annotations

import pytest

from analyzer.model import Cut, Severity
from samples import transcript
from samples.traffic import pcap_bytes
from tests.http.feeding import CLIENT, REQUEST, RESPONSE, SERVER, Talk
from tests.rules.judging import ids, judge, judge_capture
from tests.rules.openings import raised, rules_of

ASK = "client: http " + " | ".join(REQUEST.decode().splitlines()[:-1]) + "\n"


def test_they_are_all_here() -> None:
    assert rules_of("refusal") == [f"HS-{number}" for number in range(301, 312)]


OUTCOMES = {
    "200 OK": ["HS-309"],
    "204 No Content": ["HS-309"],
    "300 Multiple Choices": ["HS-304"],
    "302 Found": ["HS-304", "HS-305"],
    "304 Not Modified": ["HS-304"],
    "400 Bad Request": ["HS-301"],
    "401 Unauthorized": ["HS-302", "HS-303"],
    "404 Not Found": ["HS-301"],
    "405 Method Not Allowed": ["HS-301", "HS-311"],
    "407 Proxy Authentication Required": ["HS-302", "HS-303"],
    "426 Upgrade Required": ["HS-301", "HS-308"],
    "500 Internal Server Error": ["HS-301"],
    "599 Unknown": ["HS-301"],
}
"""What comes of each status to a correct request of version 13, where the answer has no field that tells more."""


@pytest.mark.parametrize("status", OUTCOMES)
def test_each_status(status: str) -> None:
    found = judge(f"{ASK}server: http HTTP/1.1 {status} | Content-Length: 0", "HS")
    assert [finding.rule for finding in found] == OUTCOMES[status]
    assert {finding.direction for finding in found} == {"server"}


@pytest.mark.parametrize(
    "answer",
    [
        "401 Unauthorized | www-authenticate: Bearer",
        "407 Proxy Authentication Required | Proxy-Authenticate: Basic",
        "302 Found | LOCATION: /other",
        "405 Method Not Allowed | Allow:",
        "426 Upgrade Required | Upgrade: websocket | Sec-WebSocket-Version: 13",
    ],
)
def test_the_field_that_a_status_asks_for(answer: str) -> None:
    found = judge(f"{ASK}server: http HTTP/1.1 {answer} | Content-Length: 0", "HS")
    assert {finding.severity for finding in found} == {Severity.INFO}


def test_a_cut_answer_does_not_lack_anything() -> None:
    answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
    for lost in (Talk().client(REQUEST).server(answer).lose(SERVER, 20).server(b"\r\n\r\n"), Talk().client(REQUEST)):
        lost.server(answer[:30])
        lost.finish()
        assert raised(lost, "HS-303") == raised(lost, "HS-302") == []


def test_what_a_refusal_says() -> None:
    answer = "server: http HTTP/1.1 503 Busy | Retry-After: 120 | Content-Length: 6\nserver: 6c 61 74 65 72 0a"
    (finding,) = judge(ASK + answer, "HS")
    assert finding.found == '503 Busy, Retry-After: "120"'
    talk = Talk().client(REQUEST).server(b"HTTP/1.1 503 Busy\r\nContent-Length: 6\r\n\r\nlater\n")
    assert raised(talk, "HS-301")[0].found == '503 Busy, content begins "later\n"'


def test_an_upgrade_to_something_else_is_no_refusal() -> None:
    ask = ASK.replace("Upgrade: websocket", "Upgrade: h2c, websocket")
    assert ids(ask + "server: http HTTP/1.1 101 X | Upgrade: h2c | Connection: Upgrade", "HS") == []


VERSIONS = [
    ("25", "", "426 Upgrade Required | Upgrade: websocket", Severity.ERROR),
    ("25", "", "400 Bad Request", Severity.WARNING),
    ("8", "", "400 Bad Request", Severity.WARNING),
    ("8", "", "426 Upgrade Required | Upgrade: websocket", Severity.ERROR),
    ("25", "", "404 Not Found", None),
    ("13", "", "426 Upgrade Required | Upgrade: websocket", None),
    ("13, 8", "", "400 Bad Request", None),
    ("25", " | Origin: a | Origin: b", "400 Bad Request", None),
    ("25", " | Origin: a | Origin: b", "426 Upgrade Required | Upgrade: websocket", Severity.ERROR),
]


@pytest.mark.parametrize(("version", "more", "answer", "severity"), VERSIONS)
def test_a_refused_version_wants_a_list(version: str, more: str, answer: str, severity: Severity | None) -> None:
    ask = ASK.replace("Version: 13", f"Version: {version}{more}")
    found = judge(f"{ask}server: http HTTP/1.1 {answer} | Content-Length: 0", "HS-307")
    assert [finding.severity for finding in found] == ([] if severity is None else [severity])


def test_a_version_asked_for_again_is_refused_again() -> None:
    ask = ASK.replace("Version: 13", "Version: 25")
    answer = "server: http HTTP/1.1 426 Upgrade Required | Upgrade: websocket | Content-Length: 0\n"
    assert ids((ask + answer) * 2, "HS-111", "HS-307") == ["HS-111", "HS-307", "HS-307"]


# --- never answered

SILENT = ASK + "server: silent\n"


@pytest.mark.parametrize(
    ("end", "found"),
    [
        ("server: RST", "RST of the server"),
        ("client: RST", "RST of the client"),
        ("server: FIN", "FIN of the server"),
        ("client: FIN\nserver: FIN", "FIN of the server"),
        ("client: FIN", "no response before the end of what was captured"),
        ("", "no response before the end of what was captured"),
        ("server: http HTTP/1.1 100 Continue", "no response before the end of what was captured"),
    ],
)
def test_how_an_opening_went_unanswered(end: str, found: str) -> None:
    (finding,) = judge(SILENT + end, "HS")
    assert (finding.rule, finding.found, finding.direction) == ("HS-310", found, "server")


def test_what_was_left_unanswered_is_the_cause_and_has_no_offset() -> None:
    (finding,) = judge(SILENT + "+5s\nserver: RST", "HS")
    assert finding.cause is not None
    assert (finding.stream_offset, finding.byte_offset, finding.evidence) == (None, None, None)
    assert (finding.cause.direction, finding.cause.packet, finding.cause.stream_offset) == ("client", finding.packet, 0)


def test_openings_behind_one_that_is_not_answered_are_part_of_it() -> None:
    talk = Talk().client(REQUEST * 3).end(SERVER, Cut.RST)
    (fault,) = raised(talk, "HS-310")
    assert fault.cause is not None
    assert fault.cause.stream_offset == 0


def test_an_answer_that_may_have_been_lost_is_not_missing() -> None:
    for talk in (
        Talk().client(REQUEST).lose(SERVER, 100),
        Talk().client(REQUEST).server(RESPONSE[:40]).lose(SERVER, 10),
        Talk().client(REQUEST).server(RESPONSE[:40]),
        Talk().client(REQUEST).server(bytes.fromhex("15030100020246")),
    ):
        talk.end(SERVER, Cut.FIN).end(CLIENT, Cut.FIN).finish()
        assert raised(talk, "HS-310") == []


def test_a_connection_that_is_not_followed_any_more_is_not_unanswered() -> None:
    talk = Talk().client(REQUEST)
    talk.connection.give_up("total_head_size")
    assert raised(talk, "HS-310") == []


def test_an_answer_is_one_although_the_capture_missed_the_clients_syn() -> None:
    """The client's bytes must not wait until its start is guessed, behind the answer and the end of TCP."""
    story = f"{ASK}server: http HTTP/1.1 400 Bad Request | Content-Length: 0\nclient: FIN\nserver: FIN"
    packets = transcript.play(story).packets[1:]
    assert [finding.rule for finding in judge_capture(pcap_bytes(packets), "HS", "ST")] == ["HS-301"]
