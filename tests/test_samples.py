"""The builders behind the examples: what a transcript says is what tshark and scapy find in its capture."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from samples import opening, transcript
from samples.traffic import SEGMENT_SIZE, Conversation, Wire, pcap_bytes


def streams(capture: bytes, port: int = 40001) -> tuple[bytes, bytes]:
    """What client and server of one connection sent, put in order by sequence number with scapy."""
    from scapy.layers.inet import TCP
    from scapy.utils import PcapReader

    sides: dict[bool, dict[int, bytes]] = {True: {}, False: {}}
    with PcapReader(io.BytesIO(capture)) as reader:
        for seen in reader:
            tcp = seen[TCP]
            if port in (tcp.sport, tcp.dport) and len(tcp.payload):
                sides[tcp.sport == port][tcp.seq] = bytes(tcp.payload)
    return tuple(b"".join(data for _, data in sorted(sides[side].items())) for side in (True, False))


KEY = opening.key_for(40001)
REQUEST = opening.head(opening.request(KEY))
RESPONSE = opening.head(opening.response(KEY))


def test_the_rfc_s_own_accept_value() -> None:
    assert opening.accept_for(opening.RFC_KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_correct_opening_is_put_before_frames() -> None:
    client, server = streams(transcript.capture("client: 81 80 00 00 00 00\nserver: 81 00"))
    assert client == REQUEST + bytes.fromhex("8180 00000000")
    assert server == RESPONSE + bytes.fromhex("8100")


def test_a_request_alone_gets_the_right_answer() -> None:
    client, server = streams(transcript.capture(r"client: http GET / HTTP/1.1 | Sec-WebSocket-Key: abc | X: \xe9\r"))
    assert client == b"GET / HTTP/1.1\r\nSec-WebSocket-Key: abc\r\nX: \xe9\r\r\n\r\n"
    assert f"Sec-WebSocket-Accept: {opening.accept_for('abc')}\r\n".encode() in server


def test_only_the_last_request_is_answered_by_itself() -> None:
    text = "client: http GET / HTTP/1.1\nserver: http HTTP/1.1 204 No\nclient: http GET / HTTP/1.1"
    _, server = streams(transcript.capture(text))
    assert [line for line in server.splitlines() if line.startswith(b"HTTP/")] == [
        b"HTTP/1.1 204 No",
        b"HTTP/1.1 101 Switching Protocols",
    ]


def test_a_response_alone_gets_a_right_request_before_it() -> None:
    client, server = streams(transcript.capture("server: http HTTP/1.1 101 OK | Sec-WebSocket-Accept: {accept}"))
    assert client == REQUEST
    assert server == f"HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: {opening.accept_for(KEY)}\r\n\r\n".encode()


def test_the_rfc_s_accept_value_gets_the_rfc_s_key() -> None:
    accept = opening.accept_for(opening.RFC_KEY)
    client, _ = streams(transcript.capture(f"server: http HTTP/1.1 101 OK | Sec-WebSocket-Accept: {accept}"))
    assert client == opening.head(opening.request(opening.RFC_KEY))


def test_a_silent_server_sends_no_answer() -> None:
    client, server = streams(transcript.capture("client: http GET / HTTP/1.1\nserver: silent"))
    assert client == b"GET / HTTP/1.1\r\n\r\n"
    assert server == b""


def test_extensions_and_subprotocol_are_agreed_on_in_the_opening_put_before() -> None:
    client, server = streams(transcript.capture("extensions: permessage-deflate\nsubprotocol: chat\nserver: 81 00"))
    for head in (client, server):
        assert b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" in head
        assert b"\r\nSec-WebSocket-Protocol: chat\r\n" in head


def test_midstream_leaves_out_syn_and_opening() -> None:
    wire = transcript.play("midstream\nclient: 81 80 00 00 00 00")
    assert len(wire.packets) == 2
    assert streams(pcap_bytes(wire.packets))[0] == bytes.fromhex("8180 00000000")


def test_outputs_of_a_mersenne_twister() -> None:
    twister = random.Random(transcript.SEED)
    client, _ = streams(transcript.capture("repeat 2 client: 89 80 {mt19937} 8a 80 {mt19937}"))
    wanted = b"".join(bytes([opcode, 0x80]) + twister.randbytes(4) for opcode in (0x89, 0x8A, 0x89, 0x8A))
    assert client.endswith(wanted)


def test_repeat_and_byte_repetition() -> None:
    client, _ = streams(transcript.capture("repeat 3 client: 82 7e 41*4"))
    assert client == REQUEST + b"\x82\x7eAAAA" * 3


def test_time_passes() -> None:
    quick, slow = transcript.play("server: 81 00"), transcript.play("+30s\n+500ms\nserver: 81 00")
    assert slow.packets[-1][0] - quick.packets[-1][0] == 30_500_000_000


def test_every_kind_of_line_passes_tshark_without_a_complaint(tmp_path: Path) -> None:
    """Sequence numbers, acknowledgments and checksums of both stacks, as tshark's TCP analysis sees them."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path = tmp_path / "all.pcap"
    path.write_bytes(
        transcript.capture(
            "client: 82 fe 13 88 00 00 00 00 41*5000\nserver: 89 00\nconnection 2:\nserver: 88 02 03 e8\n"
            "client: 88 82 00 00 00 00 03 e8\nserver: FIN\nclient: FIN\nconnection 1:\n+1s\nclient: RST\n"
        )
    )
    checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
    out = subprocess.run(
        ["tshark", "-r", str(path), *checks, "-T", "json", "-e", "_ws.expert.message", "-e", "tcp.checksum.status"],
        capture_output=True,
        check=True,
    ).stdout
    layers = [row["_source"]["layers"] for row in json.loads(out)]
    assert all(row["tcp.checksum.status"] == ["1"] for row in layers)
    messages = {text for row in layers for text in row.get("_ws.expert.message", [])}
    expected = ("Connection establish", "Connection finish", "Connection reset", "GET ", "HTTP/1.1 101", "This frame")
    assert {text for text in messages if not text.startswith(expected)} == set()


def test_a_gap_is_acknowledged_and_not_captured() -> None:
    from scapy.layers.inet import TCP
    from scapy.layers.l2 import Ether

    wire = transcript.play("gap client 5\nclient: 81 80 00 00 00 00")
    *_, acknowledged, after, _ = [Ether(data)[TCP] for _, data in wire.packets]
    assert acknowledged.ack == after.seq
    assert streams(pcap_bytes(wire.packets))[0] == REQUEST + bytes.fromhex("8180 00000000")


def test_an_unacked_segment_stays_so_until_the_next_is_acknowledged() -> None:
    from scapy.layers.inet import TCP
    from scapy.layers.l2 import Ether

    wire = transcript.play("unacked\nclient: 01 80 00 00 00 00\nserver: 81 00\nclient: 80 80 00 00 00 00")
    crossed, answer, _, last, covered = [Ether(data)[TCP] for _, data in wire.packets[-5:]]
    assert answer.ack == crossed.seq
    assert covered.ack == last.seq + 6


def test_long_sends_are_cut_into_segments_over_ipv6() -> None:
    wire = Wire()
    Conversation(wire, ("2001:db8::1", 40001), ("2001:db8::80", 80)).server(bytes(2 * SEGMENT_SIZE + 1))
    assert streams(pcap_bytes(wire.packets)) == (b"", bytes(2 * SEGMENT_SIZE + 1))


@pytest.mark.parametrize(
    "line",
    [
        "client 81 00",
        "client: 8",
        "client: 81 zz",
        "client:",
        "server: http \\q",
        "server: http \\",
        "+s",
        "gap 5",
        "connection:",
        "client: 41*99999999999",
        "repeat 99999999 client: 41*9999",
    ],
)
def test_a_line_that_is_not_understood_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 of the transcript"):
        transcript.capture(f"server: 81 00\n{line}")
