"""Who masks."""

from __future__ import annotations

from pathlib import Path

import msgspec

from analyzer.walkthrough.story import tell
from tests.walkthrough import telling

TITLE = "Who masks, and who does not"
HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_where_it_was_right(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, f"{HELLO}\nclient: 81 80 01 02 03 04\nserver: 81 00"), TITLE)
    assert "client: 2 of 2 frames masked, each with a key of its own." in story
    assert "server: 0 of 1 frame masked." in story
    assert "held client every frame of the client is masked MK-001" in story
    assert "must fail the connection" not in story


def test_where_it_was_broken_and_the_other_side_acted(tmp_path: Path) -> None:
    story = telling.section(
        telling.told(tmp_path, "client: 81 05 48 65 6c 6c 6f\nserver: 88 02 03 ea\nserver: FIN"), TITLE
    )
    assert "broken client every frame of the client is masked MK-001" in story
    assert "A server that gets a frame without a mask must close the connection" in story
    assert "The server sent a Close with code 1002" in story


def test_keys_used_again_and_the_key_that_masks_nothing(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, "repeat 3 client: 81 81 00 00 00 00 61"), TITLE)
    assert "client: 3 of 3 frames masked, 2 times with a key used before; 00000000 is among them" in story


def test_the_bits_of_many_keys_are_counted(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, "repeat 8 client: 81 81 00 00 00 0f 61"), TITLE)
    assert "12.5 % of the 256 key bits are set, of random ones half would be" in story


def test_where_the_masks_tell_the_roles_they_prove_nothing(tmp_path: Path) -> None:
    known, traffic = telling.gathered(tmp_path, HELLO)
    assert known.connection is not None
    known.connection = msgspec.structs.replace(known.connection, role_evidence="masks")
    assert "not seen client every frame of the client is masked" in telling.section(tell(known, traffic), TITLE)
