"""The bytes a finding is about, drawn: frame fields as RFC 6455 5.2 names them, hex, or the lines of a head.

A drawing shows a window around the marked bytes, so its size does not depend on what a peer sent. Below the
marked part stands a row of carets. The frame's fields come from the schema (`analyzer.wire.frame.spans`); a
finding marks bytes, and where its words name one field of a marked byte only that field is marked.
"""

from __future__ import annotations

import re

from analyzer.model import Finding, Opcode
from analyzer.report.escape import visible_bytes
from analyzer.report.paint import Line
from analyzer.wire.frame import CONTROL_BIT, MASKING_KEY, Span, mask, spans

HEX_ROW = 16
"""Bytes a row of hex shows."""
HEX_ROWS = 3
"""Rows at most: the one with the first marked byte and its neighbours."""
OPCODES = {opcode.value: opcode.name.lower() for opcode in Opcode}
GAP = 2
"""Columns between two fields."""
WIDEST = 200
NARROWEST = 20
"""Columns a drawing takes at least, however narrow the terminal."""


def draw(finding: Finding, width: int) -> list[Line]:
    """The finding's evidence as lines at most ``width`` columns wide; none where it has no evidence."""
    evidence = finding.evidence
    if evidence is None:
        return []
    try:
        data = bytes.fromhex(evidence.hex)
    except ValueError:
        raise AssertionError(f"evidence is not hex: {evidence.hex!r}") from None
    if not data:
        return []
    start = min(max(evidence.mark[0], 0), len(data) - 1)
    end = min(max(start + evidence.mark[1], start + 1), len(data))
    if finding.frame is None:
        within = evidence.stream_offset != finding.stream_offset
        return head_lines(data, start, end, max(width, NARROWEST), within=within)
    lines: list[Line] = []
    if evidence.stream_offset == finding.stream_offset:
        words = f"{finding.text} {finding.expected} {finding.found}"
        lines += frame_fields(data, start, end, words, max(width, NARROWEST))
    lines += hex_rows(data, start, end)
    if evidence.stream_offset == finding.stream_offset:
        lines += _unmasked(data, start, end)
    return lines


def frame_fields(data: bytes, start: int, end: int, words: str = "", width: int = WIDEST) -> list[Line]:
    """Names and values of the header fields at the start of ``data``, those in ``start:end`` marked.

    Bits are written as bits, lengths as numbers, the masking key in hex, what is not there as ``cut``. Fields
    that do not fit in ``width`` columns begin another row.
    """
    fields = spans(data)
    touched = {field for field in fields if field.bit < end * 8 and start * 8 < field.bit + field.width}
    named = {field for field in touched if re.search(rf"(?<!\w){re.escape(field.name)}(?!\w)", words)}
    marked = named or touched
    lines: list[Line] = []
    row: list[Span] = []
    room = width
    for field in fields:
        taken = max(len(field.name), len(field_value(data, field))) + GAP
        if row and taken > room + GAP:
            lines += _field_row(data, row, marked)
            row, room = [], width
        row.append(field)
        room -= taken
    return lines + _field_row(data, row, marked)


def _field_row(data: bytes, fields: list[Span], marked: set[Span]) -> list[Line]:
    names: Line = []
    values: Line = []
    carets: Line = []
    for field in fields:
        value = field_value(data, field)
        width = max(len(field.name), len(value)) + GAP
        role = "mark" if field in marked else ""
        names.append((field.name.ljust(width), role or "dim"))
        values.append((value.ljust(width), role))
        carets.append((("^" * len(value) if role else "").ljust(width), role))
    return [names, values, *([carets] if marked.intersection(fields) else [])]


def field_value(data: bytes, field: Span) -> str:
    """One field's value as a person reads it."""
    bits = "".join(f"{byte:08b}" for byte in data[: (field.bit + field.width + 7) // 8])
    cut = bits[field.bit : field.bit + field.width]
    if len(cut) < field.width:
        return "cut"
    value = int(cut, 2)
    if field.width == 1:
        return cut
    if field.name == "opcode":
        return f"{cut} {opcode_name(value)}"
    if field.name == "masking key":
        return data[field.bit // 8 : (field.bit + field.width) // 8].hex(" ")
    return f"{cut} = {value}" if field.width < 8 else str(value)


def opcode_name(opcode: int) -> str:
    """``text``, ``close``; for what RFC 6455 11.8 does not register, ``reserved data`` or ``reserved control``."""
    return OPCODES.get(opcode) or ("reserved control" if opcode >= CONTROL_BIT else "reserved data")


def hex_rows(data: bytes, start: int, end: int) -> list[Line]:
    """Hex and ASCII of the rows around ``start``, with carets under ``start:end``."""
    first = max(0, start // HEX_ROW - 1)
    rows = -(-len(data) // HEX_ROW)
    last = min(rows, first + HEX_ROWS)
    lines: list[Line] = []
    if first:
        lines.append([(f"... {first * HEX_ROW} bytes before", "dim")])
    for row in range(first, last):
        at = row * HEX_ROW
        chunk = data[at : at + HEX_ROW]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in chunk)
        low, high = max(start - at, 0), min(end - at, len(chunk))
        if low >= high:
            lines.append([(chunk.hex(" ").ljust(HEX_ROW * 3), ""), (text, "dim")])
            continue
        before, marked, after = chunk[:low].hex(" "), chunk[low:high].hex(" "), chunk[high:].hex(" ")
        indent = len(before) + bool(before)
        tail = (f" {after}" if after else "").ljust(HEX_ROW * 3 - indent - len(marked))
        lines.append([(f"{before} " if before else "", ""), (marked, "mark"), (tail, ""), (text, "dim")])
        lines.append([(" " * indent, ""), ("^" * len(marked), "mark")])
    if last < rows:
        lines.append([(f"... {len(data) - last * HEX_ROW} bytes after", "dim")])
    return lines


def _unmasked(data: bytes, start: int, end: int) -> list[Line]:
    """The payload with its mask taken off, where the mark lies in a masked payload."""
    fields = spans(data)
    header = (fields[-1].bit + fields[-1].width) // 8
    if fields[-1].name != "masking key" or start < header or len(data) <= header:
        return []
    key = data[header - MASKING_KEY.sizeof() : header]
    return [[("unmasked payload", "dim")], *hex_rows(mask(data[header:], key), start - header, end - header)]


def head_lines(data: bytes, start: int, end: int, width: int, *, within: bool = False) -> list[Line]:
    """The lines of an HTTP head that hold ``start:end``, with carets; long ones cut around the mark.

    ``within``: ``data`` begins somewhere within the head, so its first line may not be whole.
    """
    begin = data.rfind(b"\n", 0, start) + 1
    newline = data.find(b"\n", max(end - 1, start))
    stop = len(data) if newline < 0 else newline + 1
    before, marked, after = (visible_bytes(part) for part in (data[begin:start], data[start:end], data[end:stop]))
    if within and not begin:
        before = f"...{before}"
    if not data.endswith(b"\n") and stop == len(data):
        after += "..."
    if len(before) > width // 2:
        before = "..." + before[len(before) - width // 2 + 3 :]
    room = width - len(before)
    if len(marked) > room:
        marked = marked[: room - 3] + "..."
    room -= len(marked)
    if len(after) > room:
        after = after[: max(0, room - 3)] + "..."[:room]
    return [
        [(before, ""), (marked, "mark"), (after, "")],
        [(" " * len(before), ""), ("^" * len(marked), "mark")],
    ]
