"""What may be wrong with a stored result, as its user sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "samples" / "violations.pcap"
Cli = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "is a folder|Is a directory"),
        (lambda path: path.write_bytes(SAMPLE.read_bytes()), "line 1 is no record of a result"),
        (lambda path: path.write_bytes(b""), "empty"),
    ],
)
def test_what_is_no_result_is_one_line_and_status_2(
    cli: Cli, tmp_path: Path, make: Callable[[Path], object], says: str
) -> None:
    path = tmp_path / "r.jsonl"
    make(path)
    status, out, err = cli("report", path)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert any(word in err for word in says.split("|"))


def test_a_result_cut_short_is_told_as_far_as_it_goes(cli: Cli, tmp_path: Path) -> None:
    result = tmp_path / "r.jsonl"
    cli("analyze", SAMPLE, "--isolated", "-o", result, "--select", "MK")
    result.write_bytes(result.read_bytes()[:-40])
    status, out, err = cli("report", result)
    assert status == 1
    assert out.startswith("The analysis did not come to its end")
    assert "without a summary" in err
