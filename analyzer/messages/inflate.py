"""permessage-deflate, one direction: compressed messages to application payloads (RFC 7692 7.2.2).

Theory of operation. zlib inflates, with the whole 32 KiB window and all that came before, whatever was agreed: a sender
that goes beyond what was agreed is a finding and not a reason to stop reading. `TokenWalk` finds that out, where
something was agreed. Four things zlib leaves to us:

- A block with BFINAL set ends zlib's stream but not the message (RFC 7692 7.2.3.4): another stream goes on at
  the next byte, primed with the last 32 KiB that came out. They are kept for that.
- A message must end at a block boundary once its removed tail is back (7.2.1). zlib does not say whether it
  stands at one, so a copy of the stream is asked to read a block that could not be read elsewhere.
- zlib does not say which byte was wrong. The last input is kept, and a copy of the stream before it; only when
  there is an error is it gone through again, in ever smaller steps.
- What comes out has no bound but the caller's patience: it is handed on in steps, and where the caller stops
  the context is lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import msgspec

from analyzer.messages.tokens import TokenWalk

TAIL = b"\x00\x00\xff\xff"
"""What the sender removed from the end of the message (RFC 7692 7.2.1)."""
PROBE = b"\x01\x04\x00\xfb\xff", b"here"
"""A stored, final block of four bytes (RFC 1951 3.2.4), and those bytes."""
WINDOW = 32 << 10
"""Bytes that a back-reference may reach (RFC 1951 2)."""
STEP = 64 << 10
"""Bytes of output made at once, at most."""
INPUT = 16 << 10
"""Bytes given to zlib at once: it copies what it did not use, as often as it is asked for a step. As many are kept,
about, to find the byte at which an error is."""


class Compression(msgspec.Struct, frozen=True):
    """What one side's compressed messages may do, by the answer to the offer of permessage-deflate."""

    takeover: bool = True
    """Refer to earlier messages: no "no_context_takeover" was agreed."""
    bits: int = zlib.MAX_WBITS
    """Refer at most two to the power of this many bytes back."""


class Defect(IntEnum):
    """What is wrong, or remarkable, about a compressed message."""

    NO_DEFLATE = 1
    INCOMPLETE = 2
    """It ends inside a block."""
    EMPTY = 3
    """It has no bytes, where the empty message has one."""
    TAIL_KEPT = 4
    REACHED_BACK = 5
    """Beyond the start of the message, though takeover was ruled out."""
    TOO_FAR = 6
    """Beyond the window agreed."""
    FINAL_BLOCK = 7
    BOMB = 8
    """It grew extremely."""
    CONTEXT_LOST = 9
    """It may refer to an earlier message that is not known."""


class InflateError(Exception):
    """The payload is no DEFLATE stream."""

    def __init__(self, reason: str, at: int) -> None:
        """``at``: the byte of the run fed that showed it."""
        super().__init__(reason)
        self.at = at


class IncompleteError(Exception):
    """The payload ends inside a DEFLATE block."""


class RestartError(Exception):
    """More DEFLATE streams than are followed."""


class Inflater:
    """The inflating side of one direction: for each message `begin`, `feed` as often as there are runs, `end`.

    `broken` is true from `begin` to a successful `end`, and after one that was not, as long as later messages may
    refer to what was missed. A message must not be fed if it was true before `begin` and still is after it.
    """

    def __init__(self, compression: Compression, restarts: int) -> None:
        """``restarts``: how often a message may go on after a block with BFINAL set.

        After each `feed` is through, ``noticed`` holds what the run showed of `Defect`, with the byte of the run.
        """
        self.compression = compression
        self._most = restarts
        self._stream: Any = None
        """A direction that never compresses never has one, nor a walk."""
        self._recent = bytearray()
        """What came out last, at least WINDOW bytes if there were as many."""
        self._start: Any = None
        """The stream, or what it was primed with, before the input in `_log`."""
        self._log: list[bytes] = []
        self._logged = 0
        self._bounded = not compression.takeover or compression.bits < zlib.MAX_WBITS
        self._walk: TokenWalk | None = None
        self._restarts = 0
        self._last = b""
        """The message's last bytes, as many as TAIL has."""
        self.broken = False
        self.noticed: list[tuple[Defect, int]] = []

    @property
    def farthest(self) -> int:
        """The largest distance in the message; 0 where none was agreed."""
        return 0 if self._walk is None else int(self._walk.farthest)

    @property
    def over(self) -> int:
        """How far back a match reached beyond the start of the message, where that was ruled out."""
        return 0 if self._walk is None or self.compression.takeover else int(self._walk.over)

    def begin(self) -> bool:
        """A compressed message begins. Whether it can be inflated."""
        if not self.compression.takeover:
            if self.broken:
                self._recent.clear()
            self._stream = None
            self.broken = False
        if self._bounded:
            self._walk = self._walk or TokenWalk(1 << self.compression.bits)
            self._walk.begin()
        self._restarts = 0
        self._last = b""
        self.noticed = []
        known, self.broken = not self.broken, True
        return known

    def lose(self) -> None:
        """A compressed message was not given whole."""
        self.broken = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next run of payload inflates to, in steps. Raises InflateError and RestartError."""
        self.noticed = []
        self._last = (self._last + data)[-len(TAIL) :] if len(data) < len(TAIL) else data[-len(TAIL) :]
        for start in range(0, len(data), INPUT):
            rest = block = data[start : start + INPUT]
            while rest:
                if self._stream is None or self._stream.eof:
                    self._restart()
                given = rest
                run = None
                while run is None or ((rest or len(run) == STEP) and not self._stream.eof):
                    try:
                        run, rest = self._step(rest)
                    except zlib.error as error:
                        at = start + len(block) - len(given) + self._find(given)
                        raise InflateError(str(error).rpartition(": ")[2], at) from None
                    if run:
                        yield run
                self._remember(given[: len(given) - len(rest)])
                if self._stream.eof:
                    self.noticed.append((Defect.FINAL_BLOCK, start + len(block) - len(rest) - 1))
            if self._walk is not None:
                self._walk.feed(block)
                if self._walk.over_at >= 0 and not self.compression.takeover:
                    self.noticed.append((Defect.REACHED_BACK, start + self._walk.over_at))
                if self._walk.far_at >= 0:
                    self.noticed.append((Defect.TOO_FAR, start + self._walk.far_at))

    def end(self) -> bool:
        """The message is over. Whether it ends with the tail that should have been removed, and is right otherwise.

        Raises IncompleteError where it does not end at a block boundary. A message of no bytes at all counts as empty:
        the context is left as it is. So does the end of a block with BFINAL set count as a boundary, though the sender
        should have put an empty block after it (RFC 7692 7.2.3.4).
        """
        kept = False
        if self._last:
            kept = self._last == TAIL and (self._stream.eof or self._at_boundary())
            if not kept and not self._stream.eof:
                try:
                    sure = not self._stream.decompress(TAIL) and self._at_boundary()
                except zlib.error:
                    sure = False
                if not sure:
                    raise IncompleteError
                self._remember(TAIL)
        self.broken = False
        return kept

    def _at_boundary(self) -> bool:
        """The stream stands between two blocks, at a byte."""
        block, content = PROBE
        probe = self._stream.copy()
        try:
            return bool(probe.decompress(block + content) == content and probe.eof)
        except zlib.error:
            return False

    def _restart(self) -> None:
        if self._stream is not None:
            self._restarts += 1
            if self._restarts > self._most:
                raise RestartError
        self._start = bytes(memoryview(self._recent)[-WINDOW:])
        self._log, self._logged = [], 0
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._start)

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        """Inflate up to STEP bytes; what came out, and the input that is left."""
        run: bytes = self._stream.decompress(data, STEP)
        self._recent += run
        if len(self._recent) > 2 * WINDOW:
            del self._recent[:-WINDOW]
        return run, self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail

    # --- to find the byte at which an error is

    def _remember(self, data: bytes) -> None:
        """The stream took this."""
        self._log.append(data)
        self._logged += len(data)
        if self._logged > INPUT and not self._stream.eof:
            self._start, self._log, self._logged = self._stream.copy(), [], 0

    def _find(self, data: bytes) -> int:
        """The byte of ``data`` without which there was no error."""
        primed = isinstance(self._start, bytes)
        stream = zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._start) if primed else self._start
        for part in self._log:
            _drain(stream, part)
        good, bad = 0, len(data)
        while bad - good > 1:
            middle = (good + bad) // 2
            trial = stream.copy()
            try:
                _drain(trial, data[good:middle])
                stream, good = trial, middle
            except zlib.error:
                bad = middle
        return good


def _drain(stream: Any, data: bytes) -> None:
    """Let ``stream`` read all of ``data``, and forget what comes out."""
    out = b""
    while data or len(out) == STEP:
        out = stream.decompress(data, STEP)
        if stream.eof:
            return
        data = stream.unconsumed_tail
