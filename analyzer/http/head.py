"""One HTTP/1.1 head as it stood on the wire: start line, field lines, and every departure from the syntax.

Parsing is lenient (RFC 9112 2.2 and 5): a line ends at LF whether or not CR stands before it, blanks around
a name or a value are cut off, folded lines are joined. Nothing is refused and nothing is forgotten: each
field keeps its line and its place, and each leniency used is a defect with the offset of the byte at fault.

A head may arrive in any number of pieces, each from another packet, and a piece may be missing. The pieces
stay known, so that every byte of the head can be traced to its packet.
"""

from __future__ import annotations

import re
from bisect import bisect_right

import msgspec

from analyzer.http.fields import TCHAR, is_token
from analyzer.model import Cut, Place

Piece = tuple[int, int, Place]
"""Index into ``raw``, stream offset and place of the byte there; runs to the next piece."""

HOLE = b"\0"
"""Stands in ``raw`` for lost bytes: it can neither end a line nor be part of a name."""

HTTP_1_1 = (1, 1)
"""The first version with Upgrade (RFC 9110 7.8), and the lowest an opening may use."""

MISSING_END = "no empty line after the fields"
NOT_HTTP = "not an HTTP status line"

_BLANK_RUN = re.compile(rb"[ \t]+")
_STATUS = re.compile(rb"(HTTP/[^ \t]*)([ \t]+)([0-9]{3})(?![0-9])([ \t]*)(.*)", re.DOTALL)
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
_VERSION_LIKE = re.compile(rb"HTTP/[^ \t]*", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_TCHAR = re.compile(rb"[^" + TCHAR + rb"]")
_BLANKS = b" \t"


class Field(msgspec.Struct, frozen=True, gc=False):
    """One field line (with its folded continuation lines, if any)."""

    name: bytes
    """As sent, without blanks before the colon."""
    value: bytes
    """Without the blanks around it; folded lines are joined by one space."""
    offset: int
    """Stream offset of the line's first byte."""
    value_offset: int
    """Stream offset of the value's first byte; of the line end, where the value is empty."""
    line: bytes
    """The raw line with its line end."""

    def __str__(self) -> str:
        return f"{self.name!r}: {self.value!r} at {self.offset}"


class Defect(msgspec.Struct, frozen=True, gc=False, order=True):
    """One departure from the syntax of RFC 9112."""

    offset: int
    """Stream offset of the byte at fault."""
    kind: str


class Head(msgspec.Struct, kw_only=True):
    """A request or response head. Of the start line's parts those of the other kind are empty."""

    raw: bytes
    """From the first byte of the start line through the empty line; `HOLE` where bytes were lost."""
    pieces: list[Piece]
    is_request: bool
    offset: int
    end: int
    """Stream offset one past the empty line; one past the last byte seen, where the head was cut; -1 where a
    gap hides the end."""
    method: bytes = b""
    target: bytes = b""
    version: bytes = b""
    status: bytes = b""
    reason: bytes = b""
    target_offset: int = -1
    version_offset: int = -1
    status_offset: int = -1
    reason_offset: int = -1
    fields: list[Field] = []
    by_name: dict[bytes, list[Field]] = {}
    """The fields by their names in lower case: two dozen rules ask for one by name."""
    defects: list[Defect] = []
    """In the order of the stream."""
    complete: bool = True
    """The empty line was seen."""
    gap: bool = False
    """Bytes inside were lost."""
    intact: bool = True
    """All bytes the sender meant as head are here, so what is absent was not sent."""
    cut: Cut | None = None
    """What ended a head that is not complete."""

    @property
    def code(self) -> int:
        """The status code, 0 where there is none."""
        return int(self.status) if self.status else 0

    @property
    def http_version(self) -> tuple[int, int] | None:
        """Major and minor version, None where the text is no HTTP version."""
        match = _VERSION.fullmatch(self.version)
        return None if match is None else (int(match[1]), int(match[2]))

    def named(self, name: bytes) -> list[Field]:
        """The fields of that name (any case), in order."""
        return self.by_name.get(name.lower(), [])

    def stream_offset(self, index: int) -> int:
        """Stream offset of ``raw[index]``."""
        piece = self.pieces[max(0, bisect_right(self.pieces, index, key=lambda piece: piece[0]) - 1)]
        return piece[1] + index - piece[0]

    def place(self, stream_offset: int) -> Place:
        """Where the byte at ``stream_offset`` was captured; clamped to the head's bytes."""
        at = bisect_right(self.pieces, stream_offset, key=lambda piece: piece[1]) - 1
        _, start, place = self.pieces[max(0, at)]
        return moved(place, max(0, stream_offset - start))

    def __str__(self) -> str:
        line = self.raw.partition(b"\n")[0].rstrip(b"\r")
        return f"{'request' if self.is_request else 'response'} {line!r} at {self.offset}"


def moved(place: Place, count: int) -> Place:
    """The place ``count`` bytes further on in the same packet."""
    if not count:
        return place
    return Place(place.file, place.packet, place.ordinal, place.time_ns, place.file_offset + count)


def parse_head(raw: bytes, pieces: list[Piece], *, is_request: bool, complete: bool = True, gap: bool = False) -> Head:
    """Read a head from its bytes, which begin with the start line.

    A line without LF at the end counts only where the head is not ``complete``, and then as the line it is so far.
    """
    offset = pieces[0][1]
    head = Head(raw=raw, pieces=pieces, is_request=is_request, offset=offset, end=0, complete=complete, gap=gap)
    head.end = head.stream_offset(len(raw) - 1) + 1 if raw else offset
    head.intact = complete and not gap
    defects: list[tuple[int, str]] = []
    fields: list[_Unfolded] = []
    index = 0
    first = True
    while index < len(raw):
        stop = raw.find(b"\n", index)
        if stop < 0:
            if first:  # a field line that is cut says nothing sure; a start line says what there is
                _start_line(head, raw[index:], index, defects)
            break
        end = stop
        if end > index and raw[end - 1] == ord("\r"):
            end -= 1
        else:
            defects.append((stop, "bare LF"))
        line = raw[index:end]
        if first:
            _start_line(head, line, index, defects)
            first = False
        elif line:
            _field_line(head, fields, line, index, stop + 1, defects)
        _controls(line, index, defects)
        index = stop + 1
    head.fields = [field.field() for field in fields]
    for field in head.fields:
        head.by_name.setdefault(field.name.lower(), []).append(field)
    head.defects = sorted(Defect(head.stream_offset(at), kind) for at, kind in defects)
    return head


def _controls(line: bytes, index: int, defects: list[tuple[int, str]]) -> None:
    for match in _CONTROL.finditer(line):
        byte = match[0]
        kind = "bare CR" if byte == b"\r" else "NUL" if byte == b"\0" else "control byte"
        defects.append((index + match.start(), kind))


def _start_line(head: Head, line: bytes, index: int, defects: list[tuple[int, str]]) -> None:
    if head.is_request:
        _request_line(head, line, index, defects)
    else:
        _status_line(head, line, index, defects)


def _request_line(head: Head, line: bytes, index: int, defects: list[tuple[int, str]]) -> None:
    core = line.rstrip(_BLANKS)
    blank = _BLANK_RUN.search(core)
    if blank is None:
        head.method = core
        defects.append((index + len(core), "request line without a target"))
        return
    head.method = core[: blank.start()]
    if not is_token(head.method):
        found = _NOT_TCHAR.search(head.method)
        defects.append((index + (found.start() if found else 0), "method is not a token"))
    if blank[0] != b" ":
        defects.append((index + blank.start() + (blank[0][:1] == b" "), "extra blank in the request line"))
    if len(core) != len(line):
        defects.append((index + len(core), "extra blank in the request line"))
    last = max(core.rfind(b" "), core.rfind(b"\t")) + 1
    start = blank.end()
    if not _VERSION_LIKE.fullmatch(core, last):
        # No version stands at the end: all after the method is target.
        head.target, head.target_offset = core[start:], head.stream_offset(index + start)
        defects.append((index + len(core), "request line without HTTP version"))
        return
    head.target, head.target_offset = core[start:last].rstrip(_BLANKS), head.stream_offset(index + start)
    head.version, head.version_offset = core[last:], head.stream_offset(index + last)
    if not _VERSION.fullmatch(head.version):
        defects.append((index + last, "malformed HTTP version"))
    stop = start + len(head.target)
    if not head.target:
        defects.append((index + start, "request line without a target"))
    elif core[stop:last] != b" ":
        defects.append((index + stop + (core[stop : stop + 1] == b" "), "extra blank in the request line"))
    inner = _BLANK_RUN.search(head.target)
    if inner is not None:
        defects.append((index + start + inner.start(), "blank in the request target"))


def _status_line(head: Head, line: bytes, index: int, defects: list[tuple[int, str]]) -> None:
    match = _STATUS.fullmatch(line)
    if match is None:
        head.version = line.split(None, 1)[0] if line.strip() else b""
        head.version_offset = head.offset
        known = _VERSION.match(line)
        at = index + (known.end() if known else 0)
        defects.append((at, "malformed status line" if line[:5] == b"HTTP/" else NOT_HTTP))
        return
    head.version, head.status, head.reason = match[1], match[3], match[5]
    head.version_offset = head.stream_offset(index)
    head.status_offset = head.stream_offset(index + match.start(3))
    head.reason_offset = head.stream_offset(index + match.start(5))
    if not _VERSION.fullmatch(head.version):
        defects.append((index, "malformed HTTP version"))
    if match[2] != b" ":
        defects.append((index + match.start(2) + (match[2][:1] == b" "), "extra blank in the status line"))
    if head.reason and match[4][:1] != b" ":
        defects.append((index + match.end(3), "no space after the status code"))


def _field_line(
    head: Head,
    fields: list[_Unfolded],
    line: bytes,
    index: int,
    next_index: int,
    defects: list[tuple[int, str]],
) -> None:
    offset = head.stream_offset(index)
    whole = head.raw[index:next_index]
    if line[0] in _BLANKS:
        if not fields:
            defects.append((index, "blank before the first field"))
            return
        defects.append((index, "folded line"))
        fields[-1].fold(line.strip(_BLANKS), whole)
        return
    colon = line.find(b":")
    if colon < 0:
        defects.append((index, "field line without a colon"))
        return
    name = line[:colon].rstrip(_BLANKS)
    if len(name) != colon:
        defects.append((index + len(name), "blank before the colon"))
    if not name:
        defects.append((index, "empty field name"))
    bad = _NOT_TCHAR.search(name)
    if bad is not None and not _CONTROL.match(bad[0]):
        defects.append((index + bad.start(), "field name is not a token"))
    rest = line[colon + 1 :]
    at = colon + 1 + len(rest) - len(rest.lstrip(_BLANKS))
    fields.append(_Unfolded(name, rest.strip(_BLANKS), offset, head.stream_offset(index + at), whole))


class _Unfolded:
    """A field to which folded lines may still come; joined once, however many there are."""

    __slots__ = ("_lines", "_values", "name", "offset", "value_offset")

    def __init__(self, name: bytes, value: bytes, offset: int, value_offset: int, line: bytes) -> None:
        self.name, self.offset, self.value_offset = name, offset, value_offset
        self._values, self._lines = [value], [line]

    def fold(self, value: bytes, line: bytes) -> None:
        self._values.append(value)
        self._lines.append(line)

    def field(self) -> Field:
        value = b" ".join(part for part in self._values if part)
        return Field(self.name, value, self.offset, self.value_offset, b"".join(self._lines))
