"""Captures that can be read only once, for those who have to read them twice."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from tempfile import NamedTemporaryFile

from analyzer.capture.stream import STDIN, open_stream
from analyzer.errors import InputError

PIECE = 1 << 20
"""Bytes copied at once."""


@contextmanager
def readable_twice(paths: list[str]) -> Iterator[list[str]]:
    """The same captures, where standard input and pipes are copies on disk, which go away with the context.

    Raises InputError where one cannot be read; what is raised inside names the captures as they were given.
    """
    with ExitStack() as stack:
        copies = {path: stack.enter_context(_copy(path)) for path in paths if _once(path)}
        try:
            yield [copies.get(path, path) for path in paths]
        except InputError as error:
            message = str(error)
            for path, copy in copies.items():
                message = message.replace(copy, "standard input" if path == STDIN else path)
            raise InputError(message) from None


def _once(path: str) -> bool:
    if path == STDIN:
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False  # whoever reads it says so


@contextmanager
def _copy(path: str) -> Iterator[str]:
    with NamedTemporaryFile(prefix="wsanalyzer-") as copy, closing(open_stream(path)) as stream:
        buffer = bytearray(PIECE)
        while size := stream.readinto(memoryview(buffer)):
            copy.write(memoryview(buffer)[:size])
        copy.flush()
        yield copy.name
