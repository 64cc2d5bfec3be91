"""Frames and messages."""

from __future__ import annotations

from pathlib import Path

from analyzer.walkthrough.data import DRAWN, RUN_FIRST, RUN_LAST, matched
from tests.walkthrough import telling

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_fragments_are_joined(tmp_path: Path) -> None:
    story = telling.flat(telling.told(tmp_path, "server: 01 03 48 65 6c\nserver: 89 00\nserver: 80 02 6c 6f"))
    assert "Server frame 0: text, 3 bytes, more follows" in story
    assert 'The 2 fragments joined (3 + 2 bytes) are one message. The message: 5 bytes of text: "Hello".' in story


def test_a_compressed_message_is_inflated(tmp_path: Path) -> None:
    conversation = "extensions: permessage-deflate\nserver: c1 07 f2 48 cd c9 c9 07 00"
    story = telling.flat(telling.told(tmp_path, conversation))
    assert "RSV1 1: with permessage-deflate, the message is compressed" in story
    assert (
        "the 7 bytes become 5: no gain here, and either side may leave a message as it is. The message: 5 bytes"
        in story
    )
    assert "compressed messages can be inflated as agreed" in story


def test_a_kind_is_drawn_once_and_repetition_is_folded(tmp_path: Path) -> None:
    story = telling.plain(telling.told(tmp_path, "repeat 120 server: 81 05 48 65 6c 6c 6f"))
    assert story.count("|F|R|R|R|") == 1
    assert story.count("  server ") < 30
    assert f"{120 - 1 - RUN_FIRST - RUN_LAST} frames of the same kinds between the" in " ".join(story.split())


def test_what_was_not_kept_is_counted(tmp_path: Path) -> None:
    story = telling.flat(telling.told(tmp_path, f"repeat 1000 {HELLO}"))
    assert "820 frames between these and the last ones are not told one by one" in story
    assert "the client sent 1000 frames with 1000 data messages" in story
    assert len(story) < 30_000


def test_drawings_are_bounded(tmp_path: Path) -> None:
    kinds = [
        f"server: {fin | rsv | opcode:02x} 00" for fin in (0, 128) for rsv in (0, 16, 32, 48) for opcode in range(16)
    ]
    story = telling.plain(telling.told(tmp_path, "\n".join(kinds)))
    assert DRAWN <= story.count("|F|R|R|R|") <= 2 * DRAWN


def test_pings_find_their_pongs(tmp_path: Path) -> None:
    conversation = """
        server: 89 01 61
        server: 89 01 62
        client: 8a 81 00 00 00 00 62
        client: 8a 81 00 00 00 00 7a
    """
    document = telling.told(tmp_path, conversation)
    table = telling.section(document, "Pings and their Pongs")
    assert "1 Pong that answer no Ping told here" in table
    assert "server 0 8 - -" in table
    known, _ = telling.gathered(tmp_path, conversation)
    assert {ping: pong.index for ping, pong in matched(known.first).items()} == {("server", 1): 0}


def test_what_is_about_no_frame_is_told_as_well(tmp_path: Path) -> None:
    http = "server: 48 54 54 50 2f 31 2e 31 20 34 30 30 20 42 61 64 0d 0a 0d 0a"
    assert "FR-008" in telling.section(telling.told(tmp_path, http), "The data")
    unfinished = "server: 01 03 48 65 6c\nserver: FIN\nclient: FIN"
    assert "FG-004" in telling.section(telling.told(tmp_path, unfinished), "The data")
