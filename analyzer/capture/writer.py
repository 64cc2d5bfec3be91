"""Writes what is captured to pcapng files while it is analysed: the same bytes, cut between blocks only.

The bytes pass through `Tee` on their way to the reader, and are written when the reader has told where a block ends,
so that a file ends with a whole block however the capture does. A rotated file begins with the blocks that the capture
began with (its section and interfaces).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from analyzer.capture.stream import Stream
from analyzer.errors import OutputError, UsageError
from analyzer.settings import SECOND

SIZES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
TIMES = {"s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND}


class Rotation(msgspec.Struct, frozen=True):
    """When a new file is begun: after so many bytes or nanoseconds, whichever comes first; None: never for that."""

    size: int | None = None
    time: int | None = None

    @staticmethod
    def parse(words: Sequence[str]) -> Rotation:
        """From words like ``100MB`` and ``10min``. Raises UsageError."""
        size = time_ns = None
        for word in words:
            number, unit = _quantity(word)
            if unit in SIZES:
                size = number * SIZES[unit]
            elif unit in TIMES:
                time_ns = number * TIMES[unit]
            else:
                raise UsageError(f"--rotate {word}: not a size or a time; write 100MB, 1GiB, 30s, 10min or 1h")
        return Rotation(size, time_ns)

    def __bool__(self) -> bool:
        """Whether there is anything to begin a new file for."""
        return self.size is not None or self.time is not None


def _quantity(word: str) -> tuple[int, str]:
    """A whole number, not 0, and its unit; 0 where it is none."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([A-Za-z]*)", word)
    return (int(match[1]), match[2]) if match else (0, "")


def nanoseconds(option: str, word: str) -> int:
    """A time like ``30s`` or ``10min``; seconds without a unit. Raises UsageError."""
    number, unit = _quantity(word)
    if not number or unit not in ("", *TIMES):
        raise UsageError(f"{option} {word}: not a time; write 90, 30s, 10min or 1h")
    return number * TIMES[unit or "s"]


class Writer:
    """The file or files of one capture."""

    def __init__(self, path: str, rotation: Rotation | None = None) -> None:
        """Open ``path``, or the first of the numbered files it stands for. Raises OutputError."""
        self._path = path
        self._rotation = rotation or Rotation()
        self._pending = bytearray()
        """Bytes that came after `_taken`."""
        self._taken = 0
        """Offset in the stream up to which bytes were written."""
        self._header = b""
        self._count = 0
        self._size = 0
        self._begun = 0
        self.failed: str | None = None
        """Why nothing more is written."""
        self._file = self._open()

    def _open(self) -> int:
        self._count += 1
        path = self._name(self._count)
        try:
            self._size, self._begun = 0, time.monotonic_ns()
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: cannot write: {error.strerror or error}") from None

    def _name(self, number: int) -> str:
        if not self._rotation:
            return self._path
        path = Path(self._path)
        return str(path.with_name(f"{path.stem}-{number:05}{path.suffix}"))

    @property
    def note(self) -> str:
        """What was written, for people."""
        if self._count == 1:
            return f"wrote what was captured to {self._name(1)}"
        return f"wrote what was captured to {self._name(1)} and so on, {self._count} files"

    def pass_by(self, data: memoryview) -> None:
        """Bytes of the stream, in order."""
        if self.failed is None:
            self._pending += data

    def began(self, offset: int) -> None:
        """The first packet's block begins at ``offset`` of the stream: what is before describes the capture."""
        if not self._header and not self._taken:
            self._header = bytes(self._pending[:offset])

    def commit(self, offset: int) -> None:
        """Blocks are whole up to ``offset`` of the stream: write them. Where that fails, `failed` says why."""
        count = offset - self._taken
        if self.failed is not None or count <= 0:
            return
        try:
            if self._header and self._due():
                os.close(self._file)
                self._file = self._open()
                self._write(self._header)
            with memoryview(self._pending) as pending:
                self._write(pending[:count])
        except (OSError, OutputError) as error:
            told = error if isinstance(error, OutputError) else error.strerror or error
            self.failed = str(told) if isinstance(told, OutputError) else f"{self._name(self._count)}: {told}"
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            self._pending = bytearray()
            return
        self._taken = offset
        del self._pending[:count]

    def _due(self) -> bool:
        """Whether it is time for another file."""
        if self._size <= len(self._header):
            return False
        rotation = self._rotation
        by_size = rotation.size is not None and self._size >= rotation.size
        return by_size or (rotation.time is not None and time.monotonic_ns() - self._begun >= rotation.time)

    def _write(self, data: memoryview | bytes) -> None:
        """All of ``data``; `_size` counts it when it is there."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._size += len(data)

    def close(self) -> None:
        """The file is whole as it stands."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1


class Tee:
    """A stream whose bytes a writer sees as well."""

    kind: str | None = None

    def __init__(self, stream: Stream, writer: Writer) -> None:
        self._stream = stream
        self._writer = writer

    @property
    def position(self) -> int:
        """Bytes that went by."""
        return self._stream.position

    def readinto(self, view: memoryview) -> int:
        """Fill the front of ``view``."""
        count = self._stream.readinto(view)
        self._writer.pass_by(view[:count])
        return count

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
