"""The whole flow on any bytes at all, and what the summary says of it.

The oracle of the fuzzing: no exception comes out; the result ends with a summary; the summary's counts are those of the
records; each finding's bytes lie inside the capture; and batches of one packet give the same result.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Connection, Finding, Frame, Record, Run, Severity, Summary
from analyzer.settings import Settings
from analyzer.wire import pcap
from samples import transcript
from samples.traffic import pcap_bytes
from tests.running import analysed, only, played

ROOT = Path(__file__).parent.parent
CAPTURES = [
    ROOT / "samples" / "echo.pcap",
    ROOT / "tests" / "captures" / "port_reuse.pcap",
    ROOT / "tests" / "captures" / "violators_a.pcap",
    ROOT / "tests" / "captures" / "lookalikes_a.pcap",
]
FILE_HEADER, RECORD_HEADER = 24, 16
"""Bytes of a pcap file's header and of a record's."""
SOME = 120
"""Packets of each capture that are mutated."""


def packets_of(path: Path) -> list[tuple[int, bytes]]:
    """Time and bytes of the first packets of a pcap file."""
    data, at, found = path.read_bytes(), FILE_HEADER, []
    order = "little" if data[:1] in (b"\xd4", b"\x4d") else "big"
    while at < len(data) and len(found) < SOME:
        seconds, fraction, captured, _ = (int.from_bytes(data[at + n : at + n + 4], order) for n in (0, 4, 8, 12))
        at += RECORD_HEADER
        found.append((seconds * 10**9 + fraction, data[at : at + captured]))
        at += captured
    return found


SEEDS = [packets_of(path) for path in CAPTURES]


def told(records: list[Record]) -> list[bytes]:
    """The result as lines, without what depends on how it was read."""
    blank = {Run: {"settings": {}, "inputs": []}, Summary: {"elapsed_ns": 0, "notes": []}}
    changed = [msgspec.structs.replace(record, **blank.get(type(record), {})) for record in records]
    return [re.sub(rb'"file":"[^"]*"', b"", msgspec.json.encode(record)) for record in changed]


def same(one: list[bytes], other: list[bytes], way: object) -> None:
    """Fail with the first line that differs; a whole result is too long to read."""
    for number, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        assert mine == theirs, (way, number)
    assert len(one) == len(other), way


def check(capture: bytes, packets: int) -> None:
    records = analysed(capture)
    (summary,) = only(Summary, records)
    assert records[-1] is summary
    assert summary.packets <= packets
    findings = only(Finding, records)
    count: Counter[str] = Counter()
    severities: Counter[str] = Counter()
    for finding in findings:
        count[finding.rule] += finding.count
        severities[finding.severity.value] += finding.count
        assert finding.file_offset is None or 0 <= finding.file_offset <= len(capture)
    assert summary.findings == dict(count)
    assert {name: total for name, total in summary.severities.items() if total} == dict(severities)
    assert summary.connections == len(only(Connection, records))
    assert summary.frames == sum(frame.complete for frame in only(Frame, records))
    for way in ({"batch_packets": 1}, {"batch_packets": 7, "frame_rows": 1}):
        same(told(analysed(capture, **way)), told(records), way)


@st.composite
def mutated(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    packets = list(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 12))):
        at = draw(st.integers(0, len(packets) - 1))
        time_ns, data = packets[at]
        match draw(st.sampled_from(["flip", "cut", "insert", "double", "drop", "swap", "late"])):
            case "flip" if data:
                where = draw(st.integers(0, len(data) - 1))
                data = data[:where] + bytes([draw(st.integers(0, 255))]) + data[where + 1 :]
                packets[at] = (time_ns, data)
            case "cut":
                packets[at] = (time_ns, data[: draw(st.integers(0, len(data)))])
            case "insert":
                where = draw(st.integers(0, len(data)))
                packets[at] = (time_ns, data[:where] + draw(st.binary(max_size=40)) + data[where:])
            case "double":
                packets.insert(draw(st.integers(0, len(packets))), packets[at])
            case "drop" if len(packets) > 1:
                del packets[at]
            case "swap":
                other = draw(st.integers(0, len(packets) - 1))
                packets[at], packets[other] = packets[other], packets[at]
            case "late":
                step = draw(st.integers(-(10**11), 10**11))
                packets[at:] = [(max(0, when + step), one) for when, one in packets[at:]]
    return packets


def plain(packets: list[tuple[int, bytes]]) -> bytes:
    """A pcap file of any bytes, whose packets are as long as they were captured."""
    records = (
        pcap.build_record(data, time_ns, magic=pcap.NANOSECONDS, wire=len(data))
        for time_ns, data in packets
        if time_ns < 2**32 * 10**9
    )
    return b"".join([pcap.build_header(magic=pcap.NANOSECONDS, link=1), *records])


@settings(max_examples=60)
@given(mutated())
def test_mutated_captures(packets: list[tuple[int, bytes]]) -> None:
    check(plain(packets), len(packets))


@settings(max_examples=80)
@given(
    st.lists(
        st.tuples(st.sampled_from(["client", "server"]), st.binary(min_size=1, max_size=40), st.booleans()), max_size=25
    )
)
def test_any_bytes_after_an_opening(sent: list[tuple[str, bytes, bool]]) -> None:
    story = ["client: 89 80 37 fa 21 3d"]
    for side, data, lost in sent:
        story += [f"gap {side} {len(data)}" if lost else f"{side}: {data.hex(' ')}"]
    packets = transcript.play("\n".join(story)).packets
    check(pcap_bytes(packets), len(packets))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["client", "server"]), st.binary(min_size=1, max_size=60)), max_size=12))
def test_any_bytes_instead_of_an_opening(sent: list[tuple[str, bytes]]) -> None:
    packets = transcript.play("\n".join(f"{side}: raw {data.hex(' ')}" for side, data in sent)).packets
    capture = pcap_bytes(packets)
    check(capture, len(packets))
    named = analysed(capture, decode_as=frozenset({80}))
    assert told(analysed(capture, decode_as=frozenset({80}), batch_packets=1)) == told(named)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_a_capture_may_end_inside_anything(path: Path) -> None:
    packets = packets_of(path)
    for count in range(0, len(packets), 7):
        records = analysed(plain(packets[:count]))
        assert only(Summary, records)[0].packets == count


# --- the run and its packets


def test_the_run_names_the_settings_that_differ_and_the_rules_that_run() -> None:
    chosen = {"select": ("MK",), "severity": {"MK-001": Severity.INFO}, "decode_as": frozenset({8080, 80})}
    run = played("client: 81 80 37 fa 21 3d", records=Settings().records, **chosen)[0]
    assert isinstance(run, Run)
    assert run.rules == ["MK-001", "MK-002"]
    assert msgspec.json.decode(msgspec.json.encode(run.settings)) == {
        "select": ["MK"],
        "severity": {"MK-001": "info"},
        "decode_as": [80, 8080],
    }


def test_progress_is_told_after_each_batch() -> None:
    chosen = Settings(batch_packets=10)
    calls: list[None] = []
    source = open_source([str(CAPTURES[0])], chosen)
    records = list(pipeline.run(source, chosen, lambda: calls.append(None)))
    (summary,) = only(Summary, records)
    assert len(calls) >= summary.packets / 10 > 1


def test_a_syn_that_is_captured_late_counts_whatever_the_batch() -> None:
    packets = transcript.play("client: 81 85 37 fa 21 3d 7f 9f 4d 51 58").packets
    late = [*packets[2:6], packets[1], *packets[6:]]
    for batch_packets in (1, 8192):
        records = analysed(pcap_bytes(late), batch_packets=batch_packets)
        assert "ST-001" not in {finding.rule for finding in only(Finding, records)}
