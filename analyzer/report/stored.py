"""A stored result (``-f jsonl``) back to records, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec

from analyzer.errors import InputError
from analyzer.model import Record, Run, Summary

LONGEST = 1 << 30
"""A line longer than this is no record: the largest hold a message's payload, in base64."""

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def records(stream: BinaryIO, path: str, note: Callable[[str], None]) -> Iterator[Record]:
    """The records of the result in ``stream``. ``path`` names it in messages.

    A result that stops early is given as far as it goes, and ``note`` is told. Raises InputError where it is none.
    """
    last: Record | None = None
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        try:
            record = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if last is not None and not line.endswith(b"\n"):
                break  # the run was stopped while it wrote this line
            raise InputError(_refusal(path, number, str(error))) from None
        if isinstance(record, Run) is not (last is None):
            raise InputError(_refusal(path, number, "a result begins with its only run record"))
        yield record
        last = record
    if last is None:
        raise InputError(f"{path}: empty; expected a result of wsanalyzer analyze -f jsonl")
    if not isinstance(last, Summary):
        note(f"{path}: stops after line {number} without a summary: the analysis did not come to its end")


def _refusal(path: str, number: int, reason: str) -> str:
    words = reason.partition("\n")[0]
    return f"{path}: line {number} is no record of a result (wsanalyzer analyze -f jsonl): {words}"
