"""The pcapng schemas: sizes, option lists, and that scapy reads what they build."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire import pcap, pcapng

CODES = st.integers(1, 0xFFFF)


def test_the_schemas_have_the_sizes_of_the_format() -> None:
    for order in pcap.ORDERS:
        assert pcapng.HEAD[order].sizeof() == 8
        assert pcapng.SECTION_HEADER[order].sizeof() == 24
        assert pcapng.INTERFACE_DESCRIPTION[order].sizeof() == 16
        assert pcapng.ENHANCED_PACKET[order].sizeof() == 28
        assert pcapng.OLD_PACKET_BLOCK[order].sizeof() == 28
        assert pcapng.SIMPLE_PACKET_BLOCK[order].sizeof() == 12
        assert pcapng.INTERFACE_STATISTICS[order].sizeof() == 20
        assert pcapng.DECRYPTION_SECRETS[order].sizeof() == 16


@given(st.lists(st.tuples(CODES, st.binary(max_size=20)), max_size=10), st.sampled_from(pcap.ORDERS))
def test_options_are_read_as_they_are_built(values: list[tuple[int, bytes]], order: str) -> None:
    built = pcapng.build_options(values, order)
    assert len(built) % pcapng.ALIGNMENT == 0
    assert list(pcapng.options(built, order)) == values


@given(st.binary(max_size=300), st.sampled_from(pcap.ORDERS))
def test_no_option_list_raises(data: bytes, order: str) -> None:
    assert sum(len(value) for _, value in pcapng.options(data, order)) <= len(data)


def test_a_cut_option_list_gives_what_is_whole() -> None:
    built = pcapng.build_options([(2, b"eth0"), (9, b"\x06")])
    assert list(pcapng.options(built[:10], pcap.LITTLE)) == [(2, b"eth0")]


@pytest.mark.parametrize("order", pcap.ORDERS)
def test_scapy_reads_what_is_built(order: str) -> None:
    from scapy.utils import RawPcapNgReader

    resolution = (pcapng.TIME_RESOLUTION, bytes([9]))
    data = pcapng.build_section(order) + pcapng.build_interface(101, 96, [resolution], order)
    data += pcapng.build_packet(b"abc", 1_700_000_000_123_456_789, 0, None, order, wire=60)
    with RawPcapNgReader(io.BytesIO(data)) as reader:
        packet, meta = next(iter(reader))
    assert packet == b"abc"
    assert (meta.tshigh << 32 | meta.tslow, meta.tsresol) == (1_700_000_000_123_456_789, 10**9)
    assert (meta.wirelen, meta.linktype) == (60, 101)
