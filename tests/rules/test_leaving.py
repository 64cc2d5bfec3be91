"""SC-004 to SC-006, SC-011 to SC-015, SC-018 and SC-019 at their limits, and where they must be silent."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from samples import transcript
from samples.traffic import pcap_bytes
from tests.rules.judging import ids, judge, judge_capture

FAMILIES = ("SC-004", "SC-005", "SC-006", "SC-011", "SC-012", "SC-013", "SC-014", "SC-015", "SC-018", "SC-019")
CLOSE = "client: 88 82 37 fa 21 3d 34 12"
ANSWER = "server: 88 02 03 e8"
QUIET = "client: 81 80 37 fa 21 3d"
HELLO = "server: 81 02 68 69"
FAILS = "server: 88 02 03 ea"


def lines(*parts: str) -> str:
    return "\n".join(parts)


def test_a_clean_end() -> None:
    assert ids(lines(CLOSE, ANSWER, "server: FIN", "client: FIN"), *FAMILIES) == []
    assert ids(lines(ANSWER, CLOSE, "server: FIN", "client: FIN"), *FAMILIES) == []
    assert ids(lines(QUIET), *FAMILIES) == []


@pytest.mark.parametrize(
    "story",
    [
        (CLOSE, "server: RST"),
        (CLOSE, "client: RST", "server: FIN"),
        (CLOSE, "client: FIN", HELLO, "client: RST"),
        (CLOSE, "+9s", HELLO),
        (CLOSE, "gap server 4", "server: FIN"),
        ("client: 88 82 37 fa 21 3d 34 10", "+11s", "client: FIN"),
        ("client: 88 82 37 fa 21 3d 37 fa", "server: FIN"),
        ("client: 83 80 00 00 00 00", CLOSE, "server: FIN"),
        ("server: 82 10 00", CLOSE, "+12s", "server: 00"),
        ("midstream", QUIET, CLOSE, "server: FIN"),
        ("server: 82 7f ff 00 00 00 00 00 00 00", CLOSE, "server: FIN"),
        ("unacked", "server: FIN", CLOSE),
    ],
)
def test_a_close_that_need_not_have_been_answered(story: tuple[str, ...]) -> None:
    assert "SC-004" not in ids(lines(*story), *FAMILIES)


def test_a_close_unanswered_is_told_with_its_packet() -> None:
    (found,) = judge(lines(CLOSE, "server: FIN"), *FAMILIES)
    assert (found.rule, found.direction, found.frame, found.stream_offset) == ("SC-004", "server", None, None)
    assert found.cause is not None
    assert (found.cause.direction, found.cause.packet) == ("client", found.packet)


def test_after_the_message_in_progress_the_answer_is_due() -> None:
    begun, rest = "server: 01 01 61", "server: 80 01 62"
    assert ids(lines(begun, CLOSE, "+12s", rest, "+3s", HELLO), "SC-004") == []
    assert ids(lines(begun, CLOSE, "+12s", rest, "+12s", QUIET), "SC-004") == ["SC-004"]
    assert ids(lines(begun, CLOSE, "+12s", rest, "+5s", ANSWER), "SC-005") == ["SC-005"]


def test_who_drops_tcp_first_has_not_been_answered_yet() -> None:
    found = ids(lines("unacked", CLOSE, "server: FIN"), *FAMILIES)
    assert found == []


@pytest.mark.parametrize(("wait", "rules"), [("+900ms", []), ("+1500ms", ["SC-006"])])
def test_what_was_queued_may_still_come(wait: str, rules: list[str]) -> None:
    assert ids(lines(CLOSE, HELLO, wait, HELLO, ANSWER), "SC-006") == rules


def test_the_kernels_acknowledgement_starts_the_clock() -> None:
    """No frame of the server acknowledges the Close before the one that is late."""
    assert ids(lines(CLOSE, "+1500ms", HELLO, ANSWER), "SC-006") == ["SC-006"]


@pytest.mark.parametrize(
    ("story", "rules"),
    [
        ((CLOSE, ANSWER, "+1s", "client: FIN", "server: FIN"), ["SC-012"]),
        ((CLOSE, ANSWER, "+3s", "client: FIN", "server: FIN"), ["SC-011"]),
        ((CLOSE, ANSWER, "+3s", "server: FIN", "client: FIN"), ["SC-011"]),
        ((CLOSE, ANSWER, "+1s", "client: RST"), ["SC-015"]),
        (("unacked", CLOSE, ANSWER, "client: FIN", "server: FIN"), ["SC-019", "SC-012"]),
        ((CLOSE, "client: FIN", "server: FIN"), ["SC-012"]),
        ((CLOSE, ANSWER, "unacked", "client: FIN", "server: RST"), ["SC-012", "SC-015"]),
    ],
)
def test_who_closes_tcp(story: tuple[str, ...], rules: list[str]) -> None:
    assert sorted(ids(lines(*story), *FAMILIES)) == sorted(rules)


@pytest.mark.parametrize(
    ("story", "rules"),
    [
        ((QUIET, "client: FIN", "server: FIN"), [("SC-013", "client", Severity.WARNING)]),
        (("client: FIN",), [("SC-013", "client", Severity.INFO)]),
        ((HELLO, "server: FIN"), [("SC-013", "server", Severity.WARNING)]),
        ((QUIET, "client: RST"), [("SC-014", "client", Severity.WARNING)]),
        ((HELLO, "client: FIN", "server: RST"), [("SC-013", "client", Severity.INFO)]),
        ((CLOSE, "client: RST"), [("SC-012", "client", Severity.INFO), ("SC-014", "client", Severity.INFO)]),
        (("midstream", QUIET, "client: FIN"), []),
        (("gap client 9", QUIET, "client: FIN"), []),
        (("server: 83 00", "client: FIN"), []),
    ],
)
def test_tcp_ends_without_a_closing_handshake(story: tuple[str, ...], rules: list[tuple[str, str, Severity]]) -> None:
    found = judge(lines(*story), *FAMILIES)
    assert [(one.rule, one.direction, one.severity) for one in found] == rules


def test_after_an_opening_that_must_be_refused_dropping_tcp_is_right() -> None:
    answer = "server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade"
    assert ids(lines(answer, "client: FIN"), *FAMILIES) == []


def test_a_side_whose_peer_failed_the_connection_cannot_do_much_wrong() -> None:
    found = judge(lines("client: 83 80 00 00 00 00", FAILS, "client: FIN"), *FAMILIES)
    assert [(one.rule, one.severity, one.secondary) for one in found] == [("SC-004", Severity.INFO, True)]


def test_rubbish_after_the_close_is_told_once_and_for_all() -> None:
    for rubbish in ("00 00 00 00", "ff*40", "81 02 68 69", "89 7e 00 01 61", "83 80 00 00 00 00 81 80 00 00 00 00"):
        found = judge(
            lines(CLOSE, f"client: {rubbish}", "client: FIN"), "FR", "MK", "CT", "FG", "TX", "SC-00", "SC-018"
        )
        assert [(one.rule, one.stream_offset) for one in found] == [("SC-018", found[0].stream_offset)]
        assert found[0].severity is Severity.INFO


def test_frames_after_the_close_are_data_after_the_close() -> None:
    assert ids(lines(CLOSE, QUIET), "SC", "FR", "MK") == ["SC-001"]


FLAGS, FIN_FLAG = 14 + 20 + 13, 1
"""Where Ethernet frames of transcripts have TCP's flags."""


def test_of_two_fins_captured_in_the_wrong_order_the_first_one_is_told() -> None:
    packets = transcript.play(lines(QUIET, "client: FIN", "server: FIN")).packets
    first, second = (at for at, (_, frame) in enumerate(packets) if frame[FLAGS] & FIN_FLAG)
    swapped = [*packets]
    swapped[first], swapped[second] = (packets[first][0], packets[second][1]), (packets[second][0], packets[first][1])
    for story in (packets, swapped):
        assert [(each.rule, each.direction) for each in judge_capture(pcap_bytes(story), *FAMILIES)] == [
            ("SC-013", "client")
        ]


def test_a_fin_that_was_acknowledged_but_not_captured_was_sent() -> None:
    packets = transcript.play(lines(CLOSE, ANSWER, "server: FIN", "+5s", "client: FIN")).packets
    fins = [at for at, (_, frame) in enumerate(packets) if frame[FLAGS] & FIN_FLAG]
    assert judge_capture(pcap_bytes(packets), "SC-011") == []
    del packets[fins[0]]
    assert judge_capture(pcap_bytes(packets), "SC-011") == []
