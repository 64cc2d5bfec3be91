"""The judge: each rule runs over its subject, and what it finds is keyed by what made it known."""

from __future__ import annotations

from analyzer.judge import ITEMS, Judge
from analyzer.model import Connection, Finding, Frame, Message, Place
from analyzer.rules import registry
from analyzer.rules.capture_facts import Capture
from analyzer.settings import Settings
from tests.running import only, played

PLACE = Place(0, 7, 6, 5_000, 100)


def test_every_rule_has_somebody_who_asks_it() -> None:
    asked = {"Opening", "Sequel", "FrameColumns", "MessageColumns", "Transport", "Capture", "Aftermath"}
    asked |= {"MaskKeys", "Meeting", "Dialogue"}
    assert {rule.subject for rule in registry.load().values()} <= asked


def test_rules_about_one_opcode_get_only_its_frames() -> None:
    """A Close frame between others: its rule speaks of it, by its own index."""
    story = "client: 81 80 37 fa 21 3d\nclient: 88 81 37 fa 21 3d 56\nclient: 89 80 37 fa 21 3d"
    records = played(story)
    (found,) = [one for one in only(Finding, records) if one.rule == "CL-001"]
    close = next(frame for frame in only(Frame, records) if frame.opcode == 8)
    assert (found.frame, found.stream_offset, found.packet) == (1, close.stream_offset, close.packet)


def test_a_packet_s_records_come_before_its_findings_and_the_rules_in_the_order_of_the_catalogue() -> None:
    records = played("client: 87 7e 00 01 41")
    told = [record for record in records if isinstance(record, Frame | Message | Finding)]
    assert isinstance(told[0], Frame)
    assert [one.rule for one in told if isinstance(one, Finding) and one.frame == 0] == ["FR-002", "FR-004", "MK-001"]


def test_findings_of_the_run_have_no_connection() -> None:
    judge = Judge(Settings(), registry.load(), ["a.pcap"])
    judge.capture(Capture(cut=3, cut_first=PLACE), 10)
    (found,) = only(Finding, list(judge.settle()))
    assert (found.rule, found.count, found.connection, found.packet, found.file) == ("ST-003", 3, None, 7, "a.pcap")


def test_items_ask_to_be_gone_through_before_they_are_many() -> None:
    judge = Judge(Settings(), registry.load(), [])
    for ordinal in range(ITEMS):
        judge.tick(Place(0, 1, ordinal, 0, 0))
    assert not judge.full
    judge.tick(Place(0, 1, ITEMS, 0, 0))
    assert judge.full
    assert list(judge.settle(before=10)) == []
    assert not judge.full


def test_a_connection_s_own_findings_name_its_side() -> None:
    story = "server: 82 0a 00\ngap server 9\nserver: 81 00\n+3s\nserver: 81 00"
    records = played(story)
    (gap,) = [one for one in only(Finding, records) if one.rule == "ST-002"]
    assert (gap.direction, gap.byte_offset, gap.connection) == ("server", 132, 0)
    (connection,) = only(Connection, records)
    assert records.index(gap) < records.index(connection)
