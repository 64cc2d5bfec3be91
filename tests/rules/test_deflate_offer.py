"""EX-101 to EX-104: offers one by one."""

from __future__ import annotations

import pytest

from tests.rules.judging import ids, judge
from tests.rules.test_extensions import offered, talk


def test_each_offer_is_told_of_once_a_rule() -> None:
    value = "permessage-deflate; a; b=1, permessage-deflate; server_max_window_bits=7; c, permessage-deflate"
    found = judge(offered(value), "EX-1")
    assert [(finding.rule, finding.found) for finding in found] == [
        ("EX-101", "a, and 1 more"),
        ("EX-101", "c"),
        ("EX-102", "server_max_window_bits=7"),
    ]
    assert {finding.direction for finding in found} == {"client"}


def test_a_repeated_parameter_is_one_defect() -> None:
    assert ids(offered("permessage-deflate; level=1; level=2"), "EX-1") == ["EX-103"]


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("permessage-deflate; a", ["EX-104"]),
        ("permessage-deflate; a, permessage-deflate; server_max_window_bits=7", ["EX-104"]),
        ("permessage-deflate; a, permessage-deflate", []),
        ("foo", []),  # EX-003
        ("permessage-deflate; a=", []),  # EX-001: nobody knows what was offered
    ],
)
def test_an_offer_that_had_to_be_declined(offer: str, expected: list[str]) -> None:
    assert ids(talk(offer, "permessage-deflate"), "EX-104", "EX-11") == expected


def test_a_long_list_gives_one_finding_an_offer() -> None:
    offer = "permessage-deflate" + "; a=1" * 50
    (finding,) = judge(offered(offer), "EX-1")
    assert finding.rule == "EX-103"
