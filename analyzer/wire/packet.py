"""Ethernet, IPv4, IPv6 and TCP headers as Construct schemas, and the Internet checksum.

One statement serves both ways: the samples build packets with these schemas, the walkthrough parses shown
packets with them, and the bulk packet decoder is tested against them. Addresses are `bytes` in network
order (`ipaddress.ip_address(text).packed`). Checksum fields are plain numbers: a capture may hold wrong
ones, so parsing never judges them, and building asks for `checksum` first.
"""

from __future__ import annotations

from construct import BitsInteger, BitStruct, Bytes, Flag, Int8ub, Int16ub, Int32ub, Struct

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
PROTOCOL_TCP = 6

HOPS = 64
"""The hop limit most hosts begin with."""

WORD = 4
"""Bytes: the unit of the IPv4 and TCP header lengths."""

ETHERNET = Struct("destination" / Bytes(6), "source" / Bytes(6), "ethertype" / Int16ub)

IPV4_SHORTEST = 20
LONGEST = 0xFFFF
"""Bytes of an IPv4 packet that its length field can count."""
IPV4 = Struct(
    "start" / BitStruct("version" / BitsInteger(4), "header_words" / BitsInteger(4)),
    "traffic_class" / Int8ub,
    "total_length" / Int16ub,
    "identification" / Int16ub,
    "fragment"
    / BitStruct("reserved" / Flag, "dont_fragment" / Flag, "more_fragments" / Flag, "offset" / BitsInteger(13)),
    "time_to_live" / Int8ub,
    "protocol" / Int8ub,
    "checksum" / Int16ub,
    "source" / Bytes(4),
    "destination" / Bytes(4),
    "options" / Bytes(lambda context: _beyond(context.start.header_words, IPV4_SHORTEST)),
)
"""RFC 791 3.1. ``total_length`` counts header and payload; 0 where the sender left segmentation to its card."""

IPV6 = Struct(
    "start" / BitStruct("version" / BitsInteger(4), "traffic_class" / BitsInteger(8), "flow_label" / BitsInteger(20)),
    "payload_length" / Int16ub,
    "next_header" / Int8ub,
    "hop_limit" / Int8ub,
    "source" / Bytes(16),
    "destination" / Bytes(16),
)
"""RFC 8200 3."""

TCP_SHORTEST = 20
TCP_FLAGS = ("cwr", "ece", "urg", "ack", "psh", "rst", "syn", "fin")
"""As they stand in the header, from the most significant bit."""
TCP = Struct(
    "source" / Int16ub,
    "destination" / Int16ub,
    "sequence" / Int32ub,
    "acknowledgment" / Int32ub,
    "control"
    / BitStruct("header_words" / BitsInteger(4), "reserved" / BitsInteger(4), *(name / Flag for name in TCP_FLAGS)),
    "window" / Int16ub,
    "checksum" / Int16ub,
    "urgent" / Int16ub,
    "options" / Bytes(lambda context: _beyond(context.control.header_words, TCP_SHORTEST)),
)
"""RFC 9293 3.1."""

SEQUENCES = 1 << 32
"""TCP sequence numbers count modulo this."""

MAXIMUM_SEGMENT_SIZE = Struct("kind" / Int8ub, "length" / Int8ub, "size" / Int16ub)
"""The TCP option a SYN carries (RFC 9293 3.7.1): kind 2, length 4."""

PSEUDO_IPV4 = Struct(
    "source" / Bytes(4), "destination" / Bytes(4), "zero" / Int8ub, "protocol" / Int8ub, "length" / Int16ub
)
"""What the TCP checksum covers besides the segment, over IPv4 (RFC 9293 3.1)."""
PSEUDO_IPV6 = Struct(
    "source" / Bytes(16), "destination" / Bytes(16), "length" / Int32ub, "zero" / Bytes(3), "protocol" / Int8ub
)
"""The same over IPv6 (RFC 8200 8.1)."""


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of ``data``, whose own checksum field must be zero.

    Adding 16-bit words with end-around carry is arithmetic modulo 65535, so one division of the whole
    number does the sum.
    """
    even = data if len(data) % 2 == 0 else data + b"\0"
    total = int.from_bytes(even, "big")
    words = total % 0xFFFF
    if words == 0 and total:
        words = 0xFFFF  # one's complement has two zeros; a sum of words that are not all 0 gives this one
    return 0xFFFF - words


def build_ipv4(
    source: bytes, destination: bytes, payload: bytes, identification: int = 0, *, hops: int = HOPS
) -> bytes:
    """An IPv4 packet with a TCP segment in it. Raises ValueError where the payload is too long for one."""
    length = IPV4_SHORTEST + len(payload)
    if length > LONGEST:
        raise ValueError(f"{len(payload)} bytes do not fit an IPv4 packet")
    fields = {
        "start": {"version": 4, "header_words": IPV4_SHORTEST // WORD},
        "traffic_class": 0,
        "total_length": length,
        "identification": identification,
        "fragment": {"reserved": False, "dont_fragment": True, "more_fragments": False, "offset": 0},
        "time_to_live": hops,
        "protocol": PROTOCOL_TCP,
        "checksum": 0,
        "source": source,
        "destination": destination,
        "options": b"",
    }
    sum_of_header = checksum(IPV4.build(fields))
    header: bytes = IPV4.build({**fields, "checksum": sum_of_header})
    return header + payload


def build_ipv6(source: bytes, destination: bytes, payload: bytes, *, hops: int = HOPS) -> bytes:
    """An IPv6 packet with a TCP segment in it. Raises ValueError where the payload is too long for one."""
    if len(payload) > 0xFFFF:
        raise ValueError(f"{len(payload)} bytes do not fit an IPv6 packet")
    header: bytes = IPV6.build(
        {
            "start": {"version": 6, "traffic_class": 0, "flow_label": 0},
            "payload_length": len(payload),
            "next_header": PROTOCOL_TCP,
            "hop_limit": hops,
            "source": source,
            "destination": destination,
        }
    )
    return header + payload


def build_tcp(
    source: bytes,
    destination: bytes,
    ports: tuple[int, int],
    sequence: int,
    acknowledgment: int,
    flags: frozenset[str],
    payload: bytes = b"",
    *,
    window: int = 0xFFFF,
    options: bytes = b"",
) -> bytes:
    """A TCP segment with a correct checksum, for a packet between the two addresses.

    ``ports`` are source and destination port, ``flags`` names from TCP_FLAGS, ``options`` a multiple of 4 bytes.
    """
    fields = {
        "source": ports[0],
        "destination": ports[1],
        "sequence": sequence % SEQUENCES,
        "acknowledgment": acknowledgment % SEQUENCES,
        "control": {
            "header_words": (TCP_SHORTEST + len(options)) // WORD,
            "reserved": 0,
            **{name: name in flags for name in TCP_FLAGS},
        },
        "window": window,
        "checksum": 0,
        "urgent": 0,
        "options": options,
    }
    pseudo = pseudo_header(source, destination, TCP_SHORTEST + len(options) + len(payload))
    sum_of_segment = checksum(pseudo + TCP.build(fields) + payload)
    header: bytes = TCP.build({**fields, "checksum": sum_of_segment})
    return header + payload


def pseudo_header(source: bytes, destination: bytes, length: int) -> bytes:
    """What the checksum of a TCP segment of ``length`` bytes covers besides it; the address length tells which IP."""
    schema = PSEUDO_IPV4 if len(source) == PSEUDO_IPV4.source.sizeof() else PSEUDO_IPV6
    zero: int | bytes = 0 if schema is PSEUDO_IPV4 else bytes(3)
    built: bytes = schema.build(
        {"source": source, "destination": destination, "zero": zero, "protocol": PROTOCOL_TCP, "length": length}
    )
    return built


def _beyond(words: int, shortest: int) -> int:
    """Bytes of options. A header length below the shortest legal one announces none."""
    return max(words * WORD - shortest, 0)
