"""What permessage-deflate did to the messages (RFC 7692 7): inflated in view, and what it saved."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from analyzer.model import Frame
from analyzer.report.verdict import plural
from analyzer.walkthrough.document import Block, Drawing, Section, Table, Words, code, paragraph, points, words
from analyzer.walkthrough.frame import payload
from analyzer.walkthrough.gather import DIRECTIONS, Gathered
from analyzer.walkthrough.joined import Message, join

TAIL = b"\x00\x00\xff\xff"
"""The end of an empty block, which every compressed message would end with and none does (RFC 7692 7.2.1)."""
SHOWN = 12
"""Messages listed."""
BYTES = 16
"""Bytes shown at the beginning."""


def section(gathered: Gathered) -> Section | None:
    """The step; None where no message was compressed."""
    if not any(side.compressed for side in gathered.sides.values()):
        return None
    return Section("What the compression did", list(_blocks(gathered)), 2)


def _blocks(gathered: Gathered) -> Iterator[Block]:
    messages = [
        message
        for message in join(gathered).messages.values()
        if message.told is not None and message.told.message.compressed and message.told.message.length is not None
    ]
    yield paragraph(
        "Compressed is the message, before it is cut into frames and masked. Every DEFLATE stream that is flushed ends"
        " with the bytes ", code(TAIL.hex(" ")), ", so these are left out, and the receiver puts them back before it"
        " inflates (RFC 7692 7.2.1, 7.2.2)."
    )  # fmt: skip
    first = next((each for each in messages if len(each.frames) == 1 and _plain(each) is not None), None)
    if first is not None and not gathered.redacted:
        yield from _inflated(first)
    if messages:
        yield Table(
            ["message", "packet", "long", "sent as", "saved", "alone"],
            [_row(message) for message in messages[:SHOWN]],
            frozenset({1, 2, 3, 4, 5}),
        )
        yield paragraph(
            "Alone is what zlib makes of the same message without the ones before it. Where less was sent, the message"
            " repeats what this side said earlier, and the window of earlier messages was still there (context"
            " takeover), at the price of memory on both sides for as long as the connection lasts (RFC 7692 7.1.1)."
        )
    items = [item for item in (_sum(gathered, name) for name in DIRECTIONS) if item]
    if items:
        yield points(*items)


def _plain(message: Message) -> bytes | None:
    """The whole message, where it was kept."""
    beginning = None if message.told is None else message.told.beginning
    if beginning is None or not beginning.whole:
        return None
    return beginning.data if beginning.text is None else beginning.text.encode("utf-8", "surrogatepass")


def _inflated(message: Message) -> Iterator[Block]:
    frame: Frame = message.frames[0]
    sent, plain = payload(frame), _plain(message)
    assert plain is not None
    cut = frame.payload_length > len(sent)
    yield Drawing(
        [
            f"{frame.direction} frame {frame.index}, {plural(frame.payload_length, 'byte')}"
            + (", unmasked" if frame.masked else ""),
            f"    {_hex(sent, cut=cut)}",
            f"with {TAIL.hex(' ')} after it, inflated to {plural(len(plain), 'byte')}",
            f"    {_hex(plain, cut=False)}",
            f"    {_text(plain)}",
        ]
    )


def _hex(data: bytes, *, cut: bool) -> str:
    return data[:BYTES].hex(" ") + (" ..." if cut or len(data) > BYTES else "")


def _text(data: bytes) -> str:
    return "  ".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data[:BYTES])


def _row(message: Message) -> list[Words]:
    told = message.told
    assert told is not None
    length = told.message.length
    assert length is not None
    sent = sum(frame.payload_length for frame in message.frames)
    plain = _plain(message)
    return [
        words(f"{message.frames[0].direction} frame {message.frames[0].index}"),
        words(str(message.frames[0].packet)),
        words(str(length)),
        words(str(sent)),
        words(_saved(length, sent)),
        words("-" if plain is None else str(alone(plain))),
    ]


def alone(plain: bytes) -> int:
    """Bytes of a message that is compressed by itself."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return len(deflate.compress(plain) + deflate.flush(zlib.Z_SYNC_FLUSH)) - len(TAIL)


def _saved(length: int, sent: int) -> str:
    return f"{100 * (length - sent) / length:.0f} %" if length else "-"


def _sum(gathered: Gathered, name: str) -> Words:
    side = gathered.sides["client" if name == "client" else "server"]
    if not side.compressed or side.unknown or not side.length:
        return []
    kept = side.messages - side.compressed
    return words(
        f"{name}: {plural(side.compressed, 'compressed message')}{f' and {kept} left as they are' if kept else ''},"
        f" {plural(side.length, 'byte')} to the application, {side.data_payload} in frames:"
        f" {_saved(side.length, side.data_payload)} saved."
    )
