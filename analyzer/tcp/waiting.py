"""What one direction of a connection waits for: bytes ahead of a hole, an end, acknowledged bytes.

The pieces that wait are sorted and free of overlap: where two copies of a byte come, the first one stays, and
the second is compared with it. A piece counts as at least `PIECE` bytes, because its bookkeeping does: a stream
of one-byte segments must not fill the memory a hundred times over.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import msgspec
import numpy as np

PIECE = 1024
"""What a piece counts at least, in bytes. Its bookkeeping takes a few hundred; and the smaller the number of pieces
that fit a buffer, the shorter the search among them."""


SHOWN = 16
"""Bytes of two copies that are shown from the first difference on."""


class Piece(msgspec.Struct, gc=False):
    """Bytes waiting for a hole to be filled. ``data`` is shorter than ``length`` where the packet was cut."""

    offset: int
    length: int
    data: bytes
    acked: int
    file: int
    packet: int
    time_ns: int
    file_offset: int

    @property
    def end(self) -> int:
        """One past the last byte."""
        return self.offset + self.length

    @property
    def cost(self) -> int:
        """Bytes of memory it stands for."""
        return max(len(self.data), PIECE)

    def part(self, start: int, end: int) -> Piece:
        """What it holds of [start, end), in stream offsets."""
        skip = start - self.offset
        return Piece(
            start,
            end - start,
            self.data[skip : skip + end - start],
            self.acked,
            self.file,
            self.packet,
            self.time_ns,
            self.file_offset + skip,
        )


class Difference(NamedTuple):
    """Two copies of the same bytes that are not the same."""

    offset: int
    """Of the first byte that differs, in the stream."""
    length: int
    """From there on, as far as both copies go."""
    packet: int
    """Number of the packet with the first copy, in its file."""
    first: bytes
    """The first copy from that byte on, SHOWN bytes at most; then the later one."""
    again: bytes


class Inserted(msgspec.Struct):
    """What became of a new piece: the parts that were taken, and where it first contradicts an older copy."""

    parts: list[Piece]
    conflict: Difference | None = None


class Waiting(msgspec.Struct):
    """What one direction waits for. Offsets are the stream's."""

    pieces: list[Piece] = []
    size: int = 0
    """Sum of the pieces' costs, in bytes."""
    fin: int | None = None
    """Where a FIN says that the stream ends."""
    rst: int | None = None
    promised: int = 0
    """Highest offset the peer has acknowledged."""
    hole: int = -1
    """The hole that will be given up: its offset. -1: none, the peer has acknowledged nothing beyond it."""
    since_ns: int = 0
    """When waiting for ``hole`` began, on the clock of the run, and how many packets of the connection came since."""
    since_packets: int = 0

    def hole_end(self, at: int) -> int:
        """Where the hole at ``at`` ends as far as anybody knows; ``at`` where there is no hole."""
        if self.pieces:
            return self.pieces[0].offset
        if self.fin is None:
            return max(self.promised, at)
        return max(min(self.promised, self.fin) if self.promised > at else self.fin, at)

    def insert(self, new: Piece) -> Inserted:
        """Put ``new`` among the pieces where they leave space. Takes time in proportion to ``new.data``."""
        result = Inserted([])
        pieces = self.pieces
        i = bisect_left(pieces, new.offset, key=lambda piece: piece.offset)
        if i and pieces[i - 1].end > new.offset:
            i -= 1
        at = new.offset
        known = new.offset + len(new.data)
        while at < new.end:
            after = pieces[i] if i < len(pieces) and pieces[i].offset < new.end else None
            space_end = new.end if after is None else after.offset
            if at < space_end:
                part = new.part(at, space_end)
                pieces.insert(i, part)
                self.size += part.cost
                result.parts.append(part)
                i += 1
            if after is None:
                break
            if after.offset >= known:
                # Bytes the capture cut off are no copy to compare; all they tell is how far the stream goes.
                at, i = max(at, pieces[-1].end), len(pieces)
                continue
            low, high = max(at, after.offset), min(new.end, after.end)
            if result.conflict is None:
                first = after.data[low - after.offset : high - after.offset]
                again = new.data[low - new.offset : high - new.offset]
                result.conflict = difference(low, first, again, after.packet)
            at = max(at, after.end)
            i += 1
        return result

    def take(self, at: int) -> list[Piece]:
        """Remove and return the pieces that follow each other from ``at`` on."""
        done = 0
        while done < len(self.pieces) and self.pieces[done].offset == at:
            at = self.pieces[done].end
            self.size -= self.pieces[done].cost
            done += 1
        taken = self.pieces[:done]
        del self.pieces[:done]
        return taken

    def end_at(self, fin: int) -> None:
        """The stream ends at ``fin``: what waits beyond is no part of it."""
        self.fin = fin
        while self.pieces and self.pieces[-1].end > fin:
            last = self.pieces.pop()
            self.size -= last.cost
            if last.offset < fin:
                self.pieces.append(last.part(last.offset, fin))
                self.size += self.pieces[-1].cost

    def drop(self) -> None:
        """Wait for no piece any more."""
        self.pieces = []
        self.size = 0


def difference(offset: int, first: bytes, again: bytes, packet: int) -> Difference | None:
    """How two copies of the bytes at ``offset`` differ; None where they do not.

    Only as many bytes are compared as both copies hold. ``packet`` brought the first.
    """
    size = min(len(first), len(again))
    if first[:size] == again[:size]:
        return None
    differs = np.frombuffer(first, np.uint8, size) != np.frombuffer(again, np.uint8, size)
    where = int(differs.argmax())
    shown = slice(where, min(where + SHOWN, size))
    return Difference(offset + where, size - where, packet, first[shown], again[shown])
