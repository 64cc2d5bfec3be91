"""A TCP connection in segments, a line each: numbers are counted from the first byte of either side."""

from __future__ import annotations

from analyzer.tcp.streams import GAP
from tests.tcp.feeding import Result, Sent, packets, streams_of

ISN = 1000, 5000
SYN = Sent(0, ISN[0], ack=None, flags="s")
SYN_ACK = Sent(1, ISN[1], ack=ISN[0] + 1, flags="s")
OPENED = [SYN, SYN_ACK]


def client(offset: int, data: bytes = b"", flags: str = "", ack: int = 0, **more: int) -> Sent:
    """From the client, who has sent ``offset`` bytes before and seen ``ack``."""
    return Sent(0, ISN[0] + 1 + offset, data, ISN[1] + 1 + ack, flags, **more)


def server(offset: int, data: bytes = b"", flags: str = "", ack: int = 0, **more: int) -> Sent:
    """The same of the server."""
    return Sent(1, ISN[1] + 1 + offset, data, ISN[0] + 1 + ack, flags, **more)


def run(*sent: Sent, size: int | None = None, **changed: int) -> Result:
    """What becomes of these segments."""
    return streams_of(packets(sent), size, **changed)


def gaps(result: Result, direction: int = 0) -> list[tuple[int, int, int]]:
    """Offset, length and reason of each gap."""
    return [(gap.offset, gap.length, gap.start) for gap in result.of(direction, GAP)]
