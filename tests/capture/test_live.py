"""Live packets as batches, from a capture program that the test plays. Real ones: `tests/cli/test_live.py`."""

from __future__ import annotations

import queue
import signal
import threading
import time
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from analyzer.capture import handover, live
from analyzer.capture.dumpcap import NotPermittedError
from analyzer.capture.live import Live, Plan, open_live
from analyzer.capture.writer import Writer
from analyzer.errors import InputError, MissingDependencyError, UsageError
from analyzer.model import Input
from analyzer.settings import SECOND, Settings
from analyzer.wire import pcapng
from tests.capture.crafted import Row, of_batch, read, statistics

BEGIN = pcapng.build_section() + pcapng.build_interface()
PLAN = Plan(interfaces=["lo"], backend="played")


class Played:
    """Stands for a child: sends what the test puts into `pieces`, and ends when it is told to."""

    kind = None

    def __init__(self, *pieces: bytes, said: str = "", ends: bool = False) -> None:
        self.pieces: queue.Queue[bytes] = queue.Queue()
        for piece in (BEGIN, *pieces):
            self.pieces.put(piece)
        if ends:
            self.pieces.put(b"")
        self.position = 0
        self.stopped = self.closed = False
        self.last = b""
        """What is sent when it is told to end."""
        self._said = said

    def readinto(self, view: memoryview) -> int:
        data = self.pieces.get(timeout=10)
        view[: len(data)] = data
        self.position += len(data)
        return len(data)

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.pieces.put(self.last) if self.last else None
            self.pieces.put(b"")

    def press(self) -> None:
        assert self.stopped

    def close(self) -> None:
        self.closed = True

    def said(self) -> str:
        return self._said


def playing(child: Played, plan: Plan = PLAN, **changed: int) -> Live:
    return Live(cast(Any, child), plan, msgspec.structs.replace(Settings(), **changed))


def packet(number: int) -> bytes:
    return pcapng.build_packet(b"packet %d" % number, number)


def rows(source: Live, most: int | None = None) -> list[Row]:
    """The packets, until there are ``most`` of them: then the capture is stopped."""
    found: list[Row] = []
    for batch in source.batches():
        found += of_batch(batch)
        if most is not None and len(found) >= most:
            source.stop()
    return found


def test_packets_come_while_the_capture_goes_on() -> None:
    child = Played(packet(1))
    with playing(child) as source:
        batches = source.batches()
        assert [row.data for row in of_batch(next(batches))] == [b"packet 1"]
        child.pieces.put(packet(2)[:9])
        child.pieces.put(packet(2)[9:] + packet(3))
        assert [row.number for row in of_batch(next(batches))] == [2, 3]
        child.last = packet(4) + statistics(0, 5)
        source.stop()
        assert [row.data for row in of_batch(next(batches))] == [b"packet 4"]
        assert next(batches, None) is None
    assert child.closed
    assert (source.drops, source.failed, source.position) == (5, None, child.position)
    assert source.inputs == [Input("lo", None)]
    assert source.notes == ["captured on lo with played"]


def test_what_waits_is_one_batch_within_the_limit_of_rows() -> None:
    child = Played(*(packet(number) for number in range(10)))
    with playing(child, batch_packets=4) as source:
        batches = source.batches()
        first = next(batches)
        time.sleep(0.3)
        counts = [first.count]
        source.stop()
        counts += [batch.count for batch in batches]
        assert sum(counts) == 10
        assert max(counts) == 4


def test_the_queue_is_bounded_and_what_does_not_fit_is_told() -> None:
    child = Played(*(packet(number) for number in range(10)))
    with playing(child, live_queue=3 * (handover.BATCH + 2 * handover.ROW)) as source:
        batches = source.batches()
        first = next(batches)
        time.sleep(0.3)
        source.stop()
        seen = first.count + sum(batch.count for batch in batches)
    assert 3 <= seen < 10
    assert source.limits == {"live_queue": 10 - seen}
    assert f"lo: the analysis did not keep up; {10 - seen} packets were captured and not looked at" in source.notes


def test_time_goes_by_where_nothing_comes() -> None:
    with playing(Played(packet(1)), quiet_time=SECOND // 5) as source:
        batches = source.batches()
        assert next(batches).count == 1
        tick = next(batches)
        assert tick.count == 0
        assert 0.2 <= time.time() - int(tick.time_ns[0]) / 1e9 < 5


def test_a_signal_whose_handler_takes_longer_than_the_wait() -> None:
    """As on a busy machine, where the process is held up between the signal and the handler's end."""

    def handler(*_: object) -> None:
        time.sleep(2 * live.POLL)
        source.stop()

    main = threading.main_thread().ident
    assert main is not None
    before = signal.signal(signal.SIGUSR1, handler)
    timer = threading.Timer(2.5 * live.POLL, signal.pthread_kill, (main, signal.SIGUSR1))
    try:
        with playing(Played(), quiet_time=100 * SECOND) as source:
            timer.start()
            started = time.monotonic()
            assert rows(source) == []
            assert time.monotonic() - started < 5
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert source.failed is None


def test_so_many_packets_end_it(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with playing(Played(packet(1) + packet(2) + packet(3)), Plan(interfaces=["lo"], packets=2)) as source:
        source.write_to(Writer(str(kept)), str(kept))
        assert len(rows(source)) == 2
    assert kept.read_bytes() == BEGIN + packet(1) + packet(2)


def test_so_much_time_ends_it() -> None:
    with playing(Played(), Plan(interfaces=["lo"], duration=SECOND // 10)) as source:
        assert rows(source) == []
    assert source.failed is None


def test_what_is_written_is_what_was_seen(tmp_path: Path) -> None:
    kept = tmp_path / "kept.pcapng"
    child = Played(packet(1) + packet(2)[:-3])
    child.last = packet(2)[-3:] + packet(3) + statistics(0, 7) + packet(4)[:-1]
    with playing(child) as source:
        source.write_to(Writer(str(kept)), str(kept))
        found = rows(source, 1)
    assert source.inputs == [Input(str(kept), None)]
    assert [row.data for row in found] == [b"packet 1", b"packet 2", b"packet 3"]
    again, notes = read([kept])
    assert again == found
    assert notes == []
    assert kept.read_bytes().endswith(statistics(0, 7))
    assert f"wrote what was captured to {kept}" in source.notes


def test_where_writing_fails_it_ends() -> None:
    with playing(Played(packet(1))) as source:
        source.write_to(Writer("/dev/full"), None)
        assert len(rows(source)) == 1
    assert source.failed == "/dev/full: No space left on device; the capture was ended"
    assert source.failed in source.notes


@pytest.mark.parametrize(
    ("said", "reason"), [("", "by itself"), ("dumpcap: the driver is gone\nmore", "by itself: the driver is gone")]
)
def test_a_program_that_ends_by_itself(said: str, reason: str) -> None:
    with playing(Played(packet(1), said=said, ends=True)) as source:
        assert len(rows(source)) == 1
    assert source.failed == f"lo: the capture program ended {reason}"


def test_what_is_no_capture_is_told() -> None:
    child = Played(ends=True)
    child.pieces.get()
    child.pieces.queue.appendleft(b"no pcapng at all")
    with playing(child) as source:
        assert rows(source) == []
    assert source.failed is not None
    assert "not a pcap or pcapng capture" in source.failed


def test_an_interface_that_goes_down_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK", 0.1)
    up = {"lo": True, "eth7": True}
    monkeypatch.setattr(live.network, "is_up", lambda name: up[name])
    with playing(Played(packet(1)), Plan(interfaces=["lo", "eth7"]), quiet_time=SECOND // 10) as source:
        batches = source.batches()
        next(batches)
        up["eth7"] = False
        for _ in range(4):
            assert next(batches).count == 0
        up["lo"] = False
        for _ in batches:
            pass
    assert source.failed is None
    assert source.notes[1:] == ["eth7: the interface went down", "lo: the interface went down"]


def test_a_back_end_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(error: Exception) -> Any:
        def start(*arguments: object) -> Any:
            raise error

        return start

    played = Played()
    started = {"dumpcap": refuse(MissingDependencyError("no dumpcap")), "socket": lambda *arguments: played}
    monkeypatch.setattr(live, "BACKENDS", started)
    with open_live(PLAN_AUTO, Settings()) as source:
        assert source.notes == ["captured on lo with socket"]
    started["socket"] = refuse(NotPermittedError("not you"))
    with pytest.raises(NotPermittedError, match="not you"):
        open_live(PLAN_AUTO, Settings())
    started["dumpcap"] = refuse(InputError("broken"))
    with pytest.raises(InputError, match="broken"):
        open_live(PLAN_AUTO, Settings())
    with pytest.raises(UsageError, match="--backend played: not known; choose from auto, dumpcap, socket"):
        open_live(PLAN, Settings())


PLAN_AUTO = Plan(interfaces=["lo", "lo"])
