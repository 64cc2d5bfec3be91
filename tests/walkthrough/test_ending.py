"""The verdict, and what is worth noticing."""

from __future__ import annotations

from pathlib import Path

from tests.walkthrough import telling

TITLE = "The verdict"
HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def verdict(folder: Path, conversation: str) -> str:
    return telling.section(telling.told(folder, conversation), TITLE)


def test_a_clean_connection(tmp_path: Path) -> None:
    story = verdict(
        tmp_path, f"{HELLO}\nclient: 88 82 00 00 00 00 03 e8\nserver: 88 02 03 e8\nserver: FIN\nclient: FIN"
    )
    assert story.startswith("The verdict =========== held: no rule was broken")
    assert "The connection ended: closed 1000." in story
    assert "5 (" in story


def test_a_broken_one_with_the_worst_first(tmp_path: Path) -> None:
    story = verdict(tmp_path, "repeat 3 client: 81 05 48 65 6c 6c 6f\nserver: 81 00")
    assert "broken: " in story
    assert story.index("error MK-001 client 3 ") < story.index("info ")


def test_reserves_where_bytes_are_missing(tmp_path: Path) -> None:
    story = verdict(
        tmp_path, f"{HELLO}\ngap client 11\n{HELLO}\nserver: 81 00\n+5s\nserver: 81 00\nclient: FIN\nserver: FIN"
    )
    assert "as far as the capture shows" in story or "broken" in story


def test_frames_that_share_a_packet_or_span_two(tmp_path: Path) -> None:
    story = verdict(tmp_path, "server: 81 00 81 00\nserver: 81\nserver: 01 61")
    assert "1 packet held more than one frame" in story
    assert "1 frame of the server ended in another packet than they began in" in story


def test_compression_that_does_not_pay(tmp_path: Path) -> None:
    story = verdict(tmp_path, "extensions: permessage-deflate\nserver: c1 07 f2 48 cd c9 c9 07 00")
    assert "The server's compression did not pay: 5 bytes of messages took 7 bytes of payload." in story
