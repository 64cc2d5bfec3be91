"""Order and hold (policies P1, P2, P4, P10), as a user sees them: which findings come, in which order and weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from analyzer.model import Connection, Finding, Frame, Level, Record, Severity, Summary
from analyzer.rules import registry
from analyzer.rules.draft import Draft
from analyzer.rules.engine import Engine, Event, Passing, selected
from analyzer.settings import SECOND, Settings
from tests.running import only, played, weights

UNMASKED = "client: 81 05 48 65 6c 6c 6f"
"""MK-001."""
RESERVED = "client: 83 80 37 fa 21 3d"
"""FR-002."""
SERVER_RESERVED = "server: 83 00"
FAILS = "server: 88 02 03 ea"
CLOSES = "server: 88 02 03 e8"
PRIMARY = [("MK-001", "error"), ("FR-002", "error")]
SECONDARY = [("MK-001", "error"), ("ST-019", "info"), ("FR-002", "secondary")]


def lines(*parts: str) -> str:
    return "\n".join(parts)


# --- policy P4


@pytest.mark.parametrize("code", ["03 ea", "03 eb", "03 ef", "03 f0", "03 f1", "03 f3"])
def test_after_a_close_with_an_error_code_later_findings_are_secondary(code: str) -> None:
    assert weights(played(lines(UNMASKED, RESERVED, f"server: 88 02 {code}"))) == SECONDARY


@pytest.mark.parametrize("drop", ["FIN", "RST"])
def test_after_tcp_was_dropped_without_a_close_later_findings_are_secondary(drop: str) -> None:
    assert weights(played(lines(UNMASKED, RESERVED, f"server: {drop}"))) == SECONDARY


@pytest.mark.parametrize("code", ["03 e8", "03 e9", "0f a0"])
def test_a_close_for_another_reason_changes_nothing(code: str) -> None:
    found = weights(played(lines(UNMASKED, RESERVED, f"server: 88 02 {code}", "server: FIN")))
    assert found == PRIMARY


def test_a_peer_that_does_nothing_changes_nothing() -> None:
    assert weights(played(lines(UNMASKED, RESERVED))) == PRIMARY


def test_what_comes_after_the_reaction_is_secondary_too() -> None:
    found = weights(played(lines(UNMASKED, FAILS, RESERVED, "client: 84 80 37 fa 21 3d")))
    assert found == [*SECONDARY, ("FR-002", "secondary")]


def test_a_second_finding_about_the_violating_frame_is_not_secondary() -> None:
    found = weights(played(lines("client: 83 00", FAILS)))
    assert sorted(found) == [("FR-002", "error"), ("MK-001", "error")]


def test_text_found_wrong_before_its_frame_is_over_does_not_make_the_frame_secondary() -> None:
    """The bad byte is known a packet before the frame's own fault is: they are of one frame all the same."""
    begun = "client: 81 fe 00 05 00 00 00 00 ff"
    found = weights(played(lines(begun, "client: 61 61 61 61", FAILS)))
    assert [weight for _, weight in found] == ["error", "error"]
    assert {rule for rule, _ in found} >= {"FR-004"}


def test_the_directions_are_independent() -> None:
    found = weights(played(lines(UNMASKED, SERVER_RESERVED, RESERVED, SERVER_RESERVED, FAILS)))
    assert Counter(found) == Counter([*SECONDARY, ("FR-002", "error"), ("FR-002", "error")])


def test_the_connections_are_independent() -> None:
    found = only(
        Finding,
        played(lines(UNMASKED, RESERVED, "connection 2:", UNMASKED, RESERVED, "connection 1:", FAILS)),
    )
    assert [finding.connection for finding in found if finding.secondary] == [0]


def test_one_note_says_why_however_many_findings_follow() -> None:
    found = weights(played(lines(UNMASKED, *[RESERVED] * 5, FAILS, RESERVED)))
    assert found.count(("ST-019", "info")) == 1
    assert found.count(("FR-002", "secondary")) == 6


def test_a_reaction_after_the_time_out_is_none() -> None:
    story = lines(UNMASKED, RESERVED, "+6s", FAILS)
    assert weights(played(story)) == PRIMARY
    assert weights(played(story, fail_timeout=7 * SECOND)) == SECONDARY


@pytest.mark.parametrize(("wait", "expected"), [("+900ms", SECONDARY), ("+1100ms", PRIMARY)])
def test_the_time_out_is_exact(wait: str, expected: list[tuple[str, str]]) -> None:
    assert weights(played(lines(UNMASKED, RESERVED, wait, FAILS), fail_timeout=SECOND)) == expected


def test_the_time_runs_from_when_the_violation_is_known() -> None:
    """Half the frame comes first; nobody fails a connection over a frame that is still coming."""
    begun = lines("client: 81 05 48", "+8s", "client: 65 6c 6c 6f")
    assert weights(played(lines(begun, RESERVED, FAILS))) == SECONDARY


def test_closing_tcp_after_the_peer_closed_it_is_no_reaction() -> None:
    assert weights(played(lines(UNMASKED, RESERVED, "client: FIN", "server: FIN"))) == PRIMARY


def test_a_peer_that_had_left_already_does_not_react() -> None:
    found = weights(played(lines(FAILS, UNMASKED, RESERVED, "server: FIN"), select=("MK", "FR", "ST-019")))
    assert found == PRIMARY


def test_findings_of_the_opening_and_of_the_capture_have_a_weight_of_their_own() -> None:
    story = lines(UNMASKED, FAILS, "gap client 20", RESERVED, "+5s", RESERVED)
    found = only(Finding, played(story))
    assert [finding.severity for finding in found if finding.rule == "ST-002"] == [Severity.WARNING]


def test_a_warning_is_no_reason_to_fail_a_connection() -> None:
    warned = "client: 88 82 37 fa 21 3d 34 11"  # 1003: a client rarely has a reason to say so
    found = only(Finding, played(lines("client: 89 80 00 00 00 00", warned, FAILS)))
    assert not [finding for finding in found if finding.secondary]


# --- what was chosen


def test_an_ignored_first_violation_still_makes_later_ones_secondary() -> None:
    assert weights(played(lines(UNMASKED, RESERVED, FAILS), ignore=("MK",))) == SECONDARY[1:]


def test_a_severity_of_ones_own_holds_for_what_is_primary() -> None:
    chosen = {"FR-002": Severity.WARNING, "MK-001": Severity.INFO}
    story = lines(UNMASKED, RESERVED)
    assert weights(played(story, severity=chosen)) == [("MK-001", "info"), ("FR-002", "warning")]
    failed = weights(played(lines(story, FAILS), severity=chosen))
    assert failed == [("MK-001", "info"), ("ST-019", "info"), ("FR-002", "secondary")]


@pytest.mark.parametrize(
    ("select", "ignore", "reported"),
    [
        ((), (), True),
        (("MK",), (), True),
        (("FR",), (), False),
        ((), ("MK-001",), False),
        (("MK-001",), ("MK",), True),
        (("MK",), ("MK-001",), False),
        (("MK-001",), ("MK-001",), False),
        (("M",), (), True),
        (("ALL",), (), True),
        (("ALL",), ("MK",), False),
    ],
)
def test_the_longer_match_decides(select: tuple[str, ...], ignore: tuple[str, ...], reported: bool) -> None:
    assert selected(registry.load()["MK-001"], Settings(select=select, ignore=ignore)) is reported
    told = [rule for rule, _ in weights(played(UNMASKED, select=select, ignore=ignore))]
    assert ("MK-001" in told) is reported


@pytest.mark.parametrize(
    ("select", "ignore", "reported"),
    [
        ((), (), False),
        (("MK",), (), False),
        (("MK-00",), (), False),
        (("MK-001",), (), True),
        (("ALL",), (), True),
        (("ALL",), ("MK-001",), False),
        (("MK-001", "ALL"), ("MK",), True),
    ],
)
def test_a_rule_that_is_off_by_default_is_selected_by_its_whole_id(
    select: tuple[str, ...], ignore: tuple[str, ...], reported: bool
) -> None:
    quiet = msgspec.structs.replace(registry.load()["MK-001"], default=False)
    assert selected(quiet, Settings(select=select, ignore=ignore)) is reported


# --- caps


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("held", [0, 1, 7, 1000])
@pytest.mark.parametrize("shown", [1, 3, 100])
def test_every_finding_is_counted_once_whatever_is_shown(shown: int, held: int, fails: bool) -> None:
    story = lines(UNMASKED, f"repeat 20 {RESERVED}", FAILS if fails else CLOSES, f"repeat 4 {RESERVED}")
    chosen: dict[str, Any] = {"findings_per_rule": shown, "held_findings": held, "select": ("MK", "FR", "ST-019")}
    records = played(story, **chosen)
    found = only(Finding, records)
    count: Counter[tuple[str, str]] = Counter()
    for finding in found:
        count[finding.rule, finding.severity.value] += finding.count
    expected = {("MK-001", "error"): 1}
    expected |= {("FR-002", "info"): 24, ("ST-019", "info"): 1} if fails else {("FR-002", "error"): 24}
    assert count == expected
    assert all(finding.secondary == fails for finding in found if finding.rule == "FR-002")
    (summary,) = only(Summary, records)
    assert summary.findings == {rule: total for (rule, _), total in expected.items()}
    errors = sum(total for (_, severity), total in expected.items() if severity == "error")
    assert summary.severities == {"error": errors, "warning": 0, "info": sum(expected.values()) - errors}
    assert sum(finding.rule == "FR-002" for finding in found) <= shown + 1
    assert (summary.limits.get("held_findings", 0) > 0) == (held < 19)


def test_what_was_too_much_to_hold_has_the_chosen_severity() -> None:
    story = lines(UNMASKED, f"repeat 5 {RESERVED}")
    records = played(story, held_findings=1, severity={"FR-002": Severity.WARNING}, select=("MK", "FR"))
    (summary,) = only(Summary, records)
    assert summary.severities == {"error": 1, "warning": 5, "info": 0}


def test_holding_has_a_limit_over_all_connections() -> None:
    story = lines(UNMASKED, *[RESERVED] * 3, "connection 2:", UNMASKED, *[RESERVED] * 3)
    (summary,) = only(Summary, played(story, select=("MK", "FR"), total_held_findings=3))
    assert summary.findings == {"MK-001": 2, "FR-002": 6}
    assert summary.limits["total_held_findings"] == 4, "one of them about the masking key, which is not selected"


# --- order


def test_the_first_violation_is_written_at_once_and_held_ones_when_the_time_is_up() -> None:
    """Frames come in their place: what was held stands behind the frame that came while it was."""
    quiet = "client: 89 80 37 fa 21 3d"
    records = played(lines(UNMASKED, RESERVED, "+3s", quiet, "+3s", quiet), select=("MK", "FR"))
    told = [
        record.rule if isinstance(record, Finding) else record.index
        for record in records
        if isinstance(record, Finding | Frame)
    ]
    assert told == [0, "MK-001", 1, 2, "FR-002", 3]


def test_records_come_in_the_order_in_which_things_came_to_be_known() -> None:
    kinds = [type(record).__name__ for record in played(lines("client: 83 80 37 fa 21 3d", "server: 81 02 68 69"))]
    assert kinds == [
        "Run",
        "Handshake",
        "Frame",
        "Finding",
        "Frame",
        "Message",
        "Finding",
        "Connection",
        "Finding",
        "Summary",
    ]


def test_a_connection_is_told_after_everything_about_it() -> None:
    story = lines("client: 81 85 37 fa 21 3d 7f", "connection 2:", "client: 81 85 37 fa 21 3d 7f", "server: 83 00")
    over: set[int] = set()
    for record in played(story):
        if isinstance(record, Connection):
            over.add(record.connection)
        elif isinstance(record, Finding | Frame):
            assert record.connection not in over
    assert over == {0, 1}


# --- the engine alone


def finding(rule: str = "FR-002", **changed: Any) -> Finding:
    values: dict[str, Any] = dict.fromkeys(Finding.__struct_fields__)
    values |= {"rule": rule, "name": rule, "severity": Severity.ERROR, "level": Level.MUST, "rfc": "", "text": ""}
    values |= {"expected": "", "found": "", "connection": 0, "direction": "client", "secondary": False, "count": 1}
    return Finding(**{**values, **changed})


def draft(ordinal: int, offset: int, connection: int = 0) -> Draft:
    key = (ordinal, connection, 0, offset, 0)
    return Draft(key, finding(connection=connection, stream_offset=offset), stateful=True)


def offsets(records: Iterable[Record]) -> list[int | None]:
    return [record.stream_offset for record in records if isinstance(record, Finding)]


def test_what_the_packet_at_hand_brought_waits_for_the_rest_of_it() -> None:
    judge = Engine(Settings(), registry.load())
    judge.add(draft(2, 50, connection=1))
    judge.add(draft(1, 40))
    assert offsets(judge.settle(before=2)) == [40]
    assert len(judge) == 0, "what is left does not ask to be gone through again"
    judge.add(draft(2, 30, connection=0))
    assert len(judge) == 1
    judge.add(Event((3, 0, 3, 0, 0), "end", 0, "client", 0))
    assert offsets(judge.settle()) == [30, 50], "by connection, though the other came first"


def test_one_packet_cannot_fill_the_memory() -> None:
    judge = Engine(Settings(packet_items=10), registry.load())
    given = 0
    for offset in range(0, 300, 2):
        judge.add(Passing((5, 0, 0, offset, 0), finding()))
        given += len(list(judge.settle(before=5)))
        assert offset // 2 + 1 - given < 10
    assert judge.limits["packet_items"] > 0


def test_an_ended_connection_leaves_nothing_behind() -> None:
    judge = Engine(Settings(), registry.load())
    for connection in range(50):
        judge.add(draft(connection, 40, connection))
        judge.add(draft(connection, 50, connection))
        judge.add(Event((connection, connection, 3, 0, 0), "end", connection, "client", 0))
    assert offsets(judge.settle()) == [40, 50] * 50
    assert not judge._sides
    assert not judge._waiting
    assert judge._held == 0
