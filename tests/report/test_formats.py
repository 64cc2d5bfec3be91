"""The table of formats."""

from __future__ import annotations

from io import BytesIO

import pytest

from analyzer.report.formats import FORMATS, by_suffix
from analyzer.report.sink import Look
from analyzer.settings import RECORDS


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_makes_a_sink(name: str) -> None:
    sink = FORMATS[name].make(BytesIO(), Look())
    sink.close()
    assert (FORMATS[name].needs or frozenset()) <= set(RECORDS)


def test_suffixes() -> None:
    assert by_suffix("a.b/c.JSONL") == "jsonl"
    assert by_suffix("c.json") == "json"
    assert by_suffix("c.txt") == "text"
    assert by_suffix("jsonl") is None
