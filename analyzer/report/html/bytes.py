"""The bytes of a frame as the page shows them: which bits are which field, and the payload as text.

Where a frame's fields lie is settled by its first two bytes (RFC 6455 5.2), so the page carries each layout once, under
those two bytes, and the frames only their hex. The fields of the header are the schema's (`analyzer.wire.frame.spans`).
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from functools import lru_cache
from typing import NamedTuple

import msgspec

from analyzer.model import Frame, Opcode
from analyzer.report.escape import visible
from analyzer.wire.frame import CLOSE_CODE, FIRST, LENGTH_16, SECOND, mask, spans

COLOURS = {
    "FIN": "fin",
    "RSV1": "rsv",
    "RSV2": "rsv",
    "RSV3": "rsv",
    "opcode": "opcode",
    "MASK": "mask",
    "payload length": "length",
    "extended payload length": "extended",
    "masking key": "key",
    "close code": "code",
    "close reason": "payload",
    "payload": "payload",
}
"""Names of the style sheet's colours, by field."""

FIXED = FIRST.sizeof() + SECOND.sizeof()
"""Bytes that settle the layout."""
REST = 0
"""Width of a field that takes what is left."""


class Field(NamedTuple):
    """One field of a frame."""

    name: str
    bit: int
    width: int
    """In bits; REST: all that follows."""
    colour: str


@lru_cache(maxsize=1024)
def fields(fixed: bytes) -> tuple[Field, ...]:
    """The fields of a frame that begins with ``fixed`` (two bytes, or the one there is)."""
    header = [Field(span.name, span.bit, span.width, COLOURS[span.name]) for span in spans(fixed)]
    if len(fixed) < FIXED:
        return tuple(header)
    end = header[-1].bit + header[-1].width
    length = SECOND.parse(fixed[FIRST.sizeof() : FIXED]).length7
    if FIRST.parse(fixed[: FIRST.sizeof()]).opcode == Opcode.CLOSE and CLOSE_CODE.sizeof() <= length < LENGTH_16:
        width = CLOSE_CODE.sizeof() * 8
        header.append(Field("close code", end, width, COLOURS["close code"]))
        if length > CLOSE_CODE.sizeof():
            header.append(Field("close reason", end + width, REST, COLOURS["close reason"]))
    elif length:
        header.append(Field("payload", end, REST, COLOURS["payload"]))
    return tuple(header)


def kept_bytes(frame: Frame) -> bytes | None:
    """Header and first payload bytes; None where the result does not hold them."""
    if isinstance(frame.bytes, msgspec.UnsetType):
        return None
    try:
        return bytes.fromhex(frame.bytes)
    except ValueError:  # a result written by something else
        return None


def payload(frame: Frame) -> bytes:
    """What is kept of the payload, unmasked."""
    data = (kept_bytes(frame) or b"")[frame.header_length :]
    key = bytes.fromhex(frame.masking_key) if frame.masking_key is not None else b""
    return mask(data, key) if key else data


def starts_text(frame: Frame) -> bool:
    """Whether a text message begins here that is not compressed (RFC 7692 6: RSV1 of its first frame)."""
    return frame.opcode == Opcode.TEXT and not frame.rsv1


def payload_text(frame: Frame, *, continues_text: bool = False) -> str | None:
    """What is kept of the payload as text, harmless; None where it is not text: binary or compressed.

    ``continues_text``: the message that a continuation belongs to is text, and not compressed.
    """
    data = payload(frame)
    is_text = continues_text if frame.opcode == Opcode.CONTINUATION else starts_text(frame)
    if not data or (frame.opcode < Opcode.CLOSE and not is_text):
        return None
    if frame.opcode == Opcode.CLOSE:
        data = data[CLOSE_CODE.sizeof() :]
    return visible(data.decode("utf-8", "surrogateescape")) or None


def begun_text(data: bytes, whole: int) -> str:
    """The text that begins with ``data`` (not escaped); a code point cut there, of ``whole`` bytes, is left out."""
    reading = getincrementaldecoder("utf-8")("surrogateescape")
    return reading.decode(data, final=len(data) >= whole)
