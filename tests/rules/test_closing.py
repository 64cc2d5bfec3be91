"""CL and SC-001 to SC-003: each form, each reason, each order."""

from __future__ import annotations

import pytest

from analyzer.wire.frame import build_frame
from tests.rules.closes import FAMILIES, close
from tests.rules.judging import at, ids, judge, sent


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
