"""One frame told: drawn as RFC 6455 5.2 draws it, its fields explained once, its mask taken off in view."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from analyzer.model import Frame, Opcode
from analyzer.report import glossary
from analyzer.report.drawing import opcode_name
from analyzer.report.verdict import plural
from analyzer.walkthrough.document import Block, Drawing, Points, Words, paragraph, quote, strong, words
from analyzer.walkthrough.figure import figure, header_size
from analyzer.walkthrough.gather import extended
from analyzer.walkthrough.moments import packets, sentence, since
from analyzer.wire.frame import CLOSE_CODE, CONTROL_BIT, LENGTH_16, LENGTH_64, mask

UNMASKED = 16
"""Bytes of a payload that are unmasked in view."""


def data(frame: Frame, *, redacted: bool = False) -> bytes:
    """The frame's first bytes as they stood on the wire; the header only, where payloads must not be shown."""
    if isinstance(frame.bytes, msgspec.UnsetType):
        return b""
    whole = bytes.fromhex(frame.bytes)
    return whole[: frame.header_length] if redacted else whole


def payload(frame: Frame, *, redacted: bool = False) -> bytes:
    """The first bytes of its payload, unmasked."""
    raw = data(frame, redacted=redacted)[frame.header_length :]
    return mask(raw, bytes.fromhex(frame.masking_key)) if frame.masking_key is not None else raw


def title(frame: Frame) -> str:
    """``Client frame 0: text, 15 bytes``."""
    more = "" if frame.fin else ", more follows"
    size = plural(frame.payload_length, "byte")
    return f"{frame.direction.capitalize()} frame {frame.index}: {opcode_name(frame.opcode)}, {size}{more}"


def shape(frame: Frame) -> tuple[object, ...]:
    """What a reader who has seen one such frame drawn knows of the next."""
    kind = frame.opcode
    return (
        frame.direction,
        kind,
        frame.fin,
        frame.rsv1,
        frame.rsv2,
        frame.rsv3,
        frame.masked,
        extended(frame),
        frame.complete,
    )


def place(frame: Frame, start_ns: int) -> Words:
    """Where and when."""
    cut = "" if frame.complete else " The capture does not hold the whole frame, or the sender did not send it."
    where = sentence(packets(frame.packet, frame.last_packet))
    return words(f"{where}, {since(frame.time_ns, start_ns)}, stream byte {frame.stream_offset}.{cut}")


class Teller:
    """Tells frames, and remembers what it has explained."""

    def __init__(self, start_ns: int, *, redacted: bool) -> None:
        """Count time from ``start_ns``."""
        self._start = start_ns
        self._redacted = redacted
        self._explained: set[str] = set()

    def blocks(self, frame: Frame, *, compressed: bool = False) -> Iterator[Block]:
        """The frame by itself; what its message is comes after. ``compressed``: it is part of a compressed message."""
        yield paragraph(*place(frame, self._start))
        raw = data(frame, redacted=self._redacted)
        if raw:
            yield Drawing(figure(raw, frame.payload_length))
        if header_size(raw) > len(raw) or not raw:
            yield paragraph("The capture does not hold all of its header.")
            return
        facts = list(self._facts(frame, compressed=compressed))
        if facts:
            yield Points(facts)
        if frame.masking_key is not None and len(raw) > frame.header_length:
            yield from self._unmask(frame, raw[frame.header_length :], readable=not compressed)

    def _new(self, name: str) -> bool:
        new = name not in self._explained
        self._explained.add(name)
        return new

    def _facts(self, frame: Frame, *, compressed: bool) -> Iterator[Words]:
        """The fields, each value explained the first time it is met."""
        if self._new(f"fin {frame.fin}"):
            last = "this frame is the last of its message" + (", and here also the first" if frame.opcode else "")
            yield words(
                strong(f"FIN {frame.fin:d}"), f": {last}." if frame.fin else ": the message goes on in another frame."
            )
        reserved = [f"RSV{number}" for number, on in enumerate((frame.rsv1, frame.rsv2, frame.rsv3), 1) if on]
        if not reserved and compressed and self._new("rsv1 of a fragment"):
            yield words(
                strong("RSV1 0"), ": only the first frame of a compressed message has it set (RFC 7692 6.1); this"
                " one goes on with such a message.",
            )  # fmt: skip
        elif not reserved and not compressed and self._new("no rsv"):
            yield words(strong("RSV1 to RSV3 0"), ": free for extensions; this frame uses none.")
        for name in reserved:
            if self._new(name):
                meaning = (
                    ": with permessage-deflate, the message is compressed (RFC 7692 6)."
                    if name == "RSV1"
                    else ": set, for an extension."
                )
                yield words(strong(f"{name} 1"), meaning)
        if self._new(f"opcode {frame.opcode}"):
            name = f"opcode {frame.opcode:#x} {opcode_name(frame.opcode)}"
            yield words(strong(name), f": {glossary.opcode(frame.opcode).partition(': ')[2]}.")
        if self._new(f"mask {frame.direction} {frame.masked}"):
            yield words(strong(f"MASK {frame.masked:d}"), f": {_masking(frame)}")
        form = extended(frame)
        if self._new(f"length {form}"):
            yield words(strong("payload length"), f": {_length(frame, form)}")
        if self._new(f"header {frame.header_length}"):
            yield words(
                f"So {plural(frame.header_length, 'byte')} of header stand before"
                f" {plural(frame.payload_length, 'byte')} of payload."
            )

    def _unmask(self, frame: Frame, raw: bytes, *, readable: bool) -> Iterator[Block]:
        assert frame.masking_key is not None
        key = bytes.fromhex(frame.masking_key)
        shown = raw[:UNMASKED]
        plain = mask(shown, key)
        if self._new("unmasking"):
            yield paragraph(
                "The mask comes off byte by byte: the byte at position i of the payload XOR byte (i mod 4)"
                " of the masking"
                " key (RFC 6455 5.3). The same puts it on."
            )
        lines = [
            f"position       {' '.join(f'{at:2}' for at in range(len(shown)))}",
            f"on the wire    {shown.hex(' ')}",
            f"masking key    {(key * UNMASKED)[: len(shown)].hex(' ')}",
            f"XOR            {plain.hex(' ')}",
        ]
        if readable:
            lines.append("as text        " + "  ".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in plain))
        if len(raw) > len(shown) or frame.payload_length > len(shown):
            lines[0] += "  ..."
        if self._new("unmasking bits"):
            lines += [
                "",
                f"byte 0: {_bits(shown[0])}  {shown[0]:02x}, on the wire",
                f"   XOR  {_bits(key[0])}  {key[0]:02x}, byte 0 of the key",
                f"     =  {_bits(plain[0])}  {plain[0]:02x}"
                + (f", {chr(plain[0])!r}" if 0x20 < plain[0] < 0x7F and readable else ""),
            ]
        yield Drawing(lines)


def _bits(byte: int) -> str:
    return f"{byte >> 4:04b} {byte & 15:04b}"


def _masking(frame: Frame) -> str:
    if frame.masked:
        right = "so must every frame of a client be" if frame.direction == "client" else "a server must never do that"
        return f"the payload is masked with the key that follows; {right} (RFC 6455 5.1)."
    right = "a server never masks" if frame.direction == "server" else "but a client must mask every frame"
    return f"the payload stands as it is, without a key; {right} (RFC 6455 5.1)."


def _length(frame: Frame, form: int) -> str:
    if not form:
        return f"{frame.payload_length}. Up to 125 its seven bits say it all: the short form."
    announced, most = (LENGTH_16, "65535") if form == 2 else (LENGTH_64, "2 to the power of 63")
    return (
        f"{announced} means that the length follows in {form} bytes more, which holds up to {most}: here"
        f" {frame.payload_length}."
    )


def control(frame: Frame, *, redacted: bool) -> Words:
    """What a control frame says."""
    if frame.opcode == Opcode.CLOSE:
        if frame.close_code is None:
            return words("No code and no reason: an application is told 1005, no status received (RFC 6455 7.1.5).")
        reason = frame.close_reason
        code = CLOSE_CODE.build(frame.close_code).hex(" ")
        return words(
            f"The first two bytes are the code: {code}. {sentence(glossary.close_code(frame.close_code))}",
            *((". Reason: ", quote(reason)) if reason else ("; no reason",)),
            ".",
        )
    content = payload(frame, redacted=redacted)
    if not frame.payload_length:
        return words("No payload.")
    return words(
        "Payload: ", quote(quoted(content)) if content else f"{plural(frame.payload_length, 'byte')}, not shown", "."
    )


def quoted(content: bytes) -> str:
    """Bytes as text where they are printable ASCII, else in hex; shortened."""
    shown = content[:32]
    text = shown.decode("ascii") if shown.isascii() and shown.decode("ascii").isprintable() else shown.hex(" ")
    return text + ("..." if len(content) > len(shown) else "")


def is_control(frame: Frame) -> bool:
    """RFC 6455 5.5."""
    return frame.opcode >= CONTROL_BIT
