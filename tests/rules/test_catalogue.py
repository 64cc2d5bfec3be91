"""The rules against the catalogue: what scripts and settings of users rely on must not drift.

``catalogue.csv`` is a copy of the catalogue's table, without the rules about HTTP/2.
"""

from __future__ import annotations

import csv
from pathlib import Path

from analyzer.rules import registry

TABLE = Path(__file__).with_name("catalogue.csv")
CATALOGUE = {row["id"]: row for row in csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines())}

TO_COME = frozenset(
    (
        "HS-403", "HS-601",
        "CT-003", "CT-004", "CT-005", "CT-006", "CT-007", "CT-008",
        "SC-004", "SC-005", "SC-006", "SC-007", "SC-008", "SC-009", "SC-010", "SC-011", "SC-012", "SC-013", "SC-014",
        "SC-015", "SC-016", "SC-017", "SC-018", "SC-019",
        "ST-004", "ST-011", "ST-012", "ST-015", "ST-020", "ST-021", "ST-023",
        "SEC-007", "SEC-009", "SEC-019", "SEC-024",
    )
)  # fmt: skip
"""Not written yet. An id leaves this set as its rule comes, and none may enter it."""


def test_every_rule_is_as_the_catalogue_has_it() -> None:
    stated = {
        rule.id: {
            "id": rule.id,
            "name": rule.name,
            "level": str(rule.level),
            "severity": str(rule.severity),
            "role": str(rule.role),
            "rfc": rule.rfc,
        }
        for rule in registry.load().values()
        if rule.family != "H2"
    }
    assert stated == {rule_id: CATALOGUE.get(rule_id) for rule_id in stated}


def test_what_the_catalogue_has_is_written_or_to_come() -> None:
    assert set(CATALOGUE) - set(registry.load()) <= TO_COME
