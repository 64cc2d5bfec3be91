"""Captures built through the schemas, with the rows that reading them must give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import cycle
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from analyzer.capture import layout
from analyzer.capture.batch import Batch
from analyzer.capture.ledger import Ledger
from analyzer.capture.reader import Reader
from analyzer.capture.source import open_source
from analyzer.settings import Settings
from analyzer.wire import pcap, pcapng


class Row(NamedTuple):
    """One packet, with its bytes instead of its place in a buffer."""

    file: int
    number: int
    time_ns: int
    wire: int
    link: int
    file_offset: int
    data: bytes


@dataclass
class Crafted:
    """A capture file as it grows, and what reading it must give."""

    data: bytes = b""
    rows: list[Row] = field(default_factory=list)
    number: int = 0

    def add(self, raw: bytes, packet: tuple[int, int, int, bytes] | None = None, head: int = 0) -> None:
        """Append ``raw``; where it holds ``packet`` (time, wire length, link type, bytes), expect that row.

        ``head`` is how many bytes of ``raw`` stand before the packet's.
        """
        if packet is not None:
            self.number += 1
            time, wire, link, data = packet
            self.rows.append(Row(0, self.number, time, wire, link, len(self.data) + head, data))
        self.data += raw


def of_batch(batch: Batch) -> list[Row]:
    """The rows of a batch."""
    rows = []
    for row in range(batch.count):
        start, length = int(batch.offset[row]), int(batch.captured[row])
        assert 0 <= start <= start + length <= len(batch.data)
        assert len(batch.data) % 8 == 0
        numbers = (batch.file, batch.number, batch.time_ns, batch.wire, batch.link, batch.file_offset)
        rows.append(Row(*(int(column[row]) for column in numbers), bytes(batch.data[start : start + length])))
    return rows


def read(paths: Sequence[object], **changed: int) -> tuple[list[Row], list[str]]:
    """Rows and notes of the captures at ``paths``, as the command reads them."""
    settings = msgspec.structs.replace(Settings(), **changed)
    with open_source([str(path) for path in paths], settings) as source:
        rows = [row for batch in source.batches() for row in of_batch(batch)]
        return rows, source.notes


class Chopped:
    """A stream that gives as many bytes at a time as ``sizes`` says, over and over."""

    kind: str | None = None

    def __init__(self, data: bytes, sizes: Iterable[int]) -> None:
        self.position = 0
        self.closed = False
        self._data = data
        self._sizes: Iterator[int] = cycle(sizes)

    def readinto(self, view: memoryview) -> int:
        assert len(view) > 0, "a reader must leave room before it reads"
        piece = self._data[self.position : self.position + min(next(self._sizes), len(view))]
        view[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)

    def close(self) -> None:
        self.closed = True


def read_bytes(
    data: bytes, sizes: Iterable[int] = (1 << 20,), size: int = 1 << 16, **changed: int
) -> tuple[list[Row], Ledger]:
    """Rows and ledger of a capture in memory, read in pieces of ``sizes`` through a buffer of ``size`` bytes."""
    ledger = Ledger("test")
    reader = Reader(Chopped(data, sizes), 0, msgspec.structs.replace(Settings(), **changed), ledger, size)
    rows: list[Row] = []
    while (batch := reader.read()) is not None:
        assert 0 < batch.count <= changed.get("batch_packets", Settings().batch_packets)
        rows += of_batch(batch)
    assert reader.read() is None
    reader.close()
    return rows, ledger


def clock(ticks: int, resolution: int, offset: int) -> int:
    """Nanoseconds of a pcapng time stamp, by exact fractions."""
    exponent = resolution & 0x7F
    seconds = Fraction(ticks, (2 if resolution & 0x80 else 10) ** exponent)
    time = min(int(seconds * 10**9), layout.LATEST)
    shift = max(-layout.SHIFT_MOST, min(layout.SHIFT_MOST, offset * 10**9))
    return min(time + shift, layout.LATEST)


DATA = st.binary(max_size=70)
CHOPS = st.lists(st.integers(1, 90), min_size=1, max_size=8)
"""Sizes of reads."""


@st.composite
def pcaps(draw: st.DrawFn) -> Crafted:
    """A whole pcap file of any variant."""
    variant = draw(st.sampled_from(sorted(pcap.VARIANTS.values(), key=lambda variant: (variant.magic, variant.order))))
    link = draw(st.sampled_from([0, 1, 101, 113, 276, 0xFFFF]))
    made = Crafted()
    made.add(pcap.build_header(variant.order, variant.magic, link=link))
    for _ in range(draw(st.integers(0, 8))):
        data = draw(DATA)
        seconds = draw(st.integers(0, 0xFFFFFFFF))
        fraction = draw(st.integers(0, 10**9 // variant.unit - 1))
        time = seconds * 10**9 + fraction * variant.unit
        wire = draw(st.integers(0, 0xFFFFFFFF))
        raw = pcap.build_record(data, time, variant.order, variant.magic, wire=wire)
        made.add(raw, (time, wire, link, data), len(raw) - len(data))
    return made


@st.composite
def pcapngs(draw: st.DrawFn) -> Crafted:
    """A whole pcapng file: sections, interfaces, every kind of block."""
    made = Crafted()
    time = 0
    for _ in range(draw(st.integers(1, 3))):
        order = draw(st.sampled_from(pcap.ORDERS))
        made.add(pcapng.build_section(order))
        interfaces: list[tuple[int, int, int, int]] = []
        for _ in range(draw(st.integers(0, 10))):
            kind = draw(st.sampled_from(["interface", "packet", "packet", "simple", "old", "other", "statistics"]))
            if kind == "interface" or not interfaces:
                link, snaplen = draw(st.sampled_from([1, 101, 113])), draw(st.sampled_from([0, 16, 65535]))
                resolution, offset = draw(st.integers(0, 255)), draw(st.integers(-(2**63), 2**63 - 1))
                resolution = draw(st.sampled_from([resolution, 6, 9]))
                offset = draw(st.sampled_from([offset, 0, 3600]))
                interfaces.append((link, snaplen, resolution, offset))
                values = [
                    (2, b"eth0"),
                    (pcapng.TIME_RESOLUTION, bytes([resolution])),
                    (pcapng.TIME_OFFSET, pcapng.OFFSET[order].build(offset)),
                ]
                made.add(pcapng.build_interface(link, snaplen, values, order))
                continue
            number = draw(st.integers(0, len(interfaces) - 1))
            link, snaplen, resolution, offset = interfaces[number]
            data, ticks = draw(DATA), draw(st.integers(0, 2**64 - 1))
            wire = draw(st.integers(len(data), 0xFFFFFFFF))
            match kind:
                case "packet":
                    time = clock(ticks, resolution, offset)
                    comment = draw(st.sampled_from([[], [(1, b"a comment")], [(1, b"c"), (2, bytes(4))]]))
                    raw = pcapng.build_packet(data, ticks, number, comment, order, wire=wire)
                    made.add(raw, (time, wire, link, data), 28)
                case "old":
                    time = clock(ticks, resolution, offset)
                    schema = pcapng.OLD_PACKET_BLOCK[order]
                    fields: dict[str, object] = {
                        "interface": number,
                        "drops": pcapng.UNKNOWN_DROPS,
                        "high": ticks >> 32,
                        "low": ticks & 0xFFFFFFFF,
                        "captured": len(data),
                        "wire": wire,
                    }
                    raw = pcapng.build_block(pcapng.OLD_PACKET, schema, fields, data, order)
                    made.add(raw, (time, wire, link, data), 28)
                case "simple":
                    link, snaplen = interfaces[0][:2]
                    data = data[: snaplen or None]
                    wire = wire if len(data) == snaplen else len(data)
                    schema = pcapng.SIMPLE_PACKET_BLOCK[order]
                    raw = pcapng.build_block(pcapng.SIMPLE_PACKET, schema, {"wire": wire}, data, order)
                    made.add(raw, (time, wire, link, data), 12)
                case "other":
                    number = draw(st.sampled_from([pcapng.NAMES, 7, 9, 0xBAD, 0x40000BAD]))
                    made.add(pcapng.build_block(number, pcapng.HEAD[order], {}, data, order))
                case "statistics":
                    made.add(statistics(number, draw(st.integers(0, 9)), order=order))
    return made


def statistics(interface: int, drops: int, system: int = 0, order: str = pcap.LITTLE) -> bytes:
    """An Interface Statistics Block."""
    counter = pcapng.COUNTER[order]
    values = [(pcapng.INTERFACE_DROPS, counter.build(drops)), (pcapng.SYSTEM_DROPS, counter.build(system))]
    fields: dict[str, object] = {"interface": interface, "high": 0, "low": 0}
    return pcapng.build_block(
        pcapng.STATISTICS, pcapng.INTERFACE_STATISTICS[order], fields, pcapng.build_options(values, order), order
    )


def secrets(text: bytes, kind: int = pcapng.TLS_KEY_LOG, order: str = pcap.LITTLE) -> bytes:
    """A Decryption Secrets Block."""
    fields: dict[str, object] = {"kind": kind, "length": len(text)}
    return pcapng.build_block(pcapng.SECRETS, pcapng.DECRYPTION_SECRETS[order], fields, text, order)


def simple_pcap(times: Sequence[int], data: bytes = b"packet", link: int = 1) -> bytes:
    """A pcap file of nanoseconds with a packet at each of ``times``."""
    header = pcap.build_header(magic=pcap.NANOSECONDS, link=link)
    return header + b"".join(pcap.build_record(data, time, magic=pcap.NANOSECONDS) for time in times)
