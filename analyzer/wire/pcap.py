"""The pcap file format as Construct schemas, one for each byte order.

A file is one header and then records, each a fixed head and the captured bytes. The magic number tells the byte
order, the unit of the time stamps' fraction, and how long a record's head is. Source: draft-ietf-opsawg-pcap, and
libpcap's savefile.c for the two later magic numbers.
"""

from __future__ import annotations

from typing import NamedTuple

from construct import (
    BitsInteger,
    BitStruct,
    ByteSwapped,
    Construct,
    FormatField,
    Int8ub,
    Padding,
    Struct,
)

LITTLE = "<"
BIG = ">"
ORDERS = (LITTLE, BIG)
"""Byte orders as `struct` writes them; the index is true for big-endian."""


def u16(order: str) -> Construct:
    """An unsigned 16-bit number in byte order ``order``."""
    return FormatField(order, "H")


def u32(order: str) -> Construct:
    """An unsigned 32-bit number in byte order ``order``."""
    return FormatField(order, "L")


_NETWORK = BitStruct("fcs" / BitsInteger(4), "reserved" / BitsInteger(12), "link" / BitsInteger(16))
"""The link type shares its word with the length of the frame check sequence; drawn most significant bit first."""


def _header(order: str) -> Construct:
    return Struct(
        "magic" / u32(order),
        "major" / u16(order),
        "minor" / u16(order),
        "zone" / FormatField(order, "l"),
        "accuracy" / u32(order),
        "snaplen" / u32(order),
        "network" / (_NETWORK if order == BIG else ByteSwapped(_NETWORK)),
    )


def _record(order: str) -> Construct:
    return Struct("seconds" / u32(order), "fraction" / u32(order), "captured" / u32(order), "wire" / u32(order))


def _modified_record(order: str) -> Construct:
    return _record(order) + Struct(
        "interface" / u32(order), "protocol" / u16(order), "direction" / Int8ub, "padding" / Padding(1)
    )


HEADER = {order: _header(order) for order in ORDERS}
"""The file's first 24 bytes."""
RECORD = {order: _record(order) for order in ORDERS}
"""What stands before each packet."""
MODIFIED_RECORD = {order: _modified_record(order) for order in ORDERS}
"""The same in the variant that carries the interface and the protocol too (Kuznetzov's patch to libpcap)."""

MICROSECONDS = 0xA1B2C3D4
NANOSECONDS = 0xA1B23C4D
MODIFIED = 0xA1B2CD34


class Variant(NamedTuple):
    """What a magic number, as its bytes stand in the file, says."""

    order: str
    magic: int
    unit: int
    """Nanoseconds in one unit of a record's fraction."""
    record: Construct
    """Schema of a record's head."""


VARIANTS = {
    u32(order).build(magic): Variant(order, magic, unit, schemas[order])
    for order in ORDERS
    for magic, unit, schemas in (
        (MICROSECONDS, 1000, RECORD),
        (NANOSECONDS, 1, RECORD),
        (MODIFIED, 1000, MODIFIED_RECORD),
    )
}
"""By the first four bytes of the file."""


def offsets(schema: Construct) -> dict[str, int]:
    """Where each named field of a Struct of fixed-size fields begins, in bytes."""
    positions: dict[str, int] = {}
    position = 0
    for field in schema.subcons:
        positions[field.name] = position
        position += field.sizeof()
    return positions


def build_header(order: str = LITTLE, magic: int = MICROSECONDS, *, link: int = 1, snaplen: int = 262144) -> bytes:
    """A file header."""
    network = {"fcs": 0, "reserved": 0, "link": link}
    fields = {"magic": magic, "major": 2, "minor": 4, "zone": 0, "accuracy": 0, "snaplen": snaplen, "network": network}
    built: bytes = HEADER[order].build(fields)
    return built


def build_record(
    data: bytes, time_ns: int = 0, order: str = LITTLE, magic: int = MICROSECONDS, *, wire: int | None = None
) -> bytes:
    """A record. ``time_ns`` is cut to the file's unit; ``wire`` is ``len(data)`` unless given."""
    variant = VARIANTS[u32(order).build(magic)]
    seconds, rest = divmod(time_ns, 1_000_000_000)
    fields = {
        "seconds": seconds,
        "fraction": rest // variant.unit,
        "captured": len(data),
        "wire": len(data) if wire is None else wire,
        "interface": 0,
        "protocol": 0,
        "direction": 0,
        "padding": None,
    }
    head: bytes = variant.record.build(fields)
    return head + data
