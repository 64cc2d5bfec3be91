"""From what a person names (files, folders, patterns, ``-``) to the captures that are meant.

What is named outright is meant, whatever it holds; in a folder a capture is told by its name or by its first bytes, so
that other files beside it are no mistake. Each is meant once, by whichever name.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Sequence

from analyzer.capture.stream import CHUNK, STDIN, DamageError, explain, open_stream
from analyzer.errors import InputError, MissingDependencyError
from analyzer.wire import pcap, pcapng

MAGICS = (pcapng.MAGIC, *pcap.VARIANTS)
NAMED = re.compile(r"\.(pcap|pcapng|cap)\d*(\.(gz|zst))?$", re.IGNORECASE)
"""The end of a name that promise a capture (tcpdump numbers the files of a ring): in a folder, files so named are never
passed over; where they are no captures after all, the reading says so."""


def expand(paths: Sequence[str]) -> list[str]:
    """The captures that ``paths`` mean, in the order of the arguments, each once.

    A folder means the captures directly in it, by name; what is a capture is told by its first bytes. A pattern that
    the shell left alone is expanded, ``**`` included, unless a file is called so. ``-`` is standard input. Raises
    InputError for what does not exist or means nothing.
    """
    found: dict[str, str] = {}
    for path in paths:
        if not path:
            raise InputError("an empty name is no capture; name a file, a folder, a pattern, or - for standard input")
        if path == STDIN and STDIN in found:
            raise InputError("standard input ('-') is named twice, and can be read only once")
        for capture in [path] if path == STDIN else _meant(path):
            # Read twice, a file that two arguments mean would look like a network that doubles every packet.
            found.setdefault(STDIN if capture == STDIN else os.path.realpath(capture), capture)
    return list(found.values())


def _meant(path: str) -> list[str]:
    if os.path.isdir(path):
        if captures := _captures(path):
            return captures
        raise InputError(f"{path}: no pcap or pcapng capture in this folder")
    if os.path.lexists(path):
        return [path]
    if not glob.has_magic(path):
        raise InputError(f"{path}: no such file")
    found: list[str] = []
    for match in sorted(glob.glob(path, recursive=True)):
        found += _captures(match) if os.path.isdir(match) else [match]
    if not found:
        raise InputError(f"{path}: no file matches this pattern")
    return found


def digest(path: str) -> str:
    """SHA-256 of the file at ``path`` as it is stored, in hexadecimal. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _captures(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(explain(folder, error)) from None
    paths = [os.path.join(folder, name) for name in names]
    return [path for path in paths if os.path.isfile(path) and _is_capture(path)]


def _is_capture(path: str) -> bool:
    if NAMED.search(path):
        return True
    start = bytearray(CHUNK)
    filled = 0
    try:
        stream = open_stream(path)
        try:
            while filled < len(MAGICS[0]) and (count := stream.readinto(memoryview(start)[filled:])):
                filled += count
        finally:
            stream.close()
    except (InputError, MissingDependencyError, DamageError):
        return False
    return bytes(start[: len(MAGICS[0])]) in MAGICS
