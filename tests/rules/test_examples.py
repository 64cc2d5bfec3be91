"""Each rule's own documentation, run: its examples become packets, and the packets go through everything.

An example asserts its own rule and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Finding
from analyzer.rules import registry
from analyzer.settings import ALL, Settings

RULES = registry.load()
SETTINGS = Settings(records=frozenset({"findings"}), select=(ALL,))


def _cases(kind: str) -> list[object]:
    return [
        pytest.param(rule_id, text, id=f"{rule_id}-{number}")
        for rule_id, rule in RULES.items()
        for number, text in enumerate(getattr(rule, kind), 1)
    ]


def _findings(path: Path) -> list[Finding]:
    records = pipeline.run(open_source([str(path)], SETTINGS), SETTINGS)
    return [record for record in records if isinstance(record, Finding)]


def _told(findings: list[Finding]) -> str:
    return "\n".join(f"{finding} ({finding.direction}, byte {finding.byte_offset})" for finding in findings)


@pytest.mark.parametrize(("rule_id", "transcript"), _cases("violates"))
def test_a_violating_example_raises_its_rule(
    rule_id: str, transcript: str, write_capture: Callable[[str], Path]
) -> None:
    findings = _findings(write_capture(transcript))
    assert rule_id in {finding.rule for finding in findings}, f"{transcript}\n\nfound:\n{_told(findings)}"


@pytest.mark.parametrize(("rule_id", "transcript"), _cases("conforms"))
def test_a_conforming_example_does_not_raise_its_rule(
    rule_id: str, transcript: str, write_capture: Callable[[str], Path]
) -> None:
    findings = _findings(write_capture(transcript))
    assert rule_id not in {finding.rule for finding in findings}, f"{transcript}\n\nfound:\n{_told(findings)}"


@pytest.mark.parametrize("rule_id", RULES)
def test_every_rule_has_an_example_of_each_kind(rule_id: str) -> None:
    rule = RULES[rule_id]
    assert rule.violates, "no Violates: block"
    assert rule.conforms, "no Conforms: block"
