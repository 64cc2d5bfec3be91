"""Exchanges as records."""

from __future__ import annotations

import msgspec

from analyzer.http.record import record
from analyzer.model import Extension
from samples import opening
from tests.http.feeding import REQUEST, Talk


def test_an_accepted_opening() -> None:
    answer = opening.head(opening.response(opening.RFC_KEY, extensions="permessage-deflate; a=1", subprotocol="chat"))
    talk = Talk().client(REQUEST[:30]).client(REQUEST[30:]).server(answer)
    handshake = record(talk.connection.exchanges[0], ["a.pcap"])
    assert (handshake.status, handshake.accepted, handshake.subprotocol) == (101, True, "chat")
    assert handshake.extensions == [Extension("permessage-deflate", [("a", "1")])]
    assert handshake.request is not None
    assert handshake.request.line == "GET /chat HTTP/1.1"
    assert handshake.request.headers[0] == ("Host", "server.example")
    assert handshake.request.header_offsets[0] == 20
    assert (handshake.request.packet, handshake.request.last_packet, handshake.request.file) == (1, 2, "a.pcap")
    assert (handshake.request.stream_offset, handshake.request.end_offset) == (0, len(REQUEST))
    msgspec.json.encode(handshake)


def test_a_refusal_agrees_on_nothing() -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nSec-WebSocket-Protocol: chat\r\nX: caf\xe9\r\nContent-Length: 0\r\n\r\n"
    handshake = record(Talk().client(REQUEST).server(refusal).connection.exchanges[0], ["a.pcap"])
    assert (handshake.status, handshake.accepted, handshake.subprotocol) == (403, False, None)
    assert handshake.response is not None
    assert handshake.response.headers[1] == ("X", "caf\u00e9")


def test_no_answer() -> None:
    handshake = record(Talk().client(REQUEST).finish()[0], [])
    assert (handshake.status, handshake.response, handshake.accepted) == (None, None, False)
