"""Changes to a capture that leave both byte streams of every connection as they were.

Theory of operation. `parsed` reads a capture into `Segment` values, in the order of the capture. A transformation is a
function from a random generator and such a list to another list; any of them, in any order, describe traffic in which
the same two applications said the same. `tests.packing` puts the segments back into packets and files. All of it is
done with `struct` and none of it with the schemas of `analyzer.wire`, so that a slip there shows.

What must not be changed, because it is evidence and not transport: what a side had acknowledged when it sent a byte,
which of two sides sent first, and the capture times in which a peer reacted. So segments are reordered within bounds
and never over a SYN, FIN or RST of their connection, and only neighbours are joined.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import NamedTuple

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ENDS = FIN | SYN | RST
WRAP = 1 << 32
TICK = 1000
"""Nanoseconds: times are multiples of it, and no two are equal, so that no resolution and no merging blurs them."""
LATE = 100_000_000
"""Nanoseconds that a packet may be late."""
LARGEST = 65_000
"""Payload bytes of one segment: what an IPv4 packet has room for."""


class Segment(NamedTuple):
    """One TCP segment as it was captured."""

    time_ns: int
    source: tuple[bytes, int]
    destination: tuple[bytes, int]
    seq: int
    ack: int
    flags: int
    window: int
    options: bytes
    payload: bytes

    @property
    def connection(self) -> frozenset[tuple[bytes, int]]:
        """The pair of endpoints."""
        return frozenset((self.source, self.destination))

    @property
    def space(self) -> int:
        """Sequence numbers it takes."""
        return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)


Transformation = Callable[[Random, list[Segment]], list[Segment]]

# --- a capture into segments ------------------------------------------------------------------------------

SKIPPED = {0: 4, 1: 12, 101: 0, 113: 14}
"""Bytes before the EtherType or the IP header, by link type."""


def parsed(data: bytes) -> list[Segment]:
    """The TCP segments of a plain pcap file; IP fragments and other packets are left out."""
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    magic, link = struct.unpack_from(order + "L16xL", data)
    unit = 1000 if magic == 0xA1B2C3D4 else 1
    segments, at, latest = [], 24, 0
    while at < len(data):
        seconds, fraction, captured, _ = struct.unpack_from(order + "4L", data, at)
        packet = data[at + 16 : at + 16 + captured]
        at += 16 + captured
        time = (seconds * 10**9 + fraction * unit) // TICK * TICK
        segment = _segment(max(time, latest + TICK), packet[SKIPPED[link] + 2 * (link in (1, 113)) :])
        if segment is not None:
            latest = segment.time_ns
            segments.append(segment)
    return segments


def _segment(time: int, ip: bytes) -> Segment | None:
    if ip[0] >> 4 == 4:
        size, total, fragment, protocol = (ip[0] & 15) * 4, *struct.unpack_from(">2xH2xHxB", ip)
        source, destination = ip[12:16], ip[16:20]
        if fragment & 0x3FFF:
            return None
    else:
        size, total, protocol = 40, *struct.unpack_from(">4xHB", ip)
        total += size
        source, destination = ip[8:24], ip[24:40]
    if protocol != 6:
        return None
    tcp = ip[size:total]
    sport, dport, seq, ack, offset, flags, window = struct.unpack_from(">HHLLBBH", tcp)
    head = offset >> 4 << 2
    return Segment(time, (source, sport), (destination, dport), seq, ack, flags, window, tcp[20:head], tcp[head:])


def connections(segments: list[Segment]) -> list[list[Segment]]:
    """The segments of each pair of endpoints, in the order of the first of each."""
    found: dict[frozenset[tuple[bytes, int]], list[Segment]] = defaultdict(list)
    for segment in segments:
        found[segment.connection].append(segment)
    return list(found.values())


# --- TCP --------------------------------------------------------------------------------------------------


def retimed(segments: list[Segment], times: list[int]) -> list[Segment]:
    """The same segments at ``times``, a tick later where the time before is reached."""
    result, latest = [], -TICK
    for segment, time in zip(segments, times, strict=True):
        latest = max(time, latest + TICK)
        result.append(segment._replace(time_ns=latest))
    return result


def _in_place(segments: list[Segment]) -> list[Segment]:
    return retimed(segments, [segment.time_ns for segment in segments])


def shifted(random: Random, segments: list[Segment]) -> list[Segment]:
    """The whole capture at another time, before or after the year 2038."""
    shift = random.choice([-(10**9), TICK, 12 * 3600 * 10**9, 10**18])
    return [segment._replace(time_ns=segment.time_ns + shift) for segment in segments]


def reordered(random: Random, segments: list[Segment]) -> list[Segment]:
    """Segments arrive up to a few places late; SYN, FIN, RST and what stands on the other side of one stay apart."""
    result = list(segments)
    for at in range(len(result) - 1):
        reach = at + random.choice([0, 0, 0, 1, 1, 2, 4])
        while at < reach and at + 1 < len(result) and not _ordered(result[at], result[at + 1]):
            if segments[at + 1].time_ns - segments[at].time_ns > LATE:
                break
            result[at], result[at + 1] = result[at + 1], result[at]
            at += 1
    return retimed(result, [segment.time_ns for segment in segments])


def _ordered(first: Segment, second: Segment) -> bool:
    """Whether the order of two neighbours is evidence: ends of a connection, and what the two sides said."""
    if first.connection != second.connection:
        return False
    if (first.flags | second.flags) & ENDS:
        return True
    return first.source != second.source and bool(first.payload and second.payload)


def duplicated(random: Random, segments: list[Segment]) -> list[Segment]:
    """Some packets were captured twice."""
    result = []
    for segment in segments:
        result += [segment] * random.choice([1, 1, 2, 3])
    return _in_place(result)


def retransmitted(random: Random, segments: list[Segment]) -> list[Segment]:
    """Parts of what was sent are sent again, in segments that begin and end elsewhere."""
    result: list[Segment] = []
    sent: dict[object, list[Segment]] = defaultdict(list)
    for segment in segments:
        key = (segment.source, segment.destination)
        if segment.flags & (SYN | RST):
            sent[key].clear()
            sent[segment.destination, segment.source].clear()
        result.append(segment)
        if segment.payload and not segment.flags & ENDS:
            run = sent[key]
            if run and (run[-1].seq + len(run[-1].payload)) % WRAP != segment.seq:
                run.clear()
            run.append(segment)
            del run[:-4]
            if random.random() < 0.3:
                data = b"".join(each.payload for each in run)[-LARGEST:]
                start = random.randrange(len(data))
                stop = random.randint(start + 1, len(data))
                seq = (segment.seq + len(segment.payload) - len(data) + start) % WRAP
                result.append(segment._replace(seq=seq, payload=data[start:stop]))
    return _in_place(result)


def cut_up(random: Random, segments: list[Segment]) -> list[Segment]:
    """Segments of other sizes, down to a byte; about two thousand more at most."""
    total = sum(len(segment.payload) for segment in segments)
    size = max(random.choice([1, 2, 3, 7, 100, 536, 1460]), total // 2000)
    result = []
    for segment in segments:
        if len(segment.payload) <= size or segment.flags & SYN:
            result.append(segment)
            continue
        for start in range(0, len(segment.payload), size):
            last = start + size >= len(segment.payload)
            result.append(
                segment._replace(
                    seq=(segment.seq + start) % WRAP,
                    payload=segment.payload[start : start + size],
                    flags=segment.flags if last else segment.flags & ~(FIN | RST | PSH),
                )
            )
    return _in_place(result)


def joined(random: Random, segments: list[Segment]) -> list[Segment]:
    """Neighbours of a direction become one segment, as large as they may be."""
    limit = random.choice([100, 1460, 9000, LARGEST])
    result: list[Segment] = []
    for segment in segments:
        last = result[-1] if result else None
        if (
            last is not None
            and last.payload
            and segment.payload
            and (last.source, last.destination) == (segment.source, segment.destination)
            and not last.flags & ENDS
            and not segment.flags & (SYN | RST)
            and last.ack == segment.ack
            and (last.seq + len(last.payload)) % WRAP == segment.seq
            and len(last.payload) + len(segment.payload) <= limit
        ):
            result[-1] = segment._replace(seq=last.seq, payload=last.payload + segment.payload)
        else:
            result.append(segment)
    return result


def wrapped(random: Random, segments: list[Segment]) -> list[Segment]:
    """Other initial sequence numbers, most of which pass zero within the stream."""
    shift: dict[object, int] = {}
    for mine in connections(segments):
        for source in {segment.source for segment in mine}:
            sent = [segment for segment in mine if segment.source == source]
            size = sum(segment.space for segment in sent)
            begin = WRAP - random.randint(0, min(size + 2, 2000)) if random.random() < 0.8 else random.randrange(WRAP)
            shift[source, mine[0].connection] = begin - sent[0].seq
    return [
        segment._replace(
            seq=(segment.seq + shift[segment.source, segment.connection]) % WRAP,
            ack=(segment.ack + shift.get((segment.destination, segment.connection), 0)) % WRAP
            if segment.flags & ACK
            else segment.ack,
        )
        for segment in segments
    ]


def kept_alive(random: Random, segments: list[Segment]) -> list[Segment]:
    """Probes one byte below what the side sends next, with that byte made zero or without one.

    To be the last to touch the order: the first copy of a byte counts, and must be the true one.
    """
    result = []
    following: dict[object, int] = {}
    for segment in segments:
        key = (segment.source, segment.destination)
        result.append(segment)
        if segment.flags & SYN:
            following.pop(key, None)
        end = (segment.seq + segment.space) % WRAP
        quiet = segment.flags & ACK and not segment.flags & ENDS
        if quiet and following.get(key, end + 1) in (end, segment.seq) and random.random() < 0.2:
            probe = segment._replace(seq=(end - 1) % WRAP, payload=random.choice([b"", b"\0"]), flags=ACK)
            result += [probe] * random.choice([1, 2])
        if segment.payload and quiet:
            following[key] = end
    return _in_place(result)


def merged(random: Random, segments: list[Segment]) -> list[Segment]:
    """Connections at the same time, in any interleaving: the order within each is kept, and its times nearly."""
    queues = connections(segments)
    start = min(segment.time_ns for segment in segments)
    moved = [
        [segment._replace(time_ns=segment.time_ns - queue[0].time_ns + start) for segment in queue] for queue in queues
    ]
    random.shuffle(moved)
    return _in_place(sorted((segment for queue in moved for segment in queue), key=lambda segment: segment.time_ns))


TRANSFORMATIONS: dict[str, Transformation] = {
    function.__name__: function
    for function in (cut_up, joined, shifted, duplicated, retransmitted, wrapped, merged, reordered, kept_alive)
}
"""By name."""
LAST = ("reordered", "kept_alive")
"""These come last where several are applied: between data and an acknowledgment that was captured before it there must
not come to stand hundreds of small segments, after which the data counts as lost."""


def ranked(names: list[str]) -> list[str]:
    """The names of transformations in an order in which they may be applied."""
    return sorted(names, key=lambda name: LAST.index(name) if name in LAST else -1)
