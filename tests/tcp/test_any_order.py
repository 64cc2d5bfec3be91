"""The whole of TCP reassembly against a naive model: any order, loss, overlap, duplication, cut and sequence wrap."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzer.settings import SECOND
from analyzer.tcp import streams
from analyzer.tcp.streams import CONFLICT, DATA, FIN, GAP, LOST
from tests.tcp.feeding import Sent, packets, streams_of


@st.composite
def conversations(draw: st.DrawFn) -> tuple[int, list[tuple[int, bytes]], int | None]:
    """A start sequence number, segments of one stream (offset, bytes) in the order captured, and where its FIN is."""
    length = draw(st.integers(0, 60))
    content = bytes(i * 37 % 251 for i in range(length))
    cuts = sorted(draw(st.sets(st.integers(1, max(length - 1, 1)), max_size=12)) | {0, length})
    segments = [(a, content[a:b]) for a, b in pairwise(cuts) if b <= length]
    copies = draw(st.lists(st.tuples(st.integers(0, length), st.integers(0, 20)), max_size=6))
    segments += [(at, content[at : at + size]) for at, size in copies if at < length and size]
    segments = [segment for segment in segments if draw(st.integers(0, 9)) or not segment]
    segments = draw(st.permutations(segments) if draw(st.booleans()) else st.just(segments))
    spoiled = []
    for at, data in segments:
        if len(data) > 1 and draw(st.integers(0, 5)) == 0:
            where = draw(st.integers(0, len(data) - 1))
            data = data[:where] + bytes([data[where] ^ 0xFF]) + data[where + 1 :]
        spoiled.append((at, data))
    isn = draw(st.sampled_from([0, 1000, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFF0, (1 << 32) - 30]))
    return isn, spoiled, length if draw(st.booleans()) else None


def naive(segments: Iterable[tuple[int, bytes]], end: int | None) -> tuple[list[int | None], bool]:
    """The stream, first copy first, and whether a later copy differed.

    One byte may be a keep-alive probe's: the last of those in line, or of what was sent just before.
    """
    stream: dict[int, int] = {}
    conflict = False
    latest = -1
    for at, data in segments:
        in_line = next(i for i in range(len(stream) + 1) if i not in stream)
        if len(data) == 1 and at + 1 in (in_line, latest):
            continue
        latest = at + len(data)
        for i, byte in enumerate(data, at):
            conflict |= stream.setdefault(i, byte) != byte
    length = max(stream, default=-1) + 1 if end is None else end
    return [stream.get(i) for i in range(length)], conflict


def of_conversation(isn: int, segments: Iterable[tuple[int, bytes]], fin: int | None, side: int = 0) -> list[Sent]:
    opened = [Sent(side, isn, ack=None, flags="s"), Sent(1 - side, 7, ack=(isn + 1) & 0xFFFF_FFFF, flags="s")]
    sent = [Sent(side, (isn + 1 + at) & 0xFFFF_FFFF, data, 8) for at, data in segments]
    return opened + sent + ([] if fin is None else [Sent(side, (isn + 1 + fin) & 0xFFFF_FFFF, ack=8, flags="f")])


@example(conversation=(0, [(5, b"abc"), (7, b"!")], None), side=0, size=1)
@given(conversation=conversations(), side=st.integers(0, 1), size=st.sampled_from([1, 3, None]))
@settings(max_examples=300)
def test_any_order_loss_and_overlap_gives_the_models_stream(
    conversation: tuple[int, list[tuple[int, bytes]], int | None], side: int, size: int | None
) -> None:
    isn, segments, fin = conversation
    result = streams_of(packets(of_conversation(isn, segments, fin, side)), size)
    expected, conflict = naive(segments, fin)
    direction = 0  # side 0 is who sent the first packet
    assert result.stream(direction) == expected
    assert bool(result.of(direction, CONFLICT)) == conflict
    assert [chunk.offset for chunk in result.of(direction, FIN)] == ([] if fin is None else [fin])
    assert {chunk.start for chunk in result.of(direction, GAP)} <= {LOST}
    assert not result.limits


@given(conversation=conversations(), where=st.integers(0, 40), at=st.integers(0, 60))
def test_an_end_in_any_place_ends_the_stream_where_it_says(
    conversation: tuple[int, list[tuple[int, bytes]], int | None], where: int, at: int
) -> None:
    """Bytes beyond a FIN are no part of the stream, whether they come before it and wait, or after it."""
    isn, segments, _ = conversation
    sent = of_conversation(isn, segments, None)
    fin = Sent(0, (isn + 1 + at) & 0xFFFF_FFFF, ack=8, flags="f")
    where = 2 + min(where, len(segments))
    result = streams_of(packets([*sent[:where], fin, *sent[where:]]))
    in_line = 0  # what was delivered before the FIN came stays delivered
    covered = {i for offset, data in segments[: where - 2] for i in range(offset, offset + len(data))}
    while in_line in covered:
        in_line += 1
    end = max(at, in_line)
    assert [chunk.offset for chunk in result.of(0, FIN)] == [end]
    assert result.stream(0) == naive(segments, end)[0]


@example(conversation=(0, [(4, b"\x94"), (0, b"\x00%Jo\x94\xb9")], None), cuts=[0] * 30)
@given(conversation=conversations(), cuts=st.lists(st.integers(0, 30), min_size=30, max_size=30))
def test_snaplen_cuts_are_gaps_and_bytes_add_up(
    conversation: tuple[int, list[tuple[int, bytes]], int | None], cuts: list[int]
) -> None:
    isn, segments, fin = conversation
    sent = of_conversation(isn, segments, fin)
    cut = [one._replace(keep=min(keep, len(one.data))) for one, keep in zip(sent, cuts, strict=False)]
    whole, spoiled = naive(segments, fin)
    stream = streams_of(packets(cut + sent[len(cut) :])).stream(0)
    assert len(stream) == len(whole)
    if not spoiled:
        assert all(byte is None or byte == model for byte, model in zip(stream, whole, strict=True))


FLAGS = ["", "", "", "", "s", "f", "r", "sf", "fr", "srf"]
ANY = st.builds(
    Sent,
    side=st.integers(0, 1),
    seq=st.integers(0, 40) | st.integers(0, 0xFFFF_FFFF) | st.integers(0xFFFF_FFF0, 0xFFFF_FFFF),
    data=st.binary(max_size=12),
    ack=st.none() | st.integers(0, 60) | st.integers(0, 0xFFFF_FFFF),
    flags=st.sampled_from(FLAGS),
    after_ns=st.sampled_from([0, 1000, SECOND // 3, 3 * SECOND, -2 * SECOND, -9999 * SECOND, 90_000 * SECOND]),
    keep=st.none() | st.just(0),
    port=st.sampled_from([40001, 40001, 40002]),
)


@given(sent=st.lists(ANY, max_size=40), size=st.sampled_from([1, 2, 7]), limit=st.sampled_from([1, 100]))
@settings(max_examples=200)
def test_nonsense_neither_raises_nor_depends_on_the_batch_size(sent: list[Sent], size: int, limit: int) -> None:
    given_packets = packets(sent)
    changed = {"connections": limit, "stream_buffer": 4096, "total_stream_buffer": 6000, "gap_packets": 5}
    whole, parts = streams_of(given_packets, **changed), streams_of(given_packets, size, **changed)
    assert whole.chunks == parts.chunks
    assert whole.limits == parts.limits
    ends: dict[int, int] = {}
    for chunk in whole.chunks:  # each connection: OPEN, then bytes without a seam, then END
        if chunk.kind == streams.OPEN:
            ends[chunk.direction & ~1] = ends[chunk.direction | 1] = 0
        elif chunk.kind == streams.END:
            del ends[chunk.direction & ~1], ends[chunk.direction | 1]
        elif chunk.kind in (DATA, GAP):
            assert chunk.offset == ends[chunk.direction]
            ends[chunk.direction] += chunk.length
    assert not ends
