"""What is particular to pcap files."""

from __future__ import annotations

import pytest

from analyzer.capture.ledger import Ledger
from analyzer.capture.reader import Reader
from analyzer.settings import Settings
from analyzer.wire import pcap
from tests.capture.crafted import Chopped, read_bytes


@pytest.mark.parametrize("order", pcap.ORDERS)
@pytest.mark.parametrize(
    ("magic", "time"),
    [
        (pcap.MICROSECONDS, 1_700_000_000_123_456_000),
        (pcap.NANOSECONDS, 1_700_000_000_123_456_789),
        (pcap.MODIFIED, 1_700_000_000_123_456_000),
    ],
)
def test_every_variant_gives_exact_times(order: str, magic: int, time: int) -> None:
    record = pcap.build_record(b"abc", 1_700_000_000_123_456_789, order, magic, wire=9)
    rows, _ = read_bytes(pcap.build_header(order, magic, link=113) + record)
    assert [(row.time_ns, row.data, row.wire, row.link) for row in rows] == [(time, b"abc", 9, 113)]


def test_seconds_are_unsigned() -> None:
    """A signed reading would put packets after January 2038 before 1970."""
    time = 0xFFFFFFFF * 10**9
    rows, _ = read_bytes(pcap.build_header() + pcap.build_record(b"", time))
    assert rows[0].time_ns == time


@pytest.mark.parametrize("order", pcap.ORDERS)
def test_the_check_sequence_length_is_no_part_of_the_link_type(order: str) -> None:
    header = bytearray(pcap.build_header(order, link=1))
    header[20 if order == pcap.BIG else 23] |= 0x24  # an FCS of 4 bytes is present
    rows, _ = read_bytes(bytes(header) + pcap.build_record(b"abc", 0, order))
    assert rows[0].link == 1


def test_what_a_reader_of_a_batch_wrote_into_it_is_gone_in_the_next() -> None:
    """Packets inside tunnels are put in the place of those around them, link type included."""
    data = pcap.build_header(link=113) + pcap.build_record(b"abc") * 3
    reader = Reader(Chopped(data, [1 << 20]), 0, Settings(batch_packets=1), Ledger("test"), 1 << 16)
    links = []
    while (batch := reader.read()) is not None:
        links.append(int(batch.link[0]))
        batch.link[:] = 101
        batch.file_offset[:] = 0
    assert links == [113] * 3


def test_a_file_without_packets_is_read_and_said_so() -> None:
    rows, ledger = read_bytes(pcap.build_header())
    assert rows == []
    assert ledger.notes == ["test: no packets"]
