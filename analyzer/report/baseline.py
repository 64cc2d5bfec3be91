"""A baseline: the findings a project knows of, so that only new ones fail its build.

The file lists kinds of finding by fingerprint (`analyzer.report.fingerprint`) with how often each was found, and in
words what it stands for, so that its history in version control can be read. As many findings of a kind as it lists
are passed over; the summary's counts are then of what is left.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from analyzer.errors import InputError, OutputError
from analyzer.model import Direction, Finding, Record, Summary
from analyzer.report.fingerprint import Fingerprints
from analyzer.report.jsonl import encode


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of finding."""

    fingerprint: str
    rule: str
    direction: Direction | None
    endpoint: str | None
    """Host and path of the opening."""
    header: str | None
    count: int


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    baseline: int
    """Version of the format."""
    findings: list[Entry]


FORMAT = 1


class Baseline:
    """Follows a run's records: passes over what is known, and learns what was found."""

    def __init__(self, path: str, limit: int, *, update: bool) -> None:
        """Read ``path``; it may be missing where it is to be written. Raises InputError."""
        self.path = path
        self._passed = 0
        self._update = update
        self._prints = Fingerprints(limit)
        self._known = {entry.fingerprint: entry.count for entry in _read(path, missing_ok=update)}
        self._found: dict[str, Entry] = {}
        self._rules: dict[str, int] = {}
        self._severities: dict[str, int] = {}

    def see(self, record: Record) -> Record | None:
        """The record as it is to be reported; None where it is known."""
        self._prints.see(record)
        if isinstance(record, Finding):
            return self._finding(record)
        if isinstance(record, Summary) and self._passed:
            return msgspec.structs.replace(
                record,
                findings=_without(record.findings, self._rules),
                severities={name: count - self._severities.get(name, 0) for name, count in record.severities.items()},
                known=self._passed,
            )
        return record

    def _finding(self, finding: Finding) -> Finding | None:
        kind = self._prints.kind(finding)
        before = self._found.get(kind)
        self._found[kind] = Entry(
            fingerprint=kind,
            rule=finding.rule,
            direction=finding.direction,
            endpoint=self._prints.endpoint(finding),
            header=finding.header,
            count=finding.count + (0 if before is None else before.count),
        )
        known = min(finding.count, self._known.get(kind, 0))
        if not known or self._update:
            return finding
        self._known[kind] -= known
        self._passed += known
        self._rules[finding.rule] = self._rules.get(finding.rule, 0) + known
        self._severities[finding.severity] = self._severities.get(finding.severity, 0) + known
        return None if known == finding.count else msgspec.structs.replace(finding, count=finding.count - known)

    def write(self) -> None:
        """Put what was found in the place of the file. Raises OutputError."""
        entries = sorted(self._found.values(), key=lambda entry: (entry.rule, entry.endpoint or "", entry.fingerprint))
        text = msgspec.json.format(encode(Document(baseline=FORMAT, findings=entries)), indent=2)
        try:
            Path(self.path).write_bytes(text + b"\n")
        except OSError as error:
            raise OutputError(f"{self.path}: cannot write the baseline: {error.strerror}") from None


def _read(path: str, *, missing_ok: bool) -> list[Entry]:
    try:
        document = msgspec.json.decode(Path(path).read_bytes(), type=Document)
    except FileNotFoundError:
        if missing_ok:
            return []
        raise InputError(f"{path}: no baseline there; --update-baseline makes one") from None
    except OSError as error:
        raise InputError(f"{path}: cannot read the baseline: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a baseline of wsanalyzer: {str(error).partition(chr(10))[0]}") from None
    if document.baseline != FORMAT:
        raise InputError(f"{path}: baseline format {document.baseline} is not known here; expected {FORMAT}")
    return document.findings


def _without(counts: dict[str, int], known: dict[str, int]) -> dict[str, int]:
    left = {rule: count - known.get(rule, 0) for rule, count in counts.items()}
    return {rule: count for rule, count in left.items() if count}
