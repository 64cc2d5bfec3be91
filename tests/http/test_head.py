"""Heads: what is read from them, where each defect is put, and agreement with h11 on what h11 accepts."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.http.head import Head, parse_head
from analyzer.model import Place

OFFSET = 1000


def place(number: int = 1) -> Place:
    return Place(file=0, packet=number, ordinal=number - 1, time_ns=0, file_offset=5000 * number)


def request(raw: bytes) -> Head:
    return parse_head(raw, [(0, OFFSET, place())], is_request=True)


def response(raw: bytes) -> Head:
    return parse_head(raw, [(0, OFFSET, place())], is_request=False)


def test_a_request_with_every_offset() -> None:
    head = request(b"GET /chat HTTP/1.1\r\nHost:  a.example \r\nX-Empty:\r\nhost: b\r\n\r\n")
    assert (head.method, head.target, head.version) == (b"GET", b"/chat", b"HTTP/1.1")
    assert (head.offset, head.target_offset, head.version_offset, head.end) == (1000, 1004, 1010, 1060)
    assert [(f.name, f.value, f.offset, f.value_offset) for f in head.fields] == [
        (b"Host", b"a.example", 1020, 1027),
        (b"X-Empty", b"", 1039, 1047),
        (b"host", b"b", 1049, 1055),
    ]
    assert head.fields[0].line == b"Host:  a.example \r\n"
    assert [f.value for f in head.named(b"HOST")] == [b"a.example", b"b"]
    assert head.defects == []
    assert head.intact


def test_a_response_with_every_offset() -> None:
    head = response(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
    assert (head.version, head.status, head.reason, head.code) == (b"HTTP/1.1", b"101", b"Switching Protocols", 101)
    assert (head.version_offset, head.status_offset, head.reason_offset) == (1000, 1009, 1013)
    assert head.defects == []


@pytest.mark.parametrize("line", [b"HTTP/1.1 101", b"HTTP/1.1 101 ", b"HTTP/1.1 101 \xe9t\xe9"])
def test_the_reason_may_be_missing_or_not_ascii(line: bytes) -> None:
    head = response(line + b"\r\n\r\n")
    assert head.code == 101
    assert head.defects == []


@pytest.mark.parametrize(
    ("raw", "kind", "at"),
    [
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "bare LF", b"\nHost"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", "bare LF", -1),
        (b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "bare CR", b"\rb"),
        (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "bare CR", b"\r\r\n\r\n"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "blank before the colon", b" : a"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "folded line", b" b"),
        (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "blank before the first field", b" Host"),
        (b"GET / HTTP/1.1\r\nHost: \x00\r\n\r\n", "NUL", b"\0"),
        (b"GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n", "control byte", b"\x7f"),
        (b"GET / HTTP/1.1\r\nHost a\r\n\r\n", "field line without a colon", b"Host a"),
        (b"GET / HTTP/1.1\r\n: a\r\n\r\n", "empty field name", b": a"),
        (b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n", "field name is not a token", b" st:"),
        (b"GET  / HTTP/1.1\r\n\r\n", "extra blank in the request line", b" / HTTP"),
        (b"GET /  HTTP/1.1\r\n\r\n", "extra blank in the request line", b" HTTP"),
        (b"GET\t/ HTTP/1.1\r\n\r\n", "extra blank in the request line", b"\t/"),
        (b"GET / HTTP/1.1 \r\n\r\n", "extra blank in the request line", b" \r\n"),
        (b"GET /a b HTTP/1.1\r\n\r\n", "blank in the request target", b" b"),
        (b"GET / http/1.1\r\n\r\n", "malformed HTTP version", b"http/"),
        (b"GET / HTTP/1.10\r\n\r\n", "malformed HTTP version", b"HTTP/"),
        (b"GET /\r\n\r\n", "request line without HTTP version", b"\r\n"),
        (b"GET\r\n\r\n", "request line without a target", b"\r\n"),
        (b"GET  HTTP/1.1\r\n\r\n", "request line without a target", b"HTTP"),
        (b"G(T / HTTP/1.1\r\n\r\n", "method is not a token", b"(T"),
    ],
)
def test_each_defect_of_a_request_has_its_place(raw: bytes, kind: str, at: bytes | int) -> None:
    offset = OFFSET + (raw.index(at) if isinstance(at, bytes) else len(raw) + at)
    assert (offset, kind) in [(defect.offset, defect.kind) for defect in request(raw).defects]


@pytest.mark.parametrize(
    ("raw", "kind", "at", "code"),
    [
        (b"HTTP/1.1 101Switching\r\n\r\n", "no space after the status code", b"Switching", 101),
        (b"HTTP/1.1 1010 X\r\n\r\n", "malformed status line", b" 1010", 0),
        (b"HTTP/1.1  101 X\r\n\r\n", "extra blank in the status line", b" 101", 101),
        (b"HTTP/2 101 X\r\n\r\n", "malformed HTTP version", b"HTTP", 101),
        (b"SSH-2.0-x\r\n\r\n", "not an HTTP status line", b"SSH", 0),
    ],
)
def test_each_defect_of_a_response_has_its_place(raw: bytes, kind: str, at: bytes, code: int) -> None:
    head = response(raw)
    assert [(defect.offset, defect.kind) for defect in head.defects] == [(OFFSET + raw.index(at), kind)]
    assert head.code == code


def test_a_folded_value_is_joined_and_keeps_its_lines() -> None:
    field = request(b"GET / HTTP/1.1\r\nX: a\r\n\t b \r\n c\r\nY: d\r\n\r\n").fields[0]
    assert field.value == b"a b c"
    assert field.line == b"X: a\r\n\t b \r\n c\r\n"


def test_a_byte_is_traced_to_the_packet_that_brought_it() -> None:
    pieces = [(0, 1000, place(1)), (6, 1006, place(2))]
    head = parse_head(b"GET / HTTP/1.1\r\n\r\n", pieces, is_request=True)
    assert (head.place(1005).packet, head.place(1005).file_offset) == (1, 5005)
    assert (head.place(1006).packet, head.place(1010).file_offset) == (2, 10004)
    assert head.place(0).file_offset == 5000


def test_offsets_after_a_hole_are_those_of_the_stream() -> None:
    raw = b"GET / HTTP/1.1\r\nA: b\r\n\0ple\r\nC: d\r\n\r\n"
    pieces = [(0, 1000, place(1)), (23, 1500, place(2))]
    head = parse_head(raw, pieces, is_request=True, gap=True)
    assert head.named(b"C")[0].offset == 1505
    assert not head.intact


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_no_bytes_make_it_raise(raw: bytes, is_request: bool, complete: bool) -> None:
    head = parse_head(raw, [(0, OFFSET, place())], is_request=is_request, complete=complete)
    for defect in head.defects:
        assert OFFSET <= defect.offset <= OFFSET + len(raw)
    str(head)


TOKEN = st.text("abcXYZ019-_!~", min_size=1, max_size=8)
VALUE = st.text('abc ,;="/\t\u00e9', max_size=20)
END = st.sampled_from([b"\r\n", b"\n"])
FIELDS = st.lists(st.tuples(TOKEN, VALUE, END, st.sampled_from([b"", b" ", b"\t "])), max_size=5)


def _lines(fields: list[tuple[str, str, bytes, bytes]]) -> bytes:
    return b"".join(name.encode() + b":" + blank + value.encode("latin-1") + end for name, value, end, blank in fields)


def _same_fields(ours: Head, theirs: h11.Request | h11.InformationalResponse | h11.Response) -> None:
    assert [(f.name, f.value) for f in ours.fields] == list(theirs.headers.raw_items())


@given(TOKEN, st.text("/ab?=%#", min_size=1, max_size=12), FIELDS, END)
def test_what_h11_accepts_as_a_request_reads_the_same(
    method: str, target: str, fields: list[tuple[str, str, bytes, bytes]], end: bytes
) -> None:
    raw = f"{method} {target} HTTP/1.1\r\nHost: a\r\n".encode() + _lines(fields) + end
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(raw)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return
    assert isinstance(event, h11.Request)
    head = request(raw)
    assert (head.method, head.target) == (event.method, event.target)
    _same_fields(head, event)


@given(st.integers(100, 599), st.text("ab \t\u00e9", max_size=10), FIELDS, END)
def test_what_h11_accepts_as_a_response_reads_the_same(
    status: int, reason: str, fields: list[tuple[str, str, bytes, bytes]], end: bytes
) -> None:
    raw = f"HTTP/1.1 {status} {reason}\r\n".encode("latin-1") + _lines(fields) + end
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a"), ("Upgrade", "x")]))
    connection.receive_data(raw)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return
    assert isinstance(event, h11.InformationalResponse | h11.Response)
    head = response(raw)
    assert head.code == event.status_code
    _same_fields(head, event)
