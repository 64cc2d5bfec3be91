"""What every output format is: something that takes records one by one and is closed at the end.

A sink gets the records in the order of the pipeline (`Run` first, `Summary` last) and writes bytes to a
stream it does not own. It copes with a stream of records that stops early: `close` then finishes what can
be finished, so that an interrupted run leaves a readable result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO, Protocol

import msgspec

from analyzer.model import Connection, Finding, Frame, Handshake, Message, Record, Severity
from analyzer.rules.registry import Rule
from analyzer.settings import Settings

__all__ = ["KINDS", "BinaryIO", "Look", "Sink", "wanted"]


class Sink(Protocol):
    """One result in one format."""

    def write(self, record: Record) -> None:
        """Take the next record. Raises OSError where the stream does."""

    def close(self) -> None:
        """Write what is left. The stream stays open."""


_DEFAULTS = Settings()


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How a result is to be shown."""

    records: frozenset[str] = _DEFAULTS.records
    """Kinds of record that were asked for (`settings.RECORDS`)."""
    kind: str = "findings"
    """What the rows of a format that is one table are."""
    kept_findings: int = _DEFAULTS.kept_findings
    kept_connections: int = _DEFAULTS.kept_connections
    rules: Mapping[str, Rule] = {}
    """By id: for what a finding does not say about its rule."""
    color: bool = False
    width: int = 100
    """Columns of the terminal."""
    verbose: bool = False
    """Show every connection and every finding of severity info."""
    redact: bool = False
    """Leave secrets out of what is not a record: packets."""
    quiet: bool = False
    """The verdict only."""
    fail_on: Severity | None = Severity.ERROR
    """The severity from which on a run fails; None: never."""


KINDS: dict[str, type] = {
    "connections": Connection,
    "handshakes": Handshake,
    "frames": Frame,
    "messages": Message,
    "findings": Finding,
}
"""The struct of each kind in `settings.RECORDS`."""


def wanted(kinds: frozenset[str]) -> tuple[type, ...]:
    """The structs that ``kinds`` lets through, for isinstance; `Run` and `Summary` always pass elsewhere."""
    return tuple(KINDS[kind] for kind in KINDS if kind in kinds)
