"""The Mersenne Twister against the one Python has."""

from __future__ import annotations

import random

import numpy as np
import pytest

from analyzer.rules import mt19937


def outputs(seed: int, count: int) -> np.ndarray:
    generator = random.Random(seed)
    return np.array([generator.getrandbits(32) for _ in range(count)], dtype=np.uint32)


def test_untempering_undoes_tempering() -> None:
    words = np.frombuffer(random.Random(1).randbytes(40_000), dtype=np.uint32)
    assert (mt19937.untemper(mt19937.temper(words)) == words).all()
    assert (mt19937.temper(mt19937.untemper(words)) == words).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("skipped", [0, 1, 300, 623, 624, 1000])
def test_the_next_outputs_follow_from_624_in_a_row_wherever_they_begin(seed: int, skipped: int) -> None:
    drawn = outputs(seed, skipped + mt19937.WORDS + mt19937.AT_ONCE)[skipped:]
    predicted = mt19937.predict(drawn[: mt19937.WORDS], mt19937.AT_ONCE)
    assert (predicted == drawn[mt19937.WORDS :]).all()


def test_nothing_follows_where_one_output_is_missing() -> None:
    drawn = np.delete(outputs(7, mt19937.WORDS + 9), 100)
    assert (mt19937.predict(drawn[: mt19937.WORDS], 8) != drawn[mt19937.WORDS :]).any()
