"""Patterns, clocks and alphabets of masking keys, each against a plain computation."""

from __future__ import annotations

import os
import random
from math import exp, log

import numpy as np
import pytest

from analyzer.rules import key_patterns as kp

SECOND = 1_000_000_000


def row(*keys: int) -> np.ndarray:
    return np.array([keys], dtype=np.uint32)


def swap(key: int) -> int:
    return int.from_bytes(key.to_bytes(4, "big"), "little")


def linear(factor: int, increment: int, modulus: int, seed: int = 12345) -> list[int]:
    keys = [seed]
    for _ in range(9):
        keys.append((keys[-1] * factor + increment) % modulus)
    return keys


SEQUENCES = {
    "the same key": [0x37FA213D] * 10,
    "a constant difference": [(0xFFFFFFF0 + 7 * i) % (1 << 32) for i in range(10)],
    "a constant XOR": [0x12345678 ^ (0x0F0F00FF if i % 2 else 0) for i in range(10)],
    "a constant difference byte by byte": [
        int.from_bytes(bytes((4 * i + j) * 11 % 256 for j in range(4)), "big") for i in range(10)
    ],
    "2**31": linear(1103515245, 12345, 1 << 31),
    "1103515245 * x + 12345 modulo 2**32": linear(1103515245, 12345, 1 << 32, seed=0xDEADBEEF),
    "MSVC": linear(214013, 2531011, 1 << 32),
    "16807": linear(16807, 0, (1 << 31) - 1),
    "48271": linear(48271, 0, (1 << 31) - 1),
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("little", [False, True])
def test_a_sequence_is_known_in_both_byte_orders(name: str, little: bool) -> None:
    keys = [swap(key) for key in SEQUENCES[name]] if little else SEQUENCES[name]
    bits = int(kp.patterns_of(row(*keys))[0])
    names = [pattern.name for number, pattern in enumerate(kp.PATTERNS) if bits >> number & 1]
    assert any(name in each for each in names)
    assert not kp.patterns_of(row(*keys[:-1], keys[-1] ^ 1))[0]


def test_random_keys_follow_no_pattern() -> None:
    keys = np.frombuffer(os.urandom(16 * 200_000), dtype=np.uint32).reshape(-1, 4)
    assert not kp.patterns_of(keys).any()


@pytest.mark.parametrize("unit", ["seconds", "milliseconds", "microseconds", "nanoseconds"])
@pytest.mark.parametrize("little", [False, True])
def test_a_clock_is_known_through_the_delay_of_sending(unit: str, little: bool) -> None:
    clock = next(each for each in kp.CLOCKS if each.name == unit and each.little == little)
    drawn = random.Random(3)
    made = np.cumsum([drawn.randrange(3 * SECOND) for _ in range(20)]) + 1_700_000_000 * SECOND
    sent = made + [drawn.randrange(20_000_000) for _ in made]
    keys = np.array([int(at) // clock.unit_ns % kp.KEYS for at in made], dtype=np.uint32)
    keys = kp.swapped(keys) if little else keys
    first = np.repeat(keys[:1], len(keys))
    bits = np.bitwise_and.reduce(kp.clocks_of(first, np.repeat(sent[:1], len(sent)), keys, sent))
    assert bits >> kp.CLOCKS.index(clock) & 1


def test_random_keys_fit_no_clock() -> None:
    keys = np.frombuffer(os.urandom(36 * 50_000), dtype=np.uint32).reshape(-1, 9)
    times = np.arange(9, dtype=np.int64) * 10_000_000 + 1_700_000_000 * SECOND
    for count, clocks in ((4, range(6)), (9, range(8))):
        bits = np.full(len(keys), 255, dtype=np.uint8)
        for i in range(1, count):
            bits &= kp.clocks_of(keys[:, 0], np.full(len(keys), times[0]), keys[:, i], np.full(len(keys), times[i]))
        assert not (bits & sum(1 << number for number in clocks)).any()


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (b"0123456789", "decimal digits"),
        (b"0123456789abcdef", "lower-case hex digits"),
        (b"abcdefghijklmnopqrstuvwxyz", "lower-case letters"),
        (b"ABCdefgh", "letters"),
        (bytes(range(16)), "values below 16"),
    ],
)
def test_an_alphabet_is_named(made: bytes, what: str) -> None:
    drawn = random.Random(5)
    keys = np.array([int.from_bytes(bytes(drawn.choices(made, k=4)), "big") for _ in range(12)], dtype=np.uint32)
    bits = int(np.bitwise_and.reduce(kp.alphabets_of(keys)))
    found = kp.restriction(12, bits, int(np.bitwise_and.reduce(keys)), int(np.bitwise_or.reduce(keys)))
    assert found is not None
    assert what in found.what
    assert found.log_probability < log(1e-9)


def test_one_byte_four_times_is_an_alphabet_too() -> None:
    keys = np.array([0x01010101 * byte for byte in (1, 77, 200, 255)], dtype=np.uint32)
    assert (kp.alphabets_of(keys) >> kp.ONE_BYTE & 1).all()
    found = kp.restriction(8, 1 << kp.ONE_BYTE, 0, kp.KEYS - 1)
    assert found is not None
    assert found.what == "one byte four times"


def test_a_bit_that_never_changes_takes_forty_keys() -> None:
    for distinct, certain in ((20, False), (40, True)):
        found = kp.restriction(distinct, 0, 0, (1 << 31) - 1)
        assert found is not None
        assert (found.log_probability < log(1e-9)) == certain


def test_nothing_in_common_is_nothing() -> None:
    assert kp.restriction(1000, 0, 0, kp.KEYS - 1) is None


def test_the_bound_on_repeats_is_one() -> None:
    """Against the chance itself, in a small world: 40 keys out of 1000, drawn often."""
    drawn, trials = np.random.Generator(np.random.PCG64(9)), 20_000
    keys = np.sort(drawn.integers(0, 1000, (trials, 40)), axis=1)
    repeats = (keys[:, 1:] == keys[:, :-1]).sum(axis=1)
    expected = 40 * 39 / 2 / 1000
    for count in (3, 5):
        bound = exp(kp.log_repeat_bound(count, round(expected * kp.KEYS)))
        assert (repeats >= count).mean() <= bound
