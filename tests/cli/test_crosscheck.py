"""The command: exit status and lines. What is compared is tested beside the comparison."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.cli.crosscheck import lines
from analyzer.crosscheck import compare
from tests.command import wsanalyzer
from tests.test_crosscheck import seen, side
from tests.tools import needs_tshark

Cli = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parent.parent.parent


def test_what_a_difference_looks_like() -> None:
    ours = side(seen(1), seen(2, text=b"Hello"), seen(3), traits=("empty-final",))
    theirs = [seen(1), seen(2, text=b"\x1b[31mred"), seen(3, rsv=4), seen(9, opcode=9)]
    assert list(lines(compare(ours, theirs, (4, 0, 17)), "4.0.17", "0.6")) == [
        "packet 2, connection 0, client frame 1: text 5 bytes 'Hello', tshark 8 bytes '\\x1b[31mred'",
        "    known defect of tshark 4.0.17: it loses or glues together messages ended by an empty continuation",
        "packet 3, connection 0, client frame 2: rsv 0, tshark 4",
        "    look at this",
        "packet 9, TCP stream 0, from 192.0.2.1:40000: opcode 9, 5 bytes: told by tshark only",
        "    look at this",
        "",
        "tshark 4.0.17 (pyshark 0.6): 4 frames compared, 1 equal",
        "text messages compared: 1",
        "differences: 1 by known defects of tshark, 2 to look at",
    ]


def test_no_frames_are_no_agreement() -> None:
    told = list(lines(compare(side(), [], (4, 0, 17)), "4.0.17", "0.6"))
    assert told == ["tshark 4.0.17 (pyshark 0.6): nothing to compare, neither side tells of a WebSocket frame"]


def test_a_folder_is_refused(cli: Cli, tmp_path: Path) -> None:
    status, out, err = cli("crosscheck", str(tmp_path))
    assert (status, out) == (2, "")
    assert "needs one capture file" in err


@pytest.mark.parametrize("missing", ["tshark", "pyshark"])
def test_a_missing_tool_is_one_line(missing: str, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if missing == "pyshark":
        monkeypatch.setitem(__import__("sys").modules, "pyshark", None)
    else:
        pytest.importorskip("pyshark")
        monkeypatch.setenv("PATH", str(tmp_path))
    status, out, err = cli("crosscheck", str(ROOT / "samples" / "echo.pcap"))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert missing in err


@needs_tshark
def test_a_real_run(tmp_path: Path) -> None:
    shutil.copy(ROOT / "samples" / "echo.pcap", tmp_path / "echo.pcap")
    done = wsanalyzer("crosscheck", "echo.pcap", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b": 15 frames compared, 15 equal\ntext messages compared: 6\nno difference\n" in done.stdout
