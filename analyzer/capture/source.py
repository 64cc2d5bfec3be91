"""Where packets come from: captures named by a person, read as one timeline.

Before the first packet is handed on, each file is opened, its header and first packet are read (which also tells
where on the timeline it belongs), and it is closed until it is due. Pipes cannot be opened twice, so they are opened
when the reading starts and stay open. An input of which nothing can be read is noted and left out, before or during
the reading; only where none is left is that an error.

With ``Settings.follow`` the last file on the timeline may still be written: its end is waited for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Self

from analyzer.capture.batch import Batch
from analyzer.capture.keylog import GrowingKeylog
from analyzer.capture.ledger import Ledger
from analyzer.capture.paths import digest, expand
from analyzer.capture.reader import Reader
from analyzer.capture.stream import STDIN, explain, open_stream
from analyzer.capture.timeline import EARLIEST, LATEST, SMALLEST_BUFFER, Lane, Packets, timeline
from analyzer.errors import AnalyzerError, InputError, UsageError
from analyzer.model import Input
from analyzer.settings import Settings

__all__ = ["Source", "digest", "expand", "open_source"]


class Source:
    """Open captures; a context manager. What it tells beside the packets is current at any time during the reading."""

    def __init__(self, paths: Sequence[str], settings: Settings) -> None:
        """Look at each of ``paths``, captures or ``-``. Raises InputError where none of them can be read."""
        self._settings = settings
        self._paths = list(paths)
        self._ledgers = [Ledger("standard input" if path == STDIN else path) for path in self._paths]
        self.secrets: list[bytes] = []
        """TLS key logs found in the captures so far."""
        for ledger in self._ledgers:
            ledger.secrets = self.secrets
        self._by_tshark = settings.engine == "tshark"
        self._engine_notes = self._tshark() if self._by_tshark else []
        self._unreadable: set[int] = set()
        self._running: Generator[Batch, None, None] | None = None
        self._sizes: list[int | None] = [None] * len(self._paths)
        self._starts = [EARLIEST] * len(self._paths)
        for index in range(len(self._paths)):
            try:
                self._look_at(index)
            except AnalyzerError as error:
                self._refuse(index, error)
        files = [index for index, size in enumerate(self._sizes) if size is not None and index not in self._unreadable]
        order = sorted(files, key=lambda index: (self._starts[index], index))
        self._followed = order[-1] if settings.follow and order else None

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
        return self._followed is not None or any(
            size is None for index, size in enumerate(self._sizes) if index not in self._unreadable
        )

    def batches(self) -> Iterator[Batch]:
        """All packets in order; a batch is valid until the next is asked for. To be called once. Raises InputError."""
        lanes = [self._lane(index) for index in range(len(self._paths)) if index not in self._unreadable]
        self._running = timeline(lanes, self._settings.buffer_size, self._settings.batch_packets)
        if self._followed is not None and self._settings.keylog:
            self._running = self._learning(self._running)
        return self._running

    def _learning(self, batches: Generator[Batch, None, None]) -> Generator[Batch, None, None]:
        """``batches``, before each of which the key log is read as far as it has grown: it is still written too."""
        keylog = GrowingKeylog(self._settings.keylog, self._settings.keylog_size)
        with closing(batches):
            for batch in batches:
                if secrets := keylog.more():
                    self.secrets.append(secrets)
                yield batch

    @property
    def inputs(self) -> list[Input]:
        """The captures, in the order they were named; ``Batch.file`` counts in this list."""
        return [
            Input(path, None if index == self._followed else self._sizes[index])
            for index, path in enumerate(self._paths)
        ]

    @property
    def notes(self) -> list[str]:
        """What a person should know about the inputs, a line each."""
        return self._engine_notes + [note for ledger in self._ledgers for note in ledger.notes]

    @property
    def unreadable(self) -> list[str]:
        """Inputs of which nothing could be read so far."""
        return [self._paths[index] for index in sorted(self._unreadable)]

    @property
    def limits(self) -> dict[str, int]:
        """How often each limit was reached, by the name of the setting."""
        return _added(ledger.limits for ledger in self._ledgers)

    @property
    def drops(self) -> int:
        """Packets that the captures say were not recorded."""
        return sum(ledger.drops for ledger in self._ledgers)

    @property
    def skipped(self) -> dict[str, int]:
        """Packets passed over, by reason."""
        return _added(ledger.skipped for ledger in self._ledgers)

    @property
    def position(self) -> int:
        """Bytes of the inputs as they are stored that have been read."""
        return sum(ledger.position for ledger in self._ledgers)

    @property
    def size(self) -> int | None:
        """Bytes of the inputs as they are stored; None where one is a pipe or grows."""
        return None if self.waits else sum(size for size in self._sizes if size is not None)

    def _look_at(self, index: int) -> None:
        """Learn an input's size and start. Raises InputError."""
        self._sizes[index] = _size(self._paths[index])
        if self._sizes[index] is None:
            if self._by_tshark:
                raise InputError(f"{self._ledgers[index].name}: tshark as the engine reads regular files only")
            return
        if self._by_tshark:
            with suppress(AnalyzerError):  # tshark knows more formats
                self._starts[index] = self._peek(index)
            return
        if not self._settings.follow:
            self._starts[index] = self._peek(index)
            return
        try:
            start = self._peek(index)
            self._starts[index] = LATEST if start == EARLIEST else start
        except InputError:  # its header may be still to come; the reading will tell
            self._starts[index] = LATEST

    def _tshark(self) -> list[str]:
        """Find out whether tshark is there; what is said of it. Raises MissingDependencyError, UsageError."""
        from analyzer.capture.tshark import versions
        from analyzer.capture.tshark_reader import check_options

        if self._settings.follow:
            raise UsageError("--follow: tshark as the engine reads finished files only")
        check_options(self._settings.tshark_options)
        tshark, pyshark = versions()
        return [f"packets as tshark {tshark} opens them (pyshark {pyshark}); places in files are not known"]

    def _refuse(self, index: int, error: AnalyzerError) -> None:
        """Leave an input out. Raises ``error``, or its like for several, where none is left."""
        self._unreadable.add(index)
        if len(self._unreadable) == len(self._paths):
            if len(self._paths) == 1:
                raise error
            raise InputError(f"none of the {len(self._paths)} captures can be read; {error}")
        self._ledgers[index].notes.append(f"{error}; left out")

    def _peek(self, index: int) -> int:
        """Time of the first packet of a file, EARLIEST where there is none."""
        ledger = Ledger(self._ledgers[index].name)
        size = min(self._settings.buffer_size, SMALLEST_BUFFER)
        reader = Reader(open_stream(self._paths[index]), index, self._settings, ledger, size)
        try:
            batch = reader.read()
            return EARLIEST if batch is None else int(batch.time_ns[0])
        finally:
            reader.close()

    def _lane(self, index: int) -> Lane:
        def opened(size: int) -> Packets:
            if self._by_tshark:
                from analyzer.capture.tshark_reader import TsharkReader

                return TsharkReader(self._paths[index], index, self._settings, self._ledgers[index], size)
            patience = self._settings.follow_timeout if index == self._followed else None
            stream = open_stream(self._paths[index], patience)
            return Reader(stream, index, self._settings, self._ledgers[index], size)

        return Lane(index, self._starts[index], opened, self._refuse)


def open_source(paths: Sequence[str], settings: Settings) -> Source:
    """The captures ``paths`` (see `expand`) as one timeline. Raises InputError."""
    return Source(paths, settings)


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total


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
