"""Traffic that is no WebSocket: no connection is claimed, and nothing is said but what the capture shows (ST)."""

from __future__ import annotations

import random

import pytest

from analyzer.model import Finding, Record, Summary
from samples.traffic import Conversation, Wire, pcap_bytes
from tests.lookalikes import LOOKALIKES, Protocol
from tests.running import analysed, only

SIDES = ("client", "server")


def recorded(kind: Protocol, seed: int, *, midstream: bool, lossy: bool) -> bytes:
    """A capture of three connections."""
    chance = random.Random(seed)
    wire = Wire()
    for port in (80, 443, 8080):
        talk = Conversation(
            client=("192.0.2.1", 40_000 + port), server=("192.0.2.80", port), wire=wire, midstream=midstream
        )
        for side, data in kind(chance):
            if lossy and not chance.randrange(10):
                talk.gap("server" if side else "client", len(data))
            else:
                talk.send("server" if side else "client", data)
        for side in SIDES:
            if chance.randrange(2):
                talk.fin("server" if side == "server" else "client")
    return pcap_bytes(wire.packets)


def claims(records: list[Record]) -> list[str]:
    """What is said that should not be."""
    (summary,) = only(Summary, records)
    said = [str(finding) for finding in only(Finding, records) if not finding.rule.startswith("ST-")]
    return said + [f"{summary.connections} connections"] * bool(summary.connections)


@pytest.mark.parametrize("lossy", [False, True], ids=["whole", "lossy"])
@pytest.mark.parametrize("midstream", [False, True], ids=["from the SYN", "midstream"])
@pytest.mark.parametrize("kind", LOOKALIKES)
def test_nothing_is_claimed(kind: Protocol, midstream: bool, lossy: bool) -> None:
    for seed in range(4):
        assert claims(analysed(recorded(kind, seed, midstream=midstream, lossy=lossy))) == [], seed
