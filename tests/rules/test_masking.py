"""SEC-001 to SEC-006: every weak generator, and none that is good."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from analyzer.model import Severity
from tests.rules.judging import at, judge
from tests.rules.keys import Feeder, faults, found

SECOND = 1_000_000_000


def swap(key: int) -> int:
    return int.from_bytes(key.to_bytes(4, "big"), "little")


def linear(factor: int, increment: int, modulus: int) -> Iterator[int]:
    key = 20_250_101
    while True:
        key = (key * factor + increment) % modulus
        yield key


def take(keys: Iterator[int], count: int) -> list[int]:
    return [next(keys) for _ in range(count)]


@pytest.mark.parametrize("count", [4, 15, 16, 17, 700])
@pytest.mark.parametrize("little", [False, True])
@pytest.mark.parametrize(
    ("factor", "increment", "modulus"),
    [
        (1, 1, 1 << 32),
        (1, 0x01010101, 1 << 32),
        (1103515245, 12345, 1 << 31),
        (1103515245, 12345, 1 << 32),
        (214013, 2531011, 1 << 32),
        (16807, 0, (1 << 31) - 1),
        (48271, 0, (1 << 31) - 1),
    ],
)
def test_a_counter_or_known_generator_is_predictable(
    factor: int, increment: int, modulus: int, little: bool, count: int
) -> None:
    keys = take(linear(factor, increment, modulus), count)
    assert found([swap(key) for key in keys] if little else keys) == ["SEC-004"]


def test_three_keys_in_a_row_are_too_few() -> None:
    assert found([1, 2, 3]) == []


def test_one_key_that_does_not_fit_is_enough() -> None:
    assert "SEC-004" not in found([*range(1, 12), 0x6C9025B8])
    assert "SEC-004" not in found([*range(1, 300), 0x6C9025B8])


@pytest.mark.parametrize("unit", [SECOND, 1_000_000, 1000, 1])
@pytest.mark.parametrize("little", [False, True])
def test_the_time_is_predictable(unit: int, little: bool) -> None:
    drawn = random.Random(2)
    made = [1_700_000_000 * SECOND]
    for _ in range(50):
        made.append(made[-1] + drawn.randrange(1, 2 * SECOND))
    keys = [(time // unit) % (1 << 32) for time in made]
    times = [time + drawn.randrange(5_000_000) for time in made]
    assert found([swap(key) for key in keys] if little else keys, 7, times) == ["SEC-004"]


def test_a_clock_that_did_not_run_is_none() -> None:
    drawn = random.Random(2)
    assert "SEC-004" not in found([drawn.getrandbits(24) for _ in range(30)])


@pytest.mark.parametrize("count", [3, 4, 20, 900])
def test_one_key_for_all_is_constant_and_nothing_else(count: int) -> None:
    assert found([0x37FA213D] * count) == ["SEC-002"]
    assert found([0] * count) == ["SEC-001"]


def test_two_frames_with_one_key_are_too_few() -> None:
    assert found([0x37FA213D] * 2) == []


def test_a_constant_xor_is_told_before_the_repeats_it_makes() -> None:
    assert found([0xA15B009E, 0x17C2F43D] * 50) == ["SEC-004"]


def test_a_single_zero_among_others_is_information() -> None:
    drawn = random.SystemRandom()
    keys = [drawn.getrandbits(32) | 1 for _ in range(30)]
    told = faults(Feeder().feed([*keys, 0, *keys[:0]]).end())
    assert list(told) == ["SEC-001"]
    assert told["SEC-001"].severity is Severity.INFO


def test_the_only_frame_with_a_zero_key_is_a_warning() -> None:
    (finding,) = judge("client: 81 85 00 00 00 00 48 65 6c 6c 6f", "SEC-00")
    assert (finding.rule, finding.severity, finding.count) == ("SEC-001", Severity.WARNING, 1)


def test_the_finding_points_at_the_key() -> None:
    transcript = "repeat 5 client: 81 fe 00 80 37 fa 21 3d 41*128"
    (finding,) = judge(transcript, "SEC-002")
    assert (finding.frame, at(finding), finding.count) == (2, 4, 5)
    assert finding.evidence is not None
    assert finding.evidence.mark == (4, 4)
    assert finding.evidence.hex[8:16] == "37fa213d"


@pytest.mark.parametrize("size", [3, 5, 8, 16, 17, 100, 600])
def test_a_rotation_of_keys_is_reuse(size: int) -> None:
    drawn = random.SystemRandom()
    pool = [drawn.getrandbits(32) for _ in range(size)]
    assert found(pool * (2 + 100 // size)) == ["SEC-003"]


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_small_pool_of_keys_is_reuse(bits: int) -> None:
    drawn = random.Random(3)
    pool = [drawn.getrandbits(32) for _ in range(1 << bits)]
    assert "SEC-003" in found([drawn.choice(pool) for _ in range(20_000)])


@pytest.mark.parametrize("keys", [[1, 2, 3, 1], [0xA15B009E, 0x17C2F43D, 0x6C9025B8, 0xA15B009E, 0xE9B68C52]])
def test_a_single_repeat_is_none(keys: list[int]) -> None:
    assert "SEC-003" not in found(keys)


@pytest.mark.parametrize("little", [False, True])
def test_a_mersenne_twister_is_known_after_624_keys(little: bool) -> None:
    drawn = random.Random(4)
    keys = [drawn.getrandbits(32) for _ in range(700)]
    told = faults(Feeder().feed([swap(key) for key in keys] if little else keys).end())
    assert list(told) == ["SEC-005"]
    assert f"{'little' if little else 'big'}-endian" in told["SEC-005"].found


def test_bytes_of_a_mersenne_twister_are_its_outputs() -> None:
    drawn = random.Random(5)
    assert found([int.from_bytes(drawn.randbytes(4), "big") for _ in range(700)]) == ["SEC-005"]


def test_too_few_or_broken_outputs_are_silent() -> None:
    drawn = random.Random(6)
    assert found([drawn.getrandbits(32) for _ in range(640)]) == []
    keys = [drawn.getrandbits(32) for _ in range(900)]
    del keys[300]
    assert found(keys) == []


@pytest.mark.parametrize("count", [8, 9, 16, 100])
@pytest.mark.parametrize("made", [b"abcdefghijklmnopqrstuvwxyz", b"0123456789", b"0123456789abcdef", bytes(range(10))])
def test_an_alphabet_is_low_entropy(made: bytes, count: int) -> None:
    drawn = random.Random(count)
    assert "SEC-006" in found([int.from_bytes(bytes(drawn.choices(made, k=4)), "big") for _ in range(count)])


def test_one_byte_four_times_is_low_entropy() -> None:
    drawn = random.Random(8)
    assert "SEC-006" in found([0x01010101 * drawn.randrange(256) for _ in range(12)])


@pytest.mark.parametrize(("bits", "count"), [(15, 8), (16, 20), (24, 16), (31, 40), (31, 300)])
@pytest.mark.parametrize("little", [False, True])
def test_few_bits_are_low_entropy(bits: int, count: int, little: bool) -> None:
    drawn = random.Random(9)
    keys = [drawn.getrandbits(bits) for _ in range(count)]
    assert "SEC-006" in found([swap(key) for key in keys] if little else keys)


def test_eight_random_keys_in_rotation_are_not_low_entropy() -> None:
    drawn = random.SystemRandom()
    for _ in range(50):
        pool = [drawn.getrandbits(32) for _ in range(8)]
        assert found(pool * 20) == ["SEC-003"]


def test_one_exception_ends_an_alphabet() -> None:
    drawn = random.Random(10)
    keys = [int.from_bytes(bytes(drawn.choices(b"abcdefgh", k=4)), "big") for _ in range(100)]
    assert "SEC-006" not in found([*keys[:90], 0xFFFFFFFF, 0, *keys[90:]])


def test_a_client_whose_server_gave_up_is_told_in_passing() -> None:
    """Policy P4: after a violation over which the server failed the connection."""
    transcript = """
        client: 83 80 a1 5b 00 9e
        repeat 4 client: 81 80 00 00 00 00
        server: 88 02 03 ea
    """
    (finding,) = judge(transcript, "SEC-001")
    assert finding.secondary
    assert finding.severity is Severity.INFO
