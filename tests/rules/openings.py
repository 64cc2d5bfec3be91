"""Openings played without packets around them, and what the rules about them say."""

from __future__ import annotations

from analyzer.rules import registry
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening, check_opening
from tests.http.feeding import Talk

RULES = registry.load()


def found(talk: Talk) -> list[list[tuple[registry.Rule, Fault]]]:
    """By opening that ``talk`` finished: what all rules say about it."""
    return [check_opening(Opening(exchange), RULES.values()) for exchange in talk.connection.exchanges]


def raised(talk: Talk, rule_id: str) -> list[Fault]:
    """What the rule of that id says about them."""
    return [fault for opening in found(talk) for rule, fault in opening if rule.id == rule_id]


def rules_of(*modules: str) -> list[str]:
    """The ids of the rules in these modules of `analyzer.rules`, in order."""
    return [rule.id for rule in RULES.values() if rule.check.__module__.rpartition(".")[2] in modules]
