"""How a capture is read must not show: batches of any size and a slow pipe give the same result, byte for byte.

Compared is the whole JSONL with every kind of record. Left out is what does depend on the way of reading: the
elapsed time and, for a pipe, the names of the files.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.settings import RECORDS, Settings

ROOT = Path(__file__).parent.parent
CAPTURES = sorted([*(ROOT / "samples").glob("*.pcap"), *(ROOT / "tests" / "captures").glob("*.pcap")])

PIECES = (1, 2, 15, 16, 17, 39, 4001, 65537)
"""Bytes written to the pipe at a time, in turn: cuts inside headers, records and payloads."""


def result(path: str | Path, **changed: int) -> list[bytes]:
    """The lines of the result."""
    settings = Settings(records=frozenset(RECORDS), **changed)  # type: ignore[arg-type]
    return [
        msgspec.json.encode(msgspec.structs.replace(record, elapsed_ns=0) if hasattr(record, "elapsed_ns") else record)
        for record in pipeline.run(open_source([str(path)], settings), settings)
    ]


def without_settings(lines: list[bytes]) -> list[bytes]:
    """Without the settings that are compared, which the run record names."""
    first = json.loads(lines[0])
    assert first["type"] == "run"
    return [json.dumps({**first, "settings": None}).encode(), *lines[1:]]


def without_files(lines: list[bytes]) -> list[object]:
    """Without what tells a file from a pipe: names, wherever they stand, and the run's inputs."""

    def nameless(value: object) -> object:
        if isinstance(value, dict):
            return {key: nameless(inside) for key, inside in value.items() if key not in ("file", "inputs")}
        return [nameless(inside) for inside in value] if isinstance(value, list) else value

    return [nameless(json.loads(line)) for line in lines]


@pytest.fixture(params=CAPTURES, ids=lambda path: path.name)
def capture(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.mark.parametrize("batch_packets", [1, 100])
def test_the_size_of_the_batches_does_not_show(capture: Path, batch_packets: int) -> None:
    whole = without_settings(result(capture))
    assert len(whole) > 2
    assert without_settings(result(capture, batch_packets=batch_packets)) == whole


def test_the_rows_collected_before_the_rules_run_do_not_show(capture: Path) -> None:
    assert without_settings(result(capture, frame_rows=16)) == without_settings(result(capture))


def feed(fifo: Path, data: bytes) -> None:
    """Write ``data`` in small pieces of odd sizes."""

    def pieces() -> Iterator[bytes]:
        start = turn = 0
        while start < len(data):
            size = PIECES[turn % len(PIECES)]
            yield data[start : start + size]
            start += size
            turn += 1

    descriptor = os.open(fifo, os.O_WRONLY)
    try:
        for piece in pieces():
            os.write(descriptor, piece)
    finally:
        os.close(descriptor)


def test_a_slow_pipe_does_not_show(capture: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.pcap"
    os.mkfifo(fifo)
    writer = threading.Thread(target=feed, args=(fifo, capture.read_bytes()), daemon=True)
    writer.start()
    piped = result(fifo)
    writer.join(timeout=10)
    assert not writer.is_alive()
    assert without_files(piped) == without_files(result(capture))
