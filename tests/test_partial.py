"""Connections of which the capture holds a part: begun later, with bytes lost near the opening, or something else's."""

from __future__ import annotations

import pytest

from analyzer.model import Connection, Finding
from tests.running import ANSWER, REQUEST, only, played
from tests.stories import ECHOED, GOODBYE, HELLO, TO_SERVER, errors, heads, lines, read, rules


def test_tls_is_counted_once_for_all_connections() -> None:
    records = played(
        lines("client: raw 16 03 01 00 05 01 00 00 01 00", "connection 2:", "client: raw 16 03 01 00 02 01 00")
    )
    (found,) = only(Finding, records)
    assert (found.rule, found.count, found.connection) == ("ST-005", 2, None)
    assert only(Connection, records) == []


def test_a_named_port_is_read_from_the_first_segment_that_looks_like_frames() -> None:
    story = lines(
        "midstream", "client: 48 65 6c 6c 6f 20", HELLO, "server: 6c 6f", TO_SERVER, "client: 83 80 37 fa 21 3d"
    )
    records = played(story, decode_as=frozenset({80}))
    (connection,) = only(Connection, records)
    assert (connection.role_evidence, connection.client[1], connection.server[1]) == ("port", 40001, 80)
    assert read(records) == [(1, True), (3, True)]
    assert read(records, "server") == [(1, True)]
    assert errors(records) == [], "an extension may be in use, so nobody can say that the opcode is reserved"
    assert {"ST-001", "ST-006"} <= set(rules(records))
    assert only(Connection, played(story)) == []


def test_a_client_that_does_not_mask_is_found_on_a_named_port() -> None:
    records = played(lines("midstream", "client: 81 05 48 65 6c 6c 6f"), decode_as=frozenset({80}))
    assert "MK-001" in rules(records)


@pytest.mark.parametrize("data", ["00*200", "41*200", "16 03 03 00 02 01 00", "7b 22 61 22 3a 31 7d"])
def test_nothing_is_claimed_on_a_named_port_that_carries_something_else(data: str) -> None:
    story = lines("midstream", *[f"client: {data}"] * 6, *[f"server: {data}"] * 6)
    records = played(story, decode_as=frozenset({80}))
    assert only(Connection, records) == []
    assert [rule for rule in rules(records) if rule != "ST-005"] == []


def test_an_opening_on_a_named_port_is_read_as_such() -> None:
    (connection,) = only(Connection, played(HELLO, decode_as=frozenset({80})))
    assert connection.role_evidence == "opening"


# --- bytes lost near the opening


def torn_head(side: str, text: str, kept: int, again: int = -1) -> str:
    """A head of which the capture lacks the bytes from ``kept`` to ``again``, or to the end."""
    (head,) = heads(text)
    rest = [f"{side}: raw {head[again:].hex(' ')}"] if again >= 0 else []
    length = (again if again >= 0 else len(head)) - kept
    return lines(f"{side}: raw {head[:kept].hex(' ')}", f"gap {side} {length}", *rest)


SILENT = lines(REQUEST, "server: silent")
BOTH = lines(HELLO, TO_SERVER, "+3s", HELLO, TO_SERVER)


@pytest.mark.parametrize("kept", [20, 80, 120])
def test_an_answer_cut_by_a_gap_is_an_answer(kept: int) -> None:
    records = played(lines(SILENT, torn_head("server", ANSWER, kept), BOTH))
    (connection,) = only(Connection, records)
    assert (connection.state, connection.role_evidence) == ("open", "opening")
    assert (read(records), read(records, "server")) == ([(1, True)] * 2, [(1, True)] * 2)
    assert rules(records) == ["ST-002", "ST-006"]


def test_an_answer_with_a_hole_is_an_answer() -> None:
    records = played(lines(SILENT, torn_head("server", ANSWER, 40, 60), BOTH))
    assert (read(records), read(records, "server")) == ([(1, True)] * 2, [(1, True)] * 2)
    assert rules(records) == ["ST-002", "ST-006"]


def test_an_answer_cut_by_a_gap_or_by_the_end_is_no_other_protocol() -> None:
    cut = played(lines(SILENT, torn_head("server", ANSWER, 80), "client: FIN"))
    assert [connection.state for connection in only(Connection, cut)] == ["unclear"]
    ended = played(lines(SILENT, "server: raw " + heads(ANSWER)[0][:80].hex(" ")))
    assert [connection.state for connection in only(Connection, ended)] == ["open"]


@pytest.mark.parametrize("kept", [20, 90, 150])
def test_frames_after_a_lost_request_tail_are_read(kept: int) -> None:
    answer = ANSWER.replace("{accept}", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    records = played(lines(torn_head("client", REQUEST, kept), answer, BOTH))
    assert (read(records), read(records, "server")) == ([(1, True)] * 2, [(1, True)] * 2)
    assert {"ST-002", "ST-007"} <= set(rules(records))
    assert errors(records) == []


def test_frames_after_two_heads_of_which_only_the_start_is_there() -> None:
    heads_cut = lines(torn_head("client", REQUEST, 20), torn_head("server", ANSWER, 20))
    records = played(lines(heads_cut, *[BOTH] * 3, GOODBYE, ECHOED, "client: FIN", "server: FIN"))
    (connection,) = only(Connection, records)
    assert (connection.state, connection.role_evidence) == ("closed", "opening")
    assert (connection.client_messages, connection.server_messages) == (6, 6)
    assert {"ST-002", "ST-006"} <= set(rules(records))


def test_frames_of_a_server_whose_answer_was_lost() -> None:
    records = played(lines(SILENT, "gap server 129", *[TO_SERVER] * 4, "+3s", TO_SERVER, TO_SERVER, HELLO))
    assert (read(records), read(records, "server")) == ([(1, True)], [(1, True)] * 6)
    assert rules(records) == ["ST-002", "ST-006"]


@pytest.mark.parametrize(
    ("story", "state"),
    [
        (lines(GOODBYE, "gap server 4", "server: FIN", "client: FIN", "+3s"), "unclear"),
        (lines(HELLO, "gap server 4", "server: FIN", "client: FIN", "+3s"), "unclear"),
        (lines(GOODBYE, "gap client 8", "server: FIN", "client: FIN", "+3s"), "closed-by-client"),
        (lines(GOODBYE, "gap server 4", ECHOED, "server: FIN", "client: FIN", "+3s"), "closed"),
    ],
)
def test_a_close_that_a_gap_may_hide_is_not_denied(story: str, state: str) -> None:
    assert [connection.state for connection in only(Connection, played(story))] == [state]


# --- captures that begin later


MIDDLE = [
    "client: 81 85 12 34 56 78 12 34 56 78 12",
    "client: 81 85 23 45 67 8a 23 45 67 8a 23",
    TO_SERVER,
    "client: 81 83 ab cd ef 01 ab cd ef",
    "server: 81 03 61 62 63",
]


def test_roles_are_told_from_the_masks_where_nothing_else_tells() -> None:
    records = played(lines("midstream", *MIDDLE, TO_SERVER, "client: 81 02 68 69"))
    (connection,) = only(Connection, records)
    assert (connection.role_evidence, connection.client[1]) == ("masks", 40001)
    assert (read(records), read(records, "server")) == ([(1, True)] * 4, [(1, True)] * 3)
    assert rules(records) == ["ST-001", "ST-006"], "masking is not judged by what it told"
    (found,) = [finding.found for finding in only(Finding, records) if finding.rule == "ST-006"]
    assert "roles from the mask bits" in found


def test_with_a_syn_what_is_no_http_is_no_websocket() -> None:
    raw = [step.replace(": ", ": raw ", 1) for step in MIDDLE]
    assert only(Connection, played(lines(*raw, *raw))) == []
