"""Where a stream starts whose SYN was not captured."""

from __future__ import annotations

from analyzer.tcp.joining import EARLY, Early, Joining, start
from analyzer.wire import link

ACK = link.TCP_ACK


def early(seq: int, data: bytes = b"data", direction: int = 0, ack: int = 0, flags: int = ACK) -> Early:
    return Early(direction, seq, ack, flags, len(data), data, 0, 1, 2, 3)


def test_the_lowest_number_is_the_start() -> None:
    assert start([early(30), early(10), early(20), early(1, direction=1)], 0, -1) == 10
    assert start([early(5), early(0xFFFF_FFF0)], 0, -1) == 0xFFFF_FFF0, "across the wrap"
    assert start([early(5, direction=1)], 0, -1) is None


def test_the_other_sides_first_ack_may_lie_before_what_was_captured() -> None:
    assert start([early(30)], 0, 10) == 10
    assert start([early(5)], 0, 10) == 5, "or after it, where packets were reordered"


def test_a_keep_alive_is_no_start() -> None:
    acknowledged = early(900, b"", direction=1, ack=100)
    for garbage in (b"", b"\0"):
        assert start([acknowledged, early(99, garbage), early(100)], 0, -1) == 100
        assert start([acknowledged, early(99, garbage)], 0, -1) == 100
    assert start([acknowledged, early(98, b"ab"), early(100)], 0, -1) == 98, "two bytes are no probe"
    assert start([early(99, b"a"), acknowledged, early(100)], 0, -1) == 99, "acknowledged only afterwards"


def test_a_resets_number_is_the_last_choice() -> None:
    assert start([early(0, b"", flags=link.TCP_RST), early(500)], 0, -1) == 500
    assert start([early(7, b"", flags=link.TCP_RST)], 0, -1) == 7


def test_sizes_are_counted() -> None:
    joining = Joining(0)
    joining.add(early(1))
    joining.add(early(2, b"12345678", direction=1))
    assert joining.size == 12 + 2 * EARLY
    assert [one.seq for one in joining.take(1)] == [2]
    assert joining.size == 4 + EARLY
    assert [one.seq for one in joining.segments] == [1]
