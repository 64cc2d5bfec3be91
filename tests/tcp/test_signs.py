"""Checksums, second copies, hop limits and silence."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.settings import SECOND
from analyzer.tcp.packets import HOPS, IDLE, Segments
from analyzer.tcp.signs import Signs
from analyzer.wire import link, packet
from tests.tcp.feeding import HOSTS, MILLISECOND, START_NS, Raw, Sent, batches, flow_table, packets, raw
from tests.tcp.test_packets import SIX, V4, V6, changed, ethernet

QUIET = 60 * SECOND
IP4_CHECKSUM = link.offset(packet.IPV4, "checksum")
TCP_CHECKSUM = link.offset(packet.TCP, "checksum")


class Seen:
    """All that was noticed in a capture, whatever the batches."""

    def __init__(self, given: list[Raw], size: int | None = None) -> None:
        flows, signs, segments = flow_table(), Signs(QUIET), Segments(max(size or len(given), 1))
        self.bad = self.ip = self.tcp = self.unfinished = self.twice = 0
        self.marks: list[tuple[int, int, int]] = []
        """Number of the packet, HOPS or IDLE, detail."""
        self.first: list[int] = []
        """Number of the first packet of each batch with a wrong checksum, and of the first second copy."""
        for batch in batches(given, size):
            flows.decode(batch, segments)
            signs.look(batch, segments, flows.slots)
            self.bad += signs.bad
            self.ip += signs.bad_ip
            self.tcp += signs.bad_tcp
            self.unfinished += signs.unfinished
            self.twice += signs.twice
            self.first += [int(batch.number[row]) for row in (signs.first_bad, signs.first_twice) if row >= 0]
            for i in range(segments.count):
                mark = segments.flags[i] & (HOPS | IDLE)
                if mark:
                    self.marks.append((int(batch.number[segments.row[i]]), mark, segments.detail[i]))

    @property
    def sums(self) -> tuple[int, int, int, int]:
        return self.bad, self.ip, self.tcp, self.unfinished


def flipped(whole: bytes, at: int) -> bytes:
    return changed(whole, at, bytes([whole[at] ^ 0x10]))


# --- checksums


@given(st.binary(max_size=99), st.integers(0, 7), st.booleans())
def test_right_sums_are_right_at_any_address(payload: bytes, shift: int, six: bool) -> None:
    hosts = SIX if six else HOSTS
    segment = packet.build_tcp(*hosts, (1, 2), 5, 6, frozenset({"ack"}), payload)
    whole = packet.build_ipv6(*hosts, segment) if six else packet.build_ipv4(*hosts, segment)
    before = Raw(V4 + bytes(shift), wire=len(V4))
    assert Seen([before, Raw(whole), before, Raw(ethernet(0x86DD if six else 0x0800, whole), link=1)]).sums == (0,) * 4


@given(st.data())
def test_one_wrong_bit_is_found(data: st.DataObject) -> None:
    """In the header of IP, or in TCP and its payload: wherever the packet is still read as the same."""
    payload = data.draw(st.binary(min_size=1, max_size=40))
    whole = packet.build_ipv4(*HOSTS, packet.build_tcp(*HOSTS, (1, 2), 5, 6, frozenset({"ack"}), payload))
    spared = {0, 2, 3, 6, 7, 9, packet.IPV4_SHORTEST + link.offset(packet.TCP, "control")}
    at = data.draw(st.sampled_from([i for i in range(len(whole)) if i not in spared]))
    in_ip = at < packet.IPV4_SHORTEST
    addresses = at >= link.offset(packet.IPV4, "source")
    bad, ip, tcp, _ = Seen([Raw(flipped(whole, at))]).sums
    assert (bad, ip, tcp) == (1, int(in_ip), int(addresses))


def test_what_offloading_leaves_is_told_apart() -> None:
    tcp_at = packet.IPV4_SHORTEST + TCP_CHECKSUM
    zero = changed(V4, tcp_at, bytes(2))
    pseudo = packet.pseudo_header(*HOSTS, len(V4) - packet.IPV4_SHORTEST)
    started = changed(V4, tcp_at, (0xFFFF - packet.checksum(pseudo)).to_bytes(2, "big"))
    assert Seen([Raw(V4), Raw(zero), Raw(started), Raw(flipped(V4, tcp_at))]).sums == (3, 0, 3, 2)


@pytest.mark.parametrize(
    "given",
    [
        Raw(flipped(V4, len(V4) - 1)[:-1], wire=len(V4)),
        Raw(changed(flipped(V4, len(V4) - 1), link.offset(packet.IPV4, "total_length"), bytes(2))),
        Raw(changed(flipped(V6, len(V6) - 1), link.offset(packet.IPV6, "payload_length"), bytes(2))),
    ],
    ids=["cut", "length left to the card", "the same, IPv6"],
)
def test_what_is_not_there_whole_is_not_verified(given: Raw) -> None:
    assert Seen([given]).sums == (0,) * 4


def test_padding_is_not_summed_up() -> None:
    assert Seen([Raw(ethernet(0x0800, V4 + b"\xab" * 6), link=1)]).sums == (0,) * 4


def test_options_may_change_the_destination() -> None:
    """So the TCP sum is not judged behind them (source routes, RFC 791 3.1); the header's own is."""
    fields = packet.IPV4.parse(V4)
    fields.start.header_words, fields.options = 6, b"\x01\x01\x01\x00"
    fields.total_length += 4
    fields.checksum = 0
    fields.checksum = packet.checksum(packet.IPV4.build(fields))
    whole = packet.IPV4.build(fields) + flipped(V4, len(V4) - 1)[packet.IPV4_SHORTEST :]
    assert Seen([Raw(whole)]).sums == (0,) * 4
    assert Seen([Raw(flipped(whole, IP4_CHECKSUM))]).sums == (1, 1, 0, 0)


# --- second copies


def numbered(sent: Sent, time_ns: int, identification: int) -> Raw:
    whole = raw(sent, time_ns).data
    segment = whole[packet.IPV4_SHORTEST :]
    hosts = (HOSTS[1], HOSTS[0]) if sent.side else HOSTS
    return Raw(packet.build_ipv4(*hosts, segment, identification), time_ns)


ONE = Sent(0, 100, b"abc", 7)


@pytest.mark.parametrize(
    ("again", "after_ns", "identification", "copies"),
    [
        (ONE, 4_000, 9, 1),
        (ONE, MILLISECOND, 9, 1),
        (ONE, MILLISECOND + 1, 9, 0),
        (ONE, -1, 9, 0),
        (ONE, 4_000, 10, 0),
        (ONE._replace(seq=101), 4_000, 9, 0),
        (ONE._replace(data=b"abd"), 4_000, 9, 0),
        (ONE._replace(ack=8), 4_000, 9, 0),
        (ONE._replace(side=1), 4_000, 9, 0),
        (ONE._replace(port=9), 4_000, 9, 0),
    ],
)
def test_a_second_copy_is_the_same_packet_a_moment_later(
    again: Sent, after_ns: int, identification: int, copies: int
) -> None:
    given = [numbered(ONE, START_NS, 9), numbered(again, START_NS + after_ns, identification)]
    seen = Seen(given)
    assert seen.twice == copies
    assert seen.first == [2] * copies


def test_without_an_identification_only_the_next_packet_with_bytes_counts() -> None:
    ack, other = Sent(0, 100, ack=7), Sent(1, 7, b"x", 100)
    for sent, between, copies in ((ONE, [], 1), (ack, [], 0), (ONE, [numbered(other, START_NS, 3)], 0)):
        assert Seen([numbered(sent, START_NS, 0), *between, numbered(sent, START_NS, 0)]).twice == copies


@pytest.mark.parametrize("size", [1, 3, None])
def test_every_packet_twice(size: int | None) -> None:
    sent = [numbered(Sent(0, 1000 + i, b"x", 7), START_NS + i * 10, 1 + i) for i in range(200)]
    assert Seen([one for one in sent for _ in range(2)], size).twice == 200
    assert Seen([*sent, *sent], size).twice == 200


def test_a_copy_seen_a_router_later_is_no_change_of_hops() -> None:
    first = numbered(ONE, START_NS, 9)
    later = packet.build_ipv4(*HOSTS, first.data[packet.IPV4_SHORTEST :], 9, hops=63)
    seen = Seen([first, Raw(later, START_NS + 10)])
    assert (seen.twice, seen.marks) == (1, [])


# --- hop limits


def hopped(sent: Sent, hops: int, six: bool = False) -> Raw:
    hosts = SIX if six else HOSTS
    hosts, ports = ((hosts[1], hosts[0]), (80, 40001)) if sent.side else (hosts, (40001, 80))
    segment = packet.build_tcp(*hosts, ports, sent.seq, 0, frozenset({"ack"}), sent.data)
    return Raw((packet.build_ipv6 if six else packet.build_ipv4)(*hosts, segment, hops=hops))


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("size", [1, None])
def test_another_hop_limit_of_the_same_side_is_marked_once(six: bool, size: int | None) -> None:
    story = [(0, 64), (1, 57), (0, 64), (1, 57), (1, 56), (0, 64), (1, 57), (1, 56)]
    given = [hopped(Sent(side, 10 * i, b"x"), hops, six) for i, (side, hops) in enumerate(story)]
    assert Seen(given, size).marks == [(5, HOPS, (57 << 8) | 56)]


# --- silence


def silences(*sent: Sent) -> list[int]:
    """The packets that ended a silence."""
    return [number for number, mark, _ in Seen(packets(sent)).marks if mark == IDLE]


OPEN = [Sent(0, 99, ack=None, flags="s"), Sent(1, 499, ack=100, flags="s"), Sent(0, 100, b"abc", 500)]
LATE = 61 * SECOND


def test_silence_is_what_passes_without_a_packet_of_either_side() -> None:
    assert silences(*OPEN, Sent(0, 103, b"d", 500, after_ns=60 * SECOND)) == []
    assert silences(*OPEN, Sent(1, 500, b"d", 103, after_ns=LATE)) == [4]
    assert silences(*OPEN, Sent(1, 500, ack=103, flags="f", after_ns=LATE)) == [4]
    assert silences(*OPEN, Sent(1, 500, b"x", 103, after_ns=LATE), Sent(0, 103, b"xy", 501, after_ns=LATE)) == [4, 5]


def test_keep_alives_and_acknowledgments_do_not_break_a_silence() -> None:
    half = LATE // 2
    for probe in (b"", b"\0"):
        kept = [Sent(0, 102, probe, 500, after_ns=half), Sent(1, 500, ack=103)]
        assert silences(*OPEN, *kept, Sent(0, 103, b"new", 500, after_ns=half)) == [6]
    busy = [Sent(0, 103, b"d", 500, after_ns=half), Sent(1, 500, ack=104)]
    assert silences(*OPEN, *busy, Sent(0, 104, b"new", 500, after_ns=half)) == []


def test_the_length_of_a_silence() -> None:
    ((_, _, length),) = Seen(packets([*OPEN, Sent(0, 103, b"d", 500, after_ns=LATE)])).marks
    assert length == LATE


def test_times_that_jump_back_make_no_silence() -> None:
    back = Sent(0, 103, b"d", 500, after_ns=-100 * SECOND)
    assert silences(*OPEN, back, Sent(0, 104, b"e", 500, after_ns=100 * SECOND)) == []


def test_a_connection_on_used_ports_begins_anew() -> None:
    closed = [Sent(0, 103, ack=500, flags="r")]
    again = [Sent(0, 0x5000_0000, ack=None, flags="s", after_ns=30 * LATE), Sent(0, 0x5000_0001, b"x", 1)]
    assert silences(*OPEN, *closed, *again) == []


def test_no_bytes_raise_an_exception() -> None:
    source = random.Random(5)
    given = []
    for _ in range(3000):
        whole = bytearray(source.choice((V4, V6)))
        for _ in range(source.randrange(5)):
            whole[source.randrange(len(whole))] = source.randrange(256)
        given.append(Raw(bytes(whole[: source.randrange(len(whole) + 1)]), wire=len(whole)))
    Seen(given)
