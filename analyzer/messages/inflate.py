"""permessage-deflate, one direction: compressed messages to application payloads (RFC 7692 7.2.2).

The whole 32 KiB window is used whatever was agreed, because a sender that exceeds the agreed window is a
finding and not a reason to stop reading. A block with BFINAL set ends zlib's stream but not the message: the
next block goes on with the window kept.
"""

from __future__ import annotations

import zlib

TAIL = b"\x00\x00\xff\xff"
"""What the sender removed from the end of the message (RFC 7692 7.2.1)."""
WINDOW = 32 << 10
STEP = 64 << 10
"""Bytes of output taken at once."""


class InflateError(Exception):
    """The payload is no DEFLATE stream, or what it refers to was lost."""


class Inflater:
    """The inflating side of one direction. After an error it is of no use while a context is kept."""

    def __init__(self, takeover: bool) -> None:
        """``takeover``: later messages may refer to earlier ones (no "no_context_takeover" was agreed)."""
        self._takeover = takeover
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._window = b""
        self.broken = False
        """A message before was lost or damaged, and later ones may refer to it."""

    def begin(self) -> None:
        """A compressed message begins."""
        if not self._takeover:
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            self._window = b""
            self.broken = False

    def lose(self) -> None:
        """A compressed message was not inflated to its end."""
        self.broken = True

    def feed(self, data: bytes, limit: int) -> bytes:
        """Inflate the next run of payload into at most ``limit`` + 1 bytes. Raises InflateError."""
        out: list[bytes] = []
        size = 0
        while data and size <= limit:
            if self._stream.eof:
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._window)
            try:
                run = self._stream.decompress(data, min(STEP, limit + 1 - size))
            except zlib.error as error:
                self.broken = True
                raise InflateError(str(error)) from None
            rest = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if not run and len(rest) == len(data):
                break
            data = rest
            out.append(run)
            size += len(run)
            self._window = (self._window + run)[-WINDOW:]
        return b"".join(out)

    def end(self, limit: int) -> bytes:
        """The message is over: what its removed tail still brings forth. Raises InflateError."""
        return self.feed(TAIL, limit)
