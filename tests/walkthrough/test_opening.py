"""The opening handshake, field by field."""

from __future__ import annotations

from pathlib import Path

import msgspec

from analyzer.walkthrough.opening import plain_size
from analyzer.walkthrough.story import tell, walkthrough
from tests.walkthrough import telling

REQUEST = (
    "client: http GET /chat HTTP/1.1 | Host: server.example | Upgrade: websocket | Connection: Upgrade"
    " | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13"
)
HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_the_accept_value_is_the_rfcs_own(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, f"{REQUEST}\n{HELLO}"), "The accept value, step by step")
    assert "74 68 65 20 73 61 6d 70 6c 65 20 6e 6f 6e 63 65" in story
    assert "b37a4f2cc0624f1690f64606cf385945b2bec4ea" in story
    assert "base64 of that s3pPLMBiTxaQ9kYGzzhZRbK+xOo= server sent s3pPLMBiTxaQ9kYGzzhZRbK+xOo= equal" in story


def test_a_wrong_accept_value_is_compared(tmp_path: Path) -> None:
    answer = "server: http HTTP/1.1 101 OK | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: AAAA"
    document = telling.told(tmp_path, f"{REQUEST}\n{answer}\n{HELLO}")
    assert "server sent AAAA NOT EQUAL" in telling.section(document, "The accept value, step by step")
    assert "broken server one accept value, computed from the key HS-207" in telling.section(
        document, "The server answers"
    )


def test_the_fields_stand_in_their_order_with_their_meaning(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, f"{REQUEST} | X-Other: 1\n{HELLO}"), "The client asks")
    order = ["GET /chat HTTP/1.1", "Host: server.example byte 20", "Upgrade: websocket", "Connection: Upgrade"]
    order += ["Sec-WebSocket-Key: dGhl", "Sec-WebSocket-Version: 13", "X-Other: 1"]
    assert sorted(order, key=story.index) == order
    assert "proves with its answer that it has read them" in story
    assert "other fields of HTTP may be there" in story


def test_what_was_offered_and_what_was_agreed(tmp_path: Path) -> None:
    conversation = """
        extensions: permessage-deflate; server_no_context_takeover
        subprotocol: chat
        server: c1 07 f2 48 cd c9 c9 07 00
    """
    story = telling.section(telling.told(tmp_path, conversation), "What both sides now know")
    assert "Subprotocol: offered chat, chosen chat." in story
    assert "server_no_context_takeover: the server begins each message with an empty window" in story


def test_failed_openings_before_it_are_named(tmp_path: Path) -> None:
    conversation = (
        f"{REQUEST}\nserver: http HTTP/1.1 401 No | WWW-Authenticate: Basic | Content-Length: 0\n{REQUEST}\n{HELLO}"
    )
    story = telling.section(telling.told(tmp_path, conversation), "The opening handshake")
    assert "one was tried on the same TCP connection: GET /chat HTTP/1.1, status 401." in story


def test_the_size_without_what_only_an_opening_needs(tmp_path: Path) -> None:
    known, _ = telling.gathered(tmp_path, f"{REQUEST}\n{HELLO}")
    request = known.openings[-1].request
    assert request is not None
    assert plain_size(request) == len("GET /chat HTTP/1.1\r\nHost: server.example\r\n\r\n")


def test_a_draft_from_before_the_rfc_is_not_measured_by_it(tmp_path: Path) -> None:
    legacy = (
        "client: http GET /demo HTTP/1.1 | Host: example.com | Connection: Upgrade"
        " | Sec-WebSocket-Key2: 12998 5 Y3 1  .P00 | Upgrade: WebSocket | Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5"
        " | Origin: http://example.com\nclient: 5e 6e 3a 64 73 24 38 3b"
    )
    story = telling.flat(telling.told(tmp_path, legacy))
    assert "of a draft from before RFC 6455" in story
    assert "held client" not in story


def test_what_an_earlier_opening_broke_is_not_held_against_the_last(tmp_path: Path) -> None:
    wrong = REQUEST.replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12")
    refusal = "server: http HTTP/1.1 426 No | Upgrade: websocket | Sec-WebSocket-Version: 13 | Content-Length: 0"
    document = telling.told(tmp_path, f"{wrong}\n{refusal}\n{REQUEST}\n{HELLO}")
    assert "HS-111" in telling.section(document, "The opening handshake")
    assert "held client one version, and it is 13" in telling.section(document, "The client asks")


def test_without_the_request_an_answer_is_not_held_to_have_matched_it(tmp_path: Path) -> None:
    known, traffic = telling.gathered(tmp_path, f"{REQUEST}\n{HELLO}")
    known.openings[-1] = msgspec.structs.replace(known.openings[-1], request=None)
    story = telling.section(tell(known, traffic), "The server answers")
    assert "not seen server one accept value, computed from the key" in story
    assert "held server Upgrade is websocket" in story


def test_an_answer_that_was_not_captured_is_not_called_missing(shared_captures: Path) -> None:
    document = walkthrough([str(shared_captures / "rw_oneway_c2s.pcap")], 2)
    assert "To what it agreed is not known" in telling.section(document, "What both sides now know")
    assert "the answer to the opening" in telling.section(document, "The verdict")
