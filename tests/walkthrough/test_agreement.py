"""What both sides know after the opening."""

from __future__ import annotations

from pathlib import Path

from tests.walkthrough import stories, telling

TITLE = "What both sides now know"
HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_what_no_field_speaks_of_is_said(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, HELLO), TITLE)
    assert "From here on the client masks every frame and the server none" in story
    assert "a Close with code 1009" in story


def test_a_window_is_told_in_bytes() -> None:
    (story, *_) = stories.written("compressed").values()
    flat = " ".join(story.split())
    assert "server_max_window_bits=12: the server refers back at most 4096 bytes" in flat
    assert "both sides go on with the window of the message before" in flat
    assert "offered prices.v1, chosen none: the connection has none" in flat


def test_a_hostile_window_is_no_number(tmp_path: Path) -> None:
    story = telling.told(tmp_path, f"extensions: permessage-deflate; server_max_window_bits=99999999999\n{HELLO}")
    assert "refers back" not in telling.section(story, TITLE)


def test_a_refusal_is_told_as_a_script_sees_it() -> None:
    (story, *_) = stories.written("refused").values()
    flat = " ".join(story.split())
    assert "the server answered 400, and only 101 is a yes" in flat
    assert "a close event with code 1006, whatever the status" in flat
