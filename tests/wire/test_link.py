"""The link layer's schemas, and the tables that the packet decoder looks up."""

from __future__ import annotations

import pytest

from analyzer.wire import link, packet


def test_offsets_are_the_schemas() -> None:
    assert link.offset(packet.ETHERNET, "ethertype") == 12
    assert link.offset(link.SLL, "protocol") == 14
    assert link.offset(link.SLL2, "protocol") == 0
    assert link.offset(packet.TCP, "control") == 12
    with pytest.raises(AssertionError, match="no field"):
        link.offset(link.SLL, "absent")


@pytest.mark.parametrize(
    ("schema", "size"), [(link.VLAN_TAG, 4), (link.SLL, 16), (link.SLL2, 20), (link.NULL, 4), (link.IPV6_FRAGMENT, 8)]
)
def test_sizes(schema: object, size: int) -> None:
    assert schema.sizeof() == size  # type: ignore[attr-defined]


def test_tables_against_arithmetic() -> None:
    for byte in range(256):
        assert link.IP_VERSION[byte] == byte >> 4
        assert link.IPV4_HEADER[byte] == (byte & 15) * 4
        assert link.TCP_HEADER[byte] == (byte >> 4) * 4
        assert link.GENEVE_OPTIONS[byte] == (byte & 0x3F) * 4
        routed = 0x80 * (byte >> 6 & 1)
        assert link.GRE_OPTIONS[byte] == routed + 4 * ((byte >> 7) + (byte >> 5 & 1) + (byte >> 4 & 1))
        assert link.MPLS_BOTTOM[byte] == byte & 1
        assert link.IPV4_FRAGMENTED[byte] == bool(byte & 0x3F)
        assert link.IPV6_FRAGMENTED[byte] == bool(byte & 0xF9)


def test_flags() -> None:
    assert (link.TCP_FIN, link.TCP_SYN, link.TCP_RST, link.TCP_ACK) == (1, 2, 4, 16)


def test_tables_against_scapy() -> None:
    from scapy.layers.inet import TCP
    from scapy.layers.l2 import CookedLinux, CookedLinuxV2

    assert bytes(CookedLinux(proto=0x86DD))[link.offset(link.SLL, "protocol") :][:2] == b"\x86\xdd"
    assert bytes(CookedLinuxV2(proto=0x86DD))[link.offset(link.SLL2, "protocol") :][:2] == b"\x86\xdd"
    for name, value in {"F": link.TCP_FIN, "S": link.TCP_SYN, "R": link.TCP_RST, "A": link.TCP_ACK}.items():
        assert int(TCP(flags=name).flags) == value
