"""Gathers the bytes of one head from however many chunks they come in.

Each byte is looked at once: the search for the empty line goes on where it stopped. Empty lines before the
start line are passed over (RFC 9112 2.2). Lost bytes become a `HOLE`.
"""

from __future__ import annotations

from analyzer.http import sniff
from analyzer.http.exchange import Chunk
from analyzer.http.head import HOLE, MISSING_END, Defect, Head, Piece, parse_head
from analyzer.model import Cut


class Collector:
    """One head in the making."""

    __slots__ = ("_line", "_raw", "_scanned", "_start", "blank_before", "chunks", "holes", "verified")

    def __init__(self) -> None:
        """Before the first byte."""
        self._raw = bytearray()
        self._start = -1
        """Index of the start line's first byte; -1 before it is here."""
        self._line = 0
        """Index of the line in which the search stopped."""
        self._scanned = 0
        self.chunks: list[tuple[int, Chunk]] = []
        """Index into the raw bytes of each chunk's first byte, and the chunk as used."""
        self.holes = 0
        """Places where bytes are missing."""
        self.blank_before = False
        """Empty lines stood before the start line."""
        self.verified = False
        """The start line was recognised as HTTP."""

    @property
    def empty(self) -> bool:
        """Nothing of a start line has come."""
        return self._start < 0

    def __len__(self) -> int:
        return len(self._raw)

    def add(self, chunk: Chunk) -> int:
        """Take the chunk; how many of its bytes the head used, or -1 if all and its end is still to come."""
        base = len(self._raw)
        self.chunks.append((base, chunk))
        self._raw += chunk.data
        while (stop := self._raw.find(b"\n", self._scanned)) >= 0:
            blank = stop == self._line or (stop == self._line + 1 and self._raw[self._line] == ord("\r"))
            self._scanned = stop + 1
            if self._start < 0:
                if blank:
                    self.blank_before = True
                else:
                    self._start = self._line
            elif blank:
                del self._raw[stop + 1 :]
                return stop + 1 - base
            self._line = stop + 1
        self._scanned = len(self._raw)
        if self._start < 0 and bytes(self._raw[self._line : self._line + 2]) not in (b"", b"\r"):
            self._start = self._line
        return -1

    def lose(self) -> None:
        """Bytes are missing here."""
        self.holes += 1
        self._raw += HOLE
        self._scanned = len(self._raw)

    def looks(self, *, request: bool, response: bool) -> bool | None:
        """The start line so far is HTTP of one of the wanted kinds; None: too early to tell."""
        if self._start < 0:
            return None
        few = bytes(self._raw[self._start : self._start + sniff.LONGEST_METHOD + 1])
        answers = []
        if response:
            answers.append(sniff.begins_response(few))
        if request:
            quick = sniff.begins_request(few)
            if quick is None and self._line > self._start:
                quick = sniff.begins_request(bytes(self._raw[self._start : self._line]))
            answers.append(quick)
        if True in answers:
            return True
        return None if None in answers else False

    def begins_response(self) -> bool:
        """Of a head that looks right: it is a response."""
        return self._raw.startswith(b"HTTP/", self._start)

    def head(self, *, is_request: bool, complete: bool) -> Head:
        """The head gathered so far."""
        raw = bytes(self._raw[self._start :])
        pieces: list[Piece] = []
        for index, chunk in self.chunks:
            if index + len(chunk.data) > self._start and index < len(self._raw):
                inside = max(0, self._start - index)
                first = chunk.after(inside)
                pieces.append((index + inside - self._start, first.offset, first.place))
        return parse_head(raw, pieces, is_request=is_request, complete=complete, gap=self.holes > 0)

    def unfinished(self, how: Cut | None, *, is_request: bool) -> Head:
        """The head as far as it came, and how its sender ended the stream."""
        head = self.head(is_request=is_request, complete=False)
        head.cut = how
        if how is Cut.FIN and not head.gap:
            miss_end(head)
        return head

    def torn_response(self) -> Head:
        """A response head whose end is lost."""
        head = self.head(is_request=False, complete=False)
        head.end, head.intact = -1, False
        return head

    def first(self) -> Chunk | None:
        """The bytes of the segment that holds the start line's first byte, from that byte on."""
        for index, chunk in self.chunks:
            if index + len(chunk.data) > self._start:
                return chunk.after(max(0, self._start - index))
        return None

    def acked(self) -> int:
        """What the segment with the start line's first byte acknowledges."""
        first = self.first()
        return -1 if first is None else first.acked


def miss_end(head: Head) -> None:
    """Note that no empty line ended the head."""
    head.defects.append(Defect(max(head.offset, head.end - 1), MISSING_END))
