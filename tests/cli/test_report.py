"""``report``: a stored result in any format is what ``analyze`` would have written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.report.formats import FORMATS

SAMPLE = Path(__file__).parents[2] / "samples" / "violations.pcap"
Cli = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("name", FORMATS)
def test_a_stored_result_gives_what_the_capture_gave(cli: Cli, tmp_path: Path, name: str) -> None:
    result, first, second = tmp_path / "r.jsonl", tmp_path / "first", tmp_path / "second"
    chosen = ("--select", "MK,TX,HS-2", "--isolated", "--records", "all")
    status, _, _ = cli("analyze", SAMPLE, *chosen, "-o", result, "-f", name, "-o", first)  # -f of the same rank
    status, _, err = cli("analyze", SAMPLE, *chosen, "-f", f"jsonl,{name}", "-o", result, "-o", first)
    assert status == 1, err
    status, out, err = cli("report", result, "-f", name, "-o", second)
    assert (status, out) == (1, ""), err
    assert second.read_bytes() == first.read_bytes()


def test_text_is_what_comes_without_options(cli: Cli, tmp_path: Path) -> None:
    result = tmp_path / "r.jsonl"
    cli("analyze", SAMPLE, "--isolated", "-o", result, "--select", "MK-002")
    status, out, _ = cli("report", result)
    assert status == 1
    assert out.startswith("1 error in 1 of ")


def test_the_severity_to_fail_on_may_be_another(cli: Cli, tmp_path: Path) -> None:
    result = tmp_path / "r.jsonl"
    cli("analyze", SAMPLE, "--isolated", "-o", result, "--select", "MK-002")
    assert cli("report", result, "--fail-on", "never")[0] == 0


def test_a_baseline_applies_to_a_stored_result(cli: Cli, tmp_path: Path) -> None:
    result, known = tmp_path / "r.jsonl", tmp_path / "known.json"
    cli("analyze", SAMPLE, "--isolated", "-o", result, "--select", "MK")
    assert cli("report", result, "--baseline", known)[0] == 2
    status, _, err = cli("report", result, "--baseline", known, "--update-baseline")
    assert status == 0
    assert f"wrote {known}" in err
    status, out, _ = cli("report", result, "--baseline", known)
    assert status == 0
    assert out.startswith("No new violation")


def test_an_update_needs_a_file(cli: Cli, tmp_path: Path) -> None:
    status, _, err = cli("analyze", SAMPLE, "--isolated", "--update-baseline")
    assert status == 2
    assert "name the file with --baseline" in err
