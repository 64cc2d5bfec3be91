"""Link-layer headers before IP, IPv6 extension headers, and what the packet decoder looks up of all headers.

The bulk decoder (`analyzer.tcp.packets`) holds no width and no mask: it takes offsets from `offset`, sizes
from the schemas' ``sizeof``, and for bytes made of bit fields the tables below, each of which is a schema's
answer for all 256 values of that byte.
"""

from __future__ import annotations

from collections.abc import Callable

from construct import BitsInteger, BitStruct, Bytes, Construct, Flag, Int8ub, Int16ub, Int16ul, Int32ub, Struct

from analyzer.wire import packet

# LINKTYPE_ values of the registry that tcpdump.org keeps; 12 and 14 are what some systems wrote for raw IP before
# it had a number of its own.
LINK_NULL = 0
LINK_ETHERNET = 1
LINK_RAW_OLD = 12
LINK_RAW_OPENBSD = 14
LINK_RAW = 101
LINK_LOOP = 108
LINK_SLL = 113
LINK_IPV4 = 228
LINK_IPV6 = 229
LINK_NFLOG = 239
LINK_SLL2 = 276

ETHERTYPE_VLAN = (0x8100, 0x88A8, 0x9100)
"""802.1Q, 802.1ad, and the number in use before 802.1ad had one."""

ETHERTYPE_TUNNEL = (0x8847, 0x8848, 0x8864)
"""MPLS, and PPPoE session: IP may follow behind other headers."""
PROTOCOL_TUNNEL = (4, 41, 47)
"""IP in IP, IPv6 in IP, GRE."""
PROTOCOL_UDP = 17
TUNNEL_PORTS = (4789, 8472, 6081, 2152)
"""UDP ports of VXLAN (and Linux's old one), Geneve and GTP-U."""
UDP = Struct("source" / Int16ub, "destination" / Int16ub, "length" / Int16ub, "checksum" / Int16ub)

ETHERTYPE_ETHERNET = 0x6558
"""A whole Ethernet frame, where a tunnel's header says what follows."""
VXLAN_PORTS = TUNNEL_PORTS[:2]
VXLAN = Struct("flags" / Bytes(4), "network" / Bytes(4))
"""RFC 7348 5. An Ethernet frame follows."""
GENEVE_PORT = TUNNEL_PORTS[2]
GENEVE = Struct(
    "start" / BitStruct("version" / BitsInteger(2), "option_words" / BitsInteger(6), "flags" / BitsInteger(8)),
    "protocol" / Int16ub,
    "network" / Bytes(4),
)
"""RFC 8926 3.4. ``protocol`` is an EtherType; options follow, then what it names."""
GRE = Struct(
    "control"
    / BitStruct(
        "checksum" / Flag,
        "routing" / Flag,
        "key" / Flag,
        "sequence" / Flag,
        "reserved" / BitsInteger(9),
        "version" / BitsInteger(3),
    ),
    "protocol" / Int16ub,
)
"""RFC 2784 2, with the key and the sequence number of RFC 2890; ``protocol`` is an EtherType."""
GRE_OPTION = 4
"""Bytes of each of the fields that the control bits announce."""
GRE_ROUTED = 0x80
MPLS = Struct("label" / Bytes(2), "end" / BitStruct("label" / BitsInteger(7), "bottom" / Flag), "time_to_live" / Int8ub)
"""RFC 3032 2.1. What follows the bottom of the stack is not said: IP shows by its version."""

VLAN_TAG = Struct("control" / Int16ub, "type" / Int16ub)
"""What follows a VLAN EtherType: the tag, then the next EtherType (802.1Q 9.6)."""
SLL = Struct(
    "packet_type" / Int16ub,
    "hardware_type" / Int16ub,
    "address_length" / Int16ub,
    "address" / Bytes(8),
    "protocol" / Int16ub,
)
"""Linux cooked capture, version 1."""
SLL2 = Struct(
    "protocol" / Int16ub,
    "reserved" / Int16ub,
    "interface" / Int32ub,
    "hardware_type" / Int16ub,
    "packet_type" / Int8ub,
    "address_length" / Int8ub,
    "address" / Bytes(8),
)
"""Linux cooked capture, version 2."""
NULL = Struct("family" / Bytes(4))
"""BSD loopback. The family's byte order and its number for IPv6 differ by system; the IP version tells instead."""

NFLOG = Struct("family" / Int8ub, "version" / Int8ub, "resource" / Int16ub)
"""Linux netfilter log: this, then attributes, each in as many bytes as it says and filled up to `NFLOG_UNIT`."""
NFLOG_ATTRIBUTES = tuple(Struct("length" / number, "type" / number) for number in (Int16ul, Int16ub))
"""In the byte order of the host that captured, which the packet does not say."""
NFLOG_UNIT = 4
NFLOG_PAYLOAD = 9
"""The attribute that holds the IP packet."""

IPV6_EXTENSION = Struct("next_header" / Int8ub, "length" / Int8ub)
"""Start of the hop-by-hop, routing and destination options headers (RFC 8200 4.3 to 4.6)."""
IPV6_FRAGMENT = Struct(
    "next_header" / Int8ub,
    "reserved" / Int8ub,
    "fragment" / BitStruct("offset" / BitsInteger(13), "reserved" / BitsInteger(2), "more" / Flag),
    "identification" / Int32ub,
)
"""RFC 8200 4.5."""
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS = 0, 43, 44, 51, 60
"""Protocol numbers of the extension headers that may stand before TCP."""


def offset(schema: Construct, name: str) -> int:
    """Where the field ``name`` starts in ``schema``, in bytes."""
    position = 0
    for field in schema.subcons:
        if field.name == name:
            return position
        position += field.sizeof()
    raise AssertionError(f"no field {name}")


def _table(answer: Callable[[int], int]) -> bytearray:
    """What the schema says of each byte, summed up from what it says of each bit: a field is a run of bits.

    Asking it of all 256 takes 4 ms a table, as long as all else that a start of the program computes.
    """
    table = bytearray(256)
    for bit in range(8):
        one = int(answer(1 << bit))
        for byte in range(256):
            if byte >> bit & 1:
                table[byte] += one
    return table


def _any(answer: Callable[[int], int]) -> bytearray:
    """The same for what one bit is enough for."""
    return bytearray(map(bool, _table(answer)))


def _starts(byte: int) -> Construct:
    return packet.IPV4.start.parse(bytes([byte]))


def _control(first: int, second: int) -> Construct:
    return packet.TCP.control.parse(bytes([first, second]))


def _flag(name: str) -> int:
    """The value of the flags byte with only this flag set."""
    return next(byte for byte in (1 << bit for bit in range(8)) if _control(0, byte)[name])


IP_VERSION = _table(lambda byte: _starts(byte).version)
"""By the first byte of an IP packet."""
IPV4_HEADER = _table(lambda byte: _starts(byte).header_words * packet.WORD)
"""Header length in bytes, by the first byte."""
IPV4_FRAGMENTED = _any(
    lambda byte: (field := packet.IPV4.fragment.parse(bytes([byte, 0]))).more_fragments or field.offset != 0
)
"""Whether the first byte of the fragment field says that the packet is not whole; the second must be 0 as well."""
IPV6_FRAGMENTED = _any(lambda byte: (field := IPV6_FRAGMENT.fragment.parse(bytes([0, byte]))).more or field.offset != 0)
"""The same for the second byte of IPv6's field, of which the first must be 0."""
GRE_OPTIONS = _table(
    lambda byte: (
        GRE_OPTION * ((field := GRE.control.parse(bytes([byte, 0]))).checksum + field.key + field.sequence)
        + GRE_ROUTED * field.routing
    )
)
"""Bytes of options behind the header, by the first byte; `GRE_ROUTED` and more where RFC 1701's source routes are."""
GENEVE_OPTIONS = _table(lambda byte: packet.WORD * GENEVE.start.parse(bytes([byte, 0])).option_words)
"""Bytes of options behind the header, by the first byte."""
MPLS_BOTTOM = _table(lambda byte: MPLS.end.parse(bytes([byte])).bottom)
"""Whether the third byte of a label says that it is the last."""
TCP_HEADER = _table(lambda byte: _control(byte, 0).header_words * packet.WORD)
"""Header length in bytes, by the first byte of the control field."""
TCP_FIN, TCP_SYN, TCP_RST, TCP_ACK = (_flag(name) for name in ("fin", "syn", "rst", "ack"))
"""Values of the flags byte."""
