"""One JSON object a line, each with its ``type``: for programs, and for results larger than memory."""

from __future__ import annotations

from typing import BinaryIO

import msgspec

from analyzer.model import Record, Run, Summary
from analyzer.report.escape import safe_json, spelled
from analyzer.report.sink import Look, wanted

_encoder = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """A record, or any value that msgspec knows, as JSON without a line feed, in UTF-8, safe to print."""
    try:
        return safe_json(_encoder.encode(value))
    except UnicodeEncodeError:  # a file name that is not UTF-8 (PEP 383): JSON has no place for its bytes
        return safe_json(_encoder.encode(spelled(msgspec.to_builtins(value))))


class JsonLines:
    """Writes each record as it comes; holds nothing."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out`` the kinds of record that ``look`` names, between run and summary."""
        self._write = out.write
        self._passes = (Run, Summary, *wanted(look.records))

    def write(self, record: Record) -> None:
        """One line."""
        if isinstance(record, self._passes):
            self._write(encode(record) + b"\n")

    def close(self) -> None:
        """Nothing is left to write."""
