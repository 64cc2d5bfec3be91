"""The bytes of a capture, whatever they are kept in: a file, a pipe, gzip or zstd around either.

Each stream has one method, ``readinto``, that fills what it can without waiting: a pipe that `tcpdump` writes slowly
must be analysed as it comes. Compression is told by its magic number, never by the name. Damage in compressed data
raises `DamageError` only after all that could be decompressed before it has been handed out.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
import time
import zlib
from contextlib import suppress
from typing import IO, Any, Protocol, cast

from analyzer.errors import InputError, MissingDependencyError

STDIN = "-"
"""The path that means standard input."""

CHUNK = 128 << 10
"""Compressed bytes read at once."""
POLL = 0.1
"""Seconds between two looks at a file that grows: soon enough for a person who watches."""

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_PIECE = 16 << 10
"""Bytes decompressed at once: damage costs what was decompressed in the call that meets it."""
_GZIP_WINDOW = 16 + zlib.MAX_WBITS  # zlib's way to ask for the gzip wrapper


class DamageError(Exception):
    """The rest of an input cannot be read; the text says why, as part of a sentence."""


class Stream(Protocol):
    """Bytes to read from the front."""

    @property
    def kind(self) -> str | None:
        """Name of the compression; None for none."""

    @property
    def position(self) -> int:
        """Bytes consumed of the input as it is stored."""

    def readinto(self, view: memoryview) -> int:
        """Fill the front of ``view``; the number of bytes, 0 at the end only. Raises DamageError."""

    def close(self) -> None:
        """Give the file back."""


class Plain:
    """A file or pipe as it is."""

    kind: str | None = None

    def __init__(self, name: str, file: IO[bytes]) -> None:
        """Read from ``file``, unbuffered or standard input; ``name`` stands in messages."""
        self.position = 0
        self._file = file
        self._head = b""
        # Below standard input's own buffer: filling that would wait for more than the writer has sent so far.
        raw: Any = getattr(file, "raw", file)
        self._read = raw.readinto
        self._pipe = _descriptor(file)
        try:
            self._head = self._start()
        except OSError as error:
            file.close()
            raise InputError(f"{name}: {error.strerror or error}") from None

    def _start(self) -> bytes:
        head = bytearray(len(ZSTD_MAGIC))
        filled = 0
        with suppress(DamageError):  # the next call meets it again
            while filled < len(head) and (count := self._once(memoryview(head)[filled:])):
                filled += count
        return bytes(head[:filled])

    @property
    def head(self) -> bytes:
        """The first four bytes, or all there are, for as long as nothing has been read."""
        return self._head

    @property
    def waits(self) -> bool:
        """A read may have to wait for a writer: this is a pipe, or a file that grows."""
        return self._pipe is not None

    def readinto(self, view: memoryview) -> int:
        """Fill the front of ``view``."""
        if self._head:
            count = min(len(self._head), len(view))
            view[:count] = self._head[:count]
            self._head = self._head[count:]
            if self._pipe is not None and not self._ready():
                return self._count(count)
            with suppress(DamageError):  # the next call meets it again
                count += self._fill(view[count:])
            return self._count(count)
        return self._count(self._fill(view))

    def close(self) -> None:
        """Give the file back; standard input stays open."""
        if self._file is not getattr(sys.stdin, "buffer", None):
            self._file.close()

    def _count(self, count: int) -> int:
        self.position += count
        return count

    def _fill(self, view: memoryview) -> int:
        """One read, and for a pipe as many more as need no waiting: pipes give 64 KiB at a time."""
        filled = 0
        try:
            while filled < len(view):
                count = self._once(view[filled:])
                filled += count
                if not count or not self._ready():
                    break
        except OSError as error:
            if not filled:
                raise DamageError(f"not readable any further ({error.strerror or error})") from None
        return filled

    def _once(self, view: memoryview) -> int:
        count: int | None = self._read(view)
        while count is None:  # a descriptor that somebody set not to block
            select.select([self._file.fileno()], [], [])
            count = self._read(view)
        return count

    def _ready(self) -> bool:
        try:
            return self._pipe is not None and bool(select.select([self._pipe], [], [], 0)[0])
        except (OSError, ValueError):  # a system that cannot ask a pipe, a descriptor too large to ask about
            return False


def _descriptor(file: IO[bytes]) -> int | None:
    """File descriptor of a pipe or socket; None for what never makes a reader wait."""
    try:
        descriptor = file.fileno()
        return None if stat.S_ISREG(os.fstat(descriptor).st_mode) else descriptor
    except OSError:  # not backed by a descriptor
        return None


class Growing(Plain):
    """A file that is still written: at its end, more is waited for.

    It ends where it stays the same for the time given, and is damaged where it was cut under the reader, or where
    its name came to mean another file: then nobody will add to this one.
    """

    def __init__(self, path: str, file: IO[bytes], patience: int) -> None:
        """Read from ``file``, which is open at ``path``; ``patience`` is in nanoseconds."""
        self._path = path
        self._patience = patience
        super().__init__(path, file)

    @property
    def waits(self) -> bool:
        """A read may have to wait."""
        return True

    def _once(self, view: memoryview) -> int:
        end = time.monotonic_ns() + self._patience
        while not (count := super()._once(view)):
            lost = self._lost()
            if lost is not None:
                if count := super()._once(view):  # written between the two looks
                    return count
                raise DamageError(lost)
            if time.monotonic_ns() >= end:
                return 0
            time.sleep(POLL)
        return count

    def _lost(self) -> str | None:
        """Why nothing more will come, None if it may."""
        mine = os.fstat(self._file.fileno())
        if mine.st_size < self._file.tell():
            return f"the file was cut to {mine.st_size} bytes while it was read"
        try:
            named = os.stat(self._path)
        except OSError:
            return "the file was taken away while it was read"
        return None if os.path.samestat(mine, named) else "another file was put in its place while it was read"


class Gzip:
    """Gzip data (RFC 1952), one member or several, zero padding after the last."""

    kind: str | None = "gzip"

    def __init__(self, source: Plain) -> None:
        """Decompress what ``source`` gives."""
        self._source = source
        self._chunk = bytearray(CHUNK)
        self._input = b""
        self._step = CHUNK
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._begun = False

    @property
    def position(self) -> int:
        """Compressed bytes consumed."""
        return self._source.position

    def readinto(self, view: memoryview) -> int:
        """Fill the front of ``view``."""
        while True:
            if not self._input:
                count = self._source.readinto(memoryview(self._chunk))
                if not count:
                    if self._begun:
                        raise DamageError("the gzip data ends too early")
                    return 0
                self._input = bytes(memoryview(self._chunk)[:count])
            if not self._begun and not self._next_member():
                continue
            output = self._inflate(len(view))
            if output:
                view[: len(output)] = output
                return len(output)

    def close(self) -> None:
        """Give the file back."""
        self._source.close()

    def _next_member(self) -> bool:
        self._input = self._input.lstrip(b"\0")
        if not self._input:
            return False
        if self._input[:1] != GZIP_MAGIC[:1]:
            raise DamageError(f"the gzip data is followed by something else ({self._input[:4].hex(' ')})")
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._begun = True
        return True

    def _inflate(self, room: int) -> bytes:
        # An error loses the output of the call it ends. So keep the state before it, and when it comes, go over the
        # same input again a byte at a time, until the error shows up without any output to lose.
        before = self._member.copy() if self._step > 1 else self._member
        piece = self._input[: self._step]
        try:
            output = self._member.decompress(piece, room)
        except zlib.error as error:
            if self._step == 1:
                reason = str(error).rpartition(": ")[2]
                raise DamageError(f"the gzip data is damaged ({reason})") from None
            self._member = before
            self._step = 1
            return b""
        if self._member.eof:
            self._begun = False
            self._input = self._member.unused_data + self._input[len(piece) :]
        else:
            self._input = self._member.unconsumed_tail + self._input[len(piece) :]
        return output


class Zstd:
    """Zstandard data (RFC 8878), one frame or several.

    The library does not tell a frame that was cut from one that ended, so a cut shows only in the capture itself.
    """

    kind: str | None = "zstd"

    def __init__(self, name: str, source: Plain) -> None:
        """Decompress what ``source`` gives. Raises MissingDependencyError."""
        try:
            import zstandard
        except ImportError:
            source.close()
            raise MissingDependencyError(
                f"{name}: reading zstd captures needs the package zstandard: pip install 'wsanalyzer[zstd]', "
                "or decompress the file first"
            ) from None
        self._error = zstandard.ZstdError
        self._source = source
        self._failure: str | None = None
        self._reader = zstandard.ZstdDecompressor().stream_reader(
            cast(IO[bytes], _Feed(source)), read_size=CHUNK, read_across_frames=True
        )

    @property
    def position(self) -> int:
        """Compressed bytes consumed."""
        return self._source.position

    def readinto(self, view: memoryview) -> int:
        """Fill the front of ``view``."""
        filled = 0
        while filled < len(view) and self._failure is None:
            try:
                count = self._reader.readinto1(view[filled : filled + _ZSTD_PIECE])
            except self._error as error:
                self._failure = f"the zstd data is damaged ({str(error).rpartition(': ')[2]})"
                break
            except DamageError as error:
                self._failure = str(error)
                break
            filled += count
            if not count or self._source.waits:
                break
        if not filled and self._failure is not None:
            raise DamageError(self._failure)
        return filled

    def close(self) -> None:
        """Give the file back."""
        self._source.close()


class _Feed:
    """Compressed bytes as the zstd library asks for them."""

    def __init__(self, source: Plain) -> None:
        self._source = source

    def read(self, size: int) -> bytes:
        chunk = bytearray(size)
        return bytes(chunk[: self._source.readinto(memoryview(chunk))])


def open_stream(path: str, patience: int | None = None) -> Stream:
    """The decompressed bytes of the file at ``path``, or of standard input. Raises InputError.

    ``patience``: at the end of the file, wait for more until it has been the same for so many nanoseconds.
    """
    if path == STDIN:
        name = "standard input"
        if sys.stdin is None:
            raise InputError("standard input is closed; name a capture file instead")
        if sys.stdin.isatty():
            raise InputError(
                "standard input is a terminal; pipe a capture into it, as in tcpdump -w - | wsanalyzer ..."
            )
        plain = Plain(name, sys.stdin.buffer)
    else:
        name = path
        try:
            file = open(path, "rb", buffering=0)  # noqa: SIM115 (the stream closes it)
        except OSError as error:
            raise InputError(explain(path, error)) from None
        plain = Plain(name, file) if patience is None else Growing(name, file, patience)
    if plain.head.startswith(GZIP_MAGIC):
        return Gzip(plain)
    if plain.head == ZSTD_MAGIC:
        return Zstd(name, plain)
    return plain


def explain(path: str, error: OSError) -> str:
    """One line about a file that could not be opened."""
    match error:
        case FileNotFoundError():
            return f"{path}: no such file"
        case PermissionError():
            return f"{path}: no permission to read it"
        case IsADirectoryError():
            return f"{path}: a directory, not a capture"
    if error.errno == errno.EMFILE:
        return f"{path}: too many captures overlap in time to be open at once; raise the limit with ulimit -n"
    return f"{path}: {error.strerror or error}"
