"""Connections whose SYN was not captured: their first segments, until it is clear where each stream starts.

The first packets of a capture that starts in the middle may be out of order, so the start is fixed only when a
few of them were seen: the lowest sequence number of a direction, or what the other side's first ACK says where
that side's own SYN was captured. A keep-alive probe repeats the number before the next byte, with garbage for a
payload or none (RFC 1122 4.2.3.6); it must not become the first byte of the stream.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from analyzer.tcp.streams import distance
from analyzer.wire import link

SEQUENCES = 1 << 32

EARLY = 1024
"""What a collected segment counts beside its bytes: its bookkeeping."""


class Early(msgspec.Struct, gc=False):
    """A segment seen before the start of its stream is known."""

    direction: int
    seq: int
    ack: int
    flags: int
    length: int
    data: bytes
    file: int
    packet: int
    time_ns: int
    file_offset: int


class Joining(msgspec.Struct):
    """A connection while its first segments are collected."""

    start_ns: int
    """On the clock of the run."""
    segments: list[Early] = []
    size: int = 0
    """Bytes of memory the segments stand for."""

    def add(self, early: Early) -> None:
        """Collect one more."""
        self.segments.append(early)
        self.size += len(early.data) + EARLY

    def take(self, direction: int) -> list[Early]:
        """Remove and return what was collected of one direction."""
        mine = [early for early in self.segments if early.direction == direction]
        self.segments = [early for early in self.segments if early.direction != direction]
        self.size -= sum(len(early.data) + EARLY for early in mine)
        return mine


def start(segments: Sequence[Early], direction: int, first_ack: int) -> int | None:
    """The sequence number at which ``direction`` starts, from the collected segments; None where none is its own.

    ``first_ack`` is the first number the other side acknowledged, where its SYN was captured; else -1.
    """
    candidates = [] if first_ack < 0 else [first_ack]
    acknowledged: set[int] = set()
    probes: list[int] = []
    for early in segments:
        if early.direction != direction:
            if early.flags & link.TCP_ACK:
                acknowledged.add(early.ack)
        elif early.length <= 1 and (early.seq + 1) % SEQUENCES in acknowledged:
            probes.append((early.seq + 1) % SEQUENCES)
        elif not early.flags & link.TCP_RST:
            candidates.append(early.seq)
    mine = [early.seq for early in segments if early.direction == direction]
    if not mine:
        return None
    if not candidates:
        candidates = probes or mine[:1]  # a RST's number may be anything, and is the last choice
    return min(candidates, key=lambda seq: distance(seq, candidates[0]))
