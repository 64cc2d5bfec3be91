"""What the framing cost."""

from __future__ import annotations

from pathlib import Path

from tests.walkthrough import telling

TITLE = "What the framing cost"
HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_it_is_reckoned_from_this_connections_own_heads(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, f"repeat 10 {HELLO}\nrepeat 3 server: 81 05 48 65 6c 6c 6f"), TITLE)
    assert "client 10 10 50 60 6.0 server 3 3 15 6 2.0" in story
    assert "at least 10 exchanges" in story
    assert "heads have 157 + 129 bytes here, 44 + 36 without the fields that only an opening needs" in story
    assert "10 x 80 = 800 bytes of heads, where the frames paid 66, 12 times less" in story


def test_without_the_opening_nothing_is_reckoned(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, f"midstream\n{HELLO}", decode_as=[80]), TITLE)
    assert "cannot be reckoned" in story
