"""The header schemas: symmetric, and of one mind with scapy about packets and checksums."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.wire import packet

V4 = ip_address("192.0.2.1").packed, ip_address("192.0.2.80").packed
V6 = ip_address("2001:db8::1").packed, ip_address("2001:db8::80").packed
FLAGS = st.sets(st.sampled_from(packet.TCP_FLAGS)).map(frozenset)
SEQUENCE = st.integers(0, packet.SEQUENCES - 1)


@given(data=st.binary(max_size=200))
def test_a_packet_with_its_checksum_in_place_sums_to_zero(data: bytes) -> None:
    even = data + bytes(len(data) % 2)
    assert packet.checksum(even + packet.checksum(even).to_bytes(2, "big")) == 0


def test_checksum_of_the_rfc_1071_example() -> None:
    assert packet.checksum(bytes.fromhex("0001 f203 f4f5 f6f7")) == 0xFFFF - 0xDDF2


@given(sequence=SEQUENCE, acknowledgment=SEQUENCE, flags=FLAGS, payload=st.binary(max_size=64))
@pytest.mark.parametrize("addresses", [V4, V6])
def test_scapy_reads_what_was_built(
    addresses: tuple[bytes, bytes], sequence: int, acknowledgment: int, flags: frozenset[str], payload: bytes
) -> None:
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6

    segment = packet.build_tcp(*addresses, (40001, 80), sequence, acknowledgment, flags, payload)
    build, layer = (packet.build_ipv4, IP) if addresses is V4 else (packet.build_ipv6, IPv6)
    built = build(*addresses, segment)
    seen = layer(built)
    assert (seen[TCP].sport, seen[TCP].dport) == (40001, 80)
    assert (seen[TCP].seq, seen[TCP].ack) == (sequence, acknowledgment)
    assert {str(flag) for flag in seen[TCP].flags} == {name[0].upper() for name in flags}
    assert bytes(seen[TCP].payload) == payload
    for computed in [layer, TCP] if addresses is V4 else [TCP]:
        del seen[computed].chksum
    assert bytes(seen) == built, "scapy computes other checksums"


@given(data=st.binary(min_size=60, max_size=60))
@pytest.mark.parametrize("name", ["ETHERNET", "IPV4", "IPV6", "TCP"])
def test_schemas_build_what_they_parsed(name: str, data: bytes) -> None:
    schema = getattr(packet, name)
    parsed = schema.parse(data)
    built = schema.build(parsed)
    assert built == data[: len(built)]


def test_a_payload_too_long_for_a_packet_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        packet.build_ipv4(*V4, bytes(0x10000))
    with pytest.raises(ValueError, match="do not fit"):
        packet.build_ipv6(*V6, bytes(0x10000))
