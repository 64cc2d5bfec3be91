"""The blocks of a pcapng file as Construct schemas, one for each byte order.

Every block begins with its type and total length and ends with the total length again; the schemas below hold the
fixed fields from the block's first byte on, options or data follow. A Section Header Block sets the byte order of
all blocks up to the next one, so its type reads the same in both. Source: draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO

from construct import (
    Aligned,
    BitsInteger,
    BitStruct,
    Bytes,
    Construct,
    ConstructError,
    Flag,
    FormatField,
    Struct,
    this,
)

from analyzer.wire.pcap import LITTLE, ORDERS, u16, u32

SECTION = 0x0A0D0D0A
INTERFACE = 1
OLD_PACKET = 2
SIMPLE_PACKET = 3
NAMES = 4
STATISTICS = 5
PACKET = 6
SECRETS = 10

MAGIC = bytes.fromhex("0a0d0d0a")
"""A pcapng file's first four bytes: the type of a Section Header Block."""
ORDER_MAGIC = {u32(order).build(0x1A2B3C4D): order for order in ORDERS}
"""The byte-order magic as it stands in the file: the section's byte order."""
TLS_KEY_LOG = 0x544C534B
"""Secrets type of a TLS key log (the NSS format)."""

ALIGNMENT = 4
"""Blocks, packet data and option values are padded to a multiple of this many bytes."""

END_OF_OPTIONS = 0
INTERFACE_NAME = 2
TIME_RESOLUTION = 9
TIME_OFFSET = 14
"""if_name, if_tsresol and if_tsoffset of an Interface Description Block."""
PACKET_DROPS = 4
"""epb_dropcount of an Enhanced Packet Block."""
INTERFACE_RECEIVED = 4
INTERFACE_DROPS = 5
SYSTEM_DROPS = 7
"""isb_ifrecv, isb_ifdrop and isb_osdrop of an Interface Statistics Block."""

RESOLUTION = BitStruct("binary" / Flag, "exponent" / BitsInteger(7))
"""if_tsresol: the unit is ten (or two) to the minus ``exponent`` seconds."""
DEFAULT_RESOLUTION = bytes([6])
"""Microseconds, where the option is absent."""
NANOSECONDS = bytes([9])


def _blocks(order: str, **fields: Construct) -> Construct:
    return Struct("type" / u32(order), "total" / u32(order), *(name / kind for name, kind in fields.items()))


HEAD = {order: _blocks(order) for order in ORDERS}
"""What all blocks begin with."""
TRAILER = {order: u32(order) for order in ORDERS}
"""What all blocks end with: the total length again."""
SECTION_HEADER = {
    order: _blocks(order, magic=Bytes(4), major=u16(order), minor=u16(order), section_length=FormatField(order, "q"))
    for order in ORDERS
}
INTERFACE_DESCRIPTION = {
    order: _blocks(order, link=u16(order), reserved=u16(order), snaplen=u32(order)) for order in ORDERS
}
ENHANCED_PACKET = {
    order: _blocks(order, interface=u32(order), high=u32(order), low=u32(order), captured=u32(order), wire=u32(order))
    for order in ORDERS
}
OLD_PACKET_BLOCK = {
    order: _blocks(
        order,
        interface=u16(order),
        drops=u16(order),
        high=u32(order),
        low=u32(order),
        captured=u32(order),
        wire=u32(order),
    )
    for order in ORDERS
}
"""The obsolete Packet Block; ``drops`` is 0xFFFF where the number is not known."""
SIMPLE_PACKET_BLOCK = {order: _blocks(order, wire=u32(order)) for order in ORDERS}
INTERFACE_STATISTICS = {
    order: _blocks(order, interface=u32(order), high=u32(order), low=u32(order)) for order in ORDERS
}
DECRYPTION_SECRETS = {order: _blocks(order, kind=u32(order), length=u32(order)) for order in ORDERS}
OPTION = {
    order: Struct("code" / u16(order), "length" / u16(order), "value" / Aligned(ALIGNMENT, Bytes(this.length)))
    for order in ORDERS
}
END_SIZE: int = len(OPTION[LITTLE].build({"code": END_OF_OPTIONS, "length": 0, "value": b""}))
"""Bytes of the mark that ends a list of options."""
COUNTER = {order: FormatField(order, "Q") for order in ORDERS}
"""Value of the drop counters."""
OFFSET = {order: FormatField(order, "q") for order in ORDERS}
"""Value of if_tsoffset: seconds to add to each time stamp."""

UNKNOWN_DROPS = 0xFFFF


def options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Code and value of each option in ``data``, as far as they can be read."""
    stream = BytesIO(data)
    while True:
        try:
            option = OPTION[order].parse_stream(stream)
        except ConstructError:
            return
        if option.code == END_OF_OPTIONS:
            return
        yield option.code, option.value


def build_options(values: list[tuple[int, bytes]], order: str = LITTLE) -> bytes:
    """The bytes of an option list with its end mark; nothing for an empty one."""
    if not values:
        return b""
    items = [{"code": code, "length": len(value), "value": value} for code, value in [*values, (END_OF_OPTIONS, b"")]]
    return b"".join(OPTION[order].build(item) for item in items)


def build_block(
    kind: int, schema: Construct, fields: dict[str, object], rest: bytes = b"", order: str = LITTLE
) -> bytes:
    """A block: its fixed ``fields``, then ``rest`` (data and options) padded, then the total length."""
    padded = rest + bytes(-len(rest) % ALIGNMENT)
    total = schema.sizeof() + len(padded) + TRAILER[order].sizeof()
    built: bytes = schema.build({"type": kind, "total": total, **fields}) + padded + TRAILER[order].build(total)
    return built


def build_section(order: str = LITTLE) -> bytes:
    """A Section Header Block of unknown section length."""
    magic = next(raw for raw, known in ORDER_MAGIC.items() if known == order)
    fields: dict[str, object] = {"magic": magic, "major": 1, "minor": 0, "section_length": -1}
    return build_block(SECTION, SECTION_HEADER[order], fields, order=order)


def build_secrets(keylog: bytes, order: str = LITTLE) -> bytes:
    """A Decryption Secrets Block with a TLS key log."""
    fields: dict[str, object] = {"kind": TLS_KEY_LOG, "length": len(keylog)}
    return build_block(SECRETS, DECRYPTION_SECRETS[order], fields, keylog, order)


def build_interface(
    link: int = 1, snaplen: int = 0, values: list[tuple[int, bytes]] | None = None, order: str = LITTLE
) -> bytes:
    """An Interface Description Block with the options ``values``."""
    fields: dict[str, object] = {"link": link, "reserved": 0, "snaplen": snaplen}
    return build_block(INTERFACE, INTERFACE_DESCRIPTION[order], fields, build_options(values or [], order), order)


def build_packet(
    data: bytes,
    ticks: int = 0,
    interface: int = 0,
    values: list[tuple[int, bytes]] | None = None,
    order: str = LITTLE,
    *,
    wire: int | None = None,
) -> bytes:
    """An Enhanced Packet Block; ``ticks`` is the 64-bit time stamp in the interface's unit."""
    low = u32(order).sizeof() * 8
    fields: dict[str, object] = {
        "interface": interface,
        "high": ticks >> low,
        "low": ticks & (1 << low) - 1,
        "captured": len(data),
        "wire": len(data) if wire is None else wire,
    }
    padded = data + bytes(-len(data) % ALIGNMENT)
    return build_block(PACKET, ENHANCED_PACKET[order], fields, padded + build_options(values or [], order), order)


def build_statistics(interface: int, time_ns: int, values: list[tuple[int, int]], order: str = LITTLE) -> bytes:
    """An Interface Statistics Block with the counters ``values``, of an interface that counts nanoseconds."""
    low = u32(order).sizeof() * 8
    fields: dict[str, object] = {"interface": interface, "high": time_ns >> low, "low": time_ns & (1 << low) - 1}
    counters = [(code, COUNTER[order].build(value)) for code, value in values]
    return build_block(STATISTICS, INTERFACE_STATISTICS[order], fields, build_options(counters, order), order)


def packing(schema: Construct) -> struct.Struct:
    """The same layout for the standard library, for who builds many: 1 us instead of 20. Plain number fields only."""
    formats = [field.subcon.fmtstr for field in schema.subcons]
    return struct.Struct(formats[0][0] + "".join(each[1:] for each in formats))
