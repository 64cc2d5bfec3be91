"""The rules against the catalogue: what scripts and settings of users rely on must not drift.

``catalogue.csv`` is a copy of the catalogue's table, without the rules about HTTP/2.
"""

from __future__ import annotations

import csv
from pathlib import Path

from analyzer.rules import registry

TABLE = Path(__file__).with_name("catalogue.csv")
CATALOGUE = {row["id"]: row for row in csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines())}


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


def test_every_rule_of_the_catalogue_is_written() -> None:
    assert set(registry.load()) == set(CATALOGUE)
