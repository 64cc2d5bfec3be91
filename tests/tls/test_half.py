"""Records, the packets they came in, and the way back after losses."""

from __future__ import annotations

import random
from itertools import pairwise

from analyzer.tcp import streams
from analyzer.tls import half
from tests.tls.feeding import Feed

HEAD, TAG = half.HEAD, 16


def begun() -> Feed:
    feed = Feed()
    feed.handshake()
    assert feed.said(streams.SECURED) == [0]
    return feed


def test_each_byte_is_told_where_its_cipher_byte_is() -> None:
    """A record over three segments, and two records in one: places of the bytes, known from the last segment."""
    feed = begun()
    record = feed.sealed(0, b"abcdefgh")
    for part in (record[:7], record[7:10], record[10:]):
        feed.data(0, part)
    last = feed.packet
    feed.data(0, feed.sealed(0, b"ij") + feed.sealed(0, b"kl"))
    rows = feed.of(streams.DATA)
    assert feed.plain(0) == [(0, b"ab"), (2, b"cde"), (5, b"fgh"), (8, b"ij"), (10, b"kl")]
    first = last - 2
    assert [(row.packet, row.file_offset % 1000) for row in rows[:3]] == [(first, 5), (first + 1, 0), (last, 0)]
    assert {row.ordinal for row in rows[:3]} == {last}
    assert [row.file_offset % 1000 for row in rows[3:]] == [HEAD, HEAD + 2 + 1 + TAG + HEAD]


def test_what_is_acknowledged_counts_decrypted_bytes() -> None:
    feed = begun()
    feed.say(0, b"question")
    feed.say(1, b"answer")
    half_way = feed.sealed(0, b"second")
    feed.data(0, half_way[:10])
    feed.say(1, b"early")
    feed.data(0, half_way[10:])
    feed.say(1, b"late")
    assert [row.acked for row in feed.of(streams.DATA) if row.direction == 1] == [8, 8, 14]


def test_a_record_that_was_damaged_is_a_hole_and_the_next_is_read() -> None:
    feed = begun()
    feed.say(0, b"one")
    damaged = bytearray(feed.sealed(0, b"two"))
    damaged[-1] ^= 1
    feed.data(0, bytes(damaged))
    feed.say(0, b"three")
    assert [data for _, data in feed.plain(0)] == [b"one", b"three"]
    assert len(feed.said(streams.UNREADABLE)) == 1
    assert [row.start for row in feed.of(streams.GAP)] == [streams.SEALED_UNSURE]


def test_a_gap_inside_a_record_costs_that_record() -> None:
    feed = begun()
    record = feed.sealed(0, bytes(100))
    feed.data(0, record[:20])
    feed.gap(0, 30)
    feed.data(0, record[50:] + feed.sealed(0, b"next"))
    assert [data for _, data in feed.plain(0)] == [b"next"]
    assert feed.said(streams.WITHHELD) == [30]
    assert len(feed.of(streams.GAP)) == 1


def test_a_gap_over_records_is_followed_by_the_first_record_that_authenticates() -> None:
    """Whatever was lost, whether whole records or parts: nothing but what was sent comes out."""
    for seed in range(40):
        chance = random.Random(seed)
        feed = begun()
        texts = [bytes([65 + number]) * chance.randrange(1, 60) for number in range(20)]
        stream = b"".join(feed.sealed(0, text) for text in texts)
        first, length = chance.randrange(len(stream) - 300), chance.randrange(1, 200)
        at = 0
        while at < len(stream):
            if at == first:
                feed.gap(0, length)
                at += length
                continue
            size = chance.randrange(1, 120)
            end = min(at + size, first) if at < first else min(at + size, len(stream))
            feed.data(0, stream[at:end])
            at = end
        feed.feed(streams.FIN, 0)
        got = b"".join(data for _, data in feed.plain(0))
        pieces = [text for text in texts if text in got]
        assert got == b"".join(pieces)
        assert len(pieces) >= len(texts) - 2 - length // (HEAD + TAG + 1), seed
        assert texts[-1] in pieces
        holes = [row for row in feed.of(streams.GAP) if row.length]
        assert holes
        ends = [(offset, offset + len(data)) for offset, data in feed.plain(0)]
        assert all(end <= begin for (_, end), (begin, _) in pairwise(ends))


def test_bytes_that_are_no_record_lose_the_way_only_until_the_next() -> None:
    feed = begun()
    feed.say(0, b"one")
    feed.data(0, b"\xffgarbage" + half.START + b"\0\x05abcde")
    feed.say(0, b"two")
    assert [data for _, data in feed.plain(0)] == [b"one", b"two"]


def test_key_updates() -> None:
    """Also one that a gap hides."""
    feed = begun()
    for side in (0, 1):
        feed.say(side, b"one")
        feed.data(side, feed.tls.update("server" if side else "client"))
        feed.say(side, b"two")
        lost = feed.tls.update("server" if side else "client")
        feed.gap(side, len(lost))
        feed.say(side, b"three")
        feed.say(side, b"four")
        assert [data for _, data in feed.plain(side)] == [b"one", b"two", b"three", b"four"]


def test_the_search_has_an_end() -> None:
    """Candidates without end cost no more than their share."""
    feed = begun()
    feed.gap(0, 1 << 20)
    for _ in range(64):
        feed.data(0, (half.START + b"\0\x14") * 2000)
    feed.feed(streams.END, 0)
    assert feed.plain(0) == []
