"""Where results go: standard output, files that appear whole or not at all, pipes and devices.

A regular file is written under a temporary name beside its destination and renamed at the end, so that a
reader never finds half a result and a failed run leaves the old one. All outputs are opened before the
analysis starts: a destination that cannot be written costs nothing but the message.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from analyzer.errors import OutputError, UsageError
from analyzer.model import Record
from analyzer.report.sink import Sink

STDOUT = "-"


class Output:
    """One destination and, once `attach` was called, the sink that writes to it."""

    def __init__(self, path: str) -> None:
        """Open ``path`` (``-`` is standard output). Raises OutputError."""
        self.path = path
        self.open = True
        """False once the reader of a pipe has gone."""
        self._temporary: str | None = None
        self._target = path
        self._sink: Sink | None = None
        try:
            if path == STDOUT and sys.stdout is None:
                raise OutputError("standard output is closed: use -o FILE")
            self.stream: BinaryIO = sys.stdout.buffer if path == STDOUT else self._open()
        except OSError as error:
            raise failed(path, error) from None

    def _open(self) -> BinaryIO:
        self._target = os.path.realpath(self.path)  # a link's target is replaced, not the link
        with contextlib.suppress(FileNotFoundError):
            mode = os.stat(self._target).st_mode
            if not stat.S_ISREG(mode):
                return open(self._target, "wb")
            if not os.access(self._target, os.W_OK):
                raise PermissionError(13, "Permission denied")
            return self._beside(stat.S_IMODE(mode))
        umask = os.umask(0)
        os.umask(umask)
        return self._beside(0o666 & ~umask)

    def _beside(self, mode: int) -> BinaryIO:
        folder, name = os.path.split(self._target)
        handle, self._temporary = tempfile.mkstemp(prefix=f".{name[:64]}.", dir=folder)
        os.chmod(self._temporary, mode)
        return os.fdopen(handle, "wb")

    def attach(self, sink: Sink) -> None:
        """Let ``sink``, made over `stream`, write here."""
        self._sink = sink

    def write(self, record: Record) -> None:
        """Hand a record to the sink. A closed pipe ends this output quietly; OutputError otherwise."""
        if self.open and self._sink is not None:
            with self._trouble():
                self._sink.write(record)

    def flush(self) -> None:
        """Hand on what was written so far."""
        if self.open:
            with self._trouble():
                self.stream.flush()

    def close(self) -> None:
        """Finish the result and put it in its place."""
        if not self.open:
            return
        with self._trouble():
            if self._sink is not None:
                self._sink.close()
            self.stream.flush()
            if self.path != STDOUT:
                self.stream.close()
            if self._temporary is not None:
                os.replace(self._temporary, self._target)
                self._temporary = None

    def abandon(self) -> None:
        """Leave no trace of an unfinished file. Safe after `close`."""
        if self.path != STDOUT:
            with contextlib.suppress(OSError):
                self.stream.close()
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = None

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self.open = False
            if self.path == STDOUT:
                mute_stdout()
        except OSError as error:
            self.open = False
            if self.path == STDOUT:
                mute_stdout()
            raise failed(self.path, error) from None


def mute_stdout() -> None:
    """Send what is still buffered for a closed standard output nowhere, so that the exit stays quiet."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def failed(path: str, error: OSError) -> OutputError:
    """The user's view of a failed write."""
    name = "standard output" if path == STDOUT else path
    return OutputError(f"{name}: cannot write: {error.strerror or error}")


def refuse_overlap(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Raise UsageError where two results go to one place, or a result would replace a capture."""
    seen: set[str] = set()
    captures = {os.path.realpath(path) for path in inputs if path != "-"}
    for path in outputs:
        real = path if path == STDOUT else os.path.realpath(path)
        if real in seen and real != os.devnull:
            raise UsageError(f"{path}: two results for one place; give each format its own -o")
        if real in captures:
            raise UsageError(f"{path}: this is a capture being read; choose another output")
        seen.add(real)
