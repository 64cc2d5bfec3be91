"""The tables of connections: bounded, the oldest given up first, and that is reported."""

from __future__ import annotations

from analyzer.model import Place
from analyzer.rules.mask_keys import Ended, Mark
from analyzer.rules.peers import Met, Peers, Run
from analyzer.settings import Settings

SERVER = (b"\xc0\x00\x02\x50", 80)
MS = 1_000_000


def place(time_ns: int) -> Place:
    return Place(0, 1, time_ns, time_ns, 0)


def ends(number: int) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    return (number.to_bytes(4, "big"), 40_000), SERVER


def masks(*first: int) -> Ended:
    return Ended(first, len(first), True, Mark(place(0), 3, 18, 2, b"", 0))


def run(number: int, start: int = 0, over: int = -1, *, abnormal: bool = False) -> Run:
    return Run(number, place(start), over, abnormal)


def test_the_oldest_is_given_up_and_the_limit_reported() -> None:
    peers = Peers(Settings(peers=3))
    for number in range(4):
        peers.over(run(number), ends(number), masks(number, 1, 2, 3))
    assert peers.limits["peers"] > 0
    assert peers.over(run(9, MS * 5), ends(9), masks(3, 1, 2, 3)).same_masks == 3
    assert peers.over(run(10, MS * 6), ends(10), masks(0, 1, 2, 3)).same_masks is None


def test_what_was_captured_twice_is_not_repeated() -> None:
    peers = Peers(Settings())
    peers.over(run(0), ends(1), masks(4, 5, 6, 7))
    assert peers.over(run(1, 4000), ends(1), masks(4, 5, 6, 7)).same_masks is None
    assert peers.over(run(2, 4 * MS), ends(1), masks(4, 5, 6, 7)).same_masks == 0


def test_connections_that_end_out_of_order_are_put_in_the_order_of_their_starts() -> None:
    peers = Peers(Settings())
    runs = [run(number, number * 10 * MS, number * 10 * MS + 5 * MS, abnormal=True) for number in range(4)]
    told = [peers.over(runs[number], ends(1), None).hasty for number in (2, 0, 3, 1)]
    assert [each is not None for each in told] == [False, False, False, True]
    assert told[-1] is not None
    assert told[-1][0].connection == 3
    assert told[-1][1] == [5 * MS] * 3


def met(number: int, asked: int, answered: int = -1) -> Met:
    """An opening of its own server, in nanoseconds; -1: no answer was captured."""
    server = (bytes([198, 51, 100, number]), 80)
    return Met(number, (ends(number)[0], server), asked, asked, answered if answered >= 0 else asked + 1, answered)


def test_openings_that_may_be_one_inside_the_other() -> None:
    """One whose answer was not captured may have been answered at any time."""
    assert met(1, 0, 20).perhaps_relayed(met(2, 10, 30))
    assert not met(1, 0, 20).perhaps_relayed(met(2, 30, 40))
    assert met(1, 0).perhaps_relayed(met(2, 30, 40))
    assert met(2, 30).perhaps_relayed(met(1, 0))
    assert not met(2, 30).perhaps_relayed(met(1, 0, 20))
