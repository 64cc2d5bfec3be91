"""Random holes cut out of clean conversations: no error is found, no message made up, and what surely is there is read.

A packet that is left out is one the capture lost: its receiver acknowledged it all the same.
"""

from __future__ import annotations

import hashlib
import random
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model import Connection, Direction, Finding, Record, Severity
from analyzer.wire.frame import build_frame
from samples.traffic import Conversation, Wire, pcap_bytes
from tests.running import analysed, only
from tests.test_torn import SIDES, Span, messages

HEADERS = 14 + 20 + 20
"""Bytes of a packet before its payload: Ethernet, IPv4, TCP without options."""


class Told(msgspec.Struct):
    """A conversation, and what was sent in it."""

    packets: list[tuple[int, bytes]]
    sent: dict[Direction, list[tuple[Span, bytes]]]
    """The stretch of the stream, and the application payload, of each message."""


def conversation(chance: random.Random, *, segments: int, compressed: bool, fresh: tuple[Direction, ...] = ()) -> Told:
    """An opening, thirty messages and more, a closing. ``segments``: bytes of each at most; 0: a segment a frame.

    ``fresh``: the sides that compress each message without what came before (no context takeover, RFC 7692 7.1.1).
    """
    wire = Wire()
    talk = Conversation(wire)
    talk.connect()
    origin = {side: talk.sequence(side) for side in SIDES}
    parameters = "".join(f"; {side}_no_context_takeover" for side in fresh)
    talk.open(extensions=f"permessage-deflate{parameters}" if compressed else None)
    told = Told([], {"client": [], "server": []})
    packers = {side: zlib.compressobj(wbits=-15) for side in SIDES}

    def send(side: Direction, data: bytes) -> None:
        while data:
            size = chance.randrange(1, segments + 1) if segments else len(data)
            talk.send(side, data[:size], whole=True)
            data = data[size:]

    for _ in range(chance.randrange(30, 50)):
        side = chance.choice(SIDES)
        text = chance.random() < 0.6
        size = chance.choice((0, 1, 20, 125, 126, 500, 3000))
        payload = (
            "".join(chance.choice("aeiou nrstÁ€") for _ in range(size)).encode() if text else chance.randbytes(size)
        )
        packed = payload
        if compressed:
            packed = (packers[side].compress(payload) + packers[side].flush(zlib.Z_SYNC_FLUSH))[:-4]
            if side in fresh:
                packers[side] = zlib.compressobj(wbits=-15)
        start = talk.sequence(side) - origin[side]
        parts = [packed[:7], packed[7:]] if chance.random() < 0.2 else [packed]
        for number, part in enumerate(parts):
            if number and chance.random() < 0.5:
                send(side, build_frame(9, b"ping", chance.randbytes(4) if side == "client" else None))
            key = chance.randbytes(4) if side == "client" else None
            opcode, last = 0 if number else 1 if text else 2, number + 1 == len(parts)
            send(side, build_frame(opcode, part, key, fin=last, rsv1=compressed and not number))
        told.sent[side].append(((start, talk.sequence(side) - origin[side]), payload))
    for side in SIDES:
        send(side, build_frame(8, b"\x03\xe8", chance.randbytes(4) if side == "client" else None))
    talk.fin("server")
    talk.fin("client")
    told.packets = wire.packets
    return told


def lengths(told: Told, side: Direction) -> list[tuple[int, int, int]]:
    """Index, offset in the stream and payload length of each packet of a side that carries data."""
    found, at = [], 0
    for index, (_, packet) in enumerate(told.packets):
        port = int.from_bytes(packet[34:36], "big")
        size = len(packet) - HEADERS
        if (port != 80) == (side == "client") and not packet[47] & 2 and size:
            found.append((index, at, size))
            at += size
    return found


def cut(told: Told, lost: set[int]) -> list[Record]:
    return analysed(pcap_bytes([packet for index, packet in enumerate(told.packets) if index not in lost]))


def errors(records: list[Record]) -> list[str]:
    return [str(finding) for finding in only(Finding, records) if finding.severity is Severity.ERROR]


def assert_nothing_is_made_up(told: Told, records: list[Record], *, shifted: bool) -> None:
    assert errors(records) == []
    for connection in only(Connection, records):
        for side in SIDES:
            hashes = [(len(payload), hashlib.sha256(payload).hexdigest()) for _, payload in told.sent[side]]
            spans = [span for span, _ in told.sent[side]]
            for span, one in messages(records, connection.connection, side):
                assert shifted or span in spans, "nobody sent it"
                if one.sha256 is not None:
                    assert (one.length, one.sha256) in hashes


seeds = st.integers(0, 1 << 32)
holes = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 12)), min_size=1, max_size=4)


@settings(max_examples=40)
@given(seeds, st.sampled_from([0, 40, 700]), st.booleans(), holes, st.booleans())
def test_no_hole_makes_an_error_or_a_message(
    seed: int, segments: int, compressed: bool, where: list[tuple[float, int]], opened: bool
) -> None:
    """``opened``: the packets of the opening stay."""
    told = conversation(random.Random(seed), segments=segments, compressed=compressed)
    first = 9 if opened else 0
    lost = set()
    for share, count in where:
        start = first + int(share * (len(told.packets) - first))
        lost |= set(range(start, start + count))
    assert_nothing_is_made_up(told, cut(told, lost), shifted=not opened)


@settings(max_examples=30)
@given(seeds, st.sampled_from([0, 40, 700]), st.booleans(), st.sampled_from(SIDES), st.floats(0, 1), st.integers(1, 12))
def test_what_a_hole_does_not_touch_is_found(
    seed: int, segments: int, compressed: bool, side: Direction, share: float, count: int
) -> None:
    told = conversation(random.Random(seed), segments=segments, compressed=compressed)
    data = lengths(told, side)[1:]
    start = int(share * (len(data) - 1))
    gone = data[start : start + count]
    records = cut(told, {index for index, _, _ in gone})
    assert_nothing_is_made_up(told, records, shifted=False)
    (connection,) = only(Connection, records)
    hole: Span = (gone[0][1], gone[-1][1] + gone[-1][2])
    ours = {each: dict(messages(records, connection.connection, each)) for each in SIDES}
    for each in SIDES:
        for span, payload in told.sent[each]:
            if each != side or span[1] <= hole[0]:
                assert ours[each][span].sha256 == hashlib.sha256(payload).hexdigest(), span
    if not segments:  # each frame fills a segment, and two of them are sure
        after = [at for _, at, _ in data[start + count :]]
        sure = after[2] if len(after) > 2 else 1 << 62
        assert [span for span, _ in told.sent[side] if span[0] >= sure and span not in ours[side]] == []
    if len(gone) < len(data) - start:
        assert "ST-002" in {finding.rule for finding in only(Finding, records)}


@settings(max_examples=40)
@given(seeds, st.sampled_from([0, 700]), st.floats(0, 0.5))
def test_a_capture_that_begins_later_is_read_as_far_as_it_goes(seed: int, segments: int, share: float) -> None:
    told = conversation(random.Random(seed), segments=segments, compressed=False)
    first = 9 + int(share * (len(told.packets) - 9))
    records = cut(told, set(range(first)))
    assert_nothing_is_made_up(told, records, shifted=True)
    connections = only(Connection, records)
    if segments or not connections:
        return
    assert connections[0].role_evidence == "masks"
    for side in SIDES:
        begun = next((at for index, at, _ in lengths(told, side) if index >= first), 1 << 62)
        left = [hashlib.sha256(payload).hexdigest() for span, payload in told.sent[side] if span[0] >= begun]
        ours = [one.sha256 for _, one in messages(records, 0, side)]
        assert ours[-len(left) :] == left if left else True


@pytest.mark.parametrize("fresh", [(), ("client",), ("server",), ("client", "server")], ids=lambda each: "+".join(each))
@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=8)
@given(seeds, st.floats(0, 0.6))
def test_a_hole_ends_inflating_only_where_the_context_is_taken_over(
    side: Direction, fresh: tuple[Direction, ...], seed: int, share: float
) -> None:
    """With context takeover one ST-017 tells it, without an inflate error; without, what comes next is read again."""
    told = conversation(random.Random(seed), segments=0, compressed=True, fresh=fresh)
    data = lengths(told, side)[1:]
    index, lost, _ = data[int(share * (len(data) - 4))]
    records = cut(told, {index})
    assert errors(records) == []
    assert [one.direction for one in only(Finding, records) if one.rule == "ST-017"] == [side] * (side not in fresh)
    after = [at for _, at, _ in data if at > lost][2]  # two frames after a hole, where one begins is sure again
    for each in SIDES:
        ours = dict(messages(records, 0, each))
        for span, payload in told.sent[each]:
            sha256 = hashlib.sha256(payload).hexdigest()
            if each != side or span[1] <= lost:
                assert ours[span].sha256 == sha256, span
            elif span[0] >= after:
                assert ours[span].sha256 == (sha256 if side in fresh else None), span
