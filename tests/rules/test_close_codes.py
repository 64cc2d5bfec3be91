"""CL-002 to CL-016: each close code, from either side."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from tests.rules.closes import FAMILIES, close
from tests.rules.judging import at, ids, judge

CODES: dict[int, list[str]] = {
    **{code: ["CL-002"] for code in (0, 1, 999)},
    **{code: [] for code in (1000, 1001)},
    **{code: ["CL-015"] for code in (1002, 1003, 1007, 1008, 1009, 1011)},
    1004: ["CL-003"],
    1005: ["CL-004"],
    1006: ["CL-005"],
    1010: ["CL-012", "CL-015"],
    **{code: ["CL-015", "CL-016"] for code in (1012, 1013, 1014)},
    1015: ["CL-006"],
    **{code: ["CL-007"] for code in (1016, 2000, 2999)},
    **{code: ["CL-015"] for code in (3000, 3003, 3008, 4000, 4999)},
    **{code: ["CL-011", "CL-015"] for code in (3001, 3999)},
    **{code: ["CL-008"] for code in (5000, 65535)},
}
"""What a client's Close with this code and no reason is found to be."""


@pytest.mark.parametrize("code", CODES)
def test_each_close_code_of_a_client(code: int) -> None:
    found = judge(close("client", code), *FAMILIES)
    assert [finding.rule for finding in found] == CODES[code]
    assert all(at(finding) == 6 for finding in found)


@pytest.mark.parametrize("code", CODES)
def test_each_close_code_of_a_server(code: int) -> None:
    expected = [rule for rule in CODES[code] if rule not in ("CL-012", "CL-016")]
    if code == 1010:
        expected.insert(0, "CL-010")
    assert ids(close("server", code), *FAMILIES) == expected


def test_an_unknown_extension_may_have_assigned_the_code() -> None:
    (finding,) = judge("extensions: x-unknown\n" + close("server", 2000), "CL")
    assert (finding.rule, finding.severity) == ("CL-007", Severity.WARNING)


@pytest.mark.parametrize("code", [1010, 1012, 4001])
def test_what_is_only_sent_back_is_not_asked_why(code: int) -> None:
    other = "client" if code == 1010 else "server"
    echo = "server" if code == 1010 else "client"
    rules = ids(f"{close(other, code, b'x')}\n{close(echo, code, b'x')}", "CL-010", "CL-013", "CL-016")
    assert rules == []
