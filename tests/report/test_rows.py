"""Which kind of record a table holds."""

from __future__ import annotations

import pytest

from analyzer.report.rows import row_kind
from analyzer.settings import RECORDS, Settings


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("frames.csv", "frames"),
        ("out/Monday-Messages.parquet", "messages"),
        ("result_connections.csv", "connections"),
        ("frames/result.csv", "findings"),
        ("myframes.csv", "findings"),
        ("-", "findings"),
    ],
)
def test_the_name_says_it(path: str, kind: str) -> None:
    assert row_kind(path, Settings().records) == kind


@pytest.mark.parametrize("kind", RECORDS)
def test_else_the_only_kind_asked_for(kind: str) -> None:
    assert row_kind("-", frozenset({kind})) == kind
