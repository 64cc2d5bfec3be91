"""The WebSocket frame of RFC 6455 5.2 and the body of a Close frame (5.5.1), as Construct schemas.

The first two bytes fix the whole layout, so they are schemas of their own: `analyzer.wire.tables` asks each
of them about all of its 256 values once, and the bulk decoder looks the answers up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Construct,
    Container,
    Flag,
    GreedyBytes,
    If,
    IfThenElse,
    Int16ub,
    Int64ub,
    Optional,
    Struct,
    Switch,
    Transformed,
    this,
)

FIRST = BitStruct("fin" / Flag, "rsv1" / Flag, "rsv2" / Flag, "rsv3" / Flag, "opcode" / BitsInteger(4))
"""FIN, RSV1 to RSV3, opcode."""

SECOND = BitStruct("masked" / Flag, "length7" / BitsInteger(7))
"""MASK and the 7-bit payload length."""

LENGTH_16 = 126
"""The 7-bit length that announces a 16-bit one; shorter payloads carry no further length."""
LENGTH_64 = 127
"""The 7-bit length that announces a 64-bit one."""
EXTENDED = {LENGTH_16: Int16ub, LENGTH_64: Int64ub}
MASKING_KEY = Bytes(4)

HEADER = Struct(
    "first" / FIRST,
    "second" / SECOND,
    "extended" / Switch(this.second.length7, EXTENDED),
    "masking_key" / If(this.second.masked, MASKING_KEY),
)
"""All that stands before the payload. ``extended`` is None where the 7-bit length says it all."""

FRAME = Struct(
    "header" / HEADER,
    "payload" / Bytes(lambda context: announced(context.header)),
)
"""A whole frame; ``payload`` as it stands on the wire, still masked."""

CLOSE_CODE = Int16ub
CLOSE_BODY = Optional(Struct("code" / CLOSE_CODE, "reason" / GreedyBytes))
"""Payload of a Close frame: None where there is no code (empty, or the illegal single byte)."""

CONTROL_LIMIT = 125
"""RFC 6455 5.5: the longest payload of a control frame."""
CONTROL_BIT = 8
"""RFC 6455 5.5: opcodes from here on are control frames."""


def announced(header: Construct) -> int:
    """The payload length a parsed HEADER announces, in bytes."""
    extended: int | None = header.extended
    return header.second.length7 if extended is None else extended


def mask(payload: bytes, key: bytes) -> bytes:
    """Mask or unmask: the same operation (RFC 6455 5.3). ``key`` is 4 bytes."""
    if not payload:
        return b""
    pad = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(payload), "big")


def length_form(length: int) -> int:
    """The 7-bit length of the shortest form that holds ``length`` (RFC 6455 5.2)."""
    if length < LENGTH_16:
        return length
    return LENGTH_16 if length < 1 << 16 else LENGTH_64


def build_frame(
    opcode: int,
    payload: bytes = b"",
    key: bytes | None = None,
    *,
    fin: bool = True,
    rsv1: bool = False,
    rsv2: bool = False,
    rsv3: bool = False,
    form: int | None = None,
) -> bytes:
    """One frame's bytes. ``key`` masks the payload; ``form`` 126 or 127 forces a longer length form."""
    length7 = length_form(len(payload)) if form is None else form
    built: bytes = FRAME.build(
        {
            "header": {
                "first": {"fin": fin, "rsv1": rsv1, "rsv2": rsv2, "rsv3": rsv3, "opcode": opcode},
                "second": {"masked": key is not None, "length7": length7},
                "extended": len(payload) if length7 in EXTENDED else None,
                "masking_key": key,
            },
            "payload": payload if key is None else mask(payload, key),
        }
    )
    return built


class Span(NamedTuple):
    """Where a field stands in its header: for drawings."""

    name: str
    bit: int
    width: int
    """In bits."""


def spans(header: bytes, schema: Construct = HEADER) -> list[Span]:
    """The fields of a frame's first ``len(header)`` bytes, whole or cut, with their bit positions.

    ``schema``: a `HEADER`. Names, widths and order are its own; what is there depends on the bytes, as it says.
    """
    return list(_spans(header, schema))


def _spans(header: bytes, schema: Construct) -> Iterator[Span]:
    known = Container()  # what the fields so far say, which is what a Switch and an If look at
    at = 0
    for field in schema.subcons:
        inner = field.subcon
        if isinstance(inner, Switch):
            inner = inner.cases.get(inner.keyfunc(known))
        elif isinstance(inner, IfThenElse):
            inner = inner.thensubcon if inner.condfunc(known) else None
        if inner is None:
            continue
        if isinstance(inner, Transformed):  # a BitStruct is a Struct inside a bit-wise wrapper
            if at >= len(header):
                return
            known[field.name] = inner.parse(header[at:])
            yield from _bits(inner, at * 8)
        else:
            yield Span(_drawn(field.name), at * 8, inner.sizeof() * 8)
        at += inner.sizeof()


DRAWN = {
    "fin": "FIN",
    "rsv1": "RSV1",
    "rsv2": "RSV2",
    "rsv3": "RSV3",
    "masked": "MASK",
    "length7": "payload length",
    "extended": "extended payload length",
}
"""Schema names as RFC 6455 5.2 draws them."""


def _drawn(name: str) -> str:
    return DRAWN.get(name, name.replace("_", " "))


def _bits(schema: Construct, base: int) -> Iterator[Span]:
    position = base
    for field in schema.subcon.subcons:
        width = 1 if field.subcon is Flag else field.subcon.length
        yield Span(_drawn(field.name), position, width)
        position += width
