"""One analysis: interruptions, inputs that cannot be read, captures that grow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.capture import growing
from tests.command import environment, wsanalyzer
from tests.conftest import CAPTURES

Cli = Callable[..., tuple[int, str, str]]


def test_the_first_interrupt_ends_the_reading_and_finishes_the_report(scripted, cli: Cli, tmp_path: Path) -> None:
    def interrupt(at: int) -> None:
        if at == 3:
            os.kill(os.getpid(), signal.SIGINT)

    scripted.during = interrupt
    status, out, _ = cli("analyze", "x.pcap", "-f", "jsonl")
    assert status == 130
    assert json.loads(out.splitlines()[-1])["type"] == "summary"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_request_to_terminate_finishes_the_report_too(scripted, cli: Cli) -> None:
    before = signal.getsignal(signal.SIGTERM)
    scripted.during = lambda at: os.kill(os.getpid(), signal.SIGTERM) if at == 3 else None
    status, out, _ = cli("analyze", "x.pcap", "-f", "jsonl")
    assert status == 128 + signal.SIGTERM
    assert json.loads(out.splitlines()[-1])["type"] == "summary"
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_unreadable_input_is_status_2_and_costs_no_result(cli: Cli, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pcap", tmp_path / "bad.pcap"
    good.write_bytes((CAPTURES / "violators_a.pcap").read_bytes())
    bad.write_text("# notes")
    alone = [json.loads(line) for line in cli("analyze", good, "-f", "jsonl")[1].splitlines()]
    for named in ((tmp_path,), (f"{tmp_path}/*.pcap",), (bad, good), (good, bad)):
        status, out, err = cli("analyze", *named, "-f", "jsonl")
        lines = [json.loads(line) for line in out.splitlines()]
        assert status == 2
        assert lines[1:-1] == alone[1:-1]
        assert lines[-1]["unreadable"] == [str(bad)]
        assert "bad.pcap: not a pcap or pcapng capture (starts with 23 20 6e 6f 74 65 73); left out" in err
    assert cli("analyze", "-q", tmp_path)[2] == f"wsanalyzer: {bad}: cannot be read; left out\n"
    status, out, err = cli("show", good, bad)
    assert (status, err) == (2, f"wsanalyzer: {bad}: cannot be read; left out\n")
    assert out == cli("show", good)[1]
    assert cli("analyze", bad)[0] == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_followed_capture_is_told_as_it_grows_and_ends_with_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    """A process that follows, a process that writes, and a signal: the verdict, not the signal, is the status."""
    data = (CAPTURES / "violators_a.pcap").read_bytes()
    path = tmp_path / "growing.pcap"
    path.write_bytes(data[: len(data) // 2])
    chosen = ("-f", "concise", "--select", "FR,MK,HS-2")
    whole = wsanalyzer("analyze", CAPTURES / "violators_a.pcap", *chosen, folder=tmp_path).stdout.splitlines()
    arguments = (sys.executable, "-m", "analyzer", "analyze", "--follow", str(path), *chosen)
    with subprocess.Popen(
        arguments, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b" error " in process.stdout.readline()  # a finding is there while the file is half written
        growing.writer(path, [data[len(data) // 2 : -7], data[-7:]])
        # a finding about an opening is told at once; others wait for the peer's reaction, or for the end
        last = [line for line in whole if b": error HS-2" in line][-1].partition(b": ")[2]
        while not (line := process.stdout.readline()).endswith(last + b"\n"):
            assert line, "the error last found when the file is whole was not told"
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"interrupted after" in err
    assert b"Traceback" not in err


def test_the_second_interrupt_does_not_wait(scripted, cli: Cli, tmp_path: Path) -> None:
    def interrupt(at: int) -> None:
        if at in (3, 4):
            os.kill(os.getpid(), signal.SIGINT)

    scripted.during = interrupt
    status, _, err = cli("analyze", "x.pcap", "-o", "r.json")
    assert status == 130
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == []
