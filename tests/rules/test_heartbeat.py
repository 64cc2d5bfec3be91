"""CT-003 to CT-008 where they must be silent."""

from __future__ import annotations

import pytest

from tests.rules.judging import ids, judge

FAMILIES = ("CT-003", "CT-004", "CT-005", "CT-006", "CT-007", "CT-008")
PING = "server: 89 02 68 69"
PONG = "client: 8a 82 37 fa 21 3d 5f 93"
OTHER = "client: 8a 81 37 fa 21 3d 4f"
QUIET = "client: 81 80 37 fa 21 3d"
CLOSE = "client: 88 82 37 fa 21 3d 34 12"


def lines(*parts: str) -> str:
    return "\n".join(parts)


@pytest.mark.parametrize(
    "story",
    [
        (PING, QUIET, "+19s", QUIET),
        (PING, "+5s", CLOSE, "+20s", "server: 88 02 03 e8"),
        (PING, "+5s", "server: 88 02 03 e8", "+20s", CLOSE),
        (PING, QUIET, "+5s", "server: FIN"),
        (PING, QUIET, CLOSE, "server: 88 02 03 e8"),
        (PING, CLOSE, "server: 88 02 03 e8"),
        (PING, "gap client 8", "+25s", QUIET),
        (PING, QUIET, "+25s", PONG),
        ("server: 83 00", "client: 88 82 37 fa 21 3d 34 10", PING, "+25s", "server: FIN"),
        ("server: 88 02 03 e8", PING, "+25s", CLOSE),
    ],
)
def test_nothing_was_left_unanswered(story: tuple[str, ...]) -> None:
    assert "CT-003" not in [finding.rule for finding in judge(lines(*story), *FAMILIES) if not finding.secondary]


def test_frames_after_the_peers_close_show_nothing() -> None:
    story = lines(PING, "server: 88 02 03 e8", QUIET, QUIET, CLOSE)
    assert ids(story, "CT-003") == []


def test_another_payload_wins_over_no_answer() -> None:
    assert ids(lines(PING, OTHER, "+25s", QUIET), *FAMILIES) == ["CT-007"]
    assert ids(lines(PING, OTHER, QUIET, QUIET, CLOSE), *FAMILIES) == []


def test_a_lost_ping_may_be_what_a_pong_answers() -> None:
    assert ids(lines("gap server 4", "server: 81 00", "+3s", "server: 81 00", OTHER), *FAMILIES) == []


def test_a_long_frame_excuses_a_late_pong_in_part_only() -> None:
    begun = "client: 82 84 37 fa 21 3d 00 00"
    assert ids(lines(begun, PING, "+8s", "client: 00 00", PONG), *FAMILIES) == []
    (late,) = judge(lines(begun, PING, "+8s", "client: 00 00", "+7s", PONG), *FAMILIES)
    assert (late.rule, late.found) == ("CT-004", "after 7 s")
    (late,) = judge(lines(QUIET, PING, "+8s", PONG), *FAMILIES)
    assert late.found == "after 8 s"


def test_many_of_a_kind_are_one_finding() -> None:
    (found,) = judge("repeat 40 client: 8a 80 00 00 00 00", *FAMILIES)
    assert (found.rule, found.count, found.frame) == ("CT-005", 40, 0)


def test_an_empty_pong_captured_just_before_its_ping_may_be_its_answer() -> None:
    """Nothing tells it from a Pong that nobody asked for, so it counts as that too; no more where time lies between."""
    pong, ping, after = "client: 8a 80 37 fa 21 3d", "server: 89 00", ("+25s", QUIET)
    assert ids(lines(pong, ping, *after), *FAMILIES) == ["CT-005"]
    assert ids(lines(pong, "+1s", ping, *after), *FAMILIES) == ["CT-005", "CT-003"]
