"""Reads a TLS key log file: what browsers and TLS libraries write where SSLKEYLOGFILE tells them to."""

from __future__ import annotations

import os
import stat

from analyzer.capture.stream import explain
from analyzer.errors import InputError

VARIABLE = "SSLKEYLOGFILE"
"""Names the file, in the environment of whatever speaks TLS."""


def read_keylog(path: str, limit: int) -> bytes:
    """The file's bytes, ``limit`` at most. Raises InputError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            if stat.S_ISDIR(os.fstat(file.fileno()).st_mode):
                raise IsADirectoryError
            return file.read(limit)
    except OSError as error:
        raise InputError(f"key log {explain(path, error)}") from None


class GrowingKeylog:
    """A key log that is still written: what it holds now, line by line."""

    def __init__(self, path: str, limit: int) -> None:
        """The file at ``path``, ``limit`` bytes of it at most; nothing where it cannot be read."""
        self._path = path
        self._limit = limit
        self._at = 0

    def more(self) -> bytes:
        """The whole lines that came since the last call."""
        try:
            if not self._path or os.stat(self._path).st_size <= self._at:
                return b""
            with open(self._path, "rb") as file:
                file.seek(self._at)
                data = file.read(max(0, self._limit - self._at))
        except OSError:
            return b""
        lines = data[: data.rfind(b"\n") + 1]
        self._at += len(lines)
        return lines


def from_environment() -> str | None:
    """The key log that the environment names, if it is a file that can be read."""
    path = os.environ.get(VARIABLE)
    return path if path and os.path.isfile(path) and os.access(path, os.R_OK) else None
