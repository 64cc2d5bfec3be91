"""Elapsed time that never runs back and never stands still."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.settings import SECOND
from analyzer.tcp.clock import JITTER, Clock
from analyzer.tcp.streams import EARLIEST, LATEST

TIME = st.integers(EARLIEST, LATEST) | st.integers(0, 300 * SECOND)


@given(st.lists(TIME, min_size=1, max_size=20))
def test_time_only_goes_forward_and_every_time_stamp_lies_within_the_bounds(times: list[int]) -> None:
    clock, before = Clock(), 0
    for time_ns in times:
        clock.see(time_ns)
        assert clock.now >= before
        before = clock.now
        low, high = clock.bounds()
        assert EARLIEST <= low <= time_ns <= high <= LATEST


def test_forward_steps_add_up_and_jitter_does_not() -> None:
    clock = Clock()
    assert clock.bounds()[0] > clock.bounds()[1], "the first packet always gets attention"
    for time_ns in (5 * SECOND, 7 * SECOND, 6 * SECOND, 8 * SECOND):
        clock.see(time_ns)
    assert clock.now == 3 * SECOND
    assert clock.bounds() == (8 * SECOND - JITTER, 9 * SECOND - 1)


def test_a_clock_set_back_goes_on_from_there() -> None:
    clock = Clock()
    for time_ns in (0, 1 << 60, 10 * SECOND, 12 * SECOND):
        clock.see(time_ns)
    assert clock.now == (1 << 60) + 2 * SECOND
