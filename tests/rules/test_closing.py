"""CL and SC-001 to SC-003: each close code, each reason, each order."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from analyzer.wire.frame import CLOSE_BODY, build_frame
from tests.rules.judging import at, ids, judge, sent

FAMILIES = ("FR", "CT-001", "CT-002", "FG", "CL", "SC-001", "SC-002", "SC-003", "SC-018")
KEY = bytes.fromhex("37fa213d")


def close(side: str, code: int, reason: bytes = b"") -> str:
    key = KEY if side == "client" else None
    return sent(side, build_frame(8, CLOSE_BODY.build({"code": code, "reason": reason}), key))


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


@pytest.mark.parametrize(
    ("reason", "bad"),
    [(b"ok", None), ("ä".encode(), None), (b"a\xff", 1), (b"ab\xe2\x82", 2), (b"a" * 122 + b"\xc3", 122)],
)
def test_a_reason_is_utf8(reason: bytes, bad: int | None) -> None:
    found = judge(close("client", 1000, reason), *FAMILIES)
    assert [(finding.rule, at(finding)) for finding in found] == ([] if bad is None else [("CL-009", 8 + bad)])


def test_a_reason_too_long_to_keep_is_not_judged() -> None:
    assert ids(close("server", 1000, "ä".encode() * 70), *FAMILIES) == ["CT-001"]


def test_a_reason_with_a_hole_is_not_judged() -> None:
    assert ids("server: 88 06 03 e8\ngap server 2\nserver: ff ff", *FAMILIES) == []


@pytest.mark.parametrize("length", [0, 1, 2])
def test_close_payloads_of_two_bytes_and_less(length: int) -> None:
    payload = b"\x03\xe8"[:length]
    assert ids(sent("server", build_frame(8, payload)), *FAMILIES) == [["CL-014"], ["CL-001"], []][length]


@pytest.mark.parametrize("code", [1010, 1012, 4001])
def test_what_is_only_sent_back_is_not_asked_why(code: int) -> None:
    other = "client" if code == 1010 else "server"
    echo = "server" if code == 1010 else "client"
    rules = ids(f"{close(other, code, b'x')}\n{close(echo, code, b'x')}", "CL-010", "CL-013", "CL-016")
    assert rules == []


def test_an_answer_with_another_code() -> None:
    (finding,) = judge(close("client", 1001) + "\n" + close("server", 1000), "CL")
    assert (finding.rule, finding.direction) == ("CL-013", "server")
    assert "1001" in finding.expected


def test_closes_that_cross_answer_nothing() -> None:
    assert ids("unacked\n" + close("client", 1001) + "\n" + close("server", 1000), "CL") == []


def test_frames_after_the_own_close() -> None:
    transcript = close("server", 1000) + "\nserver: 81 00 89 00 8a 00 88 00 83 00 80 00"
    assert ids(transcript, *FAMILIES) == [*("SC-001", "SC-002", "SC-002", "CL-014", "SC-003", "SC-018")]


def test_after_the_peers_close_a_side_may_finish_what_it_was_saying() -> None:
    transcript = "server: 01 01 61\n" + close("client", 1000) + "\nserver: 80 01 62\n" + close("server", 1000)
    assert ids(transcript, *FAMILIES) == []
