"""Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from analyzer.cli.interrupt import Interrupt


def source(count: int) -> Any:
    return cast(
        Any,
        SimpleNamespace(
            notes=["a note"], size=7, batches=lambda: iter([SimpleNamespace(count=10) for _ in range(count)])
        ),
    )


def test_without_an_interrupt_nothing_changes() -> None:
    made = source(3)
    guarded = Interrupt().guard(made)
    assert len(list(guarded.batches())) == 3
    assert (guarded.size, guarded.notes) == (7, ["a note"])


def test_the_source_ends_where_the_interrupt_came() -> None:
    made = source(5)
    interrupt = Interrupt()
    guarded = interrupt.guard(made)
    with interrupt.listening():
        taken = 0
        for _ in guarded.batches():
            taken += 1
            if taken == 2:
                os.kill(os.getpid(), signal.SIGINT)
    assert taken == 2
    assert guarded.notes == ["a note", "interrupted after 20 packets; the rest was not read"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_read_that_waits_is_ended() -> None:
    reader, writer = os.pipe()

    def batches() -> Iterator[Any]:
        yield SimpleNamespace(count=10)
        os.read(reader, 1)
        yield SimpleNamespace(count=10)

    interrupt = Interrupt()
    guarded = interrupt.guard(cast(Any, SimpleNamespace(notes=[], batches=batches)))
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    with interrupt.listening():
        timer.start()
        assert [batch.count for batch in guarded.batches()] == [10]
    timer.join()
    os.close(reader)
    os.close(writer)
    assert guarded.notes == ["interrupted after 10 packets; the rest was not read"]


def test_the_end_of_what_has_none_is_told_as_such() -> None:
    interrupt = Interrupt(expected=True)
    guarded = interrupt.guard(source(2))
    with interrupt.listening():
        for _ in guarded.batches():
            os.kill(os.getpid(), signal.SIGTERM)
    assert interrupt.number == signal.SIGTERM
    assert guarded.notes[-1] == "interrupted after 10 packets; what comes later was not read"


def test_the_second_one_is_a_keyboard_interrupt() -> None:
    interrupt = Interrupt()
    with interrupt.listening():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_threads_listen_to_nothing() -> None:
    seen: list[bool] = []

    def listen() -> None:
        interrupt = Interrupt()
        with interrupt.listening():
            seen.append(interrupt.happened)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [False]


def test_a_source_that_ends_when_told_to_is_not_broken_into() -> None:
    told: list[bool] = []
    interrupt = Interrupt(expected=True)
    interrupt.reading = True
    with interrupt.listening():
        interrupt.stops(lambda: told.append(True))
        os.kill(os.getpid(), signal.SIGTERM)
        assert told == [True]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_what_came_before_there_was_a_source_ends_it_as_well() -> None:
    told: list[bool] = []
    interrupt = Interrupt(expected=True)
    with interrupt.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        interrupt.stops(lambda: told.append(True))
    assert told == [True]
