"""What is known of a direction's masking keys when it is over."""

from __future__ import annotations

from analyzer.rules.mask_keys import KEY_SIZE
from tests.rules.keys import Feeder


def test_an_ordinary_direction_leaves_its_first_keys_only() -> None:
    keys = [0xA15B009E, 0x17C2F43D, 0x6C9025B8, 0xD30F7A41, 0xE9B68C52]
    ended = Feeder().feed(keys).end()
    assert ended.first == tuple(keys)
    assert ended.frames == 5
    assert ended.from_start
    assert ended.keys is None


def test_the_fourth_key_is_where_it_stood() -> None:
    ended = Feeder().feed([0xA15B009E, 0x17C2F43D, 0x6C9025B8, 0xD30F7A41, 0xE9B68C52]).end()
    assert (ended.mark.frame, ended.mark.offset, ended.mark.at) == (3, 18, 2)
    assert ended.mark.head == bytes.fromhex("8980d30f7a41")
    assert ended.mark.head[ended.mark.at : ended.mark.at + KEY_SIZE] == bytes.fromhex("d30f7a41")


def test_a_mark_is_the_frame_that_made_it_certain() -> None:
    keys = Feeder().feed([9] * 10).end().keys
    assert keys is not None
    assert keys.constant == 9
    assert keys.marks["constant"].frame == 2
    assert keys.frames == 10
