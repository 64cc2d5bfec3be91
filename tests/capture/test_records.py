"""The walks themselves: why they stop, and that they never leave the bytes they were given."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from analyzer.capture import layout, records
from analyzer.wire import pcap, pcapng

LIMIT = 1000


def columns(rows: int, count: int) -> list[NDArray[np.int64]]:
    return [np.zeros(rows, dtype=np.int64) for _ in range(count)]


def walk_pcap(data: bytes, end: int, rows: int) -> tuple[int, list[int], list[NDArray[np.int64]]]:
    state, filled = np.zeros(layout.STATE, dtype=np.int64), columns(rows, 6)
    views = [column.data for column in filled]
    status = records.walk_pcap(memoryview(bytearray(data)), end, 100, False, 16, 1000, LIMIT, state.data, *views)
    return status, state.tolist(), filled


def walk_blocks(data: bytes, end: int, rows: int) -> tuple[int, list[int], list[NDArray[np.int64]]]:
    state, filled = np.zeros(layout.STATE, dtype=np.int64), columns(rows, 7)
    table = np.zeros(layout.INTERFACE, dtype=np.int64)
    table[[layout.LINK, layout.FACTOR, layout.MOST]] = 1, 1, layout.LATEST
    buffer = memoryview(bytearray(data + bytes(-len(data) % 8)))
    views = [column.data for column in filled]
    status = records.walk_blocks(
        buffer, buffer.cast("I"), end, 100, False, False, 1, table.data, LIMIT, 1 << 16, state.data, *views
    )
    return status, state.tolist(), filled


RECORD = pcap.build_record(b"packet", 5_000_001_000, wire=60)
BLOCK = pcapng.build_packet(b"packet", 5_000_001_000, wire=60)


@pytest.mark.parametrize(("walk", "unit", "head"), [(walk_pcap, RECORD, 16), (walk_blocks, BLOCK, 28)])
def test_a_walk_fills_rows_until_they_are_full(walk: object, unit: bytes, head: int) -> None:
    assert callable(walk)
    status, state, filled = walk(unit * 3, len(unit) * 3, 2)
    assert status == layout.FULL
    assert (state[layout.AT], state[layout.COUNT], state[layout.NUMBER]) == (len(unit) * 2, 2, 2)
    offset, captured, wire, time, number = filled[:5]
    assert offset.tolist() == [head, len(unit) + head]
    assert captured.tolist() == [6, 6]
    assert wire.tolist() == [60, 60]
    assert time.tolist() == [5_000_001_000] * 2
    assert number.tolist() == [1, 2]
    assert filled[-1].tolist() == [100 + head, 100 + len(unit) + head]


@pytest.mark.parametrize(("walk", "unit"), [(walk_pcap, RECORD), (walk_blocks, BLOCK)])
def test_a_walk_stops_before_every_cut_and_says_what_it_needs(walk: object, unit: bytes) -> None:
    assert callable(walk)
    for end in range(len(unit), 2 * len(unit)):
        status, state, _ = walk(unit * 2, end, 9)
        assert status == layout.MORE
        assert (state[layout.AT], state[layout.COUNT]) == (len(unit), 1)
        assert end < len(unit) + state[layout.NEED] <= 2 * len(unit)


def test_a_length_above_the_limit_is_damage() -> None:
    for walk, unit in (walk_pcap, pcap.build_record(bytes(LIMIT + 1))), (walk_blocks, pcapng.build_packet(bytes(1001))):
        status, state, _ = walk(unit, len(unit), 9)
        assert status == layout.DAMAGE
        assert (state[layout.AT], state[layout.COUNT]) == (0, 0)


def test_other_blocks_are_left_to_the_caller() -> None:
    data = BLOCK + pcapng.build_interface()
    status, state, _ = walk_blocks(data, len(data), 9)
    assert (status, state[layout.AT]) == (layout.OTHER, len(BLOCK))
