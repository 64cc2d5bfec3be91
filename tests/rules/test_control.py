"""CT and FG: control frames, and the state of fragmentation."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from analyzer.wire.frame import build_frame
from tests.rules.judging import at, ids, judge, sent

FAMILIES = ("FR", "CT-001", "CT-002", "FG", "TX", "SC-001", "SC-002", "SC-003")


@pytest.mark.parametrize("length", [0, 124, 125, 126, 70_000])
@pytest.mark.parametrize("opcode", [8, 9, 10])
def test_control_frames_end_at_125_bytes(length: int, opcode: int) -> None:
    payload = b"\x03\xe8" + b"a" * (length - 2) if length else b""
    found = judge(sent("server", build_frame(opcode, payload)), *FAMILIES)
    assert [finding.rule for finding in found] == (["CT-001"] if length > 125 else [])
    assert all(at(finding) == 1 and finding.found == f"{length} bytes" for finding in found)


def test_a_fragmented_control_frame_opens_nothing() -> None:
    assert ids("server: 09 01 61\nserver: 80 01 62", *FAMILIES) == ["CT-002", "FG-001"]


def test_a_fragmented_control_frame_leaves_the_message_in_progress_alone() -> None:
    assert ids("server: 01 01 61\nserver: 09 00\nserver: 80 01 62", *FAMILIES) == ["CT-002"]


def test_a_reserved_opcode_leaves_the_message_in_progress_alone() -> None:
    assert ids("server: 01 01 61\nserver: 03 00\nserver: 80 01 62", *FAMILIES) == ["FR-002"]


def test_an_orphan_opens_nothing() -> None:
    assert ids("server: 00 01 61\nserver: 80 01 62\nserver: 81 00", *FAMILIES) == ["FG-001", "FG-001"]


def test_a_new_message_replaces_the_unfinished_one() -> None:
    transcript = "server: 01 01 61\nserver: 02 01 62\nserver: 80 01 ff\nserver: 80 00"
    assert ids(transcript, *FAMILIES) == ["FG-002", "FG-001"]


def test_concurrent_fragmented_messages_in_both_directions_are_legal() -> None:
    transcript = """
        client: 01 81 00 00 00 00 61
        server: 02 01 62
        client: 89 80 00 00 00 00
        server: 80 00
        client: 80 80 00 00 00 00
    """
    assert ids(transcript, *FAMILIES) == []


def test_a_gap_hides_whether_a_message_is_in_progress() -> None:
    assert ids("server: 81 01 61\ngap server 40\nserver: 80 01 62", *FAMILIES) == []
    assert ids("server: 01 01 61\ngap server 40\nserver: 81 01 62", *FAMILIES) == []


def test_a_hole_in_a_payload_hides_no_frame() -> None:
    transcript = "server: 02 05 61\ngap server 4\nserver: 81 01 62"
    assert ids(transcript, *FAMILIES) == ["FG-002"]


def test_a_close_inside_a_message() -> None:
    assert ids("server: 01 01 61\nserver: 88 02 03 e8\nserver: 80 00", *FAMILIES) == ["FG-003", "SC-001"]


def test_a_message_left_unfinished() -> None:
    (finding,) = judge("server: 01 01 61\nserver: 89 00\nserver: FIN", *FAMILIES)
    assert (finding.rule, finding.severity, finding.stream_offset) == ("FG-004", Severity.WARNING, None)


def test_a_message_left_unfinished_after_the_peers_close_is_only_worth_knowing() -> None:
    transcript = "server: 01 01 61\nclient: 88 82 00 00 00 00 03 e8\nserver: FIN"
    (finding,) = judge(transcript, "FG-004")
    assert finding.severity is Severity.INFO


def test_a_frame_cut_inside_a_message_is_told_as_that() -> None:
    assert ids("server: 01 01 61\nserver: 80 05 61\nserver: FIN", *FAMILIES, "FR-007") == ["FR-007"]
    assert ids("server: 01 01 61\nserver: 89\nserver: FIN", *FAMILIES, "FR-007") == ["FR-007"]


@pytest.mark.parametrize("end", ["server: RST", "gap server 7\nserver: FIN", "# the capture ends", "client: FIN"])
def test_a_message_nobody_is_known_to_have_left_unfinished(end: str) -> None:
    assert ids(f"server: 01 01 61\n{end}", *FAMILIES) == []
