"""A frame drawn as RFC 6455 5.2 draws it: rows of 32 bits, each field in its box, with the bits that were sent.

Names, widths and order of the fields come from the schema (`analyzer.wire.frame.spans`), and what is there from the
bytes: the drawing is of this very frame, with its length form, its masking key and its payload.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from construct import Construct

from analyzer.report.drawing import opcode_name
from analyzer.report.verdict import plural
from analyzer.wire.frame import HEADER, Span, spans

ROW = 32
"""Bits of a row."""
PAYLOAD_ROWS = 2
"""Rows drawn of the payload, beside the rest of the row in which the header ends."""
OCTET = 8
PAYLOAD = "payload"
MASKED = "payload, masked"


class Box(NamedTuple):
    """What one row shows of a field."""

    name: str
    bit: int
    """Of the row."""
    width: int
    bits: str
    """Empty where they are too many to be worth showing."""
    meaning: str

    @property
    def columns(self) -> int:
        """Between its walls."""
        return 2 * self.width - 1


def figure(data: bytes, payload_length: int, schema: Construct = HEADER) -> list[str]:
    """``data``: the frame's header and the first bytes of its payload, of which it has ``payload_length``."""
    rows = _rows(data, payload_length, schema)
    tens = "".join(str(bit // 10) if bit % 10 == 0 else " " for bit in range(ROW))
    lines = [" " + " ".join(tens).rstrip(), " " + " ".join(str(bit % 10) for bit in range(ROW))]
    for number, row in enumerate(rows):
        lines.append(_wall(rows[number - 1] if number else [], row))
        lines += _row(row)
    lines.append(_wall(rows[-1], []) if rows else "")
    drawn = sum(box.width for row in rows for box in row if box.name in (PAYLOAD, MASKED)) // OCTET
    if payload_length > drawn and len(data) >= header_size(data, schema):
        lines.append(f"  and {plural(payload_length - drawn, 'more byte')} of payload")
    return lines


def header_size(data: bytes, schema: Construct = HEADER) -> int:
    """Bytes of the header at the start of ``data``."""
    fields = spans(data, schema)
    return (fields[-1].bit + fields[-1].width) // OCTET if fields else 0


def _rows(data: bytes, payload_length: int, schema: Construct) -> list[list[Box]]:
    bits = "".join(f"{byte:08b}" for byte in data)
    fields = spans(data, schema)
    rows: list[list[Box]] = []
    for field in fields:
        _place(rows, field, bits, data)
    end = header_size(data, schema) * OCTET
    masked = any(field.name == "masking key" for field in fields)
    last = min(len(bits), end + payload_length * OCTET, (-(-end // ROW) + PAYLOAD_ROWS) * ROW)
    name = MASKED if masked else PAYLOAD
    if last > end:
        _place(rows, Span(name, end, last - end), bits, data)
    return rows


def _place(rows: list[list[Box]], field: Span, bits: str, data: bytes) -> None:
    """Put a field's boxes into the rows it runs through."""
    at, end = field.bit, field.bit + field.width
    while at < end:
        stop = min(end, (at // ROW + 1) * ROW)
        while len(rows) <= at // ROW:
            rows.append([])
        part = bits[at:stop].ljust(stop - at, "?")
        rows[at // ROW].append(Box(field.name, at % ROW, stop - at, part, _meaning(field, at, stop, bits, data)))
        at = stop


def _meaning(field: Span, at: int, stop: int, bits: str, data: bytes) -> str:
    if field.width == 1:
        return ""
    whole = bits[field.bit : field.bit + field.width]
    if len(whole) < field.width:
        return "cut"
    if field.name == "opcode":
        name, room = opcode_name(int(whole, 2)), 2 * field.width - 1
        return name if len(name) <= room else f"{name[: room - 1]}."
    if field.name == "extended payload length":
        return str(int(whole, 2)) if stop == field.bit + field.width else ""
    if field.width < OCTET:
        return str(int(whole, 2))
    return data[at // OCTET : stop // OCTET].hex(" ")


def _wall(above: list[Box], below: list[Box]) -> str:
    """The line between two rows: a plus wherever one of them has a wall."""
    width = 2 * max((box.bit + box.width for row in (above, below) for box in row), default=0)
    walls = {2 * edge for row in (above, below) for box in row for edge in (box.bit, box.bit + box.width)}
    return "".join("+" if column in walls else "-" for column in range(width + 1))


def _row(row: list[Box]) -> list[str]:
    labels = [_label(box) for box in row]
    height = max(len(label) for label in labels)
    lines = [[label[line] if line < len(label) else "" for label in labels] for line in range(height)]
    lines.append([" ".join(box.bits) for box in row])
    if any(box.meaning for box in row):
        lines.append([box.meaning for box in row])
    return [
        "|" + "".join(f"{cell:^{box.columns}}|" for cell, box in zip(line, row, strict=True)).rstrip() for line in lines
    ]


def _label(box: Box) -> list[str]:
    """The name of one bit runs downwards, as in the RFC."""
    return list(box.name) if box.width == 1 else textwrap.wrap(box.name, max(box.columns, 1))
