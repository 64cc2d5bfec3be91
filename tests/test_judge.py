"""The judge: each rule runs over its subject, and what it finds is keyed by what made it known."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.frames.columns import FrameColumns
from analyzer.frames.decode import NAMED, REQUEST_LINE, ROLES_SURE, UNKNOWN_EXTENSION
from analyzer.judge import ITEMS, Judge
from analyzer.model import Connection, Finding, Frame, Message, Place
from analyzer.rules import registry
from analyzer.rules.capture_facts import Capture
from analyzer.settings import Settings
from tests.frames.feeding import DEFLATE, PLAIN, Line
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


# --- frames that nothing is unusual about

NARROW = Settings(large_message=200, flood_control_frames=3, flood_fragments=2, flood_empty_fragments=1)
FRAME_RULES = [rule for rule in registry.load().values() if rule.subject == FrameColumns.__name__]
LENGTHS = st.sampled_from([0, 1, 2, 20, 125, 126, 200, 201, 300])


class Judged(Line):
    """All rules about frames, asked about every frame."""

    def collect(self) -> None:
        frames = FrameColumns(self.decoder.frames, settings=NARROW)
        self.plain = getattr(self, "plain", 0) + int((frames.odd == 0).sum())
        for rule in FRAME_RULES:
            assert not (rule.check(frames).rows & (frames.odd == 0)).any(), rule.id
            assert np.count_nonzero(rule.check(frames).rows) == np.count_nonzero(rule.check(frames.unusual).rows)
        self.decoder.frames.clear()


@st.composite
def frames_sent(draw: st.DrawFn) -> tuple[int, bytes]:
    """A side, and a frame of its own that is mostly in order."""
    side = draw(st.integers(0, 1))
    first = draw(st.sampled_from([0x81, 0x82, 0x89, 0x8A, 0xC1, 0xC2, 0x01, 0x80]) | st.integers(0, 255))
    masked = draw(st.sampled_from([side == 0] * 6 + [side == 1]))
    length, form = draw(LENGTHS), draw(st.sampled_from([7, 7, 7, 7, 16, 64]))
    payload = draw(st.sampled_from([b"GET / HTTP/1.1\r\n", b"\x03\xe8", b"\x03"]))[:length].ljust(length, b"x")
    if form == 7 and length > 125:
        form = 16
    size = bytes([length]) if form == 7 else bytes([126 if form == 16 else 127]) + length.to_bytes(form // 8, "big")
    return side, bytes([first, size[0] | (128 if masked else 0)]) + size[1:] + (bytes(4) if masked else b"") + payload


@given(
    st.lists(frames_sent(), max_size=60),
    st.sampled_from([PLAIN, PLAIN | NAMED, DEFLATE, PLAIN | 7, PLAIN | UNKNOWN_EXTENSION, ROLES_SURE, 0]),
    st.integers(0, 1 << 20),
)
@settings(max_examples=300)
def test_rules_find_nothing_in_frames_that_nothing_is_unusual_about(
    sent: list[tuple[int, bytes]], context: int, acked: int
) -> None:
    line = Judged(context=context & ~REQUEST_LINE, settings=NARROW)
    line.batch(sent, acked=acked).done()


def test_nearly_all_frames_are_of_that_kind() -> None:
    line = Judged(settings=NARROW)
    line.batch([(0, bytes.fromhex("818261626364 2022")), (1, bytes.fromhex("82026162")), (1, bytes.fromhex("8900"))])
    line.done()
    assert line.plain == 3
