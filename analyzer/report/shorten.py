"""Packets without what they carry, for captures that are given to others: each ends with its TCP header.

What is no TCP segment in the clear of its own (another protocol, an IP fragment, a tunnel or link type that the bulk
decoder does not open, a cut header) keeps no byte at all: nobody knows where its secrets stand. The length on the wire
stays what it was, so readers see packets cut by the capture.
"""

from __future__ import annotations

from analyzer.capture.batch import Batch
from analyzer.settings import Settings
from analyzer.tcp.packets import Flows, Segments

PADDING = 64
"""Bytes after the packet, so that no fixed header reads beyond the buffer."""


class Shortener:
    """Cuts packets, one by one."""

    def __init__(self) -> None:
        """It remembers one connection: which one a packet is of does not matter here."""
        settings = Settings()
        self._flows = Flows(1, settings.linger_time, settings.idle_time)
        self._segments = Segments(1)

    def cut(self, packet: bytes, wire: int, link: int) -> bytes:
        """What may be shown of ``packet``, which had ``wire`` bytes on a link of type ``link``."""
        size = len(packet) + PADDING
        batch = Batch(bytearray(packet) + bytes(PADDING + -size % 8), 1)
        batch.captured[0], batch.wire[0], batch.link[0] = len(packet), max(wire, len(packet)), link
        batch.count = 1
        self._flows.decode(batch, self._segments)
        return packet[: int(self._segments.start[0])] if self._segments.count else b""
