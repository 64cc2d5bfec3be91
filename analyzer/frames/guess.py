"""Is this WebSocket, and who is the client? For connections of which the opening, or a part of it, was not captured.

Only a client masks its frames (RFC 6455 5.1), so the mask bits tell the roles: set on every frame of one side, clear on
every frame of the other. A masked frame is hard to mistake: its length counts neither header nor key, so its second
byte, with the top bit set, says 122 more than the bytes that follow it. Frames without masks resemble whatever has a
byte of type and a byte of length, and prove nothing by themselves. So both sides are read as frames from some segment
on, and a claim is made only where several frames in a row made sense on each side that was captured, and the masking
keys differ, as RFC 6455 5.3 wants them. Less is asked for where a part of the opening was captured. Whatever is short
of that is left alone.
"""

from __future__ import annotations

from analyzer.frames.sync import END_BITS, HEADER_BITS, Search, Walk
from analyzer.http.exchange import Chunk

MASKED_BITS, MASKED_FRAMES = 48, 3
"""What the client's frames have to come to (`Walk.bits`), with masking keys that differ."""
CLEAR_BITS, CLEAR_FRAMES = 24, 2
"""The server's."""
ALONE_BITS, ALONE_FRAMES = 96, 8
"""The client's, where not a byte of the server is there."""
OVER_BITS, OVER_FRAMES, OVER_CLEAR_BITS = 36, 2, HEADER_BITS + END_BITS
"""The client's, where the connection is over, and the server's: one frame that ends where its segment does."""
ASKED_BITS = 24
"""Either side's, where an opening was captured but not its answer."""

MISSES = 128
"""Segments that are no frames, after which it is given up: as many as fill a message of some 180 KB."""


class Guess:
    """Both sides of a connection, until it is clear what they are."""

    __slots__ = ("_limit", "_seen", "full", "sides")

    def __init__(self, limit: int) -> None:
        """``limit``: bytes kept of each side; what comes after them is not looked at."""
        self._limit = limit
        self._seen = [False, False]
        self.sides = (Search(None, reserved=True), Search(None, reserved=True))
        self.full = [False, False]
        """By side: the limit was reached."""

    @property
    def size(self) -> int:
        """Bytes of memory that what is kept stands for."""
        return self.sides[0].size + self.sides[1].size

    @property
    def hopeless(self) -> bool:
        """Too much came that is no frames."""
        return self.sides[0].misses + self.sides[1].misses >= MISSES

    def add(self, side: int, chunk: Chunk) -> None:
        """The next segment of a side."""
        self._seen[side] = True
        if not self.full[side]:
            self.sides[side].add(chunk)
            self.full[side] = self.sides[side].size > self._limit

    def lose(self, side: int, length: int) -> None:
        """Bytes of a side are missing."""
        if not self.full[side]:
            self.sides[side].lose(length)

    def client(self, known: int = -1, *, asked: bool = False, over: bool = False) -> int:
        """The side that is the client of a WebSocket; -1: cannot tell.

        ``known``: the side that sent an HTTP request, if one did; ``asked``: and it was an opening. ``over``: no more
        will come.
        """
        for side in (0, 1) if known < 0 else (known,):
            ours, theirs = self.sides[side].walk, self.sides[1 - side].walk
            if (ours is not None and not ours.masked) or (theirs is not None and theirs.masked):
                continue
            if asked and max(_bits(ours), _bits(theirs)) >= ASKED_BITS:
                return side
            varied = ours is not None and (ours.varied or known >= 0)
            if ours is not None and varied and self._believable(ours, theirs, self._seen[1 - side], over):
                return side
        return -1

    def _believable(self, ours: Walk, theirs: Walk | None, seen: bool, over: bool) -> bool:
        if theirs is None:
            return not seen and ours.bits >= ALONE_BITS and ours.frames >= ALONE_FRAMES
        if over and ours.bits >= OVER_BITS and ours.frames >= OVER_FRAMES and theirs.bits >= OVER_CLEAR_BITS:
            return True
        enough = ours.bits >= MASKED_BITS and ours.frames >= MASKED_FRAMES
        return enough and theirs.bits >= CLEAR_BITS and theirs.frames >= CLEAR_FRAMES


def _bits(walk: Walk | None) -> int:
    return 0 if walk is None else walk.bits
