"""Formats that are one table: which kind of record its rows are."""

from __future__ import annotations

import re
from pathlib import PurePath

from analyzer.report.sink import KINDS


def row_kind(path: str, asked: frozenset[str]) -> str:
    """The kind of record for a table at ``path``.

    The one its name ends with (``frames.csv``, ``monday-frames.parquet``); else the only one ``asked`` for, if there
    is only one; else findings.
    """
    words: list[str] = re.findall(r"[a-z]+", PurePath(path).stem.lower())
    if words and words[-1] in KINDS:
        return words[-1]
    return next(iter(asked)) if len(asked) == 1 else "findings"
