"""The queue between the thread that reads and the analysis."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

from analyzer.capture import handover
from analyzer.capture.batch import Batch
from analyzer.capture.handover import Handover

ROWS, SIZE = 100, 1 << 20


def batch(count: int = 1, length: int = 10) -> Batch:
    made = Batch(bytearray(length), count)
    made.count = count
    return made


def counts(queue: Handover, rows: int = ROWS, size: int = SIZE) -> list[int]:
    return [each.count for each in queue.take(rows, size, 0)[0]]


def test_what_goes_in_comes_out_in_order() -> None:
    queue = Handover(SIZE)
    assert queue.take(ROWS, SIZE, 0) == ([], False)
    for count in (1, 2, 3):
        assert queue.offer(batch(count))
    assert counts(queue) == [1, 2, 3]
    queue.offer(batch(4))
    queue.end()
    found, ended = queue.take(ROWS, SIZE, 0)
    assert ([each.count for each in found], ended) == ([4], True)
    assert queue.take(ROWS, SIZE, 10) == ([], True)


def test_as_much_as_fits() -> None:
    queue = Handover(SIZE)
    for count in (6, 4, 1, 100, 7):
        queue.offer(batch(count))
    assert [counts(queue, rows=10) for _ in range(4)] == [[6, 4], [1], [100], [7]]
    for _ in range(3):
        queue.offer(batch(length=600))
    assert [counts(queue, size=1000) for _ in range(2)] == [[1, 1], [1]]


def test_it_is_bounded() -> None:
    one = 10 + handover.ROW + handover.BATCH
    queue = Handover(2 * one)
    assert [queue.offer(batch()) for _ in range(3)] == [True, True, False]
    assert counts(queue) == [1, 1]
    assert queue.offer(batch())


def test_who_waits_is_woken_at_once() -> None:
    queue = Handover(SIZE)
    for act in (queue.wake, lambda: queue.offer(batch()), queue.end):
        timer = threading.Timer(0.1, act)
        timer.start()
        started = time.monotonic()
        queue.take(ROWS, SIZE, 20)
        assert time.monotonic() - started < 10
        timer.join()


def test_waking_before_the_wait_counts_and_many_times_is_once() -> None:
    queue = Handover(SIZE)
    for _ in range(100_000):  # more than a pipe holds
        queue.wake()
    started = time.monotonic()
    queue.take(ROWS, SIZE, 20)
    assert time.monotonic() - started < 10
    started = time.monotonic()
    queue.take(ROWS, SIZE, 0.1)
    assert time.monotonic() - started >= 0.09


@contextlib.contextmanager
def interrupted(every: float, handler: Callable[[], object], times: int = 1 << 30) -> Iterator[None]:
    """A signal for the main thread every so many seconds, until the block ends. Alarms are for the tests' time-out."""
    over = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def send(target: int = main) -> None:
        for _ in range(times):
            if over.wait(every):
                break
            signal.pthread_kill(target, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda *_: handler())
    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield
    finally:
        over.set()
        sending.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_handler_that_outlasts_the_wait_does_not_prolong_it() -> None:
    queue = Handover(SIZE)
    started = time.monotonic()
    with interrupted(0.1, lambda: time.sleep(0.3), times=1):
        assert queue.take(ROWS, SIZE, 0.2) == ([], False)
    assert time.monotonic() - started < 5


def test_a_handler_may_wake_whoever_it_broke_into() -> None:
    queue = Handover(SIZE)
    with interrupted(0.001, queue.wake):
        for _ in range(20_000):
            queue.offer(batch())
            assert counts(queue) == [1]
