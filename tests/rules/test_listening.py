"""Frames into dialogues: whatever the batch, and only as long as something waits."""

from __future__ import annotations

import msgspec
import pytest

from analyzer.model import Finding
from analyzer.rules.registry import load
from samples import transcript
from tests.running import analysed, only

STORIES = {rule_id: text for rule_id, rule in load().items() if rule.subject == "Dialogue" for text in rule.violates}


@pytest.mark.parametrize("rule_id", STORIES)
def test_the_batch_makes_no_difference(rule_id: str) -> None:
    """Many frames of another connection between the lines, collected a few at a time."""
    noise = "connection 2:\nrepeat 20 client: 81 80 00 00 00 00 81 80 00 00 00 00 81 80 00 00 00 00\nconnection 1:\n"
    capture = transcript.capture("\n".join(noise + line.strip() for line in STORIES[rule_id].splitlines()))
    told = [
        only(Finding, analysed(capture, frame_rows=rows, batch_packets=packets))
        for rows, packets in ((64, 8192), (8192, 8192), (8192, 3))
    ]
    assert rule_id in {finding.rule for finding in told[0]}
    told = [[msgspec.structs.replace(finding, file=None) for finding in findings] for findings in told]
    assert told[0] == told[1] == told[2]


def test_a_ping_that_waits_is_forgotten_with_notice() -> None:
    capture = transcript.capture("repeat 10 server: 89 00\n+30s\nclient: 81 80 00 00 00 00")
    found = only(Finding, analysed(capture, pings=4))
    counts = {one.rule: one.count for one in found}
    assert (counts["CT-003"], counts["ST-013"]) == (10, 1)


def test_compressed_or_midstream_pings_are_left_alone() -> None:
    unknown = "extensions: x-private\nserver: 89 00\n+30s\nclient: 81 80 00 00 00 00"
    assert not [one for one in only(Finding, analysed(transcript.capture(unknown))) if one.rule.startswith("CT")]
    midstream = "midstream\nserver: 89 00\n+30s\nclient: 8a 81 00 00 00 00 61"
    assert not [one for one in only(Finding, analysed(transcript.capture(midstream))) if one.rule.startswith("CT")]
