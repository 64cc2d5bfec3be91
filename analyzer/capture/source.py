"""Where packets come from: captures named by a person, read as one timeline.

Everything that can be refused is refused before the first packet is handed on: each file is opened, its header and
first packet are read (which also tells where on the timeline it belongs), and it is closed until it is due. Pipes
cannot be opened twice, so they are opened when the reading starts and stay open.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator, Sequence
from typing import Self

from analyzer.capture.batch import Batch
from analyzer.capture.ledger import Ledger
from analyzer.capture.paths import digest, expand
from analyzer.capture.reader import Reader
from analyzer.capture.stream import STDIN, explain, open_stream
from analyzer.capture.timeline import EARLIEST, SMALLEST_BUFFER, Lane, timeline
from analyzer.errors import InputError
from analyzer.model import Input
from analyzer.settings import Settings

__all__ = ["Source", "digest", "expand", "open_source"]


class Source:
    """Open captures; a context manager. What it tells beside the packets is current at any time during the reading."""

    def __init__(self, paths: Sequence[str], settings: Settings) -> None:
        """Look at each of ``paths``, captures or ``-``. Raises InputError."""
        self._settings = settings
        self._paths = list(paths)
        self._ledgers = [Ledger("standard input" if path == STDIN else path) for path in self._paths]
        self._sizes = [_size(path) for path in self._paths]
        self._running: Generator[Batch, None, None] | None = None
        self._starts = [EARLIEST if size is None else self._peek(index) for index, size in enumerate(self._sizes)]

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self.close()

    def close(self) -> None:
        """Close what is open."""
        if self._running is not None:
            self._running.close()

    @property
    def waits(self) -> bool:
        """A writer is waited for: what is known should be told after each batch."""
        return None in self._sizes

    def batches(self) -> Iterator[Batch]:
        """All packets in order; a batch is valid until the next is asked for. To be called once. Raises InputError."""
        lanes = [self._lane(index) for index in range(len(self._paths))]
        self._running = timeline(lanes, self._settings.buffer_size, self._settings.batch_packets)
        return self._running

    @property
    def inputs(self) -> list[Input]:
        """The captures, in the order they were named; ``Batch.file`` counts in this list."""
        return [Input(path, size) for path, size in zip(self._paths, self._sizes, strict=True)]

    @property
    def notes(self) -> list[str]:
        """What a person should know about the inputs, a line each."""
        return [note for ledger in self._ledgers for note in ledger.notes]

    @property
    def drops(self) -> int:
        """Packets that the captures say were not recorded."""
        return sum(ledger.drops for ledger in self._ledgers)

    @property
    def skipped(self) -> dict[str, int]:
        """Packets passed over, by reason."""
        total: dict[str, int] = {}
        for ledger in self._ledgers:
            for reason, count in ledger.skipped.items():
                total[reason] = total.get(reason, 0) + count
        return total

    @property
    def secrets(self) -> list[bytes]:
        """TLS key logs found in the captures so far."""
        return [secret for ledger in self._ledgers for secret in ledger.secrets]

    @property
    def position(self) -> int:
        """Bytes of the inputs as they are stored that have been read."""
        return sum(ledger.position for ledger in self._ledgers)

    @property
    def size(self) -> int | None:
        """Bytes of the inputs as they are stored; None where one is a pipe."""
        total = 0
        for size in self._sizes:
            if size is None:
                return None
            total += size
        return total

    def _peek(self, index: int) -> int:
        """Time of the first packet of a file."""
        ledger = Ledger(self._ledgers[index].name)
        size = min(self._settings.buffer_size, SMALLEST_BUFFER)
        reader = Reader(open_stream(self._paths[index]), index, self._settings, ledger, size)
        try:
            batch = reader.read()
            return EARLIEST if batch is None else int(batch.time_ns[0])
        finally:
            reader.close()

    def _lane(self, index: int) -> Lane:
        def opened(size: int) -> Reader:
            stream = open_stream(self._paths[index])
            return Reader(stream, index, self._settings, self._ledgers[index], size)

        return Lane(index, self._starts[index], opened)


def open_source(paths: Sequence[str], settings: Settings) -> Source:
    """The captures ``paths`` (see `expand`) as one timeline. Raises InputError."""
    return Source(paths, settings)


def _size(path: str) -> int | None:
    """Size in bytes of a regular file; None for what can be read only once. Raises InputError."""
    if path == STDIN:
        return None
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(explain(path, error)) from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(explain(path, IsADirectoryError()))
    return status.st_size if stat.S_ISREG(status.st_mode) else None
