"""Bad input, as a user meets it: one clear line on standard error, exit status 2, never a traceback."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from tests.command import wsanalyzer

ROOT = Path(__file__).parent.parent
ECHO = ROOT / "samples" / "echo.pcap"
VIOLATORS = ROOT / "tests" / "captures" / "violators_a.pcap"

PCAP_HEADER = 24
"""Bytes before the first packet record."""


def refused(*arguments: str | Path, folder: Path, stdin: bytes | None = None) -> str:
    """The one line with which the command refuses."""
    done = wsanalyzer(*arguments, folder=folder, stdin=stdin)
    error = done.stderr.decode()
    assert done.returncode == 2, (done.returncode, error)
    assert "Traceback" not in error
    assert "internal error" not in error
    lines = error.splitlines()
    assert len(lines) == 1, error
    assert done.stdout == b""
    return lines[0]


def test_no_such_file(tmp_path: Path) -> None:
    assert "missing.pcap" in refused("analyze", "missing.pcap", folder=tmp_path)


def test_a_folder_without_captures(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("nothing")
    assert "empty" in refused("analyze", "empty", folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.pcap", b"This is not a capture.\n" * 100),
        ("empty.pcap", b""),
        ("two-bytes.pcap", ECHO.read_bytes()[:2] if ECHO.exists() else b"\x4d\x3c"),
        ("cut-header.pcap", ECHO.read_bytes()[: PCAP_HEADER - 5] if ECHO.exists() else b"\x4d\x3c\xb2\xa1"),
        ("text.pcap.gz", gzip.compress(b"This is not a capture.\n", mtime=0)),
        ("not-gzip.pcap.gz", b"\x1f\x8b\x08" + b"\xff" * 50),
        ("zeros.pcap", bytes(4096)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_capture(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in refused("analyze", name, folder=tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello\n" * 50, bytes(64)], ids=["nothing", "text", "zeros"])
def test_standard_input_that_is_no_capture(content: bytes, tmp_path: Path) -> None:
    refused("analyze", "-", folder=tmp_path, stdin=content)


def test_a_file_nobody_may_read(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    secret = tmp_path / "secret.pcap"
    secret.write_bytes(ECHO.read_bytes())
    secret.chmod(0)
    assert "secret.pcap" in refused("analyze", "secret.pcap", folder=tmp_path)


def test_an_unknown_format(tmp_path: Path) -> None:
    assert "morse" in refused("analyze", ECHO, "-f", "morse", folder=tmp_path)


def test_an_unknown_suffix(tmp_path: Path) -> None:
    assert "report.morse" in refused("analyze", ECHO, "-o", "report.morse", folder=tmp_path)


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_an_unknown_rule(option: str, tmp_path: Path) -> None:
    assert "ZZ-999" in refused("analyze", ECHO, option, "ZZ-999", folder=tmp_path)


def test_an_unknown_rule_in_severity(tmp_path: Path) -> None:
    assert "ZZ-999" in refused("analyze", ECHO, "--severity", "ZZ-999=info", folder=tmp_path)


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    target = tmp_path / "no-such-folder" / "result.jsonl"
    assert "no-such-folder" in refused("analyze", ECHO, "-o", target, folder=tmp_path)


def test_a_full_disk(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    done = wsanalyzer("analyze", ECHO, "-f", "jsonl", "-o", "/dev/full", folder=tmp_path)
    assert done.returncode == 2
    assert b"internal error" not in done.stderr
    assert b"/dev/full" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# --- captures cut in the middle


def result(done_stdout: bytes) -> tuple[dict[str, object], list[dict[str, object]]]:
    """The summary and the findings of a JSONL result."""
    records = [json.loads(line) for line in done_stdout.splitlines()]
    assert records[-1]["type"] == "summary"
    return records[-1], [record for record in records if record["type"] == "finding"]


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_cut_capture_is_analysed_up_to_the_cut(compressed: bool, tmp_path: Path) -> None:
    whole = VIOLATORS.read_bytes()
    cut = len(whole) * 2 // 3
    name = "cut.pcap.gz" if compressed else "cut.pcap"
    if compressed:
        packed = gzip.compress(whole, mtime=0)
        (tmp_path / name).write_bytes(packed[: len(packed) * 2 // 3])
    else:
        (tmp_path / name).write_bytes(whole[:cut])
    done = wsanalyzer("analyze", name, "-f", "jsonl", "--fail-on", "never", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    summary, findings = result(done.stdout)
    assert summary["packets"], "nothing before the cut was read"
    assert any("cut" in str(note) for note in summary["notes"]), summary["notes"]  # type: ignore[attr-defined]
    if not compressed:
        said = " ".join(map(str, summary["notes"]))  # type: ignore[call-overload]
        assert any(str(offset) in said for offset in range(cut - 70_000, cut + 1)), said

    before = wsanalyzer("analyze", VIOLATORS, "-f", "jsonl", "--fail-on", "never", folder=tmp_path)
    _, all_findings = result(before.stdout)
    last_packet = summary["packets"]
    expected = {
        (finding["rule"], finding["packet"], finding["byte_offset"])
        for finding in all_findings
        if finding["severity"] == "error"
        and finding["packet"] is not None
        and finding["packet"] <= last_packet  # type: ignore[operator]
        and finding["cause"] is None
    }
    kept = {(finding["rule"], finding["packet"], finding["byte_offset"]) for finding in findings}
    assert expected
    assert expected <= kept


def test_a_cut_capture_with_findings_fails_as_a_whole_one_does(tmp_path: Path) -> None:
    whole = VIOLATORS.read_bytes()
    (tmp_path / "cut.pcap").write_bytes(whole[: len(whole) // 2 + 1])
    assert wsanalyzer("analyze", "cut.pcap", "-q", folder=tmp_path).returncode == 1
