"""Chunks: announced once, in order, ended once."""

from __future__ import annotations

from analyzer.tcp.delivery import Delivery, Spot
from analyzer.tcp.packets import Segments
from analyzer.tcp.streams import DATA, END, GAP, OPEN, SNAPLEN, TICK, Streams
from analyzer.tcp.waiting import Piece
from tests.tcp.feeding import START_NS, Raw, batches

HERE = Spot(0, 1, START_NS, 40)


def delivery() -> Delivery:
    made = Delivery(Streams(None), 1)
    made.ends = [bytes(36)]
    (batch,) = batches([Raw(bytes(40)), Raw(bytes(40), START_NS + 5)])
    made.take_up(batch, Segments(2))
    return made


def kinds(made: Delivery) -> list[int]:
    return list(made.chunks.kind[: made.chunks.count])


def test_a_connection_is_announced_once_and_ended_only_if_it_was() -> None:
    made = delivery()
    made.end(0, True)
    made.open(1, 7, True, HERE)
    made.open(0, 7, True, HERE)
    made.end(0, True)
    made.end(0, True)
    made.tick()
    assert kinds(made) == [OPEN, END, TICK]
    assert (made.chunks.direction[0], made.chunks.length[0], made.chunks.length[1]) == (1, 7, 1)
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
