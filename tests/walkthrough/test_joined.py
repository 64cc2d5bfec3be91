"""Frames joined to messages."""

from __future__ import annotations

from pathlib import Path

from analyzer.walkthrough.gather import FIRST_FRAMES
from analyzer.walkthrough.joined import join
from tests.walkthrough import telling

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_fragments_are_one_message_and_control_frames_none(tmp_path: Path) -> None:
    known, _ = telling.gathered(tmp_path, "server: 01 03 48 65 6c\nserver: 89 00\nserver: 80 02 6c 6f\nserver: 81 00")
    messages = join(known).messages
    assert {key: len(message.frames) for key, message in messages.items()} == {("server", 2): 2, ("server", 3): 1}
    told = messages["server", 2].told
    assert told is not None
    assert told.message.length == 5


def test_every_frame_of_a_compressed_message_is_known_as_one(tmp_path: Path) -> None:
    known, _ = telling.gathered(
        tmp_path, "extensions: permessage-deflate\nserver: 41 03 f2 48 cd\nserver: 80 04 c9 c9 07 00\nserver: 81 01 61"
    )
    assert join(known).compressed == {("server", 0), ("server", 1)}


def test_a_message_may_begin_before_the_last_frames_kept(tmp_path: Path) -> None:
    known, _ = telling.gathered(
        tmp_path, f"repeat {FIRST_FRAMES - 1} {HELLO}\nclient: 01 81 00 00 00 00 61\nclient: 80 81 00 00 00 00 62"
    )
    assert known.folded == 0
    assert len(known.last) == 1
    assert len(join(known).messages["client", FIRST_FRAMES].frames) == 2


def test_what_lies_where_frames_were_left_out_has_no_end(tmp_path: Path) -> None:
    known, _ = telling.gathered(
        tmp_path,
        f"repeat {FIRST_FRAMES - 1} {HELLO}\nclient: 01 81 00 00 00 00 61\nrepeat 40 client: 00 80 00 00 00 00",
    )
    assert known.folded
    assert ("client", FIRST_FRAMES - 1) not in join(known).messages
