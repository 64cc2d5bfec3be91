"""Demands, and how each fared."""

from __future__ import annotations

import msgspec

from analyzer.model import Severity
from analyzer.rules import registry
from analyzer.walkthrough import checks
from analyzer.walkthrough.document import Table
from tests.report import made


def outcomes(table: Table) -> list[str]:
    return [row[0][0].text for row in table.rows]


def test_every_rule_named_exists_and_stands_once() -> None:
    named = [rule for check in checks.ALL for rule in check.rules]
    assert set(named) <= set(registry.load())
    assert len(named) == len(set(named))


def test_a_side_that_can_break_a_rule_is_the_one_named() -> None:
    rules = registry.load()
    for check in checks.ALL:
        if check.side is not None and check.rules[0] not in ("SC-011",):
            assert {str(rules[rule].role) for rule in check.rules} <= {check.side, "both"}, check


def test_a_finding_breaks_it_and_silence_means_it_held() -> None:
    finding = made.UNMASKED
    assert outcomes(checks.judged(checks.MASKING, [finding], frozenset({"client", "server"}))) == ["broken", "held"]
    assert outcomes(checks.judged(checks.MASKING, [], frozenset({"server"}))) == ["not seen", "held"]
    info = msgspec.structs.replace(finding, severity=Severity.INFO)
    assert outcomes(checks.judged(checks.MASKING, [info], frozenset({"client"}))) == ["noted", "not seen"]


def test_what_depends_on_unknown_extensions_is_not_judged() -> None:
    table = checks.judged(checks.FRAMES, [], frozenset({"client"}), unknown=checks.EXTENDED)
    assert outcomes(table) == ["not seen", "held", "held", "held", "held", "held"]


def test_a_finding_is_told_with_what_was_expected_and_found() -> None:
    ((*pieces,),) = checks.told([made.UNMASKED]).items
    text = "".join(piece.text for piece in pieces)
    assert text.startswith("broken MK-001: ")
    assert "expected " in text
    assert "found " in text


def test_what_is_called_unknown_is_a_demands_first_rule() -> None:
    firsts = {check.rules[0] for check in checks.ALL}
    assert {*checks.EXTENDED, *checks.OF_REQUEST, *checks.OF_ROLES} <= firsts


def test_rules_in_a_row_are_named_by_the_first_and_the_last() -> None:
    assert checks.short(["HS-206", "HS-207", "HS-208", "HS-210", "EX-001", "EX-101", "EX-102"]) == (
        "HS-206 to 208, 210, EX-001, 101, 102"
    )
