"""ST: what is told of the capture as a whole is told once, with a count."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.capture.source import open_source
from analyzer.model import Finding
from analyzer.settings import Settings
from analyzer.wire import pcapng
from samples import transcript
from tests.capture.crafted import of_batch, statistics
from tests.running import only, played

EMPTY_FROM_SERVER = "server: 81 00"
HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def told(text: str, *rules: str, **chosen: object) -> list[Finding]:
    return [one for one in only(Finding, played(text, **chosen)) if one.rule in rules]


def test_a_limit_on_findings_is_no_loss() -> None:
    assert told("repeat 5 client: 81 00", "ST-013", findings_per_rule=2) == []


def test_a_limit_that_hides_something_is_named() -> None:
    head = " | ".join(["client: http GET / HTTP/1.1", "Host: a.example", "X: " + "a" * 3000])
    (found,) = told(f"{head}\nserver: silent", "ST-013", head_size=1000)
    assert found.expected == "less than head_size"


def test_wrong_checksums_are_one_finding_over_all_connections() -> None:
    story = f"badsum\n{HELLO}\nbadsum\n{HELLO}\nconnection 2:\nbadsum\n{HELLO}"
    for size in (1, 8192):
        (found,) = told(story, "ST-011", batch_packets=size)
        assert (found.count, found.connection) == (3, None)
        assert found.found == "3 packets with a wrong checksum (3 TCP)"


def test_second_copies_are_one_finding_over_all_connections() -> None:
    twice = f"unacked\n{HELLO}\nagain client 11:{HELLO.partition(':')[2]}"
    for size in (1, 8192):
        (found,) = told(f"{twice}\n{twice}\nconnection 2:\n{twice}", "ST-012", batch_packets=size)
        assert (found.count, found.connection) == (3, None)


@pytest.mark.parametrize("ended", [False, True])
def test_where_packets_were_dropped_an_answer_may_be_among_them(ended: bool, tmp_path: Path) -> None:
    """A Close that nobody answers; where TCP's ends were captured, nothing can be missing before them."""
    story = "client: 88 82 00 00 00 00 03 e8\n+60s\n" + ("server: FIN\nclient: FIN" if ended else EMPTY_FROM_SERVER)
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(transcript.capture(story))
    lossy = tmp_path / "lossy.pcapng"
    with open_source([str(whole)], Settings()) as source:
        data = pcapng.build_section() + pcapng.build_interface()
        for batch in source.batches():
            data += b"".join(pcapng.build_packet(row.data, row.time_ns // 1000) for row in of_batch(batch))
    lossy.write_bytes(data + statistics(0, 3))
    expected = {"SC-004", "ST-013"} if ended else {"ST-013"}
    assert "SC-004" in {one.rule for one in analyzer.analyze(whole).findings}
    assert {one.rule for one in analyzer.analyze(lossy, select=["SC-004", "ST-013"]).findings} == expected


def test_packets_that_the_capture_dropped_are_a_finding(tmp_path: Path) -> None:
    kept = tmp_path / "dropped.pcapng"
    kept.write_bytes(pcapng.build_section() + pcapng.build_interface() + statistics(0, 3))
    (found,) = analyzer.analyze(kept, select=["ST-013"]).findings
    assert (found.expected, found.found, found.count) == (
        "every packet recorded",
        "3 packets dropped by the capture",
        3,
    )
