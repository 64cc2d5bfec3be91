"""The whole story: golden texts, what a newcomer must find in it, and every way a connection can be odd."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer import api
from analyzer.errors import UsageError
from analyzer.model import Finding, Frame, Message
from analyzer.settings import RECORDS
from analyzer.walkthrough import html, markdown
from analyzer.walkthrough.segments import Traffic
from analyzer.walkthrough.story import tell, walkthrough
from tests.report import made
from tests.walkthrough import stories, telling

VIOLATING = """
    client: http GET /chat HTTP/1.1 | Host: server.example | Upgrade: websocket | Connection: Upgrade \
        | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Origin: http://site.example
    client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    server: 81 85 00 00 00 00 48 65 6c 6c 6f
    client: 81 05 48 65 6c 6c 6f
    server: 88 02 03 ea
    client: 88 82 00 00 00 00 03 ea
    server: FIN
    client: FIN
"""


@pytest.mark.parametrize("name", stories.STORIES)
def test_golden(name: str) -> None:
    """One command accepts a change: ``python -m tests.walkthrough.stories``. Read the difference before."""
    for path, content in stories.written(name).items():
        assert content == path.read_text(encoding="utf-8"), f"read it, then python -m tests.walkthrough.stories: {path}"


def test_every_golden_file_has_its_story() -> None:
    written = {path for name in stories.STORIES for path in stories.written(name)}
    assert written > {*stories.GOLDEN.iterdir()}


NEWCOMER = {
    "the three stages": ["The TCP handshake", "The opening handshake", "The data", "The closing handshake"],
    "the accept value, computed": ["258EAFA5-E914-47DA-95CA-C5AB0DC85B11", "SHA-1 of that", "base64 of that", "equal"],
    "the mask, taken off": ["57 65 62 53 6f 63 6b 65 74 20 72 6f 63 6b 73", "byte (i mod 4) of the masking key"],
    "the first byte in bits": ["byte 0 of the key", "0101 0111 57, 'W'"],
    "the length form": ["15. Up to 125 its seven bits say it all", "7 + 16 bits", "7 + 64 bits"],
    "a message": ['15 bytes of text: "WebSocket rocks"'],
    "what the close code means": ["The first two bytes are the code: 03 e8", "1000: normal closure"],
    "who closed": ["The client begins", "The server follows", "The server closed TCP first"],
    "what a header costs": [
        "6 bytes of header stand before 15 bytes",
        "2 bytes of header stand before 15 bytes",
        "1 x 426 = 426 bytes of heads, where the frames paid 8, 53 times less",
    ],
    "what was agreed": ["offered permessage-deflate", "agreed none", "Version: 13", "Origin: http://127.0.0.1:8765"],
    "who masks": ["client: 2 of 2 frames masked, each with a key of its own", "server: 0 of 2 frames masked"],
    "the verdict": ["no rule was broken", "closed 1000"],
}


@pytest.mark.parametrize("fact", NEWCOMER)
def test_a_newcomer_can_read_it(fact: str) -> None:
    story = telling.flat(walkthrough([str(telling.SAMPLES / "echo" / "echo.pcap")], None))
    assert [words for words in NEWCOMER[fact] if words not in story] == []


CONVERSATIONS = {
    "refused": ("server: http HTTP/1.1 403 Forbidden | Content-Length: 0\nserver: FIN", "the server answered 403"),
    "unanswered": ("client: http GET /chat HTTP/1.1 | Host: a | Upgrade: websocket | Connection: Upgrade"
                   " | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13\nserver:"
                   " silent\nclient: FIN",
                   "No answer is in the capture"),
    "midstream": ("midstream\nclient: 81 85 37 fa 21 3d 7f 9f 4d 51 58\nserver: 81 00", "which began later"),
    "a gap": ("client: 81 85 37 fa 21 3d 7f 9f 4d 51 58\ngap client 11\nclient: 81 85 37 fa 21 3d 7f 9f 4d 51 58\n"
              "server: 81 05 48 65 6c 6c 6f\n+5s\nclient: 88 80 00 00 00 00\nserver: 88 00\nserver: FIN\nclient: FIN",
              "held means here: in what was captured"),
    "cut": ("client: 81 85 37 fa 21\nclient: FIN", "does not hold all of its header"),
    "reset": ("client: 81 85 37 fa 21 3d 7f 9f 4d 51 58\nclient: RST", "TCP was reset"),
    "no close": ("client: 81 85 37 fa 21 3d 7f 9f 4d 51 58\nserver: FIN\nclient: FIN", "1006, abnormal closure"),
    "an impossible length": ("client: 82 ff ff ff ff ff ff ff ff ff 00 00 00 00 00", "FR-006"),
    "http again": ("server: 48 54 54 50 2f 31 2e 31 20 34 30 30 20 42 61 64 0d 0a 0d 0a", "FR-008"),
    "another protocol": ("client: http GET / HTTP/1.1 | Host: a | Upgrade: websocket, h2c | Connection: Upgrade"
                         " | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13\n"
                         "server: http HTTP/1.1 101 Switching | Upgrade: h2c | Connection: Upgrade\nserver: 00 00 00",
                         "The opening handshake"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_an_odd_connection_is_told(name: str, tmp_path: Path) -> None:
    conversation, words = CONVERSATIONS[name]
    document = telling.told(tmp_path, conversation, decode_as=[80])
    assert words in telling.flat(document)
    assert list(markdown.lines(document))
    assert list(html.lines(document))


def test_a_connection_has_to_be_chosen_where_there_are_several(tmp_path: Path) -> None:
    frame = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58\n"
    two = telling.capture(tmp_path, f"connection 1:\n{frame}connection 2:\n{frame}")
    with pytest.raises(UsageError, match=r"2 WebSocket connections; choose one with --connection N: 0 from .*, 1 from"):
        walkthrough([two], None)
    assert "Connection 1," in telling.flat(walkthrough([two], 1))
    with pytest.raises(UsageError, match="--connection 2: the capture holds 2 WebSocket connections"):
        walkthrough([two], 2)


def test_only_what_is_told_becomes_records(tmp_path: Path) -> None:
    """Of the connections that are not told no frame and no message is made a record; but all are judged."""
    bare = "client: 81 05 48 65 6c 6c 6f\n"
    path = telling.capture(tmp_path, "".join(f"connection {number}:\n{bare}" for number in range(1, 6)))
    every = list(api.records([path], records=RECORDS))
    some = list(api.records([path], records=RECORDS, listed_connection=3))
    for kind in (Frame, Message):
        assert [each.connection for each in every if isinstance(each, kind)] == [0, 1, 2, 3, 4]
        assert [each.connection for each in some if isinstance(each, kind)] == [3]
    findings = [each for each in every if isinstance(each, Finding)]
    assert [each for each in some if isinstance(each, Finding)] == findings
    assert {each.connection for each in findings if each.rule == "MK-001"} == {0, 1, 2, 3, 4}


def test_without_a_connection_it_says_so(tmp_path: Path) -> None:
    none = telling.capture(tmp_path, "client: raw 16 03 01")
    with pytest.raises(UsageError, match="no WebSocket connection"):
        walkthrough([none], None)
    with pytest.raises(UsageError, match="--connection 0: the capture holds no WebSocket connection"):
        walkthrough([none], 0)


def test_redacted_it_shows_no_payload_and_no_credential(tmp_path: Path) -> None:
    conversation = """
        client: http GET /chat?token=s3cret HTTP/1.1 | Host: a | Upgrade: websocket | Connection: Upgrade \
            | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Cookie: id=s3cret
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        server: 89 05 48 65 6c 6c 6f
        server: 88 07 03 e8 48 65 6c 6c 6f
    """
    document = telling.told(tmp_path, conversation, redact=True)
    for written in (telling.plain(document), "\n".join(markdown.lines(document)), "\n".join(html.lines(document))):
        assert "s3cret" not in written
        assert "Hello" not in written
        assert "48 65 6c" not in written
        assert "7f 9f 4d" not in written
    assert "s3cret" in telling.plain(telling.told(tmp_path, conversation))


def test_without_packets_the_rest_is_still_told(tmp_path: Path) -> None:
    known, _ = telling.gathered(tmp_path, VIOLATING)
    story = telling.flat(tell(known, Traffic()))
    assert "Not in the capture: SYN, SYN-ACK, ACK" in story


def test_what_strangers_sent_is_harmless_in_every_form(tmp_path: Path) -> None:
    conversation = """
        client: http GET /<script>alert(1)</script>\\x1b[2J HTTP/1.1 | Host: a | Upgrade: websocket \
            | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 \
            | X-<b>: `</pre><img src=x>\\x9b0m` | Origin: http://a"><script>
        server: 81 1e 3c 2f 70 72 65 3e 3c 73 63 72 69 70 74 3e 61 6c 65 72 74 28 31 29 3c 2f 73 63 72 1b 5b 32 4a
        server: 89 08 3c 73 63 72 69 70 74 3e
        server: 88 0a 03 e8 1b 5d 30 3b 3c 62 3e 07
    """
    document = telling.told(tmp_path, conversation)
    made.assert_harmless(telling.plain(document))
    for written in ("\n".join(markdown.lines(document)), "\n".join(html.lines(document))):
        made.assert_harmless(written)
        for tag in ("<script", "<img", "<b>"):
            assert tag not in written
        assert written.count("</pre>") == written.count("<pre")
    assert "\\x1b[2J" in telling.plain(document)
