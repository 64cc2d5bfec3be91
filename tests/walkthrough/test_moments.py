"""Times and packets in words."""

from __future__ import annotations

import pytest

from analyzer.walkthrough.moments import duration, packets, sentence, since


@pytest.mark.parametrize(
    ("time_ns", "words"),
    [(0, "0 µs"), (17_999, "17 µs"), (4_210_000, "4.210 ms"), (2_000_000_000, "2.000 s"), (-5_000_000, "-5.000 ms")],
)
def test_a_duration_has_the_unit_that_fits(time_ns: int, words: str) -> None:
    assert duration(time_ns) == words


def test_since_has_a_sign() -> None:
    assert since(1_500_000_000, 1_000_000_000) == "+0.500000 s"
    assert since(1_000_000_000, 1_500_000_000) == "-0.500000 s"


def test_words() -> None:
    assert packets(4, 4) == "packet 4"
    assert packets(4, 7) == "packets 4 to 7"
    assert sentence("close code, RFC 6455") == "Close code, RFC 6455"
