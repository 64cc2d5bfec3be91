"""permessage-deflate, one direction: compressed messages to application payloads (RFC 7692 7.2.2).

Theory of operation. zlib inflates, with the whole 32 KiB window whatever was agreed, because a sender that
exceeds the agreed window is a finding and not a reason to stop reading. Three things zlib leaves to us:

- A block with BFINAL set ends zlib's stream but not the message (RFC 7692 7.2.3.4): another stream goes on at
  the next byte, primed with the last 32 KiB that came out. They are kept for that.
- A message must end at a block boundary once its removed tail is back (7.2.1). zlib does not say whether it
  stands at one, so a copy of the stream is asked to read a block that could not be read elsewhere.
- What comes out has no bound but the caller's patience: it is handed on in steps, and where the caller stops
  the context is lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

TAIL = b"\x00\x00\xff\xff"
"""What the sender removed from the end of the message (RFC 7692 7.2.1)."""
PROBE = b"\x01\x04\x00\xfb\xff", b"here"
"""A stored, final block of four bytes (RFC 1951 3.2.4), and those bytes."""
WINDOW = 32 << 10
"""Bytes that a back-reference may reach (RFC 1951 2)."""
STEP = 64 << 10
"""Bytes of output made at once, at most."""
INPUT = 16 << 10
"""Bytes given to zlib at once: it copies what it did not use, as often as it is asked for a step."""


class Compression(msgspec.Struct, frozen=True):
    """What one side's compressed messages may do, by the answer to the offer of permessage-deflate."""

    takeover: bool = True
    """Refer to earlier messages: no "no_context_takeover" was agreed."""
    bits: int = zlib.MAX_WBITS
    """Refer at most two to the power of this many bytes back."""


class InflateError(Exception):
    """The payload is no DEFLATE stream."""


class IncompleteError(InflateError):
    """The payload ends inside a DEFLATE block."""


class RestartError(Exception):
    """More DEFLATE streams than are followed."""


class Inflater:
    """The inflating side of one direction: for each message `begin`, `feed` as often as there are runs, `end`.

    `broken` is true from `begin` to a successful `end`, and after one that was not, as long as later messages may
    refer to what was missed. A message must not be fed if it was true before `begin` and still is after it.
    """

    def __init__(self, takeover: bool, restarts: int) -> None:
        """``takeover``: later messages may refer to earlier ones (no "no_context_takeover" was agreed).

        ``restarts``: how often a message may go on after a block with BFINAL set.
        """
        self._takeover = takeover
        self._most = restarts
        self._stream: Any = None
        """A direction that never compresses never has one."""
        self._recent = bytearray()
        """What came out last, at least WINDOW bytes if there were as many."""
        self._restarts = 0
        self._fed = False
        self.broken = False

    def begin(self) -> bool:
        """A compressed message begins. Whether it can be inflated."""
        if not self._takeover:
            self._stream = None
            self._recent.clear()
            self.broken = False
        self._restarts = 0
        self._fed = False
        known, self.broken = not self.broken, True
        return known

    def lose(self) -> None:
        """A compressed message was not given whole."""
        self.broken = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next run of payload inflates to, in steps. Raises InflateError and RestartError."""
        for start in range(0, len(data), INPUT):
            self._fed = True
            rest = data[start : start + INPUT]
            while rest:
                if self._stream is None or self._stream.eof:
                    self._restart()
                run, rest = self._step(rest)
                if run:
                    yield run

    def end(self) -> None:
        """The message is over. Raises IncompleteError where it does not end at a block boundary.

        A message of no bytes at all counts as empty: the context is left as it is. So does the end of a block with
        BFINAL set count as a boundary, though the sender should have put an empty block after it (RFC 7692 7.2.3.4).
        """
        if self._fed and not self._stream.eof:
            try:
                more = self._stream.decompress(TAIL)
                block, content = PROBE
                probe = self._stream.copy()
                sure = not more and probe.decompress(block + content) == content and probe.eof
            except zlib.error:
                sure = False
            if not sure:
                raise IncompleteError
        self.broken = False

    def _restart(self) -> None:
        if self._stream is not None:
            self._restarts += 1
            if self._restarts > self._most:
                raise RestartError
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS, zdict=bytes(self._recent[-WINDOW:]))

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        """Inflate up to STEP bytes; what came out, and the input that is left."""
        try:
            run: bytes = self._stream.decompress(data, STEP)
        except zlib.error as error:
            raise InflateError(str(error)) from None
        self._recent += run
        if len(self._recent) > 2 * WINDOW + STEP:
            del self._recent[:-WINDOW]
        return run, self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
