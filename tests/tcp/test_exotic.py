"""Tunnels, fragments and rare link types give the segments that stood in them, byte for byte."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.mpls import MPLS
from scapy.layers.dot11 import Dot11, RadioTap
from scapy.layers.inet import GRE, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import LLC, SNAP, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from analyzer.capture.batch import Batch
from analyzer.settings import Settings
from analyzer.tcp.exotic import Unwrapper
from analyzer.tcp.packets import LINK, NOT_TCP, TUNNEL, Flows, Segments
from analyzer.tcp.signs import Signs
from analyzer.wire import link
from samples.traffic import Conversation, Wire

Row = tuple[int, int, int, int, bytes]


def plain(client: str = "192.0.2.1", server: str = "192.0.2.80") -> list[bytes]:
    """Ethernet frames of a small conversation."""
    wire = Wire()
    conversation = Conversation(wire, (client, 40001), (server, 80))
    conversation.open()
    conversation.frame("client", 1, b"hello " * 300)
    conversation.close("client")
    return [data for _, data in wire.packets]


def segments(packets: list[bytes], link_type: int = link.LINK_ETHERNET, unwrap: bool = True) -> tuple[list[Row], Flows]:
    """Direction, seq, ack, flags and payload of each segment found."""
    flows = Flows(1000, 10**12, 10**15)
    unwrapper = Unwrapper(Settings()) if unwrap else None
    rows: list[Row] = []
    for number, data in enumerate(packets):
        batch = Batch(bytearray(data + bytes(-len(data) % 8)), 1)
        batch.count = 1
        batch.captured[0] = batch.wire[0] = len(data)
        batch.link[0], batch.time_ns[0], batch.number[0] = link_type, number, number + 1
        out = Segments(1)
        flows.decode(batch, out, unwrapper)
        for i in range(out.count):
            start = out.start[i]
            payload = bytes(batch.data[start : start + out.captured[i]])
            rows.append((out.direction[i], out.seq[i], out.ack[i], out.flags[i] & 0xFF, payload))
            if int(batch.file_offset[0]) > 0:
                at = int(batch.file_offset[0]) + start - int(batch.offset[0])
                assert data[at : at + len(payload)] == payload, "the place in the file"
    return rows, flows


def _ether() -> Packet:
    """With both addresses: scapy would otherwise ask the network for them."""
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def _outer() -> Packet:
    return _ether() / IP(src="198.51.100.1", dst="198.51.100.2")


TUNNELS: dict[str, tuple[int, Callable[[Packet], Packet]]] = {
    "VXLAN": (1, lambda p: _outer() / UDP(dport=4789) / VXLAN(vni=7) / p),
    "Geneve": (1, lambda p: _outer() / UDP(dport=6081) / GENEVE(vni=7) / p),
    "GRE": (1, lambda p: _outer() / GRE() / p[IP]),
    "GRE with Ethernet": (1, lambda p: _outer() / GRE(proto=0x6558) / p),
    "GTP-U": (1, lambda p: _outer() / UDP(dport=2152) / GTP_U_Header(teid=5) / p[IP]),
    "IP in IP": (1, lambda p: _outer() / p[IP]),
    "IP in IPv6": (1, lambda p: _ether() / IPv6(src="2001:db8::1", dst="2001:db8::2", nh=4) / p[IP]),
    "MPLS": (1, lambda p: _ether() / MPLS(label=16, s=0) / MPLS(label=17, s=1) / p[IP]),
    "GRE with key, number and checksum": (
        1,
        lambda p: _outer() / GRE(chksum_present=1, key_present=1, key=9, seqnum_present=1) / p[IP],
    ),
    "Geneve with options": (1, lambda p: _outer() / UDP(dport=6081) / GENEVE(vni=7, options=[GeneveOptions()] * 3) / p),
    "VXLAN with VLAN, in GRE": (
        1,
        lambda p: (
            _outer()
            / GRE()
            / IP(src="203.0.113.1", dst="203.0.113.2")
            / UDP(dport=8472)
            / VXLAN()
            / _ether()
            / Dot1Q(vlan=3)
            / p[IP]
        ),
    ),
    "MPLS in GRE": (1, lambda p: _outer() / GRE(proto=0x8847) / MPLS(label=16, s=1) / p[IP]),
    "MPLS over VLAN": (1, lambda p: _ether() / Dot1Q(vlan=3, type=0x8847) / MPLS(label=16, s=1) / p[IP]),
    "PPPoE": (1, lambda p: _ether() / PPPoE(sessionid=3) / PPP() / p[IP]),
    "PPP": (9, lambda p: PPP() / p[IP]),
    "802.11": (105, lambda p: Dot11(type=2) / LLC() / SNAP() / p[IP]),
    "radiotap": (127, lambda p: RadioTap() / Dot11(type=2) / LLC() / SNAP() / p[IP]),
}


def _nflog(packet: Packet, order: str) -> bytes:
    """As libpcap gives it: family, version, group, then attributes, filled up to four bytes."""

    def attribute(kind: int, data: bytes) -> bytes:
        whole = struct.pack(order + "HH", 4 + len(data), kind) + data
        return whole + bytes(-len(whole) % 4)

    inner = bytes(packet)
    return b"\x02\x00\x00\x1e" + attribute(1, bytes(4)) + attribute(10, b"prefix\0") + attribute(9, inner)


@pytest.mark.parametrize("order", ["<", ">"])
def test_netfilters_log(order: str) -> None:
    logged = [_nflog(Ether(data)[IP], order) for data in plain()]
    found, flows = segments(logged, link.LINK_NFLOG)
    assert found == segments(plain())[0]
    assert not any(flows.skipped)
    assert Unwrapper(Settings()).unwrap(link.LINK_NFLOG, logged[0][:12], 12) is None


def test_netfilters_log_cut() -> None:
    """What a packet lacks is told by the attribute's length."""
    whole = _nflog(Ether(max(plain(), key=len))[IP], "<")
    found = Unwrapper(Settings()).unwrap(link.LINK_NFLOG, whole[:200], len(whole))
    assert found is not None
    assert len(found.data) + found.missing == len(Ether(max(plain(), key=len))[IP])
    assert whole[found.start :].startswith(found.data[:100])


@pytest.mark.parametrize("name", TUNNELS)
def test_a_tunnel_gives_what_is_inside(name: str) -> None:
    link_type, around = TUNNELS[name]
    wrapped = [bytes(around(Ether(data))) for data in plain()]
    found, flows = segments(wrapped, link_type)
    assert found == segments(plain())[0]
    assert list(flows.skipped) == [0] * len(flows.skipped)


@pytest.mark.parametrize("outer", [4, 6])
def test_ipv6_in_a_tunnel(outer: int) -> None:
    """Over IPv4 that is 6in4, RFC 4213."""
    six = plain("2001:db8::1", "2001:db8::80")
    around = _ether() / IPv6(src="2001:db8:1::1", dst="2001:db8:1::2", nh=41) if outer == 6 else _outer()
    found, flows = segments([bytes(around / Ether(data)[IPv6]) for data in six])
    assert found == segments(six)[0]
    assert not any(flows.skipped)


def test_a_tunnel_in_fragments() -> None:
    data = max(plain(), key=len)
    around = _outer() / GRE() / Ether(data)[IP]
    assert segments(_fragments4(bytes(around), 256))[0] == segments([data])[0]


def _fragments4(data: bytes, size: int) -> list[bytes]:
    frame = Ether(data)
    frame[IP].flags = 0
    return [bytes(Ether(src=frame.src, dst=frame.dst) / piece) for piece in fragment(frame[IP], size)]


@given(st.permutations(range(6)), st.booleans())
def test_fragments_in_any_order_make_the_datagram(order: list[int], doubled: bool) -> None:
    data = max(plain(), key=len)
    pieces = _fragments4(data, 256)
    assert len(pieces) == 6
    shuffled = [pieces[i] for i in order]
    found, _ = segments([*shuffled[:3], *shuffled[:3], *shuffled[3:]] if doubled else shuffled)
    assert found == segments([data])[0]


def test_of_overlapping_fragments_the_first_copy_counts() -> None:
    data = max(plain(), key=len)
    pieces = _fragments4(data, 256)
    third = Ether(pieces[2])
    forged = _ether() / IP(bytes(third[IP])[:20] + b"\xff" * 300)
    forged[IP].len = forged[IP].chksum = None
    assert segments([*pieces[:3], bytes(forged), *pieces[3:]])[0] == segments([data])[0]
    assert segments([bytes(forged), *pieces])[0] != segments([data])[0]


def test_what_was_put_together_has_right_checksums() -> None:
    signs, unwrapper, out = Signs(10**12), Unwrapper(Settings()), Segments(1)
    flows = Flows(1000, 10**12, 10**15)
    found = 0
    for data in _fragments4(max(plain(), key=len), 256):
        batch = Batch(bytearray(data + bytes(-len(data) % 8)), 1)
        batch.count, batch.captured[0], batch.wire[0], batch.link[0] = 1, len(data), len(data), link.LINK_ETHERNET
        flows.decode(batch, out, unwrapper)
        signs.look(batch, out, flows.slots)
        found += out.count
        assert signs.bad == 0
    assert found == 1


@pytest.mark.parametrize("number", link.ETHERTYPE_VLAN)
def test_fragments_behind_vlan_tags(number: int) -> None:
    data = max(plain(), key=len)
    tags = number.to_bytes(2, "big") + bytes(2) + b"\x81\x00" + bytes(2)
    tagged = [piece[:12] + tags + piece[12:] for piece in _fragments4(data, 256)]
    assert segments(tagged)[0] == segments([data])[0]


def test_a_udp_tunnel_in_fragments() -> None:
    data = max(plain(), key=len)
    pieces = _fragments4(bytes(_outer() / UDP(dport=4789) / VXLAN(vni=7) / Ether(data)), 256)
    for order in (pieces, pieces[::-1]):
        found, flows = segments(order)
        assert found == segments([data])[0]
        assert not any(flows.skipped)


def test_other_udp_in_fragments_is_not_kept() -> None:
    """Not a tunnel, as its first fragment tells: what came before it and what comes after is dropped."""
    pieces = _fragments4(bytes(_outer() / UDP(dport=53) / (b"x" * 2000)), 256)
    flows, unwrapper = Flows(1000, 10**12, 10**15), Unwrapper(Settings())
    for piece in (pieces[1], pieces[0], *pieces[2:]):
        batch = Batch(bytearray(piece + bytes(-len(piece) % 8)), 1)
        batch.count, batch.captured[0], batch.wire[0], batch.link[0] = 1, len(piece), len(piece), link.LINK_ETHERNET
        flows.decode(batch, Segments(1), unwrapper)
    assert unwrapper.waiting == 0
    assert flows.skipped[NOT_TCP] == len(pieces) - 1, "the one before the first was kept until that came"


def test_an_identification_that_returns() -> None:
    other = _fragments4(bytes(_outer() / UDP(dport=53) / (b"x" * 2000)), 256)
    data = max(plain(), key=len)
    tunnel = _fragments4(bytes(_outer() / UDP(dport=4789) / VXLAN(vni=7) / Ether(data)), 256)
    assert Ether(other[0])[IP].id == Ether(tunnel[0])[IP].id
    assert segments(other + tunnel)[0] == segments([data])[0]


def test_a_missing_fragment_gives_nothing() -> None:
    pieces = _fragments4(max(plain(), key=len), 256)
    found, _ = segments(pieces[:3] + pieces[4:])
    assert found == []
    unwrapper = Unwrapper(Settings())
    for piece in pieces[:3] + pieces[4:]:
        assert unwrapper.unwrap(1, piece, len(piece)) is None
        assert unwrapper.kept
    assert unwrapper.waiting == 5


def test_fragments_of_ipv6() -> None:
    wire = Wire()
    Conversation(wire, ("2001:db8::1", 40001), ("2001:db8::80", 80)).open()
    Conversation(wire, ("2001:db8::1", 40001), ("2001:db8::80", 80)).client(b"x" * 1000)
    data = max((data for _, data in wire.packets), key=len)
    ip = Ether(data)[IPv6]
    payload = bytes(ip[TCP])
    cut = 504
    parts = [(0, payload[:cut], 1), (cut // 8, payload[cut:], 0)]
    pieces = [
        bytes(_ether() / IPv6(src=ip.src, dst=ip.dst) / IPv6ExtHdrFragment(id=9, nh=6, offset=at, m=more) / part)
        for at, part, more in reversed(parts)
    ]
    assert segments(pieces)[0] == segments([data])[0]


OPENED_BY_SCAPY = {"GTP-U", "PPPoE", "PPP", "802.11", "radiotap"}


@pytest.mark.parametrize("name", TUNNELS)
def test_scapy_opens_the_same(name: str) -> None:
    """Both ways lead to the same packet, and the common tunnels do not need scapy."""
    link_type, around = TUNNELS[name]
    for data in plain():
        wrapped = bytes(around(Ether(data)))
        found = Unwrapper(Settings()).unwrap(link_type, wrapped, len(wrapped))
        assert found is not None
        assert segments([found.data], link.LINK_RAW)[0] == segments([data])[0]
        without = segments([wrapped], link_type, unwrap=False)[0]
        assert without == ([] if name in OPENED_BY_SCAPY else segments([data])[0])


@pytest.mark.parametrize("layer", [GRE(proto=0x0800) / IP(src="203.0.113.1", dst="203.0.113.2"), MPLS(label=3, s=0)])
def test_tunnels_in_tunnels_end_somewhere(layer: Packet) -> None:
    start = _ether() / (MPLS(label=3, s=0) if isinstance(layer, MPLS) else IP(src="203.0.113.1", dst="203.0.113.2"))
    packet = bytes(start) + bytes(layer) * 2000
    found, flows = segments([packet[:60_000]])
    assert found == []
    assert sum(flows.skipped) == 1


def test_without_it_they_are_counted() -> None:
    wrapped = [bytes(TUNNELS["GTP-U"][1](Ether(data))) for data in plain()]
    found, flows = segments(wrapped, unwrap=False)
    assert found == []
    assert flows.skipped[TUNNEL] == len(wrapped)


def test_an_unknown_link_type_is_counted_and_named() -> None:
    unwrapper = Unwrapper(Settings())
    assert unwrapper.unwrap(147, b"\x00" * 60, 60) is None
    assert unwrapper.links == {"link type 147": 1}
    assert segments([b"\x00" * 60], 147)[1].skipped[LINK] == 1


def test_fragments_that_never_end_are_bounded() -> None:
    unwrapper = Unwrapper(Settings(fragments=10_000))
    for number in range(200):
        piece = _ether() / IP(src="192.0.2.1", dst="192.0.2.2", id=number, flags="MF", proto=6) / (b"x" * 1000)
        assert unwrapper.unwrap(1, bytes(piece), 1034) is None
    assert unwrapper.limits["fragments"] > 150
    assert unwrapper.waiting == 200


def test_the_fragments_of_one_datagram_are_bounded() -> None:
    unwrapper = Unwrapper(Settings(datagram_fragments=10))
    for number in range(11):
        piece = _ether() / IP(src="192.0.2.1", dst="192.0.2.2", flags="MF", frag=2 * number, proto=6) / bytes(8)
        assert unwrapper.unwrap(1, bytes(piece), 42) is None
    assert unwrapper.limits == {"fragments": 1}
    assert unwrapper.waiting == 11


@given(st.binary(max_size=200), st.sampled_from([1, 9, 105, 127, 113, 0, 101, 192, 239, 65535]))
def test_no_bytes_raise(data: bytes, link_type: int) -> None:
    Unwrapper(Settings()).unwrap(link_type, data, len(data))


def _mutations(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 3):
        yield data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        yield data[:at]


def test_no_damage_raises() -> None:
    unwrapper = Unwrapper(Settings())
    for link_type, around in TUNNELS.values():
        for damaged in _mutations(bytes(around(Ether(plain()[3])))[:120]):
            unwrapper.unwrap(link_type, damaged, len(damaged) + 7)
