"""Parquet, read back by DuckDB and compared with the JSON of the same records."""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from analyzer.errors import MissingDependencyError
from analyzer.report import parquet
from analyzer.report.formats import FORMATS
from analyzer.report.jsonl import encode
from analyzer.report.sink import KINDS, Look
from tests.command import wsanalyzer
from tests.conftest import SAMPLES
from tests.report import made


def written(path: Path, kind: str, records: list[Any]) -> list[dict[str, Any]]:
    """The rows as DuckDB gives them."""
    out = BytesIO()
    sink = FORMATS["parquet"].make(out, Look(kind=kind))
    for record in records:
        sink.write(record)
    sink.close()
    path.write_bytes(out.getvalue())
    cursor = duckdb.execute("select * from read_parquet(?)", [str(path)])
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_the_records(tmp_path: Path, kind: str) -> None:
    rows = written(tmp_path / "x.parquet", kind, made.STORY)
    records = [json.loads(encode(record)) for record in made.STORY if isinstance(record, KINDS[kind])]
    assert len(rows) == len(records) > 0
    for row, record in zip(rows, records, strict=True):
        for name, value in record.items():
            if name != "type" and not isinstance(value, (list, dict)):
                assert row[name] == value, name


def test_nested_values_stay_nested(tmp_path: Path) -> None:
    (row, *_) = written(tmp_path / "x.parquet", "connections", made.STORY)
    assert row["client"] == {"address": "192.0.2.1", "port": 50_000}
    (row, *_) = written(tmp_path / "x.parquet", "findings", made.STORY)
    assert row["evidence"] == {"stream_offset": 345, "hex": "810548656c6c6f", "mark": [1, 1]}
    assert row["cause"] is None
    (row, *_) = written(tmp_path / "x.parquet", "handshakes", made.STORY)
    assert row["request"]["headers"][0] == {"name": "Host", "value": "a.example"}


def test_a_length_of_64_bits_fits(tmp_path: Path) -> None:
    frame = made.frame(payload_length=2**64 - 1)
    (row,) = written(tmp_path / "x.parquet", "frames", [frame])
    assert row["payload_length"] == 2**64 - 1


def test_many_rows_are_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP", 10)
    rows = written(tmp_path / "x.parquet", "frames", [made.frame(index=index) for index in range(35)])
    assert [row["index"] for row in rows] == list(range(35))


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    assert written(tmp_path / "x.parquet", "messages", []) == []
    names = {column[0] for column in duckdb.execute(f"describe select * from '{tmp_path / 'x.parquet'}'").fetchall()}
    assert names == {field.name for field in msgspec.structs.fields(KINDS["messages"])}


def test_the_command_writes_a_table_for_each_name(tmp_path: Path) -> None:
    kinds = ("findings", "frames", "messages", "connections")
    outputs = [word for kind in kinds for word in ("-o", f"{kind}.parquet")]
    ran = wsanalyzer("analyze", SAMPLES / "violations.pcap", "--isolated", *outputs, folder=tmp_path)
    assert ran.returncode == 1, ran.stderr
    counts = {
        kind: duckdb.execute(f"select count(*) from '{tmp_path / kind}.parquet'").fetchall()[0][0] for kind in kinds
    }
    ran = wsanalyzer(
        "analyze", SAMPLES / "violations.pcap", "--isolated", "-f", "jsonl", "--records", "all", folder=tmp_path
    )
    types = [json.loads(line)["type"] for line in ran.stdout.splitlines()]
    assert counts == {kind: types.count(kind.removesuffix("s")) for kind in kinds}


def test_without_pyarrow_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'wsanalyzer\[parquet\]'"):
        FORMATS["parquet"].make(BytesIO(), Look())
