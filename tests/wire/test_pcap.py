"""The pcap schemas: sizes, byte orders, and that scapy reads what they build."""

from __future__ import annotations

import io

import pytest

from analyzer.wire import pcap


def test_the_schemas_have_the_sizes_of_the_format() -> None:
    for order in pcap.ORDERS:
        assert pcap.HEADER[order].sizeof() == 24
        assert pcap.RECORD[order].sizeof() == 16
        assert pcap.MODIFIED_RECORD[order].sizeof() == 24


def test_offsets_are_those_of_the_fields() -> None:
    assert pcap.offsets(pcap.RECORD[pcap.BIG]) == {"seconds": 0, "fraction": 4, "captured": 8, "wire": 12}


def test_magic_numbers_tell_byte_order_and_unit() -> None:
    known = {raw.hex(): (variant.order, variant.unit) for raw, variant in pcap.VARIANTS.items()}
    assert known["d4c3b2a1"] == ("<", 1000)
    assert known["a1b2c3d4"] == (">", 1000)
    assert known["4d3cb2a1"] == ("<", 1)
    assert known["a1b23c4d"] == (">", 1)
    assert len(known) == 6


def test_a_header_as_tcpdump_writes_it() -> None:
    raw = bytes.fromhex("d4c3b2a1 02000400 00000000 00000000 00000400 01000000")
    header = pcap.HEADER[pcap.LITTLE].parse(raw)
    assert (header.major, header.minor, header.snaplen, header.network.link) == (2, 4, 262144, 1)
    assert pcap.build_header() == raw


@pytest.mark.parametrize("order", pcap.ORDERS)
@pytest.mark.parametrize("magic", [pcap.MICROSECONDS, pcap.NANOSECONDS])
def test_scapy_reads_what_is_built(order: str, magic: int) -> None:
    from scapy.utils import RawPcapReader

    data = pcap.build_header(order, magic, link=101)
    data += pcap.build_record(b"abc", 1_700_000_000_123_456_789, order, magic, wire=60)
    with RawPcapReader(io.BytesIO(data)) as reader:
        assert reader.linktype == 101
        packet, meta = next(iter(reader))
    assert packet == b"abc"
    fraction = 123_456_789 if magic == pcap.NANOSECONDS else 123_456
    assert (meta.sec, meta.usec, meta.wirelen, meta.caplen) == (1_700_000_000, fraction, 60, 3)
