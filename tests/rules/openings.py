"""Openings played without packets around them, and what the rules about them say."""

from __future__ import annotations

from analyzer.rules import registry
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening, check_opening, in_order
from tests.http.feeding import REQUEST, RESPONSE, Talk

RULES = registry.load()


def found(talk: Talk) -> list[list[tuple[registry.Rule, Fault]]]:
    """By opening that ``talk`` finished: what all rules say about it."""
    return [check_opening(Opening(exchange), in_order(RULES.values())) for exchange in talk.connection.exchanges]


def raised(talk: Talk, rule_id: str) -> list[Fault]:
    """What the rule of that id says about them."""
    return [fault for opening in found(talk) for rule, fault in opening if rule.id == rule_id]


def pointed_at(rule_id: str, *, request: bytes = REQUEST, response: bytes = RESPONSE) -> list[tuple[int | None, int]]:
    """Stream offset and length of what the rule points at in an opening of these heads."""
    return [(fault.offset, fault.length) for fault in raised(Talk().client(request).server(response), rule_id)]


def with_field(field: bytes) -> bytes:
    """A right answer with one more field."""
    return RESPONSE[:-2] + field + b"\r\n\r\n"


def rules_of(*modules: str) -> list[str]:
    """The ids of the rules in these modules of `analyzer.rules`, in order."""
    return [rule.id for rule in RULES.values() if rule.check.__module__.rpartition(".")[2] in modules]
