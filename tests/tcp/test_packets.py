"""Link, IP and TCP headers, and the table of connections."""

from __future__ import annotations

import random
import shutil
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.source import open_source
from analyzer.settings import SECOND, Settings
from analyzer.tcp import packets
from analyzer.tcp.packets import Flows
from analyzer.wire import link, packet
from tests.tcp.feeding import HOSTS, START_NS, Raw, Row, batches, decoded, flow_table

SIX = ip_address("2001:db8::1").packed, ip_address("2001:db8::80").packed
PAYLOAD = b"payload"
ACK = frozenset({"ack"})


def tcp(payload: bytes = PAYLOAD, hosts: tuple[bytes, bytes] = HOSTS, options: bytes = b"") -> bytes:
    return packet.build_tcp(*hosts, (40001, 80), 1000, 2000, ACK, payload, options=options)


V4 = packet.build_ipv4(*HOSTS, tcp())
V6 = packet.build_ipv6(*SIX, tcp(hosts=SIX))
ETHER = {4: packet.ETHERTYPE_IPV4, 6: packet.ETHERTYPE_IPV6}


def changed(whole: bytes, at: int, new: bytes) -> bytes:
    return whole[:at] + new + whole[at + len(new) :]


def ethernet(kind: int, inner: bytes, tags: tuple[int, ...] = ()) -> bytes:
    kinds = [*tags, kind]
    head = packet.ETHERNET.build({"destination": bytes(6), "source": bytes(6), "ethertype": kinds[0]})
    return head + b"".join(link.VLAN_TAG.build({"control": 7, "type": after}) for after in kinds[1:]) + inner


def cooked(kind: int) -> bytes:
    return link.SLL.build(
        {"packet_type": 0, "hardware_type": 1, "address_length": 6, "address": bytes(8), "protocol": kind}
    )


def cooked2(kind: int) -> bytes:
    fields = {"protocol": kind, "reserved": 0, "interface": 1, "hardware_type": 1, "packet_type": 0}
    return link.SLL2.build({**fields, "address_length": 6, "address": bytes(8)})


def read(*given: Raw) -> tuple[list[Row], dict[str, int], list[bytes]]:
    """Segments, packets skipped by reason, and the segments' captured payloads."""
    flows = flow_table()
    (batch,) = batches(given)
    rows = decoded(flows, batch)
    skipped = {reason: count for reason, count in zip(packets.SKIPPED, flows.skipped, strict=True) if count}
    return rows, skipped, [bytes(batch.data[row.start : row.start + row.captured]) for row in rows]


def assert_read(data: bytes, kind: int = link.LINK_RAW, wire: int = -1, length: int = len(PAYLOAD)) -> Row:
    rows, skipped, payloads = read(Raw(data, wire=wire, link=kind))
    assert not skipped
    assert (rows[0].seq, rows[0].ack, rows[0].length) == (1000, 2000, length)
    assert rows[0].flags == link.TCP_ACK | packets.NEW
    assert payloads == [PAYLOAD[: rows[0].captured]]
    return rows[0]


def assert_skipped(data: bytes, reason: int, kind: int = link.LINK_RAW) -> None:
    rows, skipped, _ = read(Raw(data, link=kind))
    assert not rows
    assert skipped == {packets.SKIPPED[reason]: 1}


@pytest.mark.parametrize(("version", "whole"), [(4, V4), (6, V6)])
@pytest.mark.parametrize("tags", [(), (0x8100,), (0x88A8, 0x8100), (0x9100, 0x8100), (0x8100,) * 4])
def test_link_layers(version: int, whole: bytes, tags: tuple[int, ...]) -> None:
    kind = ETHER[version]
    assert_read(ethernet(kind, whole, tags), link.LINK_ETHERNET)
    below = ethernet(kind, whole, tags)[packet.ETHERNET.sizeof() :]  # the tags, as they stand behind any link layer
    assert_read(cooked((*tags, kind)[0]) + below, link.LINK_SLL)
    assert_read(cooked2((*tags, kind)[0]) + below, link.LINK_SLL2)


@pytest.mark.parametrize("whole", [V4, V6])
@pytest.mark.parametrize("kind", [link.LINK_RAW, link.LINK_RAW_OLD, link.LINK_RAW_OPENBSD])
def test_raw_ip(kind: int, whole: bytes) -> None:
    assert_read(whole, kind)


@pytest.mark.parametrize("family", ["02000000", "00000002", "1e000000", "0000001c"])
@pytest.mark.parametrize("kind", [link.LINK_NULL, link.LINK_LOOP])
def test_loopback_in_any_byte_order(kind: int, family: str) -> None:
    assert_read(bytes.fromhex(family) + V4, kind)
    assert_read(bytes.fromhex(family) + V6, kind)


def test_other_links_are_counted() -> None:
    assert_skipped(V4, packets.LINK, kind=147)
    assert_skipped(ethernet(0x0806, bytes(28)), packets.NOT_IP, link.LINK_ETHERNET)
    assert_skipped(ethernet(packet.ETHERTYPE_IPV4, V4, (0x8100,) * 5), packets.NOT_IP, link.LINK_ETHERNET)
    assert_skipped(b"\x50" + V4[1:], packets.NOT_IP)
    assert_skipped(cooked(0x88CC) + V4, packets.NOT_IP, link.LINK_SLL)


def test_padding_is_no_payload() -> None:
    empty = packet.build_ipv4(*HOSTS, tcp(b""))
    rows, _, payloads = read(Raw(ethernet(packet.ETHERTYPE_IPV4, empty) + bytes(6), link=link.LINK_ETHERNET))
    assert (rows[0].length, payloads) == (0, [b""])


def test_ipv4_options() -> None:
    words = bytes([0x40 + 5 + 3])
    total = (len(V4) + 12).to_bytes(2, "big")
    assert_read(changed(changed(V4[:20] + bytes(12) + V4[20:], 0, words), 2, total))


def test_tcp_options() -> None:
    assert_read(packet.build_ipv4(*HOSTS, tcp(options=bytes(40))))


@pytest.mark.parametrize("whole", [V4, V6])
def test_a_length_of_zero_means_all_that_was_captured(whole: bytes) -> None:
    at = 2 if whole is V4 else 4
    assert_read(changed(whole, at, b"\0\0"))


@pytest.mark.parametrize("whole", [V4, V6])
def test_a_length_of_zero_on_an_absurd_wire_length(whole: bytes) -> None:
    at = 2 if whole is V4 else 4
    rows, _, _ = read(Raw(changed(whole, at, b"\0\0"), wire=0xFFFF_FFFF))
    assert len(PAYLOAD) < rows[0].length <= 1 << 19


@pytest.mark.parametrize("whole", [V4, V6])
def test_a_cut_packet_keeps_its_length(whole: bytes) -> None:
    for kept in range(len(PAYLOAD) + 1):
        row = assert_read(whole[: len(whole) - kept], wire=len(whole))
        assert row.captured == len(PAYLOAD) - kept


@pytest.mark.parametrize("whole", [V4, V6])
def test_headers_cut_anywhere(whole: bytes) -> None:
    tcp_at = 20 if whole is V4 else 40
    for end in range(tcp_at + 20):
        rows, skipped, _ = read(Raw(whole[:end], wire=len(whole)))
        assert not rows
        assert skipped == {packets.SKIPPED[packets.CUT]: 1}


def test_malformed_headers() -> None:
    assert_skipped(changed(V4, 0, b"\x44"), packets.BAD)
    assert_skipped(changed(V4, 2, (39).to_bytes(2, "big")), packets.BAD)
    assert_skipped(changed(V4, 20 + 12, b"\x40"), packets.BAD)
    assert_skipped(changed(V4, 20 + 12, b"\xf0"), packets.BAD)
    assert_skipped(changed(V4, 9, b"\x11"), packets.NOT_TCP)


def test_ipv4_fragments_are_counted() -> None:
    for field in (b"\x20\x00", b"\x00\x01", b"\x1f\xff", b"\x20\x20"):
        assert_skipped(changed(V4, 6, field), packets.FRAGMENT)
    for field in (b"\x00\x00", b"\x40\x00", b"\x80\x00"):
        assert_read(changed(V4, 6, field))


def extended(*headers: tuple[int, bytes]) -> bytes:
    """V6 with extension headers: protocol number, and the header without its first byte."""
    kinds = [kind for kind, _ in headers] + [packet.PROTOCOL_TCP]
    inner = b"".join(bytes([after]) + rest for after, (_, rest) in zip(kinds[1:], headers, strict=True))
    whole = V6[:40] + inner + V6[40:]
    return changed(changed(whole, 6, bytes([kinds[0]])), 4, (len(whole) - 40).to_bytes(2, "big"))


def test_ipv6_extension_headers() -> None:
    options = bytes([1]) + bytes(14)
    authentication = bytes([4]) + bytes(22)
    whole = bytes([0, 0, 0, 0, 0, 0, 9])
    assert_read(extended((link.HOP_BY_HOP, options), (link.ROUTING, bytes(7)), (link.DESTINATION_OPTIONS, options)))
    assert_read(extended((link.AUTHENTICATION, authentication)))
    assert_read(extended((link.FRAGMENT, whole)))
    for field in (b"\x00\x01", b"\x00\x08", b"\x01\x00", b"\xff\xf9"):
        assert_skipped(extended((link.FRAGMENT, changed(whole, 1, field))), packets.FRAGMENT)
    assert_skipped(extended((link.DESTINATION_OPTIONS, b"\xff" + bytes(14))), packets.CUT)
    assert_skipped(extended((50, bytes(7))), packets.NOT_TCP)
    assert_skipped(extended(*[(link.DESTINATION_OPTIONS, bytes(7))] * 9), packets.NOT_TCP)


KINDS = (*(getattr(link, name) for name in dir(link) if name.startswith("LINK_")), 147)


@given(
    data=st.binary(max_size=200)
    | st.builds(changed, st.sampled_from([V4, V6, ethernet(0x8100, V6)]), st.integers(0, 60), st.binary(max_size=8)),
    kind=st.sampled_from(KINDS),
    wire=st.integers(0, 300) | st.integers(0, 0xFFFF_FFFF),
)
def test_any_bytes_are_a_segment_or_are_counted(data: bytes, kind: int, wire: int) -> None:
    flows = flow_table()
    (batch,) = batches([Raw(data, wire=wire, link=kind)])
    rows = decoded(flows, batch)
    assert len(rows) + sum(flows.skipped) == 1
    for row in rows:
        assert 0 <= row.captured <= row.length
        assert int(batch.offset[0]) <= row.start
        assert row.captured == 0 or row.start + row.captured <= int(batch.offset[0]) + len(data)


# --- the table of connections


class Talk:
    """Segments of many connections through one table. Connections are told apart by the client's port."""

    def __init__(self, flows: Flows) -> None:
        self.flows = flows
        self.now = START_NS

    def send(self, port: int, side: int = 0, seq: int = 0, flags: str = "ack", server: bytes = HOSTS[1]) -> Row:
        """The row of one segment."""
        hosts, ports = (HOSTS[0], server), (port, 80)
        if side:
            hosts, ports = (hosts[1], hosts[0]), (80, port)
        segment = packet.build_tcp(*hosts, ports, seq, 0, frozenset(flags.split()), b"")
        (batch,) = batches([Raw(packet.build_ipv4(*hosts, segment), self.now)])
        (row,) = decoded(self.flows, batch)
        return row

    def opens(self, *args: object, **kwargs: object) -> bool:
        """Whether one segment opens a connection."""
        return bool(self.send(*args, **kwargs).flags & packets.NEW)  # type: ignore[arg-type]


def test_both_sides_share_a_connection() -> None:
    talk = Talk(flow_table())
    first, second = talk.send(5), talk.send(5, side=1)
    assert (first.direction, second.direction) == (0, 1)
    assert not second.flags & packets.NEW
    assert talk.flows.endpoints(0) == ((HOSTS[0], 5), (HOSTS[1], 80))
    assert talk.send(6, side=1).direction == 2, "who comes first is side 0"
    assert talk.flows.endpoints(1) == ((HOSTS[1], 80), (HOSTS[0], 6))


def test_a_syn_with_another_number_is_another_connection() -> None:
    talk = Talk(flow_table())
    assert talk.opens(5, seq=100, flags="syn")
    assert not talk.opens(5, seq=100, flags="syn"), "a retransmission"
    assert not talk.opens(5, seq=9000, side=1, flags="syn ack")
    assert talk.opens(5, seq=200, flags="syn")
    assert talk.send(5, seq=700, side=1, flags="syn ack").direction == 1


def test_a_syn_captured_late_is_the_connections_own() -> None:
    talk = Talk(flow_table())
    assert talk.opens(5, seq=0)
    assert not talk.opens(5, seq=0xFFFF_FFFF, flags="syn")
    assert talk.opens(5, seq=0x8000_0000, flags="syn")


@pytest.mark.parametrize("end", [("rst",), ("fin ack", "fin ack")])
def test_late_packets_belong_to_a_closed_connection_until_it_lingered(end: tuple[str, ...]) -> None:
    talk = Talk(flow_table())
    talk.send(5, seq=1, flags="syn")
    for side, flags in enumerate(end):
        assert not talk.opens(5, side=side, flags=flags)
    talk.now += 60 * SECOND
    assert not talk.opens(5, side=1)
    talk.now += 60 * SECOND + 1
    assert talk.opens(5, side=1)


def test_one_fin_does_not_close() -> None:
    talk = Talk(flow_table())
    talk.send(5, flags="fin ack")
    talk.send(5, flags="fin ack")
    talk.now += 100 * SECOND
    assert not talk.opens(5)


def test_after_long_silence_the_numbers_tell_whether_it_is_the_same_connection() -> None:
    talk = Talk(flow_table())
    talk.send(5, seq=0xFFFF_FFF0)
    talk.now += 10_000 * SECOND
    assert not talk.opens(5, seq=16)
    talk.now -= 20_000 * SECOND
    assert not talk.opens(5, seq=32), "a clock that goes back"
    talk.now += 30_000 * SECOND
    assert talk.opens(5, seq=0x4000_0000)


def test_closed_slots_are_used_again() -> None:
    talk = Talk(flow_table())
    for port in range(1000, 1500):
        talk.send(port, flags="syn")
        talk.send(port, flags="rst")
        talk.now += SECOND
    assert talk.flows.slots <= 70
    assert talk.flows.evicted == 0


def test_a_slot_that_is_used_over_and_over_does_not_keep_others_from_reuse() -> None:
    talk = Talk(flow_table())
    for turn in range(300):
        talk.send(7, seq=turn, flags="syn")
        talk.send(7, flags="rst")
        talk.send(1000 + turn, flags="syn")
        talk.send(1000 + turn, flags="rst")
        talk.now += SECOND
    assert talk.flows.slots <= 70


def test_beyond_the_limit_the_idlest_is_given_up() -> None:
    talk = Talk(flow_table(limit=8))
    for port in range(8):
        talk.send(port)
    talk.send(100)  # one round of the hand: all had been heard of lately
    for port in (2, 3, 5, 7):
        talk.opens(port)
    evicted = talk.flows.evicted
    talk.send(101)
    assert talk.flows.slots == 8
    assert talk.flows.evicted == evicted + 1
    assert not any(talk.opens(port) for port in (2, 3, 5, 7)), "those heard of last stay"


@pytest.mark.parametrize("limit", [0, 1])
def test_a_limit_of_one(limit: int) -> None:
    talk = Talk(flow_table(limit=limit))
    assert [talk.send(port).direction for port in (1, 2, 2, 1)] == [0, 0, 0, 0]
    assert talk.flows.evicted == 2


@given(data=st.data())
def test_the_table_against_a_dict(data: st.DataObject) -> None:
    """Connections come, close, are forgotten and come again: the table knows which is which."""
    talk = Talk(flow_table(limit=1000, linger=10 * SECOND))
    known: dict[int, list[int]] = {}  # by port: slot, closed, time of the last packet, latest SYN
    for serial in range(data.draw(st.integers(1, 60))):
        port = data.draw(st.integers(1, 6))
        act = data.draw(st.sampled_from(["syn", "ack", "rst"]))
        talk.now += data.draw(st.sampled_from([0, SECOND, 11 * SECOND]))
        new = port not in known or act == "syn" or bool(known[port][1] and talk.now - known[port][2] > 10 * SECOND)
        row = talk.send(port, seq=(serial << 22) & 0xFFFF_FFFF, flags=act)
        assert bool(row.flags & packets.NEW) == new
        slot = row.direction >> 1
        if not new:
            assert slot == known[port][0]
        known = {other: state for other, state in known.items() if state[0] != slot or other == port}
        known[port] = [slot, (not new and known[port][1]) or act == "rst", talk.now]
        assert {port for half in talk.flows.endpoints(slot) for port in half[1:]} == {port, 80}
    for port, (slot, closed, last) in known.items():
        if not closed or talk.now - last <= 10 * SECOND:
            assert talk.send(port).direction >> 1 == slot


def test_growth_and_removals_under_churn() -> None:
    """Ten thousand connections through a table that grows, forgets and fills with removed entries."""
    choose = random.Random(1)
    talk = Talk(flow_table(limit=700, linger=SECOND))
    where: dict[int, int] = {}
    for turn in range(10_000):
        port = choose.randrange(1, 3000)
        row = talk.send(port, seq=turn, flags=choose.choice(["ack", "ack", "rst"]))
        slot = row.direction >> 1
        if not row.flags & packets.NEW:
            assert where[port] == slot
        where = where if where.get(port) == slot else {p: s for p, s in where.items() if s != slot} | {port: slot}
        talk.now += SECOND // 100
    assert talk.flows.slots <= 700
    for port, slot in where.items():
        assert talk.flows.endpoints(slot)[0] == (HOSTS[0], port) or not talk.flows.closed[slot]


ORACLE = (
    "base_small.pcap",
    "port_reuse.pcap",
    "violators_a.pcap",
    "rw_ip6ext.pcap",
    "rw_mid_nosyn.pcap",
    "net_loss.pcap",
)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark here")
@pytest.mark.parametrize("name", ORACLE)
def test_stream_numbers_equal_tsharks(shared_captures: Path, name: str) -> None:
    command = ["tshark", "-r", str(shared_captures / name), "-Y", "tcp", "-T", "fields", "-e", "frame.number"]
    told = subprocess.run([*command, "-e", "tcp.stream"], capture_output=True, text=True, check=True).stdout
    expected = {int(number): int(stream) for number, stream in map(str.split, told.splitlines())}
    flows, numbers, count, seen = flow_table(100_000), {}, 0, {}
    with open_source([str(shared_captures / name)], Settings()) as source:
        for batch in source.batches():
            for row in decoded(flows, batch):
                if row.flags & packets.NEW:
                    numbers[row.direction >> 1] = count
                    count += 1
                seen[int(batch.number[row.row])] = numbers[row.direction >> 1]
    assert seen == expected
