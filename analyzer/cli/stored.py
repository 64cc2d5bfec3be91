"""A stored result to every output asked for, and the exit status it had."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import BinaryIO

from analyzer.cli.options import Options
from analyzer.cli.results import Results
from analyzer.cli.terminal import say
from analyzer.errors import InputError
from analyzer.report import stored
from analyzer.rules import registry
from analyzer.settings import RECORDS, Settings

STDIN = "-"


def rewritten(path: str, options: Options, *, quiet: bool, verbose: bool) -> int:
    """Write the result in ``path`` (``-``: standard input) in other formats; the exit status. Raises AnalyzerError."""
    chosen = Settings(records=frozenset(RECORDS))
    results = Results(chosen, options, registry.load(), [path], quiet=quiet, verbose=verbose)
    with _opened(path) as stream:
        try:
            results.open()
            for record in stored.records(stream, path, lambda note: say(f"note: {note}")):
                if not results.write(record):
                    break
            results.close()
        finally:
            results.abandon()
    results.tell()
    return results.status()


@contextlib.contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == STDIN:
        yield sys.stdin.buffer
        return
    try:
        stream = open(path, "rb")  # noqa: SIM115 - closed below, apart from the errors of opening it
    except OSError as error:
        raise InputError(f"{path}: cannot read the result: {error.strerror}") from None
    with stream:
        try:
            yield stream
        except IsADirectoryError:
            raise InputError(f"{path}: is a folder; expected a result of wsanalyzer analyze -f jsonl") from None
