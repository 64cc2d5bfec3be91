"""The running summary of masking keys: what is kept of whom, for how long, and that batches make no difference."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from analyzer.frames.decode import OPENING_SEEN, RESUMED, ROLES_SURE
from analyzer.rules import key_table
from analyzer.settings import Settings
from tests.rules.keys import CONTEXT, Feeder, faults, found


def uniform(count: int) -> list[int]:
    return np.frombuffer(os.urandom(4 * count), dtype=np.uint32).tolist()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 16, 17, 40, 41, 671, 672, 673, 3000])
def test_random_keys_leave_nothing_to_judge(count: int) -> None:
    for _ in range(20):
        assert found(uniform(count)) == []


def test_a_million_random_keys_draw_no_finding() -> None:
    feeder = Feeder()
    for _ in range(50):
        feeder.batch([(0, key) for key in uniform(20_000)])
    assert faults(feeder.end()) == {}


def test_many_connections_at_once_draw_no_finding() -> None:
    feeder = Feeder()
    for _ in range(60):
        keys = uniform(3000)
        feeder.batch([(number % 1500, key) for number, key in enumerate(keys)])
    assert [faults(feeder.end(number)) for number in range(1500)] == [{}] * 1500


def test_a_birthday_repeat_among_many_is_chance() -> None:
    keys = uniform(70_000)
    keys[69_000] = keys[5]
    assert found(keys, 8192) == []


@pytest.mark.parametrize("size", [1, 3, 7, 64, 5000])
def test_batches_make_no_difference(size: int) -> None:
    drawn = random.Random(11)
    cases = {
        "pool": [drawn.choice([1, 2, 3, 1 << 31, 77, 991919, 0xFFFFFFFF, 12345678]) for _ in range(100)],
        "late pool": uniform(20) + [drawn.choice([11, 22, 33]) for _ in range(900)],
        "counter": list(range(5, 900)),
        "31 bits": [drawn.getrandbits(31) for _ in range(200)],
        "twister": [drawn.getrandbits(32) for _ in range(800)],
        "zeros": [0, 5, 0, 7, 0],
        "broken counter": [*range(5, 50), 77],
    }
    for keys in cases.values():
        whole, parts = Feeder().feed(keys, len(keys)).end(), Feeder().feed(keys, size).end()
        assert {rule: (fault.offset, fault.count, fault.found) for rule, fault in faults(whole).items()} == {
            rule: (fault.offset, fault.count, fault.found) for rule, fault in faults(parts).items()
        }


def test_connections_do_not_mix() -> None:
    feeder = Feeder()
    feeder.batch(
        [(number, 7 + 3 * i if number == 1 else key) for i in range(30) for number, key in enumerate(uniform(3))]
    )
    assert [list(faults(feeder.end(number))) for number in range(3)] == [[], ["SEC-004"], []]


def test_frames_without_a_key_leave_the_sequence_alone() -> None:
    feeder = Feeder()
    for start in range(0, 60, 20):
        frames = [(0, key) for key in range(100 + start, 120 + start)]
        feeder.batch([frames[0], (0, None), (0, None), *frames[1:7], (0, None), *frames[7:]])
    ended = feeder.end()
    assert ended.frames == 60
    assert list(faults(ended)) == ["SEC-004"]


def test_what_comes_after_a_hidden_header_is_left_out() -> None:
    feeder = Feeder()
    feeder.batch([(0, key) for key in range(10)])
    feeder.batch([(0, key) for key in uniform(10)], context=CONTEXT | RESUMED)
    ended = feeder.end()
    assert ended.frames == 10
    assert ended.keys is not None
    assert ended.keys.partial


def test_guessed_roles_and_servers_are_left_out() -> None:
    feeder = Feeder()
    feeder.batch([(0, 0)] * 5, context=OPENING_SEEN)
    feeder.batch([(1, 0)] * 5, client=False)
    assert feeder.table.finish(0) is None or feeder.table.finish(1) is None


def test_a_connection_without_an_opening_does_not_begin_with_its_first_key() -> None:
    feeder = Feeder()
    feeder.batch([(0, key) for key in uniform(5)], context=ROLES_SURE)
    assert not feeder.end().from_start


def test_a_slot_is_used_again_clean() -> None:
    feeder = Feeder()
    for number in range(300):
        feeder.batch([(number, 0)] * 20 if number % 2 else [(number, key) for key in uniform(20)])
        assert list(faults(feeder.end(number))) == (["SEC-001"] if number % 2 else [])
    assert len(feeder.table._slots) == 0


def test_numbers_far_apart_are_told_apart() -> None:
    feeder = Feeder()
    feeder.batch([(number, 9) for number in (5, 1 << 40) for _ in range(4)])
    assert [list(faults(feeder.end(number))) for number in (5, 1 << 40)] == [["SEC-002"], ["SEC-002"]]


def test_windows_are_bounded_and_the_limit_is_reported() -> None:
    feeder = Feeder(Settings(mask_key_windows=2))
    twister = random.Random(1)
    for _ in range(70):
        feeder.batch([(number, twister.getrandbits(32)) for number in range(3) for _ in range(10)])
    assert feeder.table.limits == {"mask_key_windows": 1}
    assert len(feeder.table._windows) == 2


def test_a_window_is_given_back() -> None:
    feeder = Feeder(Settings(mask_key_windows=1))
    for number in range(3):
        twister = random.Random(number)
        feeder.batch([(number, twister.getrandbits(32)) for _ in range(key_table.WINDOW_TO)])
    assert feeder.table.limits == {}
    assert [list(faults(feeder.end(number))) for number in range(3)] == [["SEC-005"]] * 3
