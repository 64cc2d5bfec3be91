"""What a connection remembers: losses under the right name, within a limit, and addresses as people write them."""

from __future__ import annotations

import pytest

from analyzer.http.connection import HttpConnection
from analyzer.link import Link
from analyzer.model import Place
from analyzer.rules.transport import Transport
from analyzer.settings import Settings
from analyzer.tcp.delivery import Copies

PLACE = Place(0, 1, 0, 0, 24)
COPIES = Copies(1, b"a", b"b")


def link(client_side: int = 0, server: bytes = bytes([192, 0, 2, 80])) -> Link:
    made = Link(
        slot=0,
        tcp_stream=0,
        endpoints=((bytes([192, 0, 2, 1]), 40001), (server, 80)),
        http=HttpConnection(Settings(), lambda: 0),
        facts=Transport(connection=-1, first=PLACE, last=PLACE),
        start_ns=0,
        end_ns=0,
    )
    made.number, made.client_side = 3, client_side
    return made


@pytest.mark.parametrize("client_side", [0, 1])
def test_losses_are_told_under_the_name_of_who_sent_the_bytes(client_side: int) -> None:
    one = link(client_side)
    one.lost(client_side, 10, 5, PLACE, 9)
    one.conflict(1 - client_side, 20, 5, COPIES, PLACE, 9)
    one.out_of_step(client_side, 10, 5, PLACE, 9)
    facts = one.settle_roles()
    named = [loss.direction for loss in (*facts.gaps, *facts.conflicts, *facts.out_of_step)]
    assert named == ["client", "server", "client"]
    assert facts.connection == 3


def test_losses_beyond_a_limit_are_counted() -> None:
    one = link()
    assert [one.lost(0, number, 1, PLACE, 3) for number in range(5)] == [True] * 3 + [False] * 2
    assert [one.conflict(1, number, 1, COPIES, PLACE, 4) for number in range(5)] == [True] * 4 + [False]
    assert (len(one.facts.gaps), one.facts.more_gaps) == (3, 2)
    assert (len(one.facts.conflicts), one.facts.more_conflicts) == (4, 1)


def test_the_record_names_both_ends() -> None:
    record = link(server=bytes(15) + b"\x01").record()
    assert (record.client, record.server) == (("192.0.2.1", 40001), ("::1", 80))
    turned = link(client_side=1).record()
    assert (turned.client, turned.server) == (("192.0.2.80", 80), ("192.0.2.1", 40001))


def test_no_two_links_share_what_they_remember() -> None:
    one, other = link(), link()
    one.closes[0] = (1000, "")
    one.frames[0] = one.reached[0] = 7
    one.suspects[0] = []
    assert (other.closes, other.frames, other.reached, other.suspects) == ([None, None], [0, 0], [0, 0], {})
