"""Where a message's content ends (RFC 9112 6.3). Content is never kept, only counted.

A length that was announced, chunks that announce theirs, or the end of the connection: each kind of `Body` takes bytes
until it is done. It can be asked how many of the next ones need not be looked at. Bytes may be lost without harm where
their number is known to lie inside what was announced; beyond it nobody knows where the message ends.
"""

from __future__ import annotations

import re
from typing import Protocol

from analyzer.http.head import Head

LONGEST_LINE = 4096
"""A chunk-size line or trailer line longer than this is taken for something that is not chunked content."""

_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class Body(Protocol):
    """Content that is going by."""

    @property
    def done(self) -> bool:
        """All of it went by."""
        ...

    @property
    def failed(self) -> bool:
        """The framing makes no sense: the end of the message is not known."""
        ...

    def take(self, data: bytes) -> int:
        """Use bytes from the front of ``data``; how many belonged to the content."""
        ...

    def skippable(self) -> int:
        """Bytes to come that need not be looked at."""
        ...

    def skip(self, count: int) -> bool:
        """Pass over ``count`` bytes unseen; False if the end of the content is not known after that."""
        ...


class Counted:
    """Content of a known length."""

    def __init__(self, length: int) -> None:
        """``length`` in bytes."""
        self.left = length
        self.failed = False

    @property
    def done(self) -> bool:
        """All of it went by."""
        return self.left == 0

    def take(self, data: bytes) -> int:
        """See `Body`."""
        used = min(self.left, len(data))
        self.left -= used
        return used

    def skippable(self) -> int:
        """See `Body`."""
        return self.left

    def skip(self, count: int) -> bool:
        """See `Body`."""
        fits = count <= self.left
        self.left -= min(count, self.left)
        return fits


class Chunked:
    """Content in chunks, and the trailer after them (RFC 9112 7.1)."""

    def __init__(self) -> None:
        """At the first chunk-size line."""
        self.done = False
        self.failed = False
        self._left = 0
        self._line = bytearray()
        self._trailer = False

    def take(self, data: bytes) -> int:
        """See `Body`."""
        index = 0
        while index < len(data) and not self.done and not self.failed:
            if self._left:
                used = min(self._left, len(data) - index)
                self._left -= used
                index += used
                continue
            stop = data.find(b"\n", index)
            end = len(data) if stop < 0 else stop + 1
            self._line += data[index : min(end, index + LONGEST_LINE + 1)]
            index = end
            if len(self._line) > LONGEST_LINE:
                self.failed = True
            elif stop >= 0:
                self._end_line(bytes(self._line).rstrip(b"\r\n"))
                self._line.clear()
        return index

    def _end_line(self, line: bytes) -> None:
        if self._trailer:
            self.done = not line
            return
        match = _CHUNK.fullmatch(line)
        if match is None:
            self.failed = True
            return
        size = int(match[1], 16)
        if size:
            # The line end after the chunk's data belongs to the chunk; a bare LF there is not met in practice.
            self._left = size + len(b"\r\n")
        else:
            self._trailer = True

    def skippable(self) -> int:
        """See `Body`."""
        return max(0, self._left - len(b"\r\n"))

    def skip(self, count: int) -> bool:
        """See `Body`."""
        fits = count <= self._left
        self._left -= min(count, self._left)
        return fits


class UntilClose:
    """Content that lasts until the connection ends."""

    done = False
    failed = False

    def take(self, data: bytes) -> int:
        """See `Body`."""
        return len(data)

    def skippable(self) -> int:
        """See `Body`."""
        return 1 << 62

    def skip(self, count: int) -> bool:
        """See `Body`."""
        return count >= 0


def request_body(head: Head) -> Body:
    """RFC 9112 6.3 for requests: without a length there is no content."""
    if head.named(b"transfer-encoding"):
        return Chunked()
    return Counted(_content_length(head) or 0)


def response_body(head: Head, method: bytes) -> Body:
    """RFC 9112 6.3 for final responses to a request of that method."""
    if method == b"HEAD" or head.code in (204, 304):
        return Counted(0)
    codings = [field.value.lower() for field in head.named(b"transfer-encoding")]
    if codings:
        return Chunked() if codings[-1].rpartition(b",")[2].strip() == b"chunked" else UntilClose()
    length = _content_length(head)
    return UntilClose() if length is None else Counted(length)


def _content_length(head: Head) -> int | None:
    """The length that is stated, once or always the same; None where there is none to believe."""
    values = {part.strip() for field in head.named(b"content-length") for part in field.value.split(b",")}
    if len(values) != 1:
        return None
    value = values.pop()
    return int(value) if _LENGTH.fullmatch(value) else None
