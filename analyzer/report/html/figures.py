"""What the charts are drawn from: running figures of a connection, or of the whole capture.

Their size does not depend on the traffic: sizes are counted by powers of two, round trips beyond the first few hundred
only as least, most and mean. A round trip is what the capture shows of it: from the Ping's first byte to that of the
Pong with the same payload (RFC 6455 5.5.3), seen from where the packets were recorded.
"""

from __future__ import annotations

from collections import Counter, deque

from analyzer.model import Direction, Frame, Message, Opcode
from analyzer.report.html.bytes import kept_bytes, payload

ROUND_TRIPS = 200
"""Round trips drawn one by one."""
PENDING_PINGS = 32
"""Pings of one side that wait for their Pong; older ones are forgotten."""
PENDING_SIDES = 10_000
"""Sides of connections of which Pings are remembered at once."""
PENDING_FRAMES = 20_000
"""Data frames whose messages are not finished, over all connections; beyond it compression is not stated."""

OTHER: dict[str, Direction] = {"client": "server", "server": "client"}
"""Who receives."""


class Figures:
    """Sizes, overhead, compression and round trips."""

    __slots__ = (
        "_lost",
        "_open",
        "_pings",
        "_waiting",
        "best",
        "header",
        "inflated",
        "payload",
        "sizes",
        "total",
        "trips",
        "worst",
    )

    def __init__(self) -> None:
        """Nothing seen."""
        self.sizes: dict[str, Counter[int]] = {"client": Counter(), "server": Counter()}
        """Frames by the bit length of their payload length: 0 is none, 3 is 4 to 7 bytes."""
        self.header = {"client": 0, "server": 0}
        self.payload = {"client": 0, "server": 0}
        """Bytes, as on the wire."""
        self.inflated: dict[str, list[int]] = {}
        """Of compressed messages by sender: how many, their bytes on the wire, their bytes inflated."""
        self.trips: list[tuple[int, int, str]] = []
        """Time of the Ping, round trip in nanoseconds, who asked."""
        self.total = [0, 0]
        """Round trips, and their sum."""
        self.best = self.worst = 0
        self._pings: dict[tuple[int, str], deque[tuple[bytes, int]]] = {}
        self._open: dict[tuple[int, str], deque[Frame]] = {}
        self._waiting = 0
        self._lost: set[str] = set()

    def frame(self, frame: Frame) -> None:
        """Count a frame."""
        side = frame.direction
        self.sizes[side][frame.payload_length.bit_length()] += 1
        self.header[side] += frame.header_length
        if frame.complete:
            self.payload[side] += frame.payload_length
        if frame.opcode < Opcode.CLOSE:
            if frame.complete:
                self._data(frame)
        elif frame.opcode == Opcode.PING and frame.complete and kept_bytes(frame) is not None:
            pings = self._pings.get((frame.connection, side))
            if pings is None and len(self._pings) < PENDING_SIDES:
                pings = self._pings[frame.connection, side] = deque(maxlen=PENDING_PINGS)
            if pings is not None:
                pings.append((payload(frame), frame.time_ns))
        elif frame.opcode == Opcode.PONG and frame.complete:
            self._pong(frame, self._pings.get((frame.connection, OTHER[side])))

    def _data(self, frame: Frame) -> None:
        if len(self._lost) == len(OTHER):
            return
        if self._waiting >= PENDING_FRAMES:
            self._lost.update(OTHER)
            self._open.clear()
            return
        self._open.setdefault((frame.connection, frame.direction), deque()).append(frame)
        self._waiting += 1

    def _pong(self, frame: Frame, pings: deque[tuple[bytes, int]] | None) -> None:
        """RFC 6455 5.5.3: a Pong answers the Ping with its payload, and those before it need none.

        Where several have that payload, which one is meant cannot be told, and none is measured.
        """
        if not pings:
            return
        data = payload(frame)
        matching = [at for at, (sent, _) in enumerate(pings) if sent == data]
        if not matching:
            return
        for _ in range(matching[-1]):
            pings.popleft()
        asked = pings.popleft()[1]
        if len(matching) > 1:
            return
        took = frame.time_ns - asked
        if took < 0:  # the capture's clock went backwards
            return
        self.best = took if not self.total[0] else min(self.best, took)
        self.worst = max(self.worst, took)
        self.total[0] += 1
        self.total[1] += took
        if len(self.trips) < ROUND_TRIPS:
            self.trips.append((asked, took, OTHER[frame.direction]))

    def message(self, message: Message) -> Frame | None:
        """Take a message; its frames have come before it. Its first frame, where that is known for sure."""
        side = message.direction
        if side in self._lost:
            return None
        waiting = self._open.get((message.connection, side), deque())
        while waiting and waiting[0].opcode == Opcode.CONTINUATION:  # of no message
            self._forget(waiting)
        taken = [self._forget(waiting) for _ in range(min(message.frames, len(waiting)))]
        whole = len(taken) == message.frames and all(frame.opcode == Opcode.CONTINUATION for frame in taken[1:])
        if not message.frames:
            return None  # cut within its first frame
        if not whole or taken[0].packet != message.first_packet:
            self._lost.add(side)
            return None
        if message.compressed and message.complete and message.length is not None:
            known = self.inflated.setdefault(side, [0, 0, 0])
            for at, add in enumerate((1, sum(frame.payload_length for frame in taken), message.length)):
                known[at] += add
        return taken[0]

    def _forget(self, waiting: deque[Frame]) -> Frame:
        self._waiting -= 1
        return waiting.popleft()

    def end(self, connection: int) -> None:
        """Forget what waits for the rest of a connection that has ended."""
        for side in OTHER:
            self._pings.pop((connection, side), None)
            self._waiting -= len(self._open.pop((connection, side), ()))

    def compression(self) -> dict[str, tuple[int, int, int]]:
        """`inflated` of the sides of which every message could be followed."""
        return {side: (known[0], known[1], known[2]) for side, known in self.inflated.items() if side not in self._lost}
