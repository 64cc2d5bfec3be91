"""What is particular to pcapng files: drops, secrets, odd blocks, damage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.pcapng import STRANGE
from analyzer.errors import InputError
from analyzer.wire import pcap, pcapng
from tests.capture.crafted import clock, read_bytes, secrets, statistics

START = pcapng.build_section() + pcapng.build_interface()
PACKET = pcapng.build_packet(b"packet", 1_700_000_000_000_000)


def dropcount(count: int, order: str = pcap.LITTLE) -> list[tuple[int, bytes]]:
    return [(pcapng.PACKET_DROPS, pcapng.COUNTER[order].build(count))]


@given(st.integers(0, 2**64 - 1), st.integers(0, 255), st.integers(-(2**63), 2**63 - 1))
def test_times_are_exact_in_every_resolution(ticks: int, resolution: int, offset: int) -> None:
    values = [
        (pcapng.TIME_RESOLUTION, bytes([resolution])),
        (pcapng.TIME_OFFSET, pcapng.OFFSET[pcap.LITTLE].build(offset)),
    ]
    rows, _ = read_bytes(
        pcapng.build_section() + pcapng.build_interface(values=values) + pcapng.build_packet(b"", ticks)
    )
    assert rows[0].time_ns == clock(ticks, resolution, offset)


@pytest.mark.parametrize("kind", [0, 0x80])
def test_times_are_exact_at_the_ends_of_every_resolution(kind: int) -> None:
    wanted, data = [], pcapng.build_section()
    tick_counts = (0, 1, 2**32 - 1, 2**32, 10**18, 2**62 - 1, 2**62, 2**63, 2**64 - 1)
    for exponent in range(128):
        data += pcapng.build_interface(values=[(pcapng.TIME_RESOLUTION, bytes([kind | exponent]))])
        data += b"".join(pcapng.build_packet(b"", ticks, exponent) for ticks in tick_counts)
        wanted += [clock(ticks, kind | exponent, 0) for ticks in tick_counts]
    assert [row.time_ns for row in read_bytes(data)[0]] == wanted


def test_without_a_resolution_times_are_microseconds() -> None:
    assert read_bytes(START + PACKET)[0][0].time_ns == 1_700_000_000_000_000_000


@pytest.mark.parametrize("order", pcap.ORDERS)
def test_drops_come_from_statistics_or_packets_whichever_is_more(order: str) -> None:
    start = pcapng.build_section(order) + pcapng.build_interface(order=order) * 2
    packets = b"".join(pcapng.build_packet(b"abc", 0, 0, dropcount(count, order), order) for count in (3, 4))
    assert read_bytes(start + packets)[1].drops == 7
    # Statistics count from the start of the capture: the last one holds, for its interface.
    more = statistics(0, 5, 1, order) + statistics(0, 9, 2, order) + statistics(1, 100, order=order)
    assert read_bytes(start + packets + more)[1].drops == 11 + 100
    assert read_bytes((start + packets + more) * 2)[1].drops == 2 * (11 + 100)


def test_drops_of_the_obsolete_packet_block_count() -> None:
    fields: dict[str, object] = {"interface": 0, "drops": 6, "high": 0, "low": 0, "captured": 3, "wire": 3}
    schema = pcapng.OLD_PACKET_BLOCK[pcap.LITTLE]
    block = pcapng.build_block(pcapng.OLD_PACKET, schema, fields, b"abc")
    for sizes in ([1000], [1], [13]):
        rows, ledger = read_bytes(START + block * 3, sizes, 16)
        assert [row.data for row in rows] == [b"abc"] * 3
        assert ledger.drops == 18


def test_an_unknown_number_of_drops_is_not_a_number() -> None:
    unknown = pcapng.UNKNOWN_DROPS
    fields: dict[str, object] = {"interface": 0, "drops": unknown, "high": 0, "low": 0, "captured": 0, "wire": 0}
    block = pcapng.build_block(pcapng.OLD_PACKET, pcapng.OLD_PACKET_BLOCK[pcap.LITTLE], fields)
    rows, ledger = read_bytes(START + block)
    assert (len(rows), ledger.drops) == (1, 0)


def test_a_cut_drop_counter_counts_nothing() -> None:
    head = pcapng.build_options(dropcount(5))[:8]  # its value would reach into the end of the block
    fields: dict[str, object] = {"interface": 0, "high": 0, "low": 0, "captured": 0, "wire": 0}
    block = pcapng.build_block(pcapng.PACKET, pcapng.ENHANCED_PACKET[pcap.LITTLE], fields, head)
    rows, ledger = read_bytes(START + block + PACKET)
    assert (len(rows), ledger.drops) == (2, 0)


def test_a_section_starts_without_the_interfaces_of_the_one_before() -> None:
    rows, ledger = read_bytes(START + PACKET + pcapng.build_section() + PACKET)
    assert [row.number for row in rows] == [1]
    assert ledger.skipped == {STRANGE: 1}


def test_tls_secrets_are_kept_and_bounded() -> None:
    text = b"CLIENT_RANDOM 00 11\n"
    data = (
        pcapng.build_section() + secrets(text) + secrets(b"other", kind=0x57474B4C) + secrets(b"") + secrets(text * 3)
    )
    assert read_bytes(data)[1].secrets == [text, text * 3]
    _, ledger = read_bytes(data + secrets(b"more" * 10) * 2, block_size=130)
    assert ledger.secrets == [text, text * 3]
    assert sum("TLS secrets" in note for note in ledger.notes) == 1


def test_a_packet_of_an_undescribed_interface_is_counted_and_keeps_its_number() -> None:
    strange = pcapng.build_packet(b"?", 0, interface=1)
    rows, ledger = read_bytes(START + PACKET + strange + PACKET)
    assert [row.number for row in rows] == [1, 3]
    assert ledger.skipped == {STRANGE: 1}


def test_a_simple_packet_takes_the_last_time_and_the_snaplen() -> None:
    start = pcapng.build_section() + pcapng.build_interface(snaplen=5)
    simple = pcapng.build_block(pcapng.SIMPLE_PACKET, pcapng.SIMPLE_PACKET_BLOCK[pcap.LITTLE], {"wire": 900}, b"01234")
    rows, _ = read_bytes(start + PACKET + simple)
    assert (rows[1].time_ns, rows[1].data, rows[1].wire) == (rows[0].time_ns, b"01234", 900)


def test_a_large_block_of_no_interest_is_passed_over_unread() -> None:
    names = pcapng.build_block(pcapng.NAMES, pcapng.HEAD[pcap.LITTLE], {}, bytes(5000))
    rows, ledger = read_bytes(START + PACKET + names + PACKET, [64], 64, block_size=1000)
    assert len(rows) == 2
    assert ledger.notes == []


def with_length(block: bytes, total: int, end: int | None = None) -> bytes:
    """``block`` with its first length changed, and its second where ``end`` is given."""
    number = pcap.u32(pcap.LITTLE).build
    return block[:4] + number(total) + block[8:-4] + (block[-4:] if end is None else number(end))


NAMES = pcapng.build_block(pcapng.NAMES, pcapng.HEAD[pcap.LITTLE], {}, b"abcd")


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (with_length(NAMES, 8), "a block of 8 bytes, a length no block can have"),
        (with_length(NAMES, 17), "a block of 17 bytes, a length no block can have"),
        (with_length(NAMES, 16, 20), "a block that begins with a length of 16 and ends with 20 bytes"),
        (with_length(PACKET, 28), "packet 2 is a block of 28 bytes, a length it cannot have"),
        (with_length(PACKET, 42), "packet 2 is a block of 42 bytes, a length it cannot have"),
        (with_length(PACKET, 40, 44), "packet 2's block begins with a length of 40 and ends with 44 bytes"),
        (PACKET[:20] + b"\x09" + PACKET[21:], "packet 2 claims 9 captured bytes"),
        (pcapng.MAGIC + bytes(24), "a section header without the byte-order magic (00 00 00 00)"),
        (with_length(statistics(0, 1)[:12] + statistics(0, 1)[-4:], 16, 16), "which is too short to be one"),
    ],
)
def test_damage_is_told_with_its_place(block: bytes, reason: str) -> None:
    rows, ledger = read_bytes(START + PACKET + block + PACKET)
    assert len(rows) == 1
    (note,) = ledger.notes
    assert reason in note
    # A block that is passed over shows its damage at its end.
    places = (len(START + PACKET), len(START + PACKET + block) - 4)
    assert any(note.startswith(f"test: stopped at byte {place}: ") for place in places)
    assert note.endswith("; 1 packet read")


def test_a_section_header_that_is_no_such_thing_is_refused() -> None:
    with pytest.raises(InputError, match="byte-order magic"):
        read_bytes(pcapng.MAGIC + bytes(100))


def test_interfaces_without_end_are_counted_and_their_packets_passed_over() -> None:
    data = pcapng.build_section() + pcapng.build_interface() * 5
    data += b"".join(pcapng.build_packet(b"%d" % interface, 0, interface) for interface in range(5))
    rows, ledger = read_bytes(data, interfaces=3)
    assert [row.data for row in rows] == [b"0", b"1", b"2"]
    assert ledger.limits == {"interfaces": 2}
    assert ledger.skipped == {STRANGE: 2}


def test_options_without_end_are_not_looked_at() -> None:
    comments = [(1, b"a comment")] * 5
    finer = [(pcapng.TIME_RESOLUTION, b"\x09")]
    data = pcapng.build_section() + pcapng.build_interface(values=comments + finer) + pcapng.build_packet(b"", 7)
    for options, time, limits in (5, 7000, {"options": 1}), (6, 7, {}):
        rows, ledger = read_bytes(data, options=options)
        assert [row.time_ns for row in rows] == [time]
        assert ledger.limits == limits
