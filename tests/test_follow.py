"""The bytes of each TCP connection, against tshark's and against what the peers wrote."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from analyzer.capture.source import open_source
from analyzer.settings import Settings
from analyzer.tcp import streams
from analyzer.tcp.packets import Flows, Segments
from analyzer.tcp.reassembly import Reassembly
from analyzer.tcp.streams import DATA
from tests.conftest import CAPTURES
from tests.tcp.feeding import Result, collect


def followed(capture: Path, numbers: Iterable[int]) -> list[dict[str, bytes]]:
    """Each stream's two directions, by the sender's address and port, as tshark reassembles them, in any order."""
    command = ["tshark", "-q", "-r", str(capture), "-o", "tcp.reassemble_out_of_order:TRUE"]
    for number in numbers:
        command += ["-z", f"follow,tcp,yaml,{number}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = []
    for part in told.split("peers:")[1:]:
        peers = re.findall(r"host: (\S+)\s+port: (\d+)", part)
        sides = {f"{host}:{port}": b"" for host, port in peers}
        for peer, data in re.findall(r"peer: (\d).*?data: !!binary \|\n((?:\s+[A-Za-z0-9+/=]+\n?)+)", part, re.DOTALL):
            sides[":".join(peers[int(peer)])] += base64.b64decode("".join(data.split()))
        found.append(sides)
    return found


def ours(capture: Path) -> list[dict[str, bytes]]:
    """The same from this package; lost bytes are left out."""
    config = Settings()
    flows, reassembly = Flows(100_000, config.linger_time, config.idle_time), Reassembly(config)
    segments, found, current = Segments(config.batch_packets), {}, {}

    def take(data: bytearray) -> None:
        result = Result()
        collect(reassembly, data, result)
        for chunk in result.chunks:
            slot = chunk.direction >> 1
            if chunk.kind == streams.OPEN:
                ends = [f"{ipaddress.ip_address(host)}:{port}" for host, port in flows.endpoints(slot)]
                current[slot] = found[chunk.length] = dict.fromkeys(ends, b"")
            elif chunk.kind == DATA:
                side = list(current[slot])[chunk.direction & 1]
                current[slot][side] += chunk.data

    with open_source([str(capture)], config) as source:
        for batch in source.batches():
            flows.decode(batch, segments)
            reassembly.begin(batch, segments, flows.slots)
            row = 0
            while row < segments.count:
                row = reassembly.deliver(row)
                take(batch.data)
            reassembly.finish()
    for _ in reassembly.end():
        take(bytearray())
    return [found[number] for number in sorted(found)]


PLAIN = (
    "base_small.pcap",
    "net_smallmss.pcap",
    "rw_wrap.pcap",
    "rw_segmented.pcap",
    "rw_ip6ext.pcap",
    "rw_gzip.pcap.gz",
    "rw_bigendian.pcap",
    "rw_badsum.pcap",
    "rw_vlan.pcap",
    "rw_null.pcap",
    "rw_raw.pcap",
    "var_nano.pcap",
    "var_sll.pcap",
    "var_pcapng.pcapng",
    "net_loss.pcap",
    "clean_deflate.pcap",
    "clean_mix.pcap.gz",
    "deflate_chromium_ws.pcap",
    "autobahn_fuzzingclient_websockets.pcap",
    "autobahn_fuzzingserver_websockets.pcap",
    "autobahn_deflate_websockets.pcap",
)
"""Recorded captures whose streams tshark puts together rightly; it does not for reordering, nor for IPv6 packets of
length 0 (segmentation offload)."""
BUNDLED = sorted(CAPTURES.glob("*.pcap"))


def assert_equals_tsharks(capture: Path) -> None:
    mine = ours(capture)
    theirs = followed(capture, range(len(mine)))
    assert len(mine) == len(theirs) > 0

    def key(sides: dict[str, bytes]) -> list[tuple[str, bytes]]:
        return sorted(sides.items())

    assert sorted(map(key, mine)) == sorted(map(key, theirs))


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark here")
@pytest.mark.parametrize("capture", BUNDLED, ids=lambda capture: capture.stem)
def test_bytes_of_bundled_captures_equal_tsharks(capture: Path) -> None:
    assert_equals_tsharks(capture)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark here")
@pytest.mark.parametrize("name", PLAIN)
def test_bytes_equal_tsharks(shared_captures: Path, name: str) -> None:
    assert_equals_tsharks(shared_captures / name)


@pytest.mark.parametrize(
    "name", ["reorder", "overlap_noreorder", "conflict", "tso_len0", "vlan", "null", "raw", "nofin"]
)
def test_a_rewritten_capture_gives_the_same_streams(shared_captures: Path, name: str) -> None:
    """What was done to the packets leaves the streams as they were; tshark loses bytes of some of these."""
    expected = [list(sides.values()) for sides in ours(shared_captures / "base_small.pcap")]
    found = [list(sides.values()) for sides in ours(shared_captures / f"rw_{name}.pcap")]
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))


@pytest.mark.parametrize("name", ["violators_a", "port_reuse"])
def test_bytes_equal_what_the_peers_wrote(name: str) -> None:
    mine = ours(CAPTURES / f"{name}.pcap")
    truth = json.loads((CAPTURES / f"{name}.truth.json").read_text())["connections"]
    expected = sorted((one["stream"]["c2s"]["sha256"], one["stream"]["s2c"]["sha256"]) for one in truth)
    found = [[hashlib.sha256(data).hexdigest() for data in sides.values()] for sides in mine]
    assert sorted(tuple(pair) for pair in found) == expected
