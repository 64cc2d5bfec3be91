"""Telling HTTP from everything else by its first bytes."""

from __future__ import annotations

import pytest

from analyzer.http import sniff


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", None),
        (b"GE", None),
        (b"GET /chat", None),
        (b"GET /chat HTTP/1.1\r\n", True),
        (b"get /chat http/1.1\n", True),
        (b"BREW /pot HTTP/1.0\r\n", True),
        (b"GET /chat\r\n", True),
        (b"EHLO a.example\r\n", False),
        (b"OPTIONS rtsp://a RTSP/1.0\r\n", False),
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"\x16\x03\x01", False),
        (b"\x81\x85", False),
        (b"A" * 33, False),
    ],
)
def test_requests(data: bytes, answer: bool | None) -> None:
    assert sniff.begins_request(data) is answer


@pytest.mark.parametrize(
    ("data", "answer"),
    [(b"", None), (b"HTT", None), (b"HTTP/1.1 101", True), (b"SSH", False), (b"\x15", None), (b"\x15\x03\x01", False)],
)
def test_responses(data: bytes, answer: bool | None) -> None:
    assert sniff.begins_response(data) is answer


def test_the_way_back_needs_a_whole_line() -> None:
    assert sniff.begins_line(b"GET / HTTP/1.1\r\nHo", request=True, response=True)
    assert sniff.begins_line(b"HTTP/1.1 200 OK", request=True, response=True)
    assert not sniff.begins_line(b"HTTP/1.1 200 OK", request=True, response=False)
    assert not sniff.begins_line(b"GET / HTTP/1.1", request=True, response=True)


def test_tls_records() -> None:
    assert sniff.is_tls(bytes.fromhex("1603010200"))
    assert not sniff.is_tls(b"GET")


@pytest.mark.parametrize(
    ("data", "answer"),
    [(b"k: v\r\n", True), (b"\tfolded", True), (b"a" * 64 + b"\xff", True), (b"\x81\x05Hello", False), (b"", False)],
)
def test_text_that_may_go_on_with_a_head(data: bytes, answer: bool) -> None:
    assert sniff.is_text(data) is answer
