"""What an `HttpConnection` remembers of each direction.

Its next bytes are a head, content, not known before the other side has spoken, or not known at all (`Mode`). Only heads
and what waits are kept, and both count against limits.
"""

from __future__ import annotations

from enum import Enum

from analyzer.http.body import Body, Counted
from analyzer.http.collector import Collector
from analyzer.http.exchange import Chunk, Exchange
from analyzer.model import Cut, Opcode, Place
from analyzer.wire.tables import MASKED, OPCODE, RSV2, RSV3

OPCODES = frozenset(Opcode)

PIECE = 512
"""What a chunk that is kept counts besides its bytes: its bookkeeping takes about so much."""


class Mode(Enum):
    """What one side's next bytes are."""

    HEAD = "head"
    BODY = "body"
    WAIT = "wait"
    """They depend on the other side: stashed."""
    LOST = "lost"
    """Not known, because bytes were lost or are no HTTP."""


class Side:
    """What is known of one direction."""

    __slots__ = (
        "at",
        "body",
        "collector",
        "content_of",
        "ended",
        "gapped",
        "mode",
        "responses",
        "seen",
        "stash",
        "stashed",
        "strange",
        "unasked",
    )

    def __init__(self) -> None:
        self.at = 0
        """Stream offset of the next byte to be read."""
        self.seen = 0
        """Stream offset one past the last byte that came."""
        self.mode = Mode.HEAD
        self.collector = Collector()
        self.body: Body = Counted(0)
        self.content_of: Exchange | None = None
        """The opening whose content the body is, as long as the first bytes of it are being kept."""
        self.stash: list[Chunk] = []
        self.stashed = 0
        self.ended: Cut | None = None
        self.gapped = False
        """A loss put the side out of step."""
        self.responses = 0
        self.strange = 0
        """Chunks that were no HTTP."""
        self.unasked: Place | None = None
        """Of the first byte of the stream, where its segment acknowledges nothing of the other side's."""

    def begin_head(self) -> None:
        """A message comes next."""
        self.mode = Mode.HEAD
        self.collector = Collector()

    def lose_step(self) -> None:
        """What comes next is not known, until a message begins a segment."""
        self.mode = Mode.LOST
        self.collector = Collector()

    @property
    def held(self) -> int:
        """Bytes of memory that what is kept stands for."""
        return len(self.collector) + self.stashed + PIECE * (len(self.collector.chunks) + len(self.stash))


def masked_frame(data: bytes) -> bool:
    """The first bytes of a client's frame (RFC 6455 5.2), as sure as two bytes can be."""
    if len(data) < 2:
        return False
    first, second = data[0], data[1]
    return bool(MASKED[second]) and int(OPCODE[first]) in OPCODES and not RSV2[first] and not RSV3[first]
