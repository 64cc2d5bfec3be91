"""Captures of 200 KB that inflate to 200 MB: told as SEC-020, in little memory, however the bytes are spread.

The time is told (``pytest -rP``), not judged: machines differ. It should be less than 3 seconds.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import pytest

from analyzer.wire.frame import build_frame
from samples.traffic import Conversation, Wire, pcap_bytes
from tests.command import python

SIZE = 200_000_000
"""Bytes that all messages of a capture inflate to."""
MEMORY = 200_000_000
MEASURED = """
import re, sys
from analyzer.cli.main import run
try:
    run()
finally:
    with open("/proc/self/status") as status:
        sys.stderr.write(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
"""
"""The command line, and the most memory it ever had, in KiB. What `resource` tells may be the parent's."""


def bomb(*, messages: int = 1, fragments: int = 1, takeover: bool = True, opcode: int = 1) -> bytes:
    """A capture of what one server sends: SIZE bytes of the same letter, spread over so many messages and fragments."""
    wire = Wire()
    talk = Conversation(wire)
    talk.connect()
    talk.open(extensions=f"permessage-deflate{'' if takeover else '; server_no_context_takeover'}")
    packer = zlib.compressobj(9, wbits=-15)
    sent = b""
    for _ in range(messages):
        packed = (packer.compress(b"a" * (SIZE // messages)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
        if not takeover:
            packer = zlib.compressobj(9, wbits=-15)
        size = -(-len(packed) // fragments)
        for number in range(fragments):
            part = packed[number * size : (number + 1) * size]
            last = number + 1 == fragments
            sent += build_frame(0 if number else opcode, part, fin=last, rsv1=not number)
    talk.send("server", sent)
    talk.close("server")
    talk.close("client")
    talk.fin("server")
    talk.fin("client")
    return pcap_bytes(wire.packets)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured as Linux tells it")
@pytest.mark.parametrize("records", ["findings", "all"])
@pytest.mark.parametrize(
    "capture",
    [
        pytest.param({}, id="one message"),
        pytest.param({"opcode": 2}, id="one binary message"),
        pytest.param({"fragments": 100}, id="a message in fragments"),
        pytest.param({"messages": 20}, id="messages with context takeover"),
        pytest.param({"messages": 20, "takeover": False}, id="messages without"),
        pytest.param({"messages": 4, "opcode": 2}, id="long binary messages"),
    ],
)
def test_it_is_told_in_little_memory(capture: dict[str, int], records: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pcap"
    path.write_bytes(bomb(**capture))
    assert path.stat().st_size < 250_000
    before = os.times()
    done = python("-c", MEASURED, "analyze", path, "-f", "jsonl", "--records", records, folder=tmp_path)
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    memory = int(done.stderr.split()[-1]) * 1024
    found = [json.loads(line) for line in done.stdout.splitlines()]
    rules = {one["rule"]: one["direction"] for one in found if one["type"] == "finding"}
    assert found[-1]["type"] == "summary"
    assert rules.get("SEC-020") == "server"
    assert memory < MEMORY, f"{memory / 1e6:.0f} MB, {seconds:.1f} s"
    print(f"{path.stat().st_size} bytes: {memory / 1e6:.0f} MB, {seconds:.2f} s of CPU")
