"""Where a stream starts, as far as SYNs and the other side's numbers tell."""

from __future__ import annotations

from analyzer.tcp.starts import Starts


def starts() -> Starts:
    table = Starts()
    table.grow(4)
    for d in range(4):
        table.forget(d)
    return table


def test_a_syn_that_answers_tells_where_the_other_side_starts() -> None:
    table = starts()
    table.syn(1, answers=True)
    table.acknowledged(0, 500)
    table.acknowledged(0, 900)
    assert (table.answered(0), table.first(0), table.synced(0), table.synced(1)) == (True, 500, False, True)


def test_a_first_syn_answers_nothing_yet() -> None:
    table = starts()
    table.syn(1)
    assert not table.answered(0)
    table.acknowledged(0, 500)
    assert table.first(0) == 500, "but its side's first ACK comes from a host that had the other's SYN"


def test_what_a_side_without_a_syn_acknowledges_is_no_start() -> None:
    table = starts()
    table.acknowledged(2, 0xFFFF_FFF0)
    table.acknowledged(2, 16)
    assert (table.first(2), table.promised(2)) == (-1, 32), "across the wrap"


def test_the_next_stream_of_that_number_knows_nothing() -> None:
    table = starts()
    table.syn(1, answers=True)
    table.acknowledged(0, 500)
    table.forget(0)
    table.forget(1)
    assert (table.synced(1), table.answered(0), table.first(0), table.promised(0)) == (False, False, -1, 0)
