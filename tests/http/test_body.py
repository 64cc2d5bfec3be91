"""Where content ends, in any number of pieces and with holes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.http.body import Body, Chunked, Counted, UntilClose, request_body, response_body
from analyzer.http.head import Head, parse_head
from analyzer.model import Place

CHUNKS = b"3;name=x\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
PLACE = Place(file=0, packet=1, ordinal=0, time_ns=0, file_offset=0)


def head(text: bytes, *, is_request: bool) -> Head:
    return parse_head(text, [(0, 0, PLACE)], is_request=is_request)


def response(*fields: bytes, status: bytes = b"200") -> Head:
    return head(b"\r\n".join([b"HTTP/1.1 " + status + b" X", *fields, b"", b""]), is_request=False)


def drained(body: Body, data: bytes, step: int) -> int:
    used = 0
    for index in range(0, len(data), step):
        used += body.take(data[index : index + step])
        if body.done or body.failed:
            break
    return used


@given(st.integers(1, 60))
def test_chunked_content_ends_where_it_ends(step: int) -> None:
    body = Chunked()
    assert drained(body, CHUNKS + b"GET", step) == len(CHUNKS)
    assert body.done


def test_a_hole_inside_a_chunk_is_fine_and_beyond_it_is_not() -> None:
    body = Chunked()
    body.take(b"64\r\nabc")
    assert body.skippable() == 97
    assert body.skip(97)
    assert body.take(b"\r\n0\r\n\r\n") == 7
    assert body.done
    lost = Chunked()
    lost.take(b"5\r\nab")
    assert not lost.skip(100)


@pytest.mark.parametrize("data", [b"zz\r\n", b"\r\n", b"-1\r\n", b"1" * 5000])
def test_what_is_not_chunked_fails(data: bytes) -> None:
    body = Chunked()
    body.take(data)
    assert body.failed


@given(st.binary(max_size=200), st.integers(1, 20))
def test_no_bytes_make_chunked_raise_or_overrun(data: bytes, step: int) -> None:
    assert 0 <= drained(Chunked(), data, step) <= len(data)


@pytest.mark.parametrize(
    ("answer", "method", "kind", "left"),
    [
        (response(b"Content-Length: 5"), b"GET", Counted, 5),
        (response(b"Content-Length: 5"), b"HEAD", Counted, 0),
        (response(b"Content-Length: 5", status=b"304"), b"GET", Counted, 0),
        (response(b"Content-Length: 5, 5"), b"GET", Counted, 5),
        (response(b"Content-Length: 5", b"Content-Length: 6"), b"GET", UntilClose, None),
        (response(b"Content-Length: x"), b"GET", UntilClose, None),
        (response(), b"GET", UntilClose, None),
        (response(b"Transfer-Encoding: gzip, Chunked", b"Content-Length: 5"), b"GET", Chunked, None),
        (response(b"Transfer-Encoding: gzip"), b"GET", UntilClose, None),
    ],
)
def test_the_framing_of_responses(answer: Head, method: bytes, kind: type, left: int | None) -> None:
    body = response_body(answer, method)
    assert type(body) is kind
    if isinstance(body, Counted):
        assert body.left == left


def test_a_request_without_length_has_no_content() -> None:
    assert request_body(head(b"GET / HTTP/1.1\r\n\r\n", is_request=True)).done
    assert not request_body(head(b"GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", is_request=True)).done
