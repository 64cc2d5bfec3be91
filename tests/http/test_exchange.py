"""What makes a request an opening, and a 101 an answer to it."""

from __future__ import annotations

import pytest

from analyzer.http.exchange import Chunk, is_hixie76, is_opening, names_only_websocket, switched_elsewhere, switches
from analyzer.http.head import Head, parse_head
from analyzer.model import Place

PLACE = Place(file=3, packet=4, ordinal=5, time_ns=6, file_offset=100)


def head(line: str, *fields: str) -> Head:
    raw = "\r\n".join([line, *fields, "", ""]).encode()
    return parse_head(raw, [(0, 0, PLACE)], is_request=not line.startswith("HTTP/"))


def get(*fields: str) -> Head:
    return head("GET / HTTP/1.1", *fields)


def switching(*fields: str) -> Head:
    return head("HTTP/1.1 101 Switching Protocols", *fields)


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        (["Upgrade: websocket"], True),
        (["upgrade: h2c", "UPGRADE: foo, WebSocket/13"], True),
        (["Sec-WebSocket-Key: x"], True),
        (["Sec-WebSocket-Key1: x"], True),
        (["Sec-WebSocket-Version: 13"], True),
        (["Sec-WebSocket-Protocol: chat"], False),
        (["Upgrade: h2c"], False),
        (["Upgrade: xwebsocket"], False),
        ([], False),
    ],
)
def test_openings(fields: list[str], answer: bool) -> None:
    assert is_opening(get(*fields)) is answer


def test_connect_is_no_opening() -> None:
    assert not is_opening(head("CONNECT a:1 HTTP/1.1", "Upgrade: websocket"))


@pytest.mark.parametrize(
    ("fields", "lists", "only"),
    [
        (["Upgrade: WebSocket"], True, True),
        (["Upgrade: websocket", "Upgrade: websocket"], True, True),
        (["Upgrade: websocket, h2c"], True, False),
        (["Upgrade: websocket/13"], True, False),
        (["Upgrade: h2c"], False, False),
        ([], False, False),
    ],
)
def test_answers(fields: list[str], lists: bool, only: bool) -> None:
    assert switches(switching(*fields)) is lists
    assert names_only_websocket(switching(*fields)) is only


@pytest.mark.parametrize(
    ("request_fields", "response_fields", "answer"),
    [
        (["Upgrade: websocket, h2c"], ["Upgrade: h2c"], True),
        (["Upgrade: websocket"], ["Upgrade: h2c"], False),
        (["Upgrade: websockets"], ["Upgrade: websockets"], False),
        (["Upgrade: websocket"], [], False),
    ],
)
def test_other_protocols(request_fields: list[str], response_fields: list[str], answer: bool) -> None:
    assert switched_elsewhere(get(*request_fields), switching(*response_fields)) is answer


def test_hixie_76() -> None:
    old = ["Sec-WebSocket-Key1: 1", "Sec-WebSocket-Key2: 2"]
    assert is_hixie76(get(*old))
    assert not is_hixie76(get(*old, "Sec-WebSocket-Key: x"))


def test_a_chunk_without_its_first_bytes_knows_where_the_rest_is() -> None:
    rest = Chunk(b"abcdef", 10, PLACE, 3).after(2)
    assert (rest.data, rest.offset, rest.end, rest.place.file_offset, rest.place.packet) == (b"cdef", 12, 16, 102, 4)
