"""Reassembly case by case as captures bring them, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import permutations

import pytest

from analyzer.settings import SECOND, Settings
from analyzer.tcp import streams
from analyzer.tcp.packets import Segments
from analyzer.tcp.reassembly import Reassembly
from analyzer.tcp.streams import CONFLICT, DATA, FIN, GAP, LIMIT, LOST, RST, SNAPLEN
from analyzer.wire import link, packet
from tests.tcp.feeding import Raw, Result, Sent, batches, flow_table, packets, streams_of
from tests.tcp.talking import ISN, OPENED, SYN, SYN_ACK, client, gaps, run, server


def test_in_order() -> None:
    result = run(*OPENED, client(0, b"abc"), server(0, b"xy", ack=3), client(3, b"d", ack=2))
    assert (result.text(0), result.text(1)) == (b"abcd", b"xy")
    assert [chunk.acked for chunk in result.of(1, DATA)] == [3]
    first = result.of(0, DATA)[0]
    assert (first.packet, first.ordinal) == (3, 2)
    assert first.file_offset == 24 + 3 * 16 + 2 * 40 + 40, "three record headers, two packets, then the headers"


def test_a_late_segment_is_put_in_place_and_keeps_its_origin() -> None:
    result = run(*OPENED, client(3, b"def"), client(0, b"abc"), client(6, b"g"))
    assert result.text(0) == b"abcdefg"
    assert [(chunk.packet, chunk.ordinal) for chunk in result.of(0, DATA)] == [(4, 3), (3, 3), (5, 4)]


def test_overlap_on_every_side() -> None:
    result = run(*OPENED, client(4, b"ef"), client(8, b"ij"), client(2, b"cdefghijkl"), client(0, b"abc"))
    assert result.text(0) == b"abcdefghijkl"
    assert not result.of(0, CONFLICT)


def test_the_first_copy_wins_and_the_conflict_is_told() -> None:
    result = run(*OPENED, client(0, b"abcdef"), client(2, b"cXYf"), client(6, b"gh"))
    assert result.text(0) == b"abcdefgh"
    assert [(one.offset, one.length, one.packet) for one in result.of(0, CONFLICT)] == [(3, 3, 4)]
    waiting = run(*OPENED, client(2, b"cdef"), client(3, b"dXf"), client(0, b"ab"))
    assert waiting.text(0) == b"abcdef"
    assert [(one.offset, one.length) for one in waiting.of(0, CONFLICT)] == [(4, 2)]


def test_a_third_copy_is_compared_with_the_first() -> None:
    result = run(*OPENED, client(2, b"cdef"), client(0, b"abXdef"), client(0, b"abcdef"))
    assert result.text(0) == b"abcdef"
    assert [one.packet for one in result.of(0, CONFLICT)] == [4]


@pytest.mark.parametrize("size", [1, 50, None])
def test_conflicts_are_found_over_batches_until_history_ends(size: int | None) -> None:
    filler = [client(6 + 1000 * i, bytes(1000)) for i in range(20)]
    late = [*OPENED, client(0, b"abcdef"), *filler, client(0, b"abcdeX")]
    assert len(run(*late, size=size).of(0, CONFLICT)) == 1
    assert not run(*late, size=size, history=10_000).of(0, CONFLICT)


def test_keep_alive() -> None:
    probe = client(2, b"\0")
    result = run(*OPENED, client(0, b"abc"), probe, server(0, ack=3), client(2, b""), client(3, b"d"))
    assert result.text(0) == b"abcd"
    assert result.kinds(0) == [DATA]


def test_a_keep_alive_of_a_sender_that_goes_back_to_send_again() -> None:
    """Its byte stands where the sender is, not where the stream is; elsewhere one byte is a reading like any other."""
    far = [client(0, b"abcdefgh"), client(2, b"cd"), client(3, b"\0")]
    assert run(*OPENED, *far).kinds(0) == [DATA]
    assert run(*OPENED, *far, client(5, b"\0")).kinds(0) == [DATA, CONFLICT]
    ahead = [client(2, b"cd"), client(3, b"\0"), client(0, b"ab")]
    result = run(*OPENED, *ahead)
    assert (result.text(0), result.kinds(0)) == (b"abcd", [DATA])


def test_the_connections_left_at_the_end_come_in_pieces() -> None:
    flows, reassembly, segments = flow_table(), Reassembly(Settings(batch_packets=100)), Segments(100)
    one_each = packets([Sent(0, 1, b"x", port=2000 + i) for i in range(500)])
    for batch in batches(one_each, 100):
        flows.decode(batch, segments)
        reassembly.begin(batch, segments, flows.slots)
        row = 0
        while row < segments.count:
            row = reassembly.deliver(row)
        reassembly.finish()
        reassembly.chunks.clear()
    counts = []
    for _ in reassembly.end():
        counts.append(reassembly.chunks.count)
        reassembly.chunks.clear()
    assert sum(counts) == 500 * len((streams.OPEN, DATA, streams.END))
    assert max(counts) < 110


def test_zero_window_probe() -> None:
    probe = client(3, b"d")
    assert run(*OPENED, client(0, b"abc"), probe, probe, client(3, b"def")).text(0) == b"abcdef"


def test_an_ack_before_its_data_is_no_loss() -> None:
    acks = [server(0, ack=6) for _ in range(30)]
    result = run(*OPENED, client(0, b"abc"), *acks, client(3, b"def"), client(6, b"g"))
    assert (result.text(0), gaps(result)) == (b"abcdefg", [])


@pytest.mark.parametrize("acks", [[server(0, ack=6)] * 70, [server(0, ack=6), server(0, ack=6, after_ns=2 * SECOND)]])
def test_acknowledged_bytes_that_never_come_are_lost(acks: list[Sent]) -> None:
    result = run(*OPENED, client(0, b"abc"), *acks, client(6, b"g"))
    assert result.text(0) == b"abc???g"
    assert gaps(result) == [(3, 3, LOST)]
    assert result.of(0, GAP)[0].packet < len(acks) + 4, "given up before the last packet"


def test_time_passes_on_other_connections_too() -> None:
    other = [Sent(0, 1, ack=None, flags="s", port=9, after_ns=3 * SECOND)]
    result = run(*OPENED, client(0, b"abc"), client(6, b"g"), server(0, ack=7), *other, Sent(0, 2, b"z", 1, port=9))
    assert gaps(result) == [(3, 3, LOST)]
    assert result.of(0, GAP)[0].packet == 6


def test_without_an_ack_a_hole_waits_to_the_end() -> None:
    waiting = [client(7 + i, b"h", after_ns=SECOND) for i in range(100)]
    result = run(*OPENED, client(0, b"abc"), client(6, b"g"), *waiting, client(3, b"def"))
    assert gaps(result) == []
    assert result.text(0)[:8] == b"abcdefgh"


def test_one_direction_only() -> None:
    sent = [SYN, client(0, b"abc"), client(6, b"g"), *(client(7 + i, b"h") for i in range(80))]
    result = run(*sent)
    assert gaps(result) == [(3, 3, LOST)]
    assert result.text(0) == b"abc???g" + b"h" * 80
    assert result.of(0, GAP)[0].packet < 75, "nobody acknowledges: packets alone tell"


def test_syn_with_data() -> None:
    assert run(SYN._replace(data=b"ab"), SYN_ACK, client(2, b"c")).text(0) == b"abc"


def test_a_syn_that_comes_after_its_data() -> None:
    assert run(client(0, b"abc"), SYN, SYN_ACK, client(3, b"d")).text(0) == b"abcd"
    assert run(SYN, client(0, b"abc"), server(2, b"z"), SYN_ACK, server(0, b"xy")).text(1) == b"xyz"


def test_midstream_with_the_first_packets_out_of_order() -> None:
    sent = [client(503, b"def"), server(900, b"zz", ack=506), client(500, b"abc"), client(506, b"g")]
    result = run(*sent, client(507, b"h"), server(902, b"z"), *(client(508 + i, b"i") for i in range(9)))
    assert result.text(0) == b"abcdefgh" + b"i" * 9
    assert result.text(1) == b"zzz"
    assert result.of(0, DATA)[0].ordinal == 7, "once join_packets were seen"


def test_midstream_is_not_kept_waiting_for_more_than_a_while() -> None:
    result = run(client(500, b"abc"), Sent(0, 1, ack=None, flags="s", port=9, after_ns=5 * SECOND))
    assert result.text(0) == b"abc"
    assert result.of(0, DATA)[0].ordinal == 1


def test_midstream_beginning_with_a_keep_alive() -> None:
    acks = [server(900, ack=500), client(499, b"\0"), server(900, ack=500)]
    assert run(*acks, client(500, b"abc")).text(1) == b"abc"


def test_one_syn_missing_the_other_sides_ack_tells_the_start() -> None:
    ack = client(0, b"", ack=0)
    result = run(SYN, ack, client(0, b"GET"), server(3, b"def", ack=3), *[client(3, b"", ack=6)] * 70)
    assert result.text(1) == b"???def"
    assert gaps(result, 1) == [(0, 3, LOST)]


def test_a_syn_missing_that_was_answered_keeps_nothing_waiting() -> None:
    """Else what the server says to the request comes before it."""
    result = run(SYN_ACK, client(0, b"GET"), server(0, b"200", ack=3))
    assert [result.of(direction, DATA)[0].ordinal for direction in (1, 0)] == [1, 2]
    lost = run(SYN_ACK, client(3, b"def"), server(0, b"", ack=6), *[server(0, b"", ack=6)] * 70)
    assert lost.text(1) == b"???def"
    early = run(client(0, b"GET"), SYN_ACK, client(3, b"def"), SYN)
    assert early.text(0) == b"GETdef"


def test_one_fin_then_the_other() -> None:
    sent = [client(0, b"abc"), client(3, flags="f"), server(0, b"xy", ack=4), server(2, b"z", ack=4, flags="f")]
    result = run(*OPENED, *sent, client(4, ack=4))
    assert (result.text(0), result.text(1)) == (b"abc", b"xyz"), "half closed, the other side goes on"
    assert (result.kinds(0), result.kinds(1)) == ([DATA, FIN], [DATA, FIN])


def test_a_fin_before_the_bytes_it_ends() -> None:
    assert run(*OPENED, client(3, b"def", flags="f"), client(0, b"abc")).kinds(0) == [DATA, FIN]
    assert run(*OPENED, client(0, b"abc"), client(6, flags="f"), client(3, b"def")).text(0) == b"abcdef"


def test_a_fin_behind_lost_bytes() -> None:
    result = run(*OPENED, client(0, b"abc"), client(6, flags="f"))
    assert result.kinds(0) == [DATA, GAP, FIN]
    assert gaps(result) == [(3, 3, LOST)]


def test_the_ack_of_a_fin_is_no_byte() -> None:
    acks = [server(0, ack=4)] * 100
    assert run(*OPENED, client(0, b"abc"), client(3, flags="f"), *acks).kinds(0) == [DATA, FIN]
    assert run(*OPENED, client(0, b"abc"), *acks).kinds(0) == [DATA], "also where the FIN was not captured"
    lost = run(*OPENED, client(0, b"abc"), server(0, ack=7), client(6, flags="f"), *[server(0, ack=7)] * 70)
    assert gaps(lost) == [(3, 3, LOST)]


def test_data_after_a_fin_is_dropped() -> None:
    result = run(*OPENED, client(0, b"abc", flags="f"), client(3, b"def"), client(4, b"ef"))
    assert (result.text(0), result.kinds(0)) == (b"abc", [DATA, FIN])


def test_a_reset_ends_its_side_at_once_and_the_other_side_goes_on() -> None:
    result = run(*OPENED, client(0, b"abc"), client(3, flags="r"), server(0, b"xy"), client(3, b"d"))
    assert (result.kinds(0), result.text(0), result.text(1)) == ([DATA, RST], b"abc", b"xy")


def test_a_reset_waits_for_the_bytes_before_it() -> None:
    assert run(*OPENED, client(3, flags="r"), client(0, b"abc")).kinds(0) == [DATA, RST]
    assert run(*OPENED, client(0, b"a"), client(3, flags="r")).kinds(0) == [DATA, RST], "but not beyond the end"


def test_reset_after_fin_and_fin_after_reset() -> None:
    assert run(*OPENED, client(0, b"abc", flags="f"), client(4, flags="r")).kinds(0) == [DATA, FIN, RST]
    assert run(*OPENED, client(0, b"abc", flags="r"), client(3, flags="f")).kinds(0) == [DATA, RST]


@pytest.mark.parametrize("late", [client(3, flags="f"), client(1, b"bc", flags="f")])
def test_a_reset_after_a_fin_is_told_when_it_came(late: Sent) -> None:
    """Its number is one beyond the last byte, for the FIN took one."""
    result = run(
        *OPENED, client(0, b"a"), client(1, b"bc"), late, client(4, flags="r"), server(0, b"x"), server(1, b"y")
    )
    assert result.kinds(0) == [DATA, FIN, RST]
    assert [end.ordinal for end in result.of(0, FIN) + result.of(0, RST)] == [4, 5]


def test_urgent_bytes_are_bytes_of_the_stream() -> None:
    """RFC 6093 2.1: the pointer marks a place, nothing more."""
    given = packets([*OPENED, client(0, b"abc"), client(3, b"def"), server(0, ack=6), client(6, b"g")])
    at = packet.IPV4_SHORTEST + link.offset(packet.TCP, "control") + 1
    urgent = bytearray(given[3].data)
    urgent[at] |= 0x20
    given[3] = given[3]._replace(data=bytes(urgent))
    result = streams_of(given)
    assert (result.text(0), result.kinds(0)) == (b"abcdefg", [DATA])


def test_a_handshake_in_any_order() -> None:
    acked, bytes_each = client(0, ack=0), [client(0, b"abc"), server(0, b"xy", ack=3)]
    for order in permutations([SYN, SYN_ACK, acked]):
        result = run(*order, *bytes_each, client(3, b"d", ack=2), client(4, b"e", ack=2))
        sides = (0, 1) if order[0].side == 0 else (1, 0)
        assert [result.text(side) for side in sides] == [b"abcde", b"xy"]


def test_far_off_segments_are_not_of_the_connection() -> None:
    result = run(*OPENED, client(0, b"abc"), client(0x6000_0000, b"zzz"), client(3, b"d"))
    assert result.text(0) == b"abcd"


def test_port_reuse_without_an_end() -> None:
    again = [SYN._replace(seq=0x5000_0000), Sent(0, 0x5000_0001, b"new", 1)]
    result = run(*OPENED, client(0, b"old"), client(9, b"waits"), *again)
    kinds = [chunk.kind for chunk in result.chunks if chunk.kind != streams.TICK]
    assert kinds == [streams.OPEN, DATA, GAP, DATA, streams.END, streams.OPEN, streams.SIGN, DATA, streams.END]
    assert [chunk.length for chunk in result.chunks if chunk.kind == streams.OPEN] == [0, 1]


def test_after_the_end_a_connection_is_ended_in_capture_time() -> None:
    closed = [client(0, b"abc", flags="f"), server(0, flags="f", ack=4)]
    other = [Sent(0, 1, ack=None, flags="s", port=9, after_ns=3 * SECOND), Sent(0, 2, b"z", 1, port=9)]
    chunks = run(*OPENED, *closed, *other).chunks
    (end, _) = [chunk for chunk in chunks if chunk.kind == streams.END]
    assert end.ordinal == 4


def test_every_packet_twice() -> None:
    sent = [*OPENED, client(0, b"abc"), server(0, b"xy", ack=3), client(3, b"d", flags="f"), server(2, flags="f")]
    result = run(*[one for one in sent for _ in range(2)])
    assert (result.text(0), result.text(1)) == (b"abcd", b"xy")
    assert (result.kinds(0), result.kinds(1)) == ([DATA, FIN], [DATA, FIN])


def test_cut_packets() -> None:
    result = run(*OPENED, client(0, b"abcdef", keep=2), client(6, b"ghi"))
    assert (result.text(0), gaps(result)) == (b"ab????ghi", [(2, 4, SNAPLEN)])
    late = run(*OPENED, client(6, b"ghi", keep=0), client(0, b"abcdef"), client(9, b"j"))
    assert (late.text(0), gaps(late)) == (b"abcdef???j", [(6, 3, SNAPLEN)])


@pytest.mark.parametrize("size", [1, 7, 100])
def test_batch_size_changes_nothing_in_a_long_exchange(size: int) -> None:
    sent, at = [*OPENED], 0
    for turn in range(300):
        data = bytes([turn % 251]) * (turn % 40)
        sent.append(client(at, data, ack=turn))
        sent.append(server(turn, b"k", ack=at))
        if turn % 11 == 0:
            sent.append(client(at, data, ack=turn, after_ns=SECOND // 2))
        at += len(data)
    sent[40], sent[42] = sent[42], sent[40]
    del sent[100]
    assert run(*sent, size=size).chunks == run(*sent).chunks


# --- limits, clocks and costs


def test_the_buffer_of_a_direction_is_limited() -> None:
    ahead = [client(10 + 2 * i, b"x") for i in range(20)]
    result = run(*OPENED, client(0, b"abc"), *ahead, stream_buffer=8 << 10)
    assert result.limits == {"stream_buffer": 12}
    assert gaps(result)[0] == (3, 7, LIMIT)
    assert len(result.stream(0)) == 10 + 2 * 19 + 1


def test_all_buffers_together_are_limited_and_the_oldest_makes_room() -> None:
    ports = range(100, 110)
    opened = [Sent(0, 0, ack=None, flags="s", port=port) for port in ports]
    opened += [Sent(1, 0, ack=1, flags="s", port=port) for port in ports]
    ahead = [Sent(0, 5, b"x", 1, port=port) for port in ports]
    result = run(*opened, *ahead, total_stream_buffer=4 << 10)
    assert result.limits == {"total_stream_buffer": 6}
    limited = [chunk.direction for chunk in result.chunks if chunk.kind == GAP and chunk.start == LIMIT]
    assert limited == [0, 2, 4, 6, 8, 10]


def test_segments_that_wait_to_be_joined_are_limited_too() -> None:
    flood = [Sent(0, 100, bytes(1000), 1, port=port, after_ns=0) for port in range(1, 200)]
    result = run(*flood, total_stream_buffer=64 << 10)
    assert result.limits["total_stream_buffer"] > 100
    assert sum(chunk.length for chunk in result.chunks if chunk.kind == DATA) == 199_000


@pytest.mark.parametrize("jump", [90_000 * SECOND, 1 << 61, -90_000 * SECOND, -30 * SECOND])
def test_a_clock_that_jumps_stops_nothing(jump: int) -> None:
    """After a time stamp far off, what waits on time still gets its turn, once time goes on."""
    jumping = [client(0, b"abc"), server(0, ack=3, after_ns=jump), client(3, b"d", after_ns=-jump)]
    lost = [client(9, b"j"), server(0, ack=10)]
    later = [Sent(0, 5, ack=None, flags="s", port=9, after_ns=100 * SECOND), Sent(0, 6, b"z", 1, port=9)]
    result = run(*OPENED, *jumping, *lost, *later)
    assert result.text(0) == b"abcd?????j"
    assert result.of(0, GAP)[0].packet == 8


def timed(given_packets: list[Raw], **changed: int) -> tuple[Result, float]:
    started = time.process_time()
    result = streams_of(given_packets, 4096, **changed)
    return result, time.process_time() - started


def many(template: Sent, changes: Iterable[tuple[int, bytes]]) -> list[Raw]:
    """Copies of one segment with other sequence numbers and payload bytes: quicker than building each."""
    (base,) = packets([template])
    head = len(base.data) - len(template.data)
    return [
        Raw(base.data[:24] + (seq & 0xFFFF_FFFF).to_bytes(4, "big") + base.data[28:head] + data, base.time_ns)
        for seq, data in changes
    ]


def test_many_tiny_pieces_ahead_of_a_hole_stay_cheap() -> None:
    opened = packets([*OPENED, client(0, b"a")])
    backwards = many(client(0, b"x"), ((ISN[0] + 1 + 90_000 - 2 * i, b"x") for i in range(6000)))
    result, seconds = timed(opened + backwards)
    assert result.limits["stream_buffer"] > 0
    assert seconds < 20, "some milliseconds each would be minutes"


def test_cut_segments_over_many_pieces_stay_cheap() -> None:
    opened = packets([*OPENED, client(0, b"a")])
    holes = many(client(0, b"x"), ((ISN[0] + 11 + 2 * i, b"x") for i in range(4000)))
    wide = packets([client(10, bytes(20_000), keep=0)])
    result, seconds = timed(opened + holes + wide * 5000)
    assert seconds < 20
    assert result.stream(0)[10:12] == [ord("x"), None]


def test_many_retransmissions_stay_cheap() -> None:
    """Each looks its first copy up in the trail of its own direction, however long the history."""
    opened = packets(OPENED)
    sent = [(ISN[0] + 1 + i, bytes([i & 0xFF])) for i in range(10_000)]
    again = [sent[max(i - 100, 0)] for i in range(10_000)]
    mixed = [one for pair in zip(sent, again, strict=True) for one in pair]
    result, seconds = timed(opened + many(client(0, b"x", ack=0), mixed))
    assert not result.of(0, CONFLICT)
    assert len(result.stream(0)) == 10_000
    assert seconds < 20
