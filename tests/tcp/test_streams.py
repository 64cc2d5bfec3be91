"""The quick way: what it takes, what it leaves to the slow way, and the trail it keeps."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.settings import Settings
from analyzer.tcp import reassembly, streams
from analyzer.tcp.packets import Segments
from analyzer.tcp.streams import Chunks, Streams, distance
from tests.tcp.feeding import Sent, batches, flow_table, packets

SEQUENCE = st.integers(0, (1 << 32) - 1)


@given(start=SEQUENCE, step=st.integers(-(1 << 31), (1 << 31) - 1))
def test_distance_is_signed_and_wraps(start: int, step: int) -> None:
    assert distance((start + step) % (1 << 32), start) == step


def test_tables_grow_and_keep_their_rows() -> None:
    chunks = Chunks(1)
    chunks.offset[0], chunks.count = 7, 1
    chunks.reserve(100)
    assert chunks.rows >= 101
    assert [len(getattr(chunks, name)) for name in streams.CHUNK_COLUMNS] == [chunks.rows] * len(streams.CHUNK_COLUMNS)
    assert chunks.offset[0] == 7
    one = Streams(None)
    one.next_seq[3] = 9
    one.grow(5000)
    assert (one.next_seq[3], one.latest[4999], len(one.quick)) == (9, -1, 5000)


class Counting(reassembly.Reassembly):
    """Counts what takes the slow way."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.slow = 0

    def segment(self, i: int) -> None:
        self.slow += 1
        super().segment(i)


def slow_segments(*sent: Sent) -> int:
    """How many of the segments took the slow way."""
    flows, counting = flow_table(), Counting(msgspec.structs.replace(Settings(), batch_packets=len(sent)))
    segments = Segments(len(sent))
    (batch,) = batches(packets(sent))
    flows.decode(batch, segments)
    counting.begin(batch, segments, flows.slots)
    row = 0
    while row < segments.count:
        row = counting.deliver(row)
    return counting.slow


OPENED = [Sent(0, 99, ack=None, flags="s"), Sent(1, 499, ack=100, flags="s"), Sent(0, 100, b"a", 500)]


def test_what_is_next_in_line_takes_the_quick_way() -> None:
    healthy = [Sent(1, 500, b"xyz", 101), Sent(0, 101, b"b", 503), Sent(1, 503, b"", 102), Sent(0, 102, b"c", 503)]
    assert slow_segments(*OPENED) == 3
    assert slow_segments(*OPENED, *healthy) == 3


@pytest.mark.parametrize(
    "other",
    [
        Sent(0, 102, b"late", 500),
        Sent(0, 100, b"again", 500),
        Sent(0, 101, b"cut", 500, keep=1),
        Sent(0, 101, b"fin", 500, "f"),
        Sent(0, 101, b"", 500, "r"),
        Sent(0, 101, b"no ack", None),
        Sent(0, 101, b"ack of what was not seen", 600),
    ],
)
def test_all_else_takes_the_slow_way(other: Sent) -> None:
    assert slow_segments(*OPENED, other) == 4


def test_after_a_hole_is_filled_the_way_is_quick_again() -> None:
    hole = [Sent(0, 102, b"c", 500), Sent(0, 101, b"b", 500)]
    assert slow_segments(*OPENED, *hole, *[Sent(0, 103 + i, b"d", 500) for i in range(9)]) == 5


# --- the trail


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(1, 9)), max_size=30), st.data())
def test_the_trail_finds_every_remembered_byte(rows: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """Against a plain list, with segments in any order: the reach is the end of the farthest held so far."""
    one = Streams(None)
    farthest: dict[int, int] = {}
    for place, (d, offset, length) in enumerate(rows):
        farthest[d] = max(farthest.get(d, 0), offset + length)
        one.note(d, offset, length, 1000 * place, place, farthest[d], place + 1)
    d, low, size = data.draw(st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(1, 20)))
    oldest = data.draw(st.integers(0, 30))
    expected = []
    for place, (whose, offset, length) in enumerate(rows):
        first, last = max(offset, low), min(offset + length, low + size)
        if whose == d and first < last and place >= oldest:
            expected.append((first, 1000 * place + first - offset, last - first, place + 1))
    assert sorted(one.copies(d, low, low + size, oldest)) == sorted(expected)


def test_the_trail_forgets_what_its_ring_no_longer_holds() -> None:
    one = Streams(None)
    one.note(0, 0, 10, 0, 0, 0, 7)
    for i in range(streams.TRAIL - 1):
        one.note(1, i, 1, i, 0, 0, 7)
    assert one.copies(0, 0, 10, 0) == [(0, 0, 10, 7)]
    one.note(1, streams.TRAIL, 1, 0, 0, 0, 7)
    assert one.copies(0, 0, 10, 0) == []


def test_the_walk_along_the_trail_is_bounded() -> None:
    one = Streams(None)
    for i in range(10_000):
        one.note(0, i, 1, i, 0, 0, 7)
    near, far = 10_000 - 2048, 10_000 - 2049
    assert one.copies(0, near, near + 1, 0) == [(near, near, 1, 7)]
    assert one.copies(0, far, far + 1, 0) == []
    one.forget(0)
    assert one.copies(0, near, near + 1, 0) == []


def test_columns_hold_64_bits() -> None:
    assert np.iinfo(np.int64).min == streams.EARLIEST
    assert np.iinfo(np.int64).max == streams.LATEST
