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


def from_environment() -> str | None:
    """The key log that the environment names, if it is a file that can be read."""
    path = os.environ.get(VARIABLE)
    return path if path and os.path.isfile(path) and os.access(path, os.R_OK) else None
