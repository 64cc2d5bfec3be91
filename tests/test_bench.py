"""The benchmarks' own parts.

The generator of captures: its fast path builds what the schemas build, packet by packet. An hour of live traffic, a
thin one: memory stays flat.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from analyzer.wire import frame
from samples.traffic import Conversation, Wire, pcap_bytes
from tests.bench import make_capture
from tests.bench.make_capture import Plan
from tests.command import python


def packet_by_packet(plan: Plan) -> bytes:
    """The plan's capture, each packet and frame built with Construct."""
    wire = Wire()
    conversations = [
        Conversation(wire, ("192.0.2.1", make_capture.FIRST_PORT + number), sparing=True)
        for number in range(plan.connections)
    ]
    for conversation in conversations:
        conversation.open()
    for step in range(plan.steps):
        for number, conversation in enumerate(conversations):
            kind = plan.kinds[(step + 2 * number) % len(plan.kinds)]
            start = plan.starts[step // 2]
            text = plan.pool[start : start + kind.length].tobytes()
            (keys,) = plan.keys(step * plan.connections + number, 1)
            segment = b"".join(
                frame.build_frame(kind.opcode, text, key.tobytes() if kind.side == "client" else None) for key in keys
            )
            conversation.send(kind.side, segment, whole=True)
    for conversation in conversations:
        conversation.close("client")
        conversation.close("server")
        conversation.fin("server")
        conversation.fin("client")
    return pcap_bytes(wire.packets)


@pytest.mark.parametrize(
    ("frames", "per_segment", "size", "connections"),
    [(300, 1, 20, 7), (300, 3, 5, 2), (40, 2, 300, 1), (1, 1, 0, 1)],
)
def test_the_fast_path_builds_what_the_schemas_build(
    frames: int, per_segment: int, size: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_capture, "CHUNK", 64)
    plan = Plan(frames, per_segment, size, connections)
    out = io.BytesIO()
    packets = make_capture.write(out, plan)
    assert out.getvalue() == packet_by_packet(plan)
    assert plan.slots * plan.per_segment >= frames
    assert packets == plan.slots + 9 * connections  # 5 to open and 4 to close a connection


def test_more_than_a_segment_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="too much for one segment"):
        Plan(100, per_segment=1000, size=100, connections=1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no memory in use of one process to read")
def test_an_hour_of_live_traffic_leaves_memory_flat(tmp_path: Path) -> None:
    done = python(Path(__file__).parent / "bench" / "live_hour.py", "--packets", "200", folder=tmp_path)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert done.stdout.decode().endswith(": flat\n")
