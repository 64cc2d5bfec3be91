"""Where results go, what is told beside them, and the exit status."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report import made

Cli = Callable[..., tuple[int, str, str]]


def test_text_goes_to_stdout_and_notes_to_stderr(scripted, cli: Cli) -> None:
    status, out, err = cli("analyze", "x.pcap")
    assert status == 1
    assert out.splitlines()[0] == "8 errors, 1 warning in 2 of 3 WebSocket connections (1 kind of observation)"
    assert err.startswith("wsanalyzer: note: chat.pcap: cut inside packet 101's record")
    assert len(err.splitlines()) == 1
    made.assert_harmless(out + err)
    assert "cut inside packet 101" in out


def test_a_file_is_written_and_named(scripted, cli: Cli, tmp_path: Path) -> None:
    status, out, err = cli("analyze", "x.pcap", "-o", "r.jsonl", "-o", "r.json", "-o", "r.txt")
    assert (status, out) == (1, "")
    assert "wsanalyzer: wrote r.json\n" in err
    assert err.splitlines()[-1] == "wsanalyzer: 8 errors, 1 warning in 3 WebSocket connections"
    assert sorted(os.listdir(tmp_path)) == ["r.json", "r.jsonl", "r.txt"]
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [lines[0]["type"], lines[-1]["type"]] == ["run", "summary"]
    assert lines[0]["inputs"][0]["sha256"] == "ab" * 32
    assert {line["type"] for line in lines} == {"run", "handshake", "connection", "finding", "summary"}


def test_formats_and_outputs_pair_in_order(scripted, cli: Cli, tmp_path: Path) -> None:
    _, out, _ = cli("analyze", "x.pcap", "-f", "jsonl", "-o", "odd.name", "-f", "concise")
    assert (tmp_path / "odd.name").read_text().startswith('{"type":"run"')
    assert out.startswith("chat.pcap:17: error MK-001")


@pytest.mark.parametrize(
    ("fail_on", "counts", "status"),
    [
        ("error", {"error": 1}, 1),
        ("error", {"warning": 3, "info": 2}, 0),
        ("warning", {"warning": 1}, 1),
        ("warning", {"info": 1}, 0),
        ("info", {"info": 1}, 1),
        ("info", {}, 0),
        ("never", {"error": 9}, 0),
    ],
)
def test_exit_status(scripted, cli: Cli, fail_on: str, counts: dict[str, int], status: int) -> None:
    import msgspec

    scripted.records = [made.RUN, msgspec.structs.replace(made.SUMMARY, severities=counts)]
    assert cli("analyze", "x.pcap", "--fail-on", fail_on)[0] == status


def test_records_choose_what_a_machine_format_holds_but_not_the_status(scripted, cli: Cli) -> None:
    status, out, _ = cli("analyze", "x.pcap", "-f", "jsonl", "--records", "frames")
    assert status == 1
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["run", "frame", "summary"]
    assert json.loads(out.splitlines()[0])["settings"] == {"records": ["frames"]}
    assert scripted.settings.records == {"frames", "findings"}


def test_quiet_is_the_verdict_alone(scripted, cli: Cli) -> None:
    _, out, err = cli("analyze", "-q", "x.pcap")
    assert (len(out.splitlines()), err) == (1, "")


def test_an_unwritable_output_is_found_before_the_analysis(scripted, cli: Cli) -> None:
    def never(at: int) -> None:
        raise AssertionError("the analysis began")

    scripted.during = never
    status, out, err = cli("analyze", "x.pcap", "-o", "no/such/folder/r.json")
    assert (status, out) == (2, "")
    assert err == "wsanalyzer: no/such/folder/r.json: cannot write: No such file or directory\n"


def test_a_failed_run_leaves_the_old_result_and_no_litter(scripted, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("old")

    def fail(at: int) -> None:
        if at == 5:
            raise ValueError("a bug")

    scripted.during = fail
    status, _, err = cli("analyze", "x.pcap", "-o", "r.json")
    assert status == 2
    assert err.startswith("wsanalyzer: internal error, please report it: ValueError: a bug")
    assert (tmp_path / "r.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["r.json"]


def test_a_capture_is_never_overwritten(scripted, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("capture")
    status, _, err = cli("analyze", "x.json", "-o", "./x.json")
    assert status == 2
    assert "capture being read" in err
