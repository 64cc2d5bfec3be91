"""What two sides did, and how it is told."""

from __future__ import annotations

from analyzer.model import Finding, Place
from analyzer.rules.dialogue import NEVER, Act, Ended, dialogue, doing, ending, omitting, seconds
from analyzer.settings import SECOND, Settings
from tests.rules.judging import judge
from tests.running import only, played


def place(ordinal: int, second: int = 0) -> Place:
    return Place(0, ordinal + 1, ordinal, second * SECOND, 100)


CLOSE = Act(place(5), 0, frame=2, offset=150, end=158, acked=40, code=1000)


def test_only_an_acknowledgement_proves_that_a_side_knew() -> None:
    assert CLOSE.knows(40)
    assert not CLOSE.knows(41)


def test_what_precedes_an_end_of_tcp() -> None:
    assert CLOSE.precedes(Ended(place(6), 40, 0, False)), "captured before it"
    assert CLOSE.precedes(Ended(place(4), 40, 158, False)), "acknowledged by it"
    assert CLOSE.precedes(Ended(place(4), 40, 0, False)), "sent without knowing of it"
    assert not CLOSE.precedes(Ended(place(4), 39, 0, False))


def test_the_first_end_counts() -> None:
    side = dialogue(Settings()).sides[0]
    assert (side.end, side.ended_at) == (None, NEVER)
    side.rst = Ended(place(7), 0, 0, True)
    side.fin = Ended(place(6), 0, 0, False)
    assert side.end is side.fin
    assert side.ended_at == 6


def test_answers_are_owed_until_a_close_the_end_of_tcp_or_of_the_capture() -> None:
    talk = dialogue(Settings())
    talk.over_ns = 90 * SECOND
    client, server = talk.sides
    assert talk.open_until(client, server) == 90 * SECOND
    server.fin = Ended(place(8, 80), 0, 0, False)
    assert talk.open_until(client, server) == 80 * SECOND
    client.close = Act(place(7, 70), 71 * SECOND, 0, 0, 8, 0)
    assert talk.open_until(client, server) == 71 * SECOND


def test_faults_say_where() -> None:
    fault = doing(0, CLOSE, "a", "b")
    assert (fault.side, fault.place, fault.frame, fault.offset, fault.cause) == ("client", CLOSE.place, 2, 150, None)
    fault = omitting(1, CLOSE, "a", "b", count=3)
    assert (fault.side, fault.place, fault.frame, fault.offset, fault.count) == ("server", CLOSE.place, None, None, 3)
    assert fault.cause is not None
    assert (fault.cause.direction, fault.cause.frame, fault.cause.packet, fault.cause.stream_offset) == (
        "client", 2, 6, 150,
    )  # fmt: skip
    assert ending(1, Ended(place(3), 0, 0, True), "a", "b").place == place(3)
    assert seconds(1_500_000_000) == "1.5 s"


STORY = """
    server: 89 02 68 69
    server: 89 02 68 6a
    client: 81 80 37 fa 21 3d
    +25s
    client: 81 80 37 fa 21 3d
"""


def test_what_was_not_done_is_told_once_with_its_latest_cause() -> None:
    (found,) = judge(STORY, "CT-003")
    assert (found.direction, found.frame, found.stream_offset, found.byte_offset, found.count) == (
        "client", None, None, None, 2,
    )  # fmt: skip
    assert found.cause is not None
    assert (found.cause.direction, found.cause.frame) == ("server", 1)
    assert found.cause.packet == found.packet
    assert found.cause.stream_offset == 129 + 4


def test_a_clock_that_was_set_back_says_nothing_about_times() -> None:
    back = STORY.replace("+25s", "-25s\n    client: 81 80 37 fa 21 3d\n    +50s")
    assert [finding.rule for finding in judge(back, "CT-003")] == []
    other = "connection 2:\nclient: 81 80 00 00 00 00\n-5s\nclient: 81 80 00 00 00 00\nconnection 1:\n" + STORY
    assert [finding.rule for finding in judge(other, "CT-003")] == ["CT-003"]


def test_a_few_packets_out_of_order_leave_times_what_they_are() -> None:
    jitter = STORY.replace("+25s", "-50ms\n    client: 81 80 37 fa 21 3d\n    +25s")
    assert [finding.rule for finding in judge(jitter, "CT-003")] == ["CT-003"]


def test_time_outs_can_be_chosen() -> None:
    assert not [one for one in only(Finding, played(STORY, pong_timeout=60 * SECOND)) if one.rule == "CT-003"]
