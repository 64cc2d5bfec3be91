"""Apache Parquet, one table of one kind of record (`analyzer.report.rows`), for DuckDB, pandas and their like.

Columns are the record's fields, typed as in `analyzer.model`; what is nested there is nested here. Rows are written
in groups, so their number costs no memory.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import msgspec
from msgspec import inspect

from analyzer.errors import MissingDependencyError
from analyzer.model import Record
from analyzer.report.escape import spelled
from analyzer.report.sink import KINDS, Look

GROUP = 16_384
"""Rows written at once."""
UNSIGNED = {"payload_length"}
"""Columns that need all 64 bits for their size (RFC 6455 5.2)."""
PAIRS: dict[tuple[type, type], tuple[str, str]] = {(str, int): ("address", "port"), (str, str): ("name", "value")}
"""What the two members of a pair are called."""


class Parquet:
    """Writes each group of rows when it is full."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out``. Raises MissingDependencyError."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingDependencyError("-f parquet needs pyarrow: pip install 'wsanalyzer[parquet]'") from None
        self._arrow: Any = pyarrow
        self._struct: Any = KINDS[look.kind]
        info = inspect.type_info(self._struct)
        assert isinstance(info, inspect.StructType), "records are structs"
        self._columns = {field.name: self._typed(field.type) for field in info.fields}
        self._columns |= {name: pyarrow.uint64() for name in UNSIGNED & set(self._columns)}
        self._schema = pyarrow.schema(list(self._columns.items()))
        self._rows: list[dict[str, object]] = []
        self._writer: Any = pyarrow.parquet.ParquetWriter(out, self._schema, compression="zstd")

    def write(self, record: Record) -> None:
        """A row, if the record is of the table's kind."""
        if isinstance(record, self._struct):
            built = spelled(msgspec.to_builtins(record))
            assert isinstance(built, dict), "a record is an object"
            self._rows.append({name: _valued(built.get(name), kind) for name, kind in self._columns.items()})
            if len(self._rows) == GROUP:
                self._flush()

    def close(self) -> None:
        """Write what is left, and the file's end."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []

    def _typed(self, kind: inspect.Type) -> Any:
        """The Arrow type of a field."""
        arrow = self._arrow
        match kind:
            case inspect.UnionType():
                (some,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
                return self._typed(some)
            case inspect.BoolType():
                return arrow.bool_()
            case inspect.IntType():
                return arrow.int64()
            case inspect.StructType():
                return arrow.struct([(field.encode_name, self._typed(field.type)) for field in kind.fields])
            case inspect.ListType():
                return arrow.list_(self._typed(kind.item_type))
            case inspect.TupleType():
                names = PAIRS.get(_kinds(kind))
                members = [self._typed(member) for member in kind.item_types]
                return arrow.list_(members[0]) if names is None else arrow.struct(zip(names, members, strict=True))
        return arrow.string()


def _kinds(pair: inspect.TupleType) -> tuple[type, type]:
    first, second = (int if isinstance(member, inspect.IntType) else str for member in pair.item_types)
    return first, second


def _valued(value: Any, kind: Any) -> Any:
    """A JSON-like value as Arrow's type wants it: pairs as objects."""
    if isinstance(value, list):
        if str(kind).startswith("struct"):
            return {kind.field(at).name: _valued(item, kind.field(at).type) for at, item in enumerate(value)}
        return [_valued(item, kind.value_type) for item in value]
    if isinstance(value, dict):
        return {
            kind.field(at).name: _valued(value.get(kind.field(at).name), kind.field(at).type)
            for at in range(kind.num_fields)
        }
    return value
