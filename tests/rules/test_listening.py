"""Frames into dialogues: whatever the batch, and only as long as something waits."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model import Finding, Summary
from analyzer.rules.pings import Pings
from analyzer.rules.registry import load
from samples import transcript
from tests.rules.judging import ids
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


# --- exchanges without anything to notice

MOVES = st.sampled_from(
    [
        "ask", "ask", "ask", "answer", "answer", "answer", "answer other", "answer nothing", "answer unacked",
        "late", "long", "data", "back", "other side asks", "other side answers", "cut", "close", "gap",
    ]
)  # fmt: skip


def conversation(moves: list[str]) -> str:
    """A transcript of heartbeats: the server's Pings, mostly answered."""
    said = ["server: 81 01 61", "client: 81 81 00 00 00 00 61"]
    asked = 0
    for move in moves:
        name = f"{asked % 5:02x}"
        match move:
            case "ask":
                asked += 1
                said.append(f"server: 89 01 {asked % 5:02x}")
            case "answer":
                said.append(f"client: 8a 81 00 00 00 00 {name}")
            case "answer other":
                said.append("client: 8a 81 00 00 00 00 77")
            case "answer nothing":
                said.append("client: 8a 80 00 00 00 00")
            case "answer unacked":
                said += ["unacked", f"client: 8a 81 00 00 00 00 {name}"]
            case "late":
                said.append("+6s")
            case "long":
                said.append("+21s")
            case "data":
                said.append("client: 81 81 00 00 00 00 61")
            case "back":
                said.append("-5s")
            case "other side asks":
                said.append("client: 89 81 00 00 00 00 05")
            case "other side answers":
                said.append("server: 8a 01 05")
            case "cut":
                said += [f"server: 89 02 {name}", "server: 00"]
            case "close":
                said.append("client: 88 82 00 00 00 00 03 ea")
            case "gap":
                said.append("gap server 3")
    # frames of another connection, so that what is collected at once ends between any two moves
    noise = "connection 2:\nrepeat 10 client: 81 80 00 00 00 00 81 80 00 00 00 00\nconnection 1:"
    spread = [line for at, move in enumerate(said) for line in ([move, noise] if at % 3 else [move])]
    return "\n".join([*spread, "+30s", "client: 81 81 00 00 00 00 61", "server: 81 01 61"])


@given(st.lists(MOVES, max_size=30), st.integers(1, 5), st.sampled_from([64, 8192]))
@settings(max_examples=60)
def test_the_short_way_makes_no_difference(moves: list[str], pings: int, rows: int) -> None:
    """Each Pong compared with all Pings is the oracle; and all frames at once, where some are collected at a time."""
    capture = transcript.capture(conversation(moves))

    def told(rows: int) -> list[tuple[object, ...]]:
        records = analysed(capture, pings=pings, frame_rows=rows)
        (summary,) = only(Summary, records)
        return [
            *((one.rule, one.packet, one.count, one.found, one.cause) for one in only(Finding, records)),
            (summary.limits,),
        ]

    with pytest.MonkeyPatch.context() as patch:
        if hasattr(Pings, "last"):  # else it is compiled, and cannot be patched
            patch.setattr(Pings, "last", lambda self, pong: None)
        one_by_one = told(8192)
    assert told(rows) == one_by_one


def test_of_many_exchanges_the_latest_are_remembered() -> None:
    exchanges = [f"server: 89 01 {n % 250:02x}\nclient: 8a 81 00 00 00 00 {n % 250:02x}" for n in range(200)]
    again = "client: 8a 81 00 00 00 00 c7"  # the last one once more
    assert ids("\n".join([*exchanges, again]), "CT") == []
    assert ids("\n".join([*exchanges, "client: 8a 81 00 00 00 00 fe"]), "CT") == ["CT-005"]
