"""The live view, on a console that the test reads, and in a terminal that it plays."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from analyzer.cli import watch
from analyzer.cli.watch import View, size
from analyzer.connections import Glance
from tests import live
from tests.command import environment
from tests.report import made

FIRST = Glance(2, 3, (1000, 2000), 40, 1)


def source(**told: Any) -> Any:
    return cast(
        Any,
        SimpleNamespace(
            **{"notes": ["captured on lo with dumpcap"], "drops": 0, "limits": {}, "backlog": 1000, **told}
        ),
    )


def test_it_shows_how_things_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.0)
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, color_system=None)
    with View(source(drops=5, limits={"live_queue": 2}), console) as view:
        for record in made.STORY:
            view.see(record)
        view(lambda: FIRST)
        time.sleep(0.02)
        view(lambda: FIRST._replace(sent=(10**9, 2000)))
    text = out.getvalue()
    for shown in (
        "captured on lo with dumpcap",
        "connections 2 open, 3 seen   frames 40",
        "servers 0 B/s   open messages 1",
        "dropped 7   waiting 1.0 kB   memory ",
        "MK-001",
        "GB/s",
    ):
        assert shown in text
    assert "INFO" not in text


def test_it_draws_no_oftener_than_anybody_reads() -> None:
    looked: list[int] = []

    def look() -> Glance:
        looked.append(1)
        return FIRST

    with View(source(), Console(file=io.StringIO())) as view:
        for _ in range(50):
            view(look)
    assert len(looked) == 1


def test_sizes_as_people_write_them() -> None:
    assert [size(count) for count in (0, 999, 1000, 1_500_000, 10**18)] == [
        "0 B", "999 B", "1.0 kB", "1.5 MB", "1000000.0 TB",
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["q", "Ctrl-C"])
def test_in_a_terminal_a_key_ends_it_with_the_report(how: str) -> None:
    live.require(live.missing("socket"))
    master, slave = pty.openpty()
    with live.server() as port:
        process = subprocess.Popen(
            [sys.executable, "-m", "analyzer", "sniff", "-i", "lo", "--bpf", f"tcp port {port}"],
            env={**environment(), "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        try:
            text = until(master, "q ends it")
            live.violate(port)
            text += until(master, "error MK-001")
            os.write(master, b"q") if how == "q" else process.send_signal(signal.SIGINT)
            text += until(master, "1 error in 1 WebSocket connection")
            assert process.wait(live.PATIENCE) == 1
        finally:
            process.kill()
            process.wait(live.PATIENCE)
            os.close(master)


def until(master: int, words: str) -> str:
    """What the terminal shows until ``words`` come."""
    text = ""
    end = time.monotonic() + live.PATIENCE
    while words not in text:
        assert time.monotonic() < end, text
        try:
            text += os.read(master, 4096).decode(errors="replace")
        except OSError:
            raise AssertionError(text) from None
    return text
