"""A capture program, played by the shell."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from analyzer.capture import child
from analyzer.capture.child import Child
from tests import live
from tests.command import python


def shell(script: str, *, interrupt: bool = False) -> Child:
    return Child(["sh", "-c", script], interrupt=interrupt)


def rest(running: Child) -> bytes:
    data, room = b"", bytearray(10)
    while count := running.readinto(memoryview(room)):
        data += room[:count]
    return data


def test_what_it_sends_is_read_to_the_end() -> None:
    running = shell("printf 'first and second'; echo oh >&2")
    assert running.started()
    assert rest(running) == b"first and second"
    assert running.position == 16
    assert running.said() == "oh\n"
    running.close()


def test_one_that_sends_nothing_did_not_start() -> None:
    running = shell("echo no >&2; exit 1")
    assert not running.started()
    assert running.said() == "no\n"
    running.close()


def test_the_end_of_its_input_tells_it_to_end() -> None:
    running = shell("echo a; read line; echo b")
    assert running.started()
    assert not running.stopped
    running.stop()
    assert running.stopped
    assert rest(running) == b"a\nb\n"
    running.close()


def test_or_an_interrupt_soon_after() -> None:
    running = shell("trap 'echo b; exit' INT; echo a; while :; do sleep 0.01; done", interrupt=True)
    assert running.started()
    running.stop()
    time.sleep(child.URGED[0][0])
    running.press()
    assert rest(running) == b"a\nb\n"
    running.close()


def test_or_the_next_signal_where_it_did_not_notice_one() -> None:
    running = shell("trap '' INT; trap 'echo b; exit' TERM; echo a; while :; do sleep 0.01; done", interrupt=True)
    assert running.started()
    running.stop()
    time.sleep(child.URGED[0][0])
    running.press()
    time.sleep(child.URGED[1][0] - child.URGED[0][0])
    running.press()
    assert rest(running) == b"a\nb\n"
    running.close()


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "URGED", ((0.0, signal.SIGINT), (0.1, signal.SIGTERM), (0.2, signal.SIGKILL)))
    running = shell("trap '' INT TERM; echo a; while :; do sleep 0.01; done", interrupt=True)
    assert running.started()
    running.stop()
    time.sleep(0.3)
    running.press()
    assert rest(running) == b"a\n"
    running.close()


def test_closing_kills_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "END", 0.2)
    running = shell("trap '' INT TERM; echo a; exec sleep 60", interrupt=True)
    assert running.started()
    started = time.monotonic()
    running.close()
    assert time.monotonic() - started < 5


SURVIVED = """
import os, signal, sys
from analyzer.capture.child import Child
running = Child(["sh", "-c", "trap '' HUP; echo $$; exec sleep 60"], interrupt=True)
assert running.started()
room = bytearray(20)
print(room[:running.readinto(memoryview(room))].decode(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_does_not_outlive_a_killed_process(tmp_path: Path) -> None:
    done = python("-c", SURVIVED, folder=tmp_path)
    assert done.returncode == -signal.SIGKILL
    live.eventually(lambda: not live.alive(int(done.stdout)), "the program's end")
