"""What is counted does not depend on what was asked for, nor on the batches."""

from __future__ import annotations

import msgspec
import pytest

from analyzer.model import Finding, Message, Run, Summary
from analyzer.settings import RECORDS
from tests.running import only, played


def test_the_summary_counts_what_was_not_asked_for() -> None:
    story = "client: 81 05 48 65 6c 6c 6f\nclient: 81 80 37 fa 21 3d"
    everything, nothing = played(story), played(story, records=frozenset())
    assert [type(record) for record in nothing] == [Run, Summary]
    counts = [
        msgspec.structs.replace(record, elapsed_ns=0)
        for records in (everything, nothing)
        for record in only(Summary, records)
    ]
    assert counts[0] == counts[1]
    assert counts[0].findings["MK-001"] == 1


@pytest.mark.parametrize("kind", RECORDS)
def test_a_result_holds_what_was_asked_for(kind: str) -> None:
    records = played("client: 81 05 48 65 6c 6c 6f", records=frozenset({kind}))
    kinds = {type(record).__name__.lower() + "s" for record in records[1:-1]}
    assert kinds == {kind}


def test_packets_whose_time_goes_back_are_counted_whatever_the_batch() -> None:
    story = "client: 81 80 37 fa 21 3d\n-5s\nclient: 81 80 37 fa 21 3d\n-5s\nserver: 81 00"
    for batch_packets in (1, 3, 8192):
        found = [one for one in only(Finding, played(story, batch_packets=batch_packets)) if one.rule == "ST-010"]
        assert [(one.count, one.connection, one.packet) for one in found] == [(2, None, 10)]


def test_messages_are_counted_once_each() -> None:
    records = played("client: 01 80 37 fa 21 3d\nclient: 80 80 37 fa 21 3d\nserver: 82 00\nserver: 02 00")
    whole = [message for message in only(Message, records) if message.complete]
    (summary,) = only(Summary, records)
    assert summary.messages == len(whole) == 2
