"""Copies a capture as pcapng, block by block, with comments on the packets that have something to tell.

A pcapng's blocks stay as they are but for the comments, which go before a packet's own options. Two things must
change: a section no longer states its length, and a commented Simple Packet Block, which has no room for options,
becomes an Enhanced one. A pcap becomes a section with one interface in the file's own unit of time. What is damaged
ends the copy where it ends the reading. Where packets are to be shortened, blocks that are neither packets nor about
interfaces are left out: they may hold names, comments and secrets. Source: draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from construct import Construct, ConstructError

from analyzer.capture.stream import DamageError, Stream
from analyzer.wire import pcap, pcapng

Shorten = Callable[[bytes, int, int], bytes]
"""Of a packet, its length on the wire and its link type, what may be copied."""
KEPT = frozenset({pcapng.SECTION, pcapng.INTERFACE, pcapng.STATISTICS})
"""Types of the blocks that are copied beside shortened packets."""
Comments = Mapping[int, list[str]]
"""By packet, numbered from 1 as readers do."""

PACKETS = (pcapng.PACKET, pcapng.OLD_PACKET, pcapng.SIMPLE_PACKET)
"""Types of the blocks that hold a packet."""
COMMENT = 1
"""opt_comment."""
LONGEST = 65_535
"""Bytes of an option's value."""
NANOSECOND_EXPONENT = 9
TICKS_LOW = 32
"""Bits of a time stamp's lower half."""
PIECE = 1 << 20
"""Bytes copied at once where a block is not looked into."""


class _Bytes:
    """A stream read in exact pieces."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, or what is left; damage counts as the end."""
        data = bytearray(size)
        filled = 0
        try:
            while filled < size and (count := self._stream.readinto(memoryview(data)[filled:])):
                filled += count
        except DamageError:
            pass
        return bytes(data[:filled])


def copy(stream: Stream, out: BinaryIO, comments: Comments, longest: int, *, shorten: Shorten | None = None) -> None:
    """Write the capture in ``stream`` to ``out``, its packets shortened where asked.

    Blocks longer than ``longest`` bytes get no comment, and are left out where packets are shortened.
    """
    source = _Bytes(stream)
    magic = source.take(len(pcapng.MAGIC))
    if magic in pcap.VARIANTS:
        _convert(source, pcap.VARIANTS[magic], magic, out, comments, longest, shorten)
    elif magic == pcapng.MAGIC:
        _Blocks(source, out, comments, longest, shorten).copy(magic)


def _convert(
    source: _Bytes,
    variant: pcap.Variant,
    magic: bytes,
    out: BinaryIO,
    comments: Comments,
    longest: int,
    shorten: Shorten | None,
) -> None:
    header = pcap.HEADER[variant.order]
    raw = magic + source.take(header.sizeof() - len(magic))
    if len(raw) < header.sizeof():
        return
    fields = header.parse(raw)
    values = [(pcapng.TIME_RESOLUTION, bytes([NANOSECOND_EXPONENT]))] if variant.unit == 1 else []
    ticks = 1_000_000_000 // variant.unit
    out.write(pcapng.build_section(variant.order))
    out.write(pcapng.build_interface(fields.network.link, fields.snaplen, values, variant.order))
    number = 0
    while len(head := source.take(variant.record.sizeof())) == variant.record.sizeof():
        record = variant.record.parse(head)
        if record.captured > longest or len(data := source.take(record.captured)) < record.captured:
            return
        number += 1
        if shorten is not None:
            data = shorten(data, record.wire, fields.network.link)
        out.write(
            pcapng.build_packet(
                data,
                record.seconds * ticks + record.fraction,
                values=_options(comments.get(number, [])),
                order=variant.order,
                wire=record.wire,
            )
        )


class _Blocks:
    """The blocks of a pcapng on their way."""

    def __init__(
        self, source: _Bytes, out: BinaryIO, comments: Comments, longest: int, shorten: Shorten | None
    ) -> None:
        self._source = source
        self._out = out
        self._comments = comments
        self._longest = longest
        self._shorten = shorten
        self._links: list[int] = []
        """Of the section's interfaces, by number; only where packets are shortened."""
        self._order = pcap.LITTLE
        self._number = 0
        self._snaplen: int | None = None
        """Of the section's first interface: a Simple Packet Block is cut to it."""

    def copy(self, start: bytes) -> None:
        """Copy all; ``start`` was read already."""
        size = pcapng.HEAD[pcap.LITTLE].sizeof()
        head = start + self._source.take(size - len(start))
        while len(head) == size:
            if head.startswith(pcapng.MAGIC):
                head += self._source.take(len(next(iter(pcapng.ORDER_MAGIC))))
                if head[size:] not in pcapng.ORDER_MAGIC:
                    return
                self._order = pcapng.ORDER_MAGIC[head[size:]]
            if not self._block(head):
                return
            head = self._source.take(size)

    def _block(self, head: bytes) -> bool:
        """One block; False where it is cut or cannot be one."""
        fixed = pcapng.HEAD[self._order].parse(head)
        rest = fixed.total - len(head)
        if rest < pcapng.TRAILER[self._order].sizeof() or fixed.total % pcapng.ALIGNMENT:
            return False
        if fixed.type in PACKETS:
            self._number += 1
        if fixed.total > self._longest:
            return self._passed(head, rest)
        block = head + self._source.take(rest)
        if len(block) < fixed.total:
            return False
        try:
            changed = self._changed(fixed.type, block)
        except ConstructError:  # too short for what every block of its type has: the reading ended there too
            return False
        self._out.write(changed)
        return True

    def _passed(self, head: bytes, rest: int) -> bool:
        """A block that is not looked into: copied piece by piece, or left out where packets are shortened."""
        piece = head
        while True:
            if self._shorten is None:
                self._out.write(piece)
            if not rest:
                return True
            piece = self._source.take(min(rest, PIECE))
            if not piece:
                return False
            rest -= len(piece)

    def _changed(self, kind: int, block: bytes) -> bytes:
        order = self._order
        if kind == pcapng.SECTION:
            self._snaplen = None
            self._links = []
            return _with(block, pcapng.SECTION_HEADER[order], order, section_length=-1)
        if kind == pcapng.INTERFACE and self._snaplen is None:
            self._snaplen = pcapng.INTERFACE_DESCRIPTION[order].parse(block).snaplen
        values = _options(self._comments.get(self._number, [])) if kind in PACKETS else []
        if self._shorten is not None:
            return self._shortened(self._shorten, kind, block, values)
        if not values:
            return block
        if kind == pcapng.SIMPLE_PACKET:
            return self._enhanced(block, values)
        schema = (pcapng.ENHANCED_PACKET if kind == pcapng.PACKET else pcapng.OLD_PACKET_BLOCK)[order]
        return _commented(block, schema, values, order)

    def _shortened(self, shorten: Shorten, kind: int, block: bytes, values: list[tuple[int, bytes]]) -> bytes:
        order = self._order
        if kind not in PACKETS:
            if kind == pcapng.INTERFACE:
                self._links.append(pcapng.INTERFACE_DESCRIPTION[order].parse(block).link)
            return block if kind in KEPT else b""
        if kind == pcapng.SIMPLE_PACKET:
            schema, interface, ticks = pcapng.SIMPLE_PACKET_BLOCK[order], 0, 0
            fields = schema.parse(block)
            captured = min(fields.wire, self._snaplen or fields.wire)
        else:
            schema = (pcapng.ENHANCED_PACKET if kind == pcapng.PACKET else pcapng.OLD_PACKET_BLOCK)[order]
            fields = schema.parse(block)
            interface, ticks, captured = fields.interface, fields.high << TICKS_LOW | fields.low, fields.captured
        data = block[schema.sizeof() : -pcapng.TRAILER[order].sizeof()][:captured]
        known = interface < len(self._links)
        data = shorten(data, fields.wire, self._links[interface]) if known else b""
        return pcapng.build_packet(data, ticks, interface, values, order, wire=fields.wire)

    def _enhanced(self, block: bytes, values: list[tuple[int, bytes]]) -> bytes:
        schema = pcapng.SIMPLE_PACKET_BLOCK[self._order]
        wire = schema.parse(block).wire
        data = block[schema.sizeof() : -pcapng.TRAILER[self._order].sizeof()]
        captured = min(len(data), wire, self._snaplen or wire)
        return pcapng.build_packet(data[:captured], values=values, order=self._order, wire=wire)


def _commented(block: bytes, schema: Construct, values: list[tuple[int, bytes]], order: str) -> bytes:
    """The packet block with options before its own; unchanged where its length leaves no room for its data."""
    trailer = pcapng.TRAILER[order].sizeof()
    fields = schema.parse(block)
    end = schema.sizeof() + fields.captured + -fields.captured % pcapng.ALIGNMENT
    if end > len(block) - trailer:
        return block
    own = block[end:-trailer]
    added = pcapng.build_options(values, order)
    if own:  # their end mark is the end of all
        added = added[: -pcapng.END_SIZE]
    body = block[schema.sizeof() : end] + added + own
    named: dict[str, Any] = {name: fields[name] for name in fields if name not in ("_io", "type", "total")}
    return pcapng.build_block(fields.type, schema, named, body, order)


def _with(block: bytes, schema: Construct, order: str, **changes: object) -> bytes:
    """The block with other values in its fixed fields."""
    fields = {**schema.parse(block), **changes}
    built: bytes = schema.build(fields)
    return built + block[schema.sizeof() :]


def _options(comments: list[str]) -> list[tuple[int, bytes]]:
    return [(COMMENT, text.encode()[:LONGEST].decode(errors="ignore").encode()) for text in comments]
