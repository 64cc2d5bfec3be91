"""What a report in memory keeps of the findings: the first of each kind in full, the others as numbers.

A peer that leaves every frame unmasked breaks one rule a million times; a person wants to see it once. So
findings of one rule, severity and side of a connection form a `Group`, of which the first finding is held.
The number of groups is limited; how bad each connection is, is known for all of them (one byte each).
"""

from __future__ import annotations

from collections import Counter

from analyzer.model import Finding, Severity

Key = tuple[int | None, str | None, str, Severity, bool]


class Group:
    """Findings alike: the first, how many instances, and where the second and the last are."""

    __slots__ = ("first", "instances", "last", "second")

    def __init__(self, first: Finding) -> None:
        """A group of one."""
        self.first = first
        self.second: Finding | None = None
        self.last = first
        self.instances = first.count

    def add(self, finding: Finding) -> None:
        """Count one more."""
        if self.second is None:
            self.second = finding
        self.last = finding
        self.instances += finding.count


class Tally:
    """Groups of findings, by connection, and the exact count of what was not kept."""

    def __init__(self, limit: int, verbose: bool) -> None:
        """Keep at most ``limit`` groups; those of severity info only where ``verbose``."""
        self._limit = limit
        self._verbose = verbose
        self._groups: dict[Key, Group] = {}
        self._worst = bytearray()
        self.infos: Counter[tuple[str, str]] = Counter()
        """Instances of severity info that were not kept, by rule id and name."""
        self.observed: set[str] = set()
        """Rules with findings of severity info, kept or not."""
        self.dropped = 0
        """Instances beyond the limit."""

    def add(self, finding: Finding) -> None:
        """Take the next finding."""
        if finding.connection is not None:
            self._note(finding.connection, finding.severity)
        if finding.severity is Severity.INFO:
            self.observed.add(finding.rule)
        if finding.severity is Severity.INFO and not self._verbose:
            self.infos[finding.rule, finding.name] += finding.count
            return
        key = (finding.connection, finding.direction, finding.rule, finding.severity, finding.secondary)
        group = self._groups.get(key)
        if group is not None:
            group.add(finding)
        elif len(self._groups) < self._limit:
            self._groups[key] = Group(finding)
        else:
            self.dropped += finding.count

    def _note(self, connection: int, severity: Severity) -> None:
        missing = connection + 1 - len(self._worst)
        if missing > 0:
            self._worst.extend(b"\xff" * missing)
        self._worst[connection] = min(self._worst[connection], severity.rank)

    def blamed(self, connection: int) -> bool:
        """Whether the connection has an error or a warning."""
        return connection < len(self._worst) and self._worst[connection] <= Severity.WARNING.rank

    def blamed_count(self) -> int:
        """How many connections have an error or a warning."""
        return sum(self._worst.count(severity.rank) for severity in (Severity.ERROR, Severity.WARNING))

    def by_connection(self) -> dict[int | None, list[Group]]:
        """The groups of each connection, worst first, then in the order they were found; None comes last."""
        found: dict[int | None, list[Group]] = {}
        for group in self._groups.values():
            found.setdefault(group.first.connection, []).append(group)
        for groups in found.values():
            groups.sort(key=lambda group: (group.first.secondary, group.first.severity.rank))
        last = float("inf")
        return dict(sorted(found.items(), key=lambda item: last if item[0] is None else item[0]))
