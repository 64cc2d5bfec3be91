"""Findings grouped and counted."""

from __future__ import annotations

import msgspec

from analyzer.report.tally import Tally
from tests.report import made


def test_alike_findings_are_one_group() -> None:
    tally = Tally(10, verbose=False)
    for packet in (17, 19, 40):
        tally.add(made.later(made.UNMASKED, packet))
    tally.add(msgspec.structs.replace(made.UNMASKED, packet=50, count=100))
    ((connection, (group,)),) = tally.by_connection().items()
    assert (connection, group.instances) == (0, 103)
    assert (group.first.packet, group.second and group.second.packet, group.last.packet) == (17, 19, 50)


def test_sides_and_connections_are_apart_and_the_worst_comes_first() -> None:
    tally = Tally(10, verbose=False)
    for finding in (made.NO_VERSION, made.NO_PONG, made.BAD_TEXT, made.UNMASKED):
        tally.add(finding)
    found = {number: [group.first.rule for group in groups] for number, groups in tally.by_connection().items()}
    assert found == {0: ["MK-001", "TX-001"], 1: ["CT-003", "HS-111"]}


def test_beyond_the_limit_everything_is_still_counted() -> None:
    tally = Tally(1, verbose=False)
    for number in range(5):
        tally.add(msgspec.structs.replace(made.UNMASKED, connection=number, count=2))
    assert tally.dropped == 8
    assert tally.blamed_count() == 5
    assert len(tally.by_connection()) == 1


def test_observations_blame_nobody() -> None:
    tally = Tally(10, verbose=False)
    tally.add(msgspec.structs.replace(made.INFO, connection=3))
    assert tally.infos == {("ST-013", "analysis-limit-reached"): 3}
    assert (tally.blamed_count(), tally.blamed(3), tally.blamed(99)) == (0, False, False)
    assert tally.by_connection() == {}
