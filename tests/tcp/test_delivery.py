"""Chunks: announced once, in order, ended once."""

from __future__ import annotations

from analyzer.tcp.delivery import Copies, Delivery, Spot
from analyzer.tcp.packets import HOPS, IDLE, REUSED, Segments
from analyzer.tcp.streams import (
    CONFLICT,
    DATA,
    END,
    GAP,
    LOST,
    OPEN,
    SIGN,
    SNAPLEN,
    SYNCED,
    TICK,
    UNHEARD,
    Streams,
)
from analyzer.tcp.waiting import Difference, Piece
from tests.tcp.feeding import START_NS, Raw, batches

HERE = Spot(0, 1, START_NS, 40)


def delivery() -> Delivery:
    made = Delivery(Streams(None), 1)
    made.grow(1)
    made.start(0, bytes(36))
    (batch,) = batches([Raw(bytes(40)), Raw(bytes(40), START_NS + 5)])
    made.take_up(batch, Segments(2))
    return made


def kinds(made: Delivery) -> list[int]:
    return list(made.chunks.kind[: made.chunks.count])


def test_a_connection_is_announced_once_and_ended_only_if_it_was() -> None:
    made = delivery()
    made.end(0, True, [False, False])
    made.open(1, 7, True, HERE)
    made.open(0, 7, True, HERE)
    made.end(0, True, [False, True])
    made.end(0, True, [False, False])
    made.tick()
    assert kinds(made) == [OPEN, END, TICK]
    assert (made.chunks.direction[0], made.chunks.length[0], made.chunks.length[1]) == (1, 7, SYNCED | UNHEARD[1])
    assert not made.opened(0)


def test_bytes_and_gaps_advance_the_stream_across_the_wrap() -> None:
    made = delivery()
    streams = made._streams
    streams.next_seq[0] = 0xFFFF_FFFF
    made.data(0, 10, 20, 4, 3, HERE)
    made.piece(0, Piece(10, 5, b"abc", 9, *HERE))
    assert kinds(made) == [DATA, GAP, DATA, GAP]
    assert list(made.chunks.offset[:4]) == [0, 4, 10, 13]
    assert list(made.chunks.length[:4]) == [4, 6, 3, 2]
    assert list(made.chunks.stored[:4]) == [0, 0, 1, 0]
    assert [made.chunks.start[1], made.chunks.start[3]] == [SNAPLEN, SNAPLEN]
    assert made.chunks.store == b"abc"
    assert (streams.next_offset[0], streams.next_seq[0]) == (15, 14)
    assert (made.gaps, made.gap_bytes) == (2, 8)


def test_where_a_chunk_was_captured() -> None:
    made = delivery()
    made.row = 1
    assert made.here() == Spot(0, 2, START_NS + 5, 24 + 16 + 40 + 16)
    made._segments.start[0] = int(made._batch.offset[1]) + 33
    assert made.payload(0) == made.here()._replace(file_offset=made.here().file_offset + 33)


def test_what_was_seen_before_the_first_bytes_is_told_with_them() -> None:
    made = delivery()
    for d, kind, detail in ((0, REUSED, 0), (1, HOPS, 7), (0, IDLE, 9)):
        made.sign(d, kind, detail, HERE)
    made.open(0, 7, True, HERE)
    made.sign(0, IDLE, 11, HERE)
    chunks = made.chunks
    assert kinds(made) == [OPEN, SIGN, SIGN, SIGN], "a silence before there was anything to say is none"
    told = [(chunks.direction[i], chunks.length[i], chunks.start[i]) for i in (1, 2, 3)]
    assert told == [(0, REUSED, 0), (1, HOPS, 7), (0, IDLE, 11)]
    made.end(0, True, [False, False])
    made.start(0, bytes(36))
    made.open(0, 8, True, HERE)
    assert kinds(made)[-2:] == [END, OPEN]


def test_a_conflict_carries_both_copies() -> None:
    made = delivery()
    made.conflict(1, Difference(30, 5, 12, b"first", b"again"), HERE)
    assert (kinds(made), made.chunks.offset[0], made.chunks.length[0]) == ([CONFLICT], 30, 5)
    assert Copies.unpack(made.chunks.store, made.chunks.start[0]) == Copies(12, b"first", b"again")


def test_a_direction_is_silent_when_all_it_sent_was_lost() -> None:
    made = delivery()
    assert not made.silent(0)
    made.gap(0, 5, LOST, HERE)
    made.gap(1, 5, SNAPLEN, HERE)
    assert (made.silent(0), made.silent(1)) == (True, False), "what was cut was there"
    made.piece(0, Piece(5, 3, b"abc", 9, *HERE))
    assert not made.silent(0)
