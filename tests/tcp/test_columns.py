"""Columns keep what they hold, and what they are, while they grow."""

from __future__ import annotations

import numpy as np

from analyzer.tcp.columns import column, longer, word_column


def test_a_longer_column_keeps_its_rows_and_fills_the_new_ones() -> None:
    old = column(2)
    old[1] = -5
    assert list(longer(old, 4, -1)) == [0, -5, -1, -1]
    assert list(longer(old, 3)) == [0, -5, 0]


def test_words_stay_unsigned() -> None:
    old = word_column(1)
    old[0] = 1 << 63
    new = longer(old, 2, kind=np.uint64)
    assert list(new) == [1 << 63, 0]
    assert new.format == word_column(0).format != column(0).format
