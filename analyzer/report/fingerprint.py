"""What makes two findings the same in two captures: for baselines, and for SARIF's partial fingerprints.

A test suite that runs again gives other ports, times, packet numbers, masking keys and perhaps another order.
What stays is the rule, who broke it, the field, and which endpoint was asked for (host and path of the opening,
without the query). Findings that agree in these are told apart by counting them in order.
"""

from __future__ import annotations

import hashlib

from analyzer.model import Finding, Handshake, Record
from analyzer.report.wording import requested

VERSION = "wsanalyzer/v1"
"""Name of the scheme; another one when what goes in changes."""
DIGITS = 32
"""Hex digits kept: 128 bits."""


class Fingerprints:
    """Follows a run's records in order and names its findings."""

    def __init__(self, limit: int) -> None:
        """Remember the endpoints of ``limit`` connections; others count as unknown."""
        self._limit = limit
        self._endpoints: dict[int, str] = {}
        self._seen: dict[str, int] = {}

    def see(self, record: Record) -> None:
        """Learn the endpoint from an opening."""
        if isinstance(record, Handshake) and (len(self._endpoints) < self._limit):
            self._endpoints.setdefault(record.connection, requested(record).partition("?")[0])

    def endpoint(self, finding: Finding) -> str | None:
        """Host and path that the finding's connection was opened for, as far as known."""
        return None if finding.connection is None else self._endpoints.get(finding.connection)

    def kind(self, finding: Finding) -> str:
        """What the finding has in common with its like: a digest in hex."""
        endpoint, header = self.endpoint(finding) or "", (finding.header or "").lower()
        parts = (VERSION, finding.rule, finding.direction or "", endpoint, header)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]

    def name(self, finding: Finding) -> str:
        """The finding's own fingerprint: its kind, and how many of it came before."""
        kind = self.kind(finding)
        number = self._seen.get(kind, 0)
        self._seen[kind] = number + 1
        return f"{kind}:{number}"
