"""SC-007 to SC-010 and SC-016: who failed the connection, how soon, and with which code."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from tests.rules.judging import ids, judge

FAMILIES = ("SC-007", "SC-008", "SC-009", "SC-010", "SC-016")
UNMASKED = "client: 81 05 48 65 6c 6c 6f"
MASKED = "server: 81 81 00 00 00 00 61"
ECHO = "server: 81 05 48 65 6c 6c 6f"
BAD_TEXT = "client: 81 81 00 00 00 00 ff"
WASTEFUL = "client: 82 fe 00 01 00 00 00 00 00"


def lines(*parts: str) -> str:
    return "\n".join(parts)


def test_a_server_that_takes_an_unmasked_frame() -> None:
    (found,) = judge(lines(UNMASKED, ECHO, "+6s", ECHO), *FAMILIES)
    assert (found.rule, found.direction, found.severity, found.stream_offset) == (
        "SC-007", "server", Severity.ERROR, None,
    )  # fmt: skip
    assert found.cause is not None
    assert (found.cause.direction, found.cause.frame) == ("client", 0)
    assert "1002" in found.expected
    assert "MK-001" in found.expected


def test_a_client_that_takes_a_masked_frame() -> None:
    (found,) = judge(lines(MASKED, "client: 81 80 37 fa 21 3d", "+6s", "client: 81 80 37 fa 21 3d"), *FAMILIES)
    assert (found.rule, found.direction) == ("SC-007", "client")


def test_where_the_text_leaves_it_open_it_is_a_warning() -> None:
    (found,) = judge(lines(WASTEFUL, ECHO, "+6s", ECHO), *FAMILIES)
    assert (found.rule, found.severity) == ("SC-007", Severity.WARNING)
    (found,) = judge(lines(WASTEFUL, UNMASKED, ECHO, "+6s", ECHO), *FAMILIES)
    assert (found.severity, "MK-001" in found.expected) == (Severity.ERROR, True)


@pytest.mark.parametrize(
    "story",
    [
        ("unacked", UNMASKED, "gap client 1"),
        (UNMASKED, ECHO, "+4s", ECHO),
        (UNMASKED, ECHO, "+4s", "client: FIN"),
        (UNMASKED, "+10s", "client: 81 80 00 00 00 00"),
        (ECHO, "unacked", UNMASKED, "+10s", UNMASKED),
        ("client: 01 81 00 00 00 00 ff", ECHO, "+10s", ECHO),
        ("client: 82 fd", "server: FIN"),
    ],
)
def test_nothing_had_to_be_failed_yet(story: tuple[str, ...]) -> None:
    assert "SC-007" not in ids(lines(*story), *FAMILIES)


def test_text_need_not_be_checked_before_its_message_ends() -> None:
    begun = "client: 01 81 00 00 00 00 ff"
    assert ids(lines(begun, ECHO, "+10s", "client: 80 80 00 00 00 00", ECHO, "+2s", ECHO), *FAMILIES) == []
    assert ids(lines(begun, ECHO, "+10s", "client: 80 80 00 00 00 00", ECHO, "+6s", ECHO), *FAMILIES) == ["SC-007"]


@pytest.mark.parametrize("drop", ["FIN", "RST"])
def test_dropping_tcp_is_failing_without_a_close(drop: str) -> None:
    found = judge(lines(UNMASKED, f"server: {drop}"), *FAMILIES, "SC-013", "SC-014")
    assert [(one.rule, one.severity) for one in found] == [("SC-008", Severity.INFO)]


@pytest.mark.parametrize(
    ("violation", "code", "fits"),
    [
        (BAD_TEXT, "03 ef", True),
        (BAD_TEXT, "03 ea", False),
        (BAD_TEXT, "03 f3", True),
        (UNMASKED, "03 ea", True),
        (UNMASKED, "03 e8", False),
        (UNMASKED, "03 f0", True),
        (UNMASKED, "03 f1", False),
        (WASTEFUL, "03 f1", True),
        ("client: 88 83 00 00 00 00 03 e8 ff", "03 ef", True),
        ("client: 88 83 00 00 00 00 03 e8 ff", "03 ea", True),
    ],
)
def test_which_code_fits(violation: str, code: str, fits: bool) -> None:
    assert ids(lines(violation, f"server: 88 02 {code}"), *FAMILIES) == ([] if fits else ["SC-009"])


def test_a_close_that_crossed_the_violation_is_no_answer_to_it() -> None:
    assert ids(lines("unacked", UNMASKED, "server: 88 02 03 e8"), *FAMILIES) == []


def test_a_code_that_is_sent_back_says_nothing() -> None:
    echoed = "client: 88 82 37 fa 21 3d 34 10"
    found = judge(lines(echoed, "server: 88 02 03 ea"), *FAMILIES)
    assert [(one.rule, one.direction) for one in found] == [("SC-016", "client")]


def test_over_the_first_bytes_of_a_frame_a_peer_may_fail_at_once() -> None:
    """The frame is known whole only when TCP ends; the Close came before."""
    story = lines("server: 87 7e 10 00", "client: 88 82 37 fa 21 3d 34 10", "server: FIN", "client: FIN")
    found = judge(story, *FAMILIES, "FR", "SC-013")
    assert [(one.rule, one.secondary) for one in found] == [("FR-002", False), ("FR-007", True)]


def test_no_finding_explains_a_failure_where_bytes_are_missing() -> None:
    assert ids(lines("client: 82 8a 00 00 00 00 00", "gap client 9", "server: 88 02 03 ea"), *FAMILIES) == []


def test_a_text_that_ends_too_early_explains_the_failure_over_it() -> None:
    """No byte of it is wrong, but its last one was received."""
    cut_short = "client: 81 82 00 00 00 00 61 c3"
    in_fragments = lines("client: 01 82 00 00 00 00 61 c3", "client: 80 80 00 00 00 00")
    for text in (cut_short, in_fragments):
        assert ids(lines(text, "server: 88 02 03 ef", "server: FIN", "client: FIN"), *FAMILIES) == []
