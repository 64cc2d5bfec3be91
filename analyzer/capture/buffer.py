"""A window on a stream: one reused bytearray whose unread rest moves to the front before each read."""

from __future__ import annotations

from analyzer.capture.stream import Stream

ALIGNMENT = 8
"""The buffer's length is a multiple of this, so that it can be looked at in larger units."""


class Buffer:
    """The bytes ``data[:end]`` of a file, of which ``data[0]`` stands at offset ``base``."""

    __slots__ = ("base", "data", "end", "view", "words")

    def __init__(self, size: int) -> None:
        """An empty window of about ``size`` bytes."""
        self.base = 0
        self.end = 0
        self._allocate(size)

    def _allocate(self, size: int) -> None:
        self.data = bytearray(max(size + -size % ALIGNMENT, ALIGNMENT))
        self.view = memoryview(self.data)
        self.words = self.view.cast("I")
        """The same bytes as 32-bit numbers in the machine's byte order."""

    def refill(self, stream: Stream, at: int, need: int) -> bool:
        """Drop what stands before ``at``, read once; False at the end of the stream. Raises DamageError.

        ``at`` may lie beyond the end: what is between is passed over. ``need`` is how many bytes from ``at`` on the
        caller cannot do without; the buffer grows towards it as long as there is data to fill it. Afterwards what
        stood at ``at`` stands at 0.
        """
        while at > self.end:
            at -= self.end
            self.base += self.end
            self.end = 0
            self.end = stream.readinto(self.view[: min(at, len(self.data))])
            if not self.end:
                return False
        rest = self.end - at
        # The rest may overlap its new place; slices of one memoryview are moved safely.
        self.view[:rest] = self.view[at : self.end]
        self.base += at
        self.end = rest
        if rest == len(self.data):
            old = self.view
            self._allocate(min(2 * rest, max(need, rest + ALIGNMENT)))
            self.view[:rest] = old
        count = stream.readinto(self.view[rest:])
        self.end += count
        return count > 0
