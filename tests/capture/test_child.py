"""A capture program, played by the shell."""

from __future__ import annotations

import time

import pytest

from analyzer.capture import child
from analyzer.capture.child import Child


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


def test_or_an_interrupt() -> None:
    running = shell("trap 'echo b; exit' INT; echo a; while :; do sleep 0.01; done", interrupt=True)
    assert running.started()
    running.stop()
    assert rest(running) == b"a\nb\n"
    running.close()


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "END", 0.2)
    running = shell("trap '' INT; echo a; while :; do sleep 0.01; done", interrupt=True)
    assert running.started()
    running.stop()
    time.sleep(0.3)
    running.press()
    assert rest(running) == b"a\n"
    running.close()
