"""What is kept of a connection, and what is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer import api
from analyzer.errors import UsageError
from analyzer.walkthrough.gather import FIRST_FRAMES, LAST_FRAMES, NAMED, carried, extended, gather, shown
from tests.walkthrough import telling

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_sums_are_of_everything_and_frames_are_bounded(tmp_path: Path) -> None:
    known, _ = telling.gathered(tmp_path, f"repeat 1000 {HELLO}")
    assert (len(known.first), len(known.last)) == (FIRST_FRAMES, LAST_FRAMES)
    assert known.folded == 1000 - FIRST_FRAMES - LAST_FRAMES
    side = known.sides["client"]
    assert (side.frames, side.messages, side.headers, side.payload, side.length) == (1000, 1000, 6000, 5000, 5000)
    assert (side.masked, len(side.keys), side.keys_again) == (1000, 1, 999)
    assert [frame.index for frame in known.last] == list(range(1000 - LAST_FRAMES, 1000))


def test_a_message_belongs_to_its_frames(tmp_path: Path) -> None:
    known, _ = telling.gathered(
        tmp_path, "server: 01 03 48 65 6c\nserver: 89 00\nserver: 80 02 6c 6f\nserver: 82 01 ff"
    )
    first, _, last, binary = known.first
    (told,) = known.messages()[carried([first, last])]
    assert shown(told) == "Hello"
    (bytes_told,) = known.messages()[carried([binary])]
    assert shown(bytes_told) == "ff"


def test_the_last_frames_have_their_messages(tmp_path: Path) -> None:
    many = "\n".join(f"server: 82 02 {number >> 8:02x} {number & 255:02x}" for number in range(1000))
    known, _ = telling.gathered(tmp_path, many)
    messages = known.messages()
    assert [shown(messages[carried([frame])][0]) for frame in (known.first[149], known.last[-1])] == ["00 95", "03 e7"]


def test_the_length_form_follows_from_the_header(tmp_path: Path) -> None:
    known, _ = telling.gathered(
        tmp_path, f"{HELLO}\nclient: 82 fe 00 80 00 00 00 00 41*128\nserver: 82 7e 00 80 41*128"
    )
    assert [extended(frame) for frame in known.first] == [0, 2, 2]


def test_connections_are_named_where_one_has_to_be_chosen(tmp_path: Path) -> None:
    many = "\n".join(f"connection {number}:\n{HELLO}" for number in range(1, NAMED + 3))
    with pytest.raises(UsageError) as error:
        gather(api.records([telling.capture(tmp_path, many)], "all"), None)
    message = str(error.value)
    assert message.count(" from ") == NAMED
    assert f"{NAMED - 1} from" in message
    assert "and 2 more" in message
    assert "\n" not in message
