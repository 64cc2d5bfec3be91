"""HS-106 to HS-113 and HS-118: where each rule puts its finger."""

from __future__ import annotations

import pytest

from tests.http.feeding import REQUEST
from tests.rules.openings import pointed_at, rules_of


def test_they_are_all_here() -> None:
    assert rules_of("request_key") == [*(f"HS-{number}" for number in range(106, 114)), "HS-118"]


@pytest.mark.parametrize(
    ("rule_id", "old", "new", "at", "length"),
    [
        ("HS-107", b"==", b"==,", b",", 1),
        ("HS-108", b"dGhl", b"dGh", b"dGh", 23),
        ("HS-109", b"ZQ==", b"ZR==", b"R==", 1),
        ("HS-111", b": 13", b": 9", b"9", 1),
        ("HS-113", b": 13", b": 13;", b"13;", 3),
    ],
)
def test_the_offending_bytes_are_pointed_at(rule_id: str, old: bytes, new: bytes, at: bytes, length: int) -> None:
    request = REQUEST.replace(old, new, 1)
    assert pointed_at(rule_id, request=request) == [(request.index(at), length)]
