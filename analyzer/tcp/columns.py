"""Columns as hot functions take them: memoryviews of 64-bit numbers, which NumPy made and C code reads.

Not NumPy arrays themselves: interpreted, those would give scalars that overflow.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def column(rows: int) -> Any:
    """``rows`` signed numbers, all 0."""
    return memoryview(np.zeros(rows, dtype=np.int64))  # type: ignore[arg-type]  # NumPy's stubs know no Buffer yet


def word_column(rows: int) -> Any:
    """``rows`` unsigned numbers, all 0."""
    return memoryview(np.zeros(rows, dtype=np.uint64))  # type: ignore[arg-type]


def longer(old: Any, rows: int, fill: int = 0, kind: type[np.integer[Any]] = np.int64) -> Any:
    """``old`` with room up to ``rows``, the new ones holding ``fill``; ``kind``: np.uint64 for words."""
    new = np.full(rows, fill, dtype=kind)
    new[: len(old)] = old
    return memoryview(new)  # type: ignore[arg-type]
