"""Packets given straight to the TCP stage, in batches of any size, and what it makes of them.

A `Sent` is one packet as a test describes it; `batches` turns a list of them into what the capture readers
would hand on, and `streams_of` runs the stage and collects each direction's events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple

import msgspec
import numpy as np

from analyzer.capture.batch import Batch
from analyzer.settings import SECOND, Settings
from analyzer.tcp import streams
from analyzer.tcp.packets import Flows, Segments
from analyzer.tcp.reassembly import Reassembly
from analyzer.wire import link, packet

HOSTS = ip_address("192.0.2.1").packed, ip_address("192.0.2.80").packed
PORTS = 40001, 80
START_NS = 1_700_000_000 * SECOND
MILLISECOND = 1_000_000


class Raw(NamedTuple):
    """A packet as captured."""

    data: bytes
    time_ns: int = START_NS
    wire: int = -1
    """-1: as long as ``data``."""
    link: int = link.LINK_RAW


class Sent(NamedTuple):
    """A TCP segment from ``side`` 0 or 1. ``ack`` None: without the ACK flag. ``flags``: s, f, r for SYN, FIN, RST."""

    side: int
    seq: int
    data: bytes = b""
    ack: int | None = 0
    flags: str = ""
    after_ns: int = MILLISECOND
    """Since the packet before."""
    keep: int | None = None
    """Bytes of the payload that were captured; None: all."""
    port: int = PORTS[0]


def raw(sent: Sent, time_ns: int) -> Raw:
    """The packet of ``sent``."""
    names = {"s": "syn", "f": "fin", "r": "rst"}
    flags = frozenset({names[letter] for letter in sent.flags} | (set() if sent.ack is None else {"ack"}))
    hosts, ports = HOSTS, (sent.port, PORTS[1])
    if sent.side:
        hosts, ports = (hosts[1], hosts[0]), (ports[1], ports[0])
    segment = packet.build_tcp(*hosts, ports, sent.seq, sent.ack or 0, flags, sent.data)
    whole = packet.build_ipv4(*hosts, segment)
    cut = len(whole) if sent.keep is None else len(whole) - len(sent.data) + sent.keep
    return Raw(whole[:cut], time_ns, len(whole))


def packets(segments: Iterable[Sent]) -> list[Raw]:
    """The packets of ``segments``, one after the other."""
    time_ns, made = START_NS, []
    for sent in segments:
        time_ns += sent.after_ns
        made.append(raw(sent, time_ns))
    return made


def batches(given: Sequence[Raw], size: int | None = None) -> Iterator[Batch]:
    """``given`` in batches of ``size`` packets, with a record header's worth of other bytes between them."""
    size = size or max(len(given), 1)
    file_offset = 24
    for first in range(0, len(given), size):
        part = given[first : first + size]
        data = bytearray()
        batch = Batch(data, len(part))
        for row, one in enumerate(part):
            data += b"\xee" * 16
            file_offset += 16
            batch.offset[row], batch.captured[row] = len(data), len(one.data)
            batch.wire[row] = len(one.data) if one.wire < 0 else one.wire
            batch.time_ns[row], batch.link[row] = one.time_ns, one.link
            batch.number[row], batch.file_offset[row] = first + row + 1, file_offset
            data += one.data
            file_offset += len(one.data)
        data += bytes(-len(data) % 8)
        batch.count = len(part)
        yield batch


class Row(NamedTuple):
    """One segment."""

    row: int
    direction: int
    seq: int
    ack: int
    flags: int
    start: int
    captured: int
    length: int


def decoded(flows: Flows, batch: Batch) -> list[Row]:
    """The segments that ``flows`` finds in ``batch``."""
    segments = Segments(max(batch.count, 1))
    flows.decode(batch, segments)
    columns = [np.asarray(getattr(segments, name))[: segments.count].tolist() for name in Row._fields]
    return [Row(*values) for values in zip(*columns, strict=True)]


def flow_table(limit: int = 1000, linger: int = 60 * SECOND, idle: int = 3600 * SECOND) -> Flows:
    return Flows(limit, linger, idle)


class Chunk(NamedTuple):
    """A row of `streams.Chunks`, with its bytes."""

    kind: int
    direction: int
    offset: int
    length: int
    start: int
    """A gap's reason; 0 for data, which may stand anywhere."""
    acked: int
    packet: int
    time_ns: int
    file_offset: int
    ordinal: int
    data: bytes


@dataclass
class Result:
    """All that came out."""

    chunks: list[Chunk] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)

    def kinds(self, direction: int) -> list[int]:
        """Kinds of a direction's chunks, OPEN, END and TICK left out; DATA after DATA is one."""
        kinds: list[int] = []
        for chunk in self.chunks:
            plain = chunk.kind not in (streams.OPEN, streams.END, streams.TICK)
            if chunk.direction == direction and plain and not (kinds and kinds[-1] == chunk.kind == streams.DATA):
                kinds.append(chunk.kind)
        return kinds

    def of(self, direction: int, *kinds: int) -> list[Chunk]:
        """A direction's chunks of some kinds."""
        return [chunk for chunk in self.chunks if chunk.direction == direction and chunk.kind in kinds]

    def stream(self, direction: int) -> list[int | None]:
        """A direction's bytes, None where one is missing. Asserts that chunks follow each other without a seam."""
        stream: list[int | None] = []
        for chunk in self.of(direction, streams.DATA, streams.GAP):
            assert chunk.offset == len(stream)
            assert chunk.length > 0
            stream += list(chunk.data) if chunk.kind == streams.DATA else [None] * chunk.length
        return stream

    def text(self, direction: int) -> bytes:
        """A direction's bytes, ``?`` where one is missing."""
        return bytes(ord("?") if byte is None else byte for byte in self.stream(direction))


def streams_of(given: Sequence[Raw], size: int | None = None, **changed: int) -> Result:
    """What the TCP stage delivers of ``given``, read in batches of ``size`` packets."""
    settings = msgspec.structs.replace(Settings(), **changed)
    flows = Flows(settings.connections, settings.linger_time, settings.idle_time)
    reassembly = Reassembly(settings)
    segments = Segments(max(size or len(given), 1))
    result = Result(limits=reassembly.limits)
    for batch in batches(given, size):
        flows.decode(batch, segments)
        reassembly.begin(batch, segments, flows.slots)
        row = 0
        while row < segments.count:
            row = reassembly.deliver(row)
            collect(reassembly, batch.data, result)
        reassembly.finish()
    for _ in reassembly.end():
        collect(reassembly, bytearray(), result)
    gaps = [chunk for chunk in result.chunks if chunk.kind == streams.GAP]
    assert (reassembly.gaps, reassembly.gap_bytes) == (len(gaps), sum(gap.length for gap in gaps))
    return result


def collect(reassembly: Reassembly, data: bytearray, result: Result) -> None:
    """Move the chunks delivered so far into ``result``."""
    chunks = reassembly.chunks
    for i in range(chunks.count):
        at, length = chunks.start[i], chunks.length[i]
        source = chunks.store if chunks.stored[i] else data
        payload = bytes(memoryview(source)[at : at + length]) if chunks.kind[i] == streams.DATA else b""
        names = Chunk._fields[:-1]
        row = Chunk(*(int(getattr(chunks, name)[i]) for name in names), payload)
        result.chunks.append(
            row._replace(start=0) if row.kind in (streams.DATA, streams.OPEN, streams.CONFLICT) else row
        )
    chunks.clear()
