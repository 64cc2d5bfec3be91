"""Packets are cut after their TCP header, and to nothing where none is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from analyzer.report.shorten import Shortener
from analyzer.wire.link import LINK_ETHERNET, LINK_RAW

SECRET = b"Cookie: secret"
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
ADDRESSES = {"src": "192.0.2.1", "dst": "192.0.2.2"}
SIX = {"src": "2001:db8::1", "dst": "2001:db8::2"}


def cut(packet: bytes, link: int = LINK_ETHERNET) -> bytes:
    return Shortener().cut(packet, len(packet), link)


@pytest.mark.parametrize(
    "headers",
    [
        ETHER / IP(**ADDRESSES) / TCP(),
        ETHER / Dot1Q() / IP(**ADDRESSES) / TCP(options=[("Timestamp", (1, 2)), ("NOP", None), ("NOP", None)]),
        ETHER / IPv6(**SIX) / TCP(flags="S"),
        ETHER / IPv6(**SIX) / IPv6ExtHdrDestOpt() / TCP(),
    ],
    ids=str,
)
def test_headers_stay(headers: Ether) -> None:
    assert cut(bytes(headers / Raw(SECRET))) == bytes(headers / Raw(SECRET))[: -len(SECRET)]
    assert len(cut(bytes(headers))) == len(bytes(headers))


@pytest.mark.parametrize(
    "packet",
    [
        ETHER / IP(**ADDRESSES) / UDP() / Raw(SECRET),
        ETHER / IP(**ADDRESSES) / ICMP() / Raw(SECRET),
        ETHER / IP(**ADDRESSES, frag=3) / Raw(SECRET * 9),
        ETHER / IP(**ADDRESSES, flags="MF") / TCP() / Raw(SECRET),
        ETHER / Raw(SECRET),
    ],
    ids=str,
)
def test_of_the_rest_nothing_stays(packet: Ether) -> None:
    assert cut(bytes(packet)) == b""


def test_every_packet_of_many_connections() -> None:
    shortener = Shortener()
    for port in range(2000, 2050):
        packet = bytes(IP(**ADDRESSES) / TCP(sport=port) / Raw(SECRET))
        assert shortener.cut(packet, len(packet), LINK_RAW) == packet[: -len(SECRET)]


@given(st.binary(max_size=80), st.integers(0, 200), st.sampled_from([0, 1, 101, 113, 276, 9999]))
def test_any_bytes_give_a_beginning_of_them(packet: bytes, wire: int, link: int) -> None:
    assert packet.startswith(Shortener().cut(packet, wire, link))
