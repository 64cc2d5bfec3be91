"""A capture that a writer adds to while it is read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from analyzer.capture.source import Source

PAUSE = 0.02
"""Seconds between two pieces: more than nothing, so that the reader comes to the end of the file meanwhile."""


def writer(path: Path, pieces: Iterable[bytes | Callable[[], object]], pause: float = PAUSE) -> threading.Thread:
    """A thread, started, that appends ``pieces`` to the file one by one, or calls them."""

    def write() -> None:
        for piece in pieces:
            time.sleep(pause)
            if callable(piece):
                piece()
                continue
            with open(path, "ab") as file:
                file.write(piece)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def times(source: Source, most: int) -> list[int]:
    """The time of each packet, up to ``most`` of them."""
    found: list[int] = []
    for batch in source.batches():
        found += batch.time_ns[: batch.count].tolist()
        if len(found) >= most:
            break
    return found
