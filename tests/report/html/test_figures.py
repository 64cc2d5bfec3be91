"""Running figures: sizes, overhead, compression, round trips."""

from __future__ import annotations

from typing import Any

import msgspec

from analyzer.model import Frame, Message
from analyzer.report.html import figures
from analyzer.report.html.figures import Figures
from analyzer.wire.frame import build_frame
from tests.report import made


def frame(opcode: int, data: bytes, at: int = 0, direction: str = "client", **changes: Any) -> Frame:
    facts = {
        "opcode": opcode,
        "bytes": build_frame(opcode, data).hex(),
        "header_length": 2,
        "payload_length": len(data),
        "masking_key": None,
        "time_ns": made.START + at,
        **changes,
    }
    return made.frame(direction=direction, **facts)


def seen(*frames: Frame) -> Figures:
    found = Figures()
    for each in frames:
        found.frame(each)
    return found


def test_sizes_and_overhead() -> None:
    found = seen(frame(1, b""), frame(1, b"abcd"), frame(2, b"1234567"), frame(1, b"x", direction="server"))
    assert found.sizes == {"client": {0: 1, 3: 2}, "server": {1: 1}}
    assert (found.header, found.payload) == ({"client": 6, "server": 2}, {"client": 11, "server": 1})


def test_a_frame_that_did_not_come_is_no_payload() -> None:
    assert seen(frame(1, b"", payload_length=1 << 60, complete=False)).payload["client"] == 0


def test_a_pong_answers_the_ping_with_its_payload() -> None:
    found = seen(
        frame(9, b"one", 0),
        frame(9, b"two", 5),
        frame(10, b"two", 10, "client"),
        frame(10, b"two", 25, "server"),
        frame(10, b"one", 99, "server"),  # RFC 6455 5.5.3: the answer to a later Ping was enough
    )
    assert found.trips == [(made.START + 5, 20, "client")]
    assert (found.total, found.best, found.worst) == ([1, 20], 20, 20)


def test_pings_that_cannot_be_told_apart_are_not_measured() -> None:
    assert seen(frame(9, b"", 0), frame(9, b"", 5), frame(10, b"", 25, "server")).trips == []


def test_round_trips_beyond_the_first_are_counted(monkeypatch) -> None:
    monkeypatch.setattr(figures, "ROUND_TRIPS", 2)
    found = Figures()
    for number in range(1, 6):
        found.frame(frame(9, b"%d" % number, 10 * number))
        found.frame(frame(10, b"%d" % number, 11 * number, "server"))
    assert len(found.trips) == 2
    assert (found.total, found.best, found.worst) == ([5, 15], 1, 5)


def message(**changes: Any) -> Message:
    return msgspec.structs.replace(made.message(), **{"compressed": True, "length": 100, "first_packet": 17, **changes})


def test_compression_is_the_frames_of_the_message() -> None:
    found = seen(frame(1, b"abc", fin=False), frame(9, b"ping"), frame(0, b"defg"))
    found.message(message(frames=2))
    assert found.compression() == {"client": (1, 7, 100)}


def test_frames_that_do_not_fit_their_message_silence_the_ratio() -> None:
    found = seen(frame(1, b"abc", packet=3))
    found.message(message(frames=1))
    assert found.compression() == {}
    found = seen(frame(1, b"abc"))
    found.message(message(frames=2))
    assert found.compression() == {}


def test_a_stray_continuation_is_of_no_message() -> None:
    found = seen(frame(0, b"stray"), frame(1, b"abc"))
    found.message(message(frames=1))
    assert found.compression() == {"client": (1, 3, 100)}


def test_a_message_cut_within_its_first_frame() -> None:
    found = seen(frame(1, b"abc", complete=False))
    found.message(message(frames=0, complete=False))
    found.frame(frame(1, b"abc"))
    found.message(message(frames=1))
    assert found.compression() == {"client": (1, 3, 100)}


def test_without_messages_memory_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(figures, "PENDING_FRAMES", 3)
    found = seen(*[frame(1, b"abc")] * 9)
    found.message(message(frames=1))
    assert found.compression() == {}
    assert sum(map(len, found._open.values())) == 0


def test_an_ended_connection_is_forgotten() -> None:
    found = seen(frame(9, b"one"), frame(1, b"two"))
    found.end(0)
    assert (found._pings, found._open, found._waiting) == ({}, {}, 0)
