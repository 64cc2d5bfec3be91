"""HS-401, HS-402, HS-404, SEC-025: each order of request, answer and what follows, as packets."""

from __future__ import annotations

import msgspec
import pytest

from analyzer.model import Finding, Place, Severity
from analyzer.rules.opening import Opening
from analyzer.rules.sequel import Sequel, answer_to
from analyzer.wire.frame import CLOSE_BODY, build_frame
from tests.http.feeding import MASKED, REQUEST, RESPONSE, Talk
from tests.rules.judging import ids, judge, sent
from tests.rules.openings import rules_of

FAMILIES = ("HS-4", "SEC-025")


def http(side: str, head: bytes) -> str:
    return f"{side}: http " + " | ".join(head.decode().splitlines()[:-1]) + "\n"


ASK, ANSWER = http("client", REQUEST), http("server", RESPONSE)
REFUSE = "server: http HTTP/1.1 403 Forbidden | Content-Length: 0\n"
WRONG = ANSWER.replace("Upgrade: websocket | ", "")
SAY = sent("client", MASKED) + "\n"
GET = "client: http GET / HTTP/1.1 | Host: a.example\n"
OK = "server: http HTTP/1.1 204 No Content\n"


def test_they_are_all_here() -> None:
    assert rules_of("opening_order") == ["HS-401", "HS-402", "HS-404", "SEC-025"]


def one(text: str) -> Finding:
    (finding,) = judge(text, *FAMILIES)
    return finding


# --- before the answer


@pytest.mark.parametrize(
    "text",
    [
        ASK + SAY + ANSWER,
        ASK + SAY + SAY + ANSWER + SAY,
        ASK + "unacked\n" + ANSWER + SAY,
        ASK + SAY + REFUSE,
        ASK + "client: 81\n" + ANSWER + "client: 85 37 fa 21 3d 7f 9f 4d 51 58",
        GET + OK + ASK + SAY + ANSWER,
    ],
)
def test_what_was_sent_without_the_answer(text: str) -> None:
    finding = one(text)
    before = len(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n") if text.startswith(GET) else 0
    assert (finding.rule, finding.severity, finding.direction) == ("HS-401", Severity.ERROR, "client")
    assert finding.byte_offset == finding.stream_offset == before + len(REQUEST)
    assert "with 0 of the answer's" in finding.found


@pytest.mark.parametrize(
    "text",
    [
        ASK + ANSWER + SAY,
        ASK + ANSWER + "unacked\nserver: 81 00\n" + SAY,
        ASK.replace("Host", "Content-Length: 3 | Host") + "client: 61 62 63\n" + ANSWER + SAY,
        ASK + "gap server 129\n" + SAY + "+5s\n" + SAY,
        ASK + SAY + "server: RST",
        ASK + "client: FIN\n" + ANSWER,
    ],
)
def test_what_was_not_sent_too_early(text: str) -> None:
    assert ids(text, "HS-401") == []


def test_a_segment_of_which_the_answer_acknowledges_a_part_proves_nothing() -> None:
    together = sent("client", REQUEST + MASKED).replace(": ", ": raw ") + "\n"
    answer = sent("server", RESPONSE).replace(": ", ": raw ") + "\n"
    assert ids(together + answer, "HS-401") == ["HS-401"]
    talk = Talk().client(REQUEST + MASKED, acked=0).server(RESPONSE, acked=len(REQUEST))
    answered = answer_to(Opening(talk.connection.exchanges[0]))
    assert answered is not None
    place = Place(0, 1, 0, 0, 0)
    halved = Sequel(0, answered, len(REQUEST), place, 0, MASKED, http=False)
    assert not halved.early
    assert msgspec.structs.replace(halved, place=Place(0, 2, 1, 0, 0)).early


def test_pipelining_is_a_remark() -> None:
    finding = one(ASK + GET + REFUSE)
    assert (finding.rule, finding.severity) == ("HS-401", Severity.INFO)
    assert ids(ASK + REFUSE + GET + OK, *FAMILIES) == []


def test_pipelining_where_frames_should_follow_is_told_once() -> None:
    """Policy P2: FR-008 over everything else at those bytes."""
    assert ids(ASK + GET + ANSWER, *FAMILIES, "FR") == ["FR-008"]


# --- in spite of the answer


def close(code: int) -> str:
    return sent("client", build_frame(8, CLOSE_BODY.build({"code": code, "reason": b""}), bytes(4)))


@pytest.mark.parametrize(
    ("after", "raised"),
    [
        (SAY, True),
        (sent("client", build_frame(9, b"", bytes(4))), True),
        (close(1000), True),
        (close(1002), False),
        (close(1010), False),
        (close(1001), True),
        (close(1003), False),
        (close(1011), False),
        (close(1002) + "\n" + SAY, False),
        ("client: FIN", False),
        ("client: RST", False),
        ("server: 81 00", False),
        ("", False),
        ("client: 81", False),
    ],
)
def test_going_on_after_a_wrong_answer(after: str, raised: bool) -> None:
    assert ids(ASK + WRONG + after, *FAMILIES) == (["HS-402"] if raised else [])
    assert ids(ASK + ANSWER + after, *FAMILIES) == []


def test_the_first_frame_that_acknowledges_the_wrong_answer_is_shown() -> None:
    early, used = judge(ASK + "unacked\n" + WRONG + SAY + SAY + "server: 81 00\n" + SAY + SAY, *FAMILIES)
    assert (early.rule, early.frame) == ("HS-401", 0)
    assert (used.rule, used.frame, used.stream_offset) == ("HS-402", 2, len(REQUEST) + 2 * len(MASKED))
    assert "HS-203" in used.found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Upgrade: websocket |", "Upgrade: websocket | Upgrade: websocket |"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("Upgrade: websocket |", "Upgrade: websocket | Sec-WebSocket-Version: 13 |"),
    ],
)
def test_warnings_and_what_is_not_listed_are_no_reason_to_fail(old: str, new: str) -> None:
    assert ids(ASK + ANSWER.replace(old, new) + SAY, "HS-402") == []


def test_an_extension_that_was_not_offered_is_a_reason_to_fail() -> None:
    answer = ANSWER.replace(
        "Upgrade: websocket |", "Upgrade: websocket | Sec-WebSocket-Extensions: permessage-deflate |"
    )
    assert ids(ASK + answer + SAY, "HS-402") == ["HS-402"]


# --- before the request


def test_an_answer_before_the_request() -> None:
    answer = sent("server", RESPONSE).replace(": ", ": raw ") + "\n"
    ask = sent("client", REQUEST).replace(": ", ": raw ") + "\n"
    found = judge(answer + ask + SAY, "HS", "FR")
    assert [(finding.rule, finding.direction, finding.byte_offset) for finding in found] == [("HS-404", "server", 0)]
    assert ids("midstream\n" + answer + ask + SAY, "HS-4") == []
    assert ids(answer + SAY, "HS-4", "FR") == []


def test_a_greeting_is_only_told_where_an_opening_follows() -> None:
    greeting = "server: raw 32 32 30 20 68 69 0d 0a\n"
    assert ids(greeting + ASK + ANSWER + SAY, "HS") == ["HS-404"]
    assert ids("midstream\n" + greeting + ASK + ANSWER + SAY, "HS") == []
    assert ids(greeting + "client: raw 48 45 4c 4f 0d 0a", "HS") == []


# --- after a refusal


@pytest.mark.parametrize("after", [SAY, "client: 00\n", "client: 68 65 6c 6c 6f 20 79 6f 75 0d 0a\n", SAY + SAY])
def test_raw_data_after_a_refusal(after: str) -> None:
    finding = one(ASK + REFUSE + after)
    assert (finding.rule, finding.byte_offset) == ("SEC-025", len(REQUEST))
    assert finding.found.endswith(" after 403")


@pytest.mark.parametrize(
    "after",
    [
        ASK + ANSWER + SAY,
        GET + OK,
        "client: 47\nclient: 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 0d 0a\n",
        "client: 0d 0a\n",
        "client: 16 03 01 00 05 01 00 00 01 00\n",
        "gap client 5\n" + SAY,
        "client: FIN\n",
    ],
)
def test_what_may_follow_a_refusal(after: str) -> None:
    assert ids(ASK + REFUSE + after, *FAMILIES) == []


def test_a_request_cut_short_hides_what_came_after_it() -> None:
    """The next openings run together with it in the capture, and so may the one that was accepted."""
    request = f"{ASK.strip()} | X-Filler: {'a' * 200}"
    story = (
        "snaplen 200",
        request,
        "server: http HTTP/1.1 403 Forbidden | Content-Length: 0",
        request,
        f"server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | X: {'a' * 200}",
        "client: 88 82 37 fa 21 3d 34 12",
    )
    assert ids("\n".join(story), "SEC-025") == []
