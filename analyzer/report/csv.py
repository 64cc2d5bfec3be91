"""Comma-separated values (RFC 4180): one table of one kind of record (`analyzer.report.rows`), for spreadsheets.

Columns are the record's fields; nested values are JSON. A cell of text that a spreadsheet would take for a formula
begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
from typing import BinaryIO

import msgspec

from analyzer.model import Record
from analyzer.report.escape import visible
from analyzer.report.sink import KINDS, Look

FORMULA = tuple("=+-@\t\r")
"""First characters that make a cell a formula, or begin one in some program."""


class Csv:
    """Writes each row as it comes; holds nothing."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out`` in UTF-8, the header first."""
        self._out = out
        self._struct: type = KINDS[look.kind]
        self._line = io.StringIO(newline="")
        self._writer = csv.writer(self._line)
        self._names = [
            field.name for field in msgspec.structs.fields(self._struct) if field.name not in ("evidence", "payload")
        ]
        self._row(self._names)

    def write(self, record: Record) -> None:
        """A row, if the record is of the kind wanted."""
        if isinstance(record, self._struct):
            self._row([cell(getattr(record, name)) for name in self._names])

    def _row(self, cells: list[str]) -> None:
        self._writer.writerow(cells)
        self._out.write(self._line.getvalue().encode())
        self._line.seek(0)
        self._line.truncate()

    def close(self) -> None:
        """Nothing is left to write."""


def cell(value: object) -> str:
    """One value as a cell: numbers and words as they are, true and false in lower case, nothing for null."""
    if value is None or value is msgspec.UNSET:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = visible(str(value) if isinstance(value, str) else msgspec.json.encode(value).decode())
    return f"'{text}" if text.startswith(FORMULA) else text
