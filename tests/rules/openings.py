"""Openings played without packets around them, and what the rules about them say."""

from __future__ import annotations

from analyzer.rules import registry
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening, check_opening
from tests.http.feeding import Talk

RULES = registry.load()


def raised(talk: Talk, rule_id: str) -> list[Fault]:
    """What the rule of that id says about the openings that ``talk`` finished."""
    results = [check_opening(Opening(exchange), RULES.values()) for exchange in talk.connection.exchanges]
    return [fault for result in results for rule, fault in result if rule.id == rule_id]


def rules_of(module: str) -> list[str]:
    """The ids of the rules of a module of `analyzer.rules`, in order."""
    return [rule.id for rule in RULES.values() if rule.check.__module__ == f"analyzer.rules.{module}"]
