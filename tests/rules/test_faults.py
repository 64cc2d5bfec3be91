"""What a rule may leave out, and what the finding then says."""

from __future__ import annotations

import numpy as np

from analyzer.model import Finding, Place
from analyzer.rules import registry
from analyzer.rules.faults import Fault, Hits
from tests.running import only, played


def test_a_fault_says_no_more_than_it_must() -> None:
    fault = Fault(expected="a", found="b")
    assert (fault.side, fault.offset, fault.place, fault.header, fault.severity, fault.text) == (None,) * 6
    assert (fault.length, fault.count) == (1, 1)


def test_hits_point_at_the_first_byte_unless_told_otherwise() -> None:
    hits = Hits(rows=np.zeros(3, dtype=np.bool_), expected="a", found="b")
    assert (hits.at, hits.length, hits.severity, hits.text) == (0, 1, None, None)


def test_what_a_fault_leaves_out_the_rule_says() -> None:
    """The title is the text, the rule's severity the finding's."""
    (found,) = [one for one in only(Finding, played("client: 81 80 37 fa 21 3d")) if one.rule == "ST-008"]
    rule = registry.load()["ST-008"]
    assert (found.text, found.severity, found.level, found.name) == (rule.title, rule.severity, rule.level, rule.name)


def test_a_place_can_be_told_to_a_person() -> None:
    assert str(Place(0, 3, 2, 0, 99)) == "packet 3 (file 0, byte 99)"
