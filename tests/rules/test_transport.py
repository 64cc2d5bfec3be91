"""ST: what the capture does not show is told, once, and what it does show is not doubted."""

from __future__ import annotations

import pytest

from analyzer.model import Finding
from tests.running import ANSWER, REQUEST, only, played

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"
LATER = f"+3s\n{HELLO}"


def told(text: str, *rules: str, **chosen: object) -> list[Finding]:
    return [one for one in only(Finding, played(text, **chosen)) if one.rule in rules]


def test_losses_beyond_a_hundred_are_one_finding_with_a_count() -> None:
    story = [HELLO]
    for _ in range(105):
        story += ["client: 82 8a 37 fa 21 3d", "gap client 10", "client: 89 80 37 fa 21 3d"]
    found = told("\n".join([*story, LATER]), "ST-002", findings_per_rule=1000)
    assert sum(one.count for one in found) == 105
    assert [one.count for one in found] == [1] * 99 + [6]
    assert all(one.direction == "client" for one in found)


def test_a_gap_inside_a_payload_is_no_loss_of_boundaries() -> None:
    story = f"client: 82 94 37 fa 21 3d 00 00\ngap client 10\nclient: 00*8 81 80 37 fa 21 3d\n{LATER}"
    assert [one.rule for one in told(story, "ST-002", "ST-007")] == ["ST-002"]


def test_a_gap_that_hides_a_header_is_told_each_time() -> None:
    both = f"gap client 20\ngap server 20\n{HELLO}\nserver: 81 00\n{LATER}\nserver: 81 00\ngap client 5\n{LATER}"
    found = told(f"{HELLO}\n{both}", "ST-007")
    assert sorted(str(one.direction) for one in found) == ["client", "client", "server"]


@pytest.mark.parametrize("end", ["client: FIN", "server: RST"])
def test_a_connection_that_ended_is_not_open(end: str) -> None:
    assert told(f"{HELLO}\n{end}", "ST-008") == []
    assert len(told(HELLO, "ST-008")) == 1


def test_a_copy_that_differs_names_its_side_and_place() -> None:
    story = "server: 81 05 48 65 6c 6c 6f\nagain server 7: 81 05 48 65 6c 6c 70"
    (found,) = told(story, "ST-009")
    assert (found.direction, found.byte_offset) == ("server", 129 + 6)


def test_a_limit_on_findings_is_no_loss() -> None:
    assert told("repeat 5 client: 81 00", "ST-013", findings_per_rule=2) == []


def test_a_limit_that_hides_something_is_named() -> None:
    head = " | ".join(["client: http GET / HTTP/1.1", "Host: a.example", "X: " + "a" * 3000])
    (found,) = told(f"{head}\nserver: silent", "ST-013", head_size=1000)
    assert found.expected == "less than head_size"


def test_harmless_extensions_are_not_unknown() -> None:
    for name in ("permessage-deflate", "bbf-usp-protocol"):
        assert told(f"extensions: {name}\n{HELLO}", "ST-014") == []
    (found,) = told(f"extensions: x-one, x-two\n{HELLO}", "ST-014")
    assert found.found == "x-one, x-two"


def test_plain_exchanges_before_the_opening_are_counted() -> None:
    plain = "client: http GET /a HTTP/1.1 | Host: a.example\nserver: http HTTP/1.1 200 OK | Content-Length: 0"
    (found,) = told("\n".join([plain, plain, REQUEST, ANSWER, HELLO]), "ST-018")
    assert found.found == "2 exchanges before it"


def test_bytes_without_a_syn_are_told_only_of_websocket_connections() -> None:
    assert told("midstream\nclient: raw 01 02 03 04", "ST-001") == []
    assert len(told(f"midstream\n{REQUEST}\nserver: silent", "ST-001")) == 1
