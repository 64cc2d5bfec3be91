"""Reading is the same however it is chopped, survives anything, and says where it stopped."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.ledger import Ledger
from analyzer.capture.reader import Reader
from analyzer.errors import InputError
from analyzer.settings import Settings
from analyzer.wire import pcap, pcapng
from tests.capture.crafted import CHOPS, Chopped, Crafted, pcapngs, pcaps, read_bytes, simple_pcap

FILES = pcaps() | pcapngs()


@given(FILES, CHOPS, st.integers(8, 300), st.integers(1, 9))
def test_rows_do_not_depend_on_how_the_bytes_come(made: Crafted, sizes: list[int], buffer: int, batch: int) -> None:
    rows, ledger = read_bytes(made.data, sizes, buffer, batch_packets=batch)
    assert rows == made.rows
    assert ledger.notes == ([] if rows else ["test: no packets"])
    assert ledger.packets == len(rows)
    assert ledger.position == len(made.data)


@given(FILES, st.data(), CHOPS)
def test_a_cut_file_gives_what_stands_before_the_cut(made: Crafted, data: st.DataObject, sizes: list[int]) -> None:
    cut = data.draw(st.integers(0, len(made.data) - 1))
    whole = [row for row in made.rows if row.file_offset + len(row.data) <= cut]
    try:
        rows, ledger = read_bytes(made.data[:cut], sizes, 64)
    except InputError:
        assert not whole
    else:
        # A pcapng block is whole only with its padding, its options and its second length.
        assert rows == whole[: len(rows)]
        assert len(whole) - len(rows) <= (made.data[:4] == pcapng.MAGIC)
        assert all(f"at byte {cut};" in note for note in ledger.notes if "cut inside" in note)


@given(FILES, st.data(), CHOPS, st.integers(8, 300))
def test_damage_never_raises_and_reads_alike_however_chopped(
    made: Crafted, data: st.DataObject, sizes: list[int], buffer: int
) -> None:
    raw = bytearray(made.data)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    def outcome(sizes: list[int], buffer: int) -> object:
        try:
            rows, ledger = read_bytes(bytes(raw), sizes, buffer, packet_size=100, block_size=200)
        except InputError as error:
            return str(error)
        return rows, ledger.notes, ledger.drops, ledger.skipped, ledger.secrets

    assert outcome(sizes, buffer) == outcome([1 << 20], 1 << 16)


@given(st.sampled_from([*pcap.VARIANTS, pcapng.MAGIC, b""]), st.binary(max_size=200))
def test_arbitrary_bytes_never_raise_anything_else(magic: bytes, rest: bytes) -> None:
    with suppress(InputError):
        read_bytes(magic + rest, [7], 16)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "test: empty file"),
        (b"#!", "test: not a pcap or pcapng capture (starts with 23 21)"),
        (b"# notes on the capture", "test: not a pcap or pcapng capture (starts with 23 20 6e 6f 74 65 73 20)"),
        (pcap.build_header()[:23], "test: cut inside its header at byte 23; there is nothing to read"),
        (pcapng.build_section()[:27], "test: cut inside its first block at byte 27; there is nothing to read"),
    ],
)
def test_what_cannot_be_read_at_all_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_bytes(data)
    assert str(raised.value) == message


def test_a_cut_record_is_told_with_its_place() -> None:
    data = simple_pcap([1, 2, 3])
    rows, ledger = read_bytes(data[:-1])
    assert [row.number for row in rows] == [1, 2]
    assert ledger.notes == [f"test: cut inside packet 3's record at byte {len(data) - 1}; 2 packets read"]


def test_a_record_longer_than_the_buffer_is_read() -> None:
    data = simple_pcap([1], bytes(range(256)) * 400)
    rows, _ = read_bytes(data, [1000], 64)
    assert rows[0].data == bytes(range(256)) * 400


def test_an_absurd_length_stops_the_reading_and_keeps_what_was_read() -> None:
    data = simple_pcap([1]) + pcap.build_record(bytes(200), 5, magic=pcap.NANOSECONDS)
    rows, ledger = read_bytes(data + simple_pcap([2]), packet_size=199)
    assert len(rows) == 1
    assert ledger.notes == [
        f"test: stopped at byte {len(simple_pcap([1]))}: packet 2 claims 200 captured bytes; 1 packet read"
    ]
    assert len(read_bytes(data, packet_size=200)[0]) == 2


@pytest.mark.parametrize("size", [7, 1 << 16])
def test_what_is_consumed_ends_with_a_whole_block(size: int) -> None:
    begin = pcapng.build_section() + pcapng.build_interface()
    unknown = pcapng.build_block(0xBAD, pcapng.HEAD[pcap.LITTLE], {}, bytes(5000))
    packet = pcapng.build_packet(b"packet")
    data = begin + packet + unknown + packet + packet[:-1]
    boundaries = {len(begin + packet), len(begin + packet + unknown + packet)}
    reader = Reader(Chopped(data, [size]), 0, Settings(), Ledger("test"), 256)
    assert reader.consumed == 0
    seen = set()
    while reader.read() is not None:
        seen.add(reader.consumed)
    seen.add(reader.consumed)
    assert seen <= boundaries
    assert max(seen) == max(boundaries)
