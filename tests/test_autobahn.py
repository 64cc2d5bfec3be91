"""Autobahn's testsuite against the library ``websockets``: what is told beyond the ground truth, and why.

`test_truth.py` demands that each violation of a case is found where it is, and that neither side draws another error or
warning: so the fuzzer has exactly the ground truth's rules, and the tested peer none at all. What is left are notes.
Here they are, all of them, by capture, side and rule, with how often and why; ``+`` marks those that follow from a
violation of their own sender (secondary).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from analyzer.model import Finding, Severity
from tests.running import analysed, only

Notes = dict[tuple[str, str], tuple[int, str]]

ECHOED = "7.7.11: the code 3999 is sent back as it came"
FAILED = "it fails the connection with 1002 or 1007, as it must; or sends back the code of 7.7.3 to 7.7.13"
OWN_CODE = (
    "the Close it answers is what it fails the connection over (7.3.6, 7.5.1, 7.9, 7.13), or cuts a message off (7.1.5)"
)
NO_CODE = "7.3.1: the Close it answers had no code either"
EXTENSIONS = "7.7.8: the code 1010 without a reason"
TESTED: Notes = {
    ("CL-011", ""): (1, ECHOED),
    ("CL-013", ""): (14, OWN_CODE),
    ("CL-014", ""): (1, NO_CODE),
    ("CL-015", ""): (131, FAILED),
}
FUZZER: Notes = {
    ("CL-011", ""): (1, "7.7.11: sends 3999, which nobody registered"),
    ("CL-014", ""): (3, "3.7, 7.1.2, 7.3.1: sends an empty Close"),
    ("CL-015", ""): (11, "7.7.3 to 7.7.13: sends each code that may be sent, those of failures too"),
    ("CT-005", ""): (4, "2.7 to 2.9 are about Pongs that nobody asked for; 5.2 is a Pong in fragments"),
    ("FG-001", "+"): (
        4,
        "5.1, 5.2: the rest of a Ping, a Pong in fragments; 5.16, 5.17: again a continuation of nothing",
    ),
    ("FG-003", ""): (1, "7.1.5: closes inside a message"),
    ("SC-016", ""): (2, "7.7.3, 7.7.5: closes with 1002 and 1007, and nothing was wrong"),
    ("SC-002", ""): (2, "7.1.3, 7.1.6: a Ping after the Close; in the truth as well"),
}
EXPECTED: dict[str, tuple[str, Notes, Notes]] = {
    "autobahn_fuzzingclient_websockets": (
        "client",
        FUZZER
        | {
            ("CL-012", ""): (1, EXTENSIONS),
            ("CL-013", "+"): (17, "answers 1002 or 1007, which its own violation brought, with 1000"),
            ("SC-015", ""): (1, "7.7.3: resets TCP after the closing handshake"),
            ("ST-019", ""): (21, "goes on after the violation of the case: what follows is secondary"),
        },
        TESTED,
    ),
    "autobahn_fuzzingserver_websockets": (
        "server",
        FUZZER
        | {
            ("CL-014", ""): (
                5,
                "as above, and in the two connections that ask for the number of cases and for reports",
            ),
            ("CL-010", ""): (1, "7.7.8: sends 1010, which is for clients"),
            ("CL-013", "+"): (101, "answers 1002 or 1007, which its own violation brought, with 1000"),
            ("FR-007", "+"): (
                3,
                "4.1.5, 5.11, 5.14: sends in small pieces, and ends TCP inside a frame when it was failed",
            ),
            ("SC-003", "+"): (1, "3.7: answers the Close that its own violation brought with a second one"),
            ("SC-015", ""): (129, "resets TCP after most closing handshakes: it does not read the rest"),
            ("SC-015", "+"): (15, "the same after a violation"),
            ("ST-019", ""): (120, "goes on after the violation of the case: what follows is secondary"),
        },
        TESTED | {("CL-012", ""): (1, EXTENSIONS), ("CL-014", ""): (3, f"{NO_CODE}; nor had those of the other two")},
    ),
    "autobahn_deflate_websockets": ("server", {}, {}),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_note_is_explained(shared_captures: Path, name: str) -> None:
    fuzzer, *expected = EXPECTED[name]
    path = shared_captures / f"{name}.pcap"
    records = analysed(path.read_bytes(), findings_per_rule=1_000_000, held_findings=1_000_000)
    found: tuple[Counter[tuple[str, str]], ...] = (Counter(), Counter())
    for one in only(Finding, records):
        if one.direction and one.severity is Severity.INFO:
            found[one.direction != fuzzer][one.rule, "+" * one.secondary] += 1
    for counted, notes in zip(found, expected, strict=True):
        assert counted == {note: count for note, (count, _) in notes.items()}
