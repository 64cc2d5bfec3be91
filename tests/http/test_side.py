"""What a client sends after its request, and what that says."""

from __future__ import annotations

import pytest

from analyzer.http.exchange import Chunk, is_opening
from analyzer.http.head import parse_head
from analyzer.http.side import Pending, masked_frame, waits
from analyzer.model import Place

PLACE = Place(file=0, packet=1, ordinal=0, time_ns=0, file_offset=0)


@pytest.mark.parametrize(
    ("data", "answer"),
    [("8185", True), ("0180", True), ("c1fe", True), ("8a80", True), ("8105", False), ("8385", False), ("b185", False)],
)
def test_masked_frames(data: str, answer: bool) -> None:
    assert masked_frame(bytes.fromhex(data)) is answer


def test_one_byte_is_no_frame_yet() -> None:
    assert not masked_frame(b"\x81")


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: a\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\n\r\n", False),
    ],
)
def test_a_client_waits_after_what_may_change_the_protocol(raw: bytes, answer: bool) -> None:
    head = parse_head(raw, [(0, 0, PLACE)], is_request=True)
    assert not is_opening(head)
    assert waits(Pending(head, None)) is answer
    assert Chunk(raw, 0, PLACE, -1).end == len(raw)
