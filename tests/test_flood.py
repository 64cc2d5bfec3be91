"""A hundred thousand connections that say nothing, then one that does: it is read, and memory stays bounded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analyzer.wire import link, packet, pcap
from samples import transcript
from samples.traffic import START_NS, Wire, pcap_bytes

PEERS = 100_000
"""The program itself takes some 50 MiB; a connection that is followed about 1 KiB, of which half is room to grow."""
MIB = 1 << 20

SCRIPT = """
import json, sys
from pathlib import Path
from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Finding, Frame, Summary
from analyzer.settings import Settings

settings = Settings(records=frozenset({"frames", "findings"}), connections=int(sys.argv[2]))
told = {"frames": 0, "rules": []}
for record in pipeline.run(open_source([sys.argv[1]], settings), settings):
    if isinstance(record, Frame):
        told["frames"] += 1
    elif isinstance(record, Finding):
        told["rules"].append(record.rule)
    elif isinstance(record, Summary):
        told["limits"], told["streams"] = record.limits, record.tcp_streams
status = Path("/proc/self/status").read_text()
told["kib"] = int(status.partition("VmHWM:")[2].split()[0])  # getrusage would count what the parent held before exec
print(json.dumps(told))
"""


def flood(path: Path, *, established: bool) -> None:
    """SYNs of PEERS clients, their addresses counted up; ``established``: and the rest of the handshake."""
    client, server = bytes([10, 0, 0, 0]), bytes([192, 0, 2, 80])
    segments = [(client, server, (1000, 80), 1, 0, {"syn"})]
    if established:
        segments += [(server, client, (80, 1000), 9, 2, {"syn", "ack"}), (client, server, (1000, 80), 2, 10, {"ack"})]
    magic = pcap.NANOSECONDS
    records = bytearray()
    for source, destination, ports, seq, ack, flags in segments:
        segment = packet.build_tcp(source, destination, ports, seq, ack, frozenset(flags))
        whole = packet.build_ipv4(source, destination, segment)
        ethernet = packet.ETHERNET.build(
            {"destination": bytes(6), "source": bytes(6), "ethertype": packet.ETHERTYPE_IPV4}
        )
        records += pcap.build_record(ethernet + whole, START_NS - 10**9, magic=magic)
    size = len(records) // len(segments)
    rows = np.tile(np.frombuffer(records, np.uint8), (PEERS, 1))
    counted = np.arange(PEERS, dtype=">u4").view(np.uint8).reshape(PEERS, 4)[:, 1:]
    fields = [size - len(whole) + link.offset(packet.IPV4, name) for name in ("source", "destination")]
    for number, (source, *_) in enumerate(segments):
        at = number * size + fields[0 if source == client else 1] + 1
        rows[:, at : at + 3] = counted
    wire = transcript.play("client: 81 05 48 65 6c 6c 6f\nserver: 81 02 68 69\nclient: FIN", Wire())
    header = pcap.build_header(magic=magic, link=link.LINK_ETHERNET)
    path.write_bytes(header + rows.tobytes() + pcap_bytes(wire.packets)[len(header) :])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no peak memory of one process to read")
@pytest.mark.parametrize(
    ("established", "connections", "most"),
    [(False, 100_000, 200 * MIB), (True, 20_000, 100 * MIB)],
    ids=["half open, all followed", "idle, few followed"],
)
def test_silent_connections_cost_little_and_hide_nothing(
    established: bool, connections: int, most: int, tmp_path: Path
) -> None:
    path = tmp_path / "flood.pcap"
    flood(path, established=established)
    command = [sys.executable, "-c", SCRIPT, str(path), str(connections)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=True)
    told = json.loads(done.stdout)
    assert told["frames"] == 2
    assert "MK-001" in told["rules"]
    assert told["streams"] == PEERS + 1
    assert told["limits"]["connections"] == PEERS + 1 - connections
    assert "ST-013" in told["rules"]
    assert told["kib"] << 10 < most, f"{told['kib'] >> 10} MiB"
