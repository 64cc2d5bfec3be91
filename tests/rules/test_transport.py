"""ST: what the capture does not show is told, once, and what it does show is not doubted."""

from __future__ import annotations

import pytest

from analyzer.model import Finding
from analyzer.wire import packet
from samples import transcript
from samples.traffic import pcap_bytes
from tests.running import ANSWER, REQUEST, analysed, only, played

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


def test_both_readings_are_shown_and_the_one_that_was_used_is_named() -> None:
    story = "server: 81 05 48 65 6c 6c 6f\nagain server 4: 58 59 6c 6f"
    (found,) = told(story, "ST-009")
    assert found.expected == "65 6c 6c 6f as in packet 8, which was used"
    assert (found.found, found.packet, found.byte_offset) == ("58 59 6c 6f at 132", 10, 132)


def test_a_long_difference_is_shown_in_part() -> None:
    story = "client: 82 fe 00 80 00 00 00 00 41*128\nagain client 128: 42*128"
    (found,) = told(story, "ST-009")
    assert found.found == "42 " * 16 + "... at " + str(found.byte_offset)


@pytest.mark.parametrize("side", ["client", "server"])
def test_one_direction_of_a_capture(side: str) -> None:
    """The other's packets are not in it: nothing is told but that, and what needs an answer is not asked for."""
    wire = transcript.play(f"{REQUEST}\n{ANSWER}\n{HELLO}\nserver: 81 02 68 69\n{HELLO}\nclient: FIN\nserver: FIN")
    port = {"client": 80, "server": 40001}[side]
    kept = [one for one in wire.packets if packet.TCP.parse(one[1][34:]).destination == port]
    records = analysed(pcap_bytes(kept))
    found = {(one.rule, one.direction) for one in only(Finding, records) if not one.rule.startswith("SEC")}
    if side == "client":
        assert found == {("ST-004", "server"), ("ST-006", None)}
    else:
        assert found <= {("ST-004", "client"), ("ST-001", None), ("ST-006", None)}


def test_a_side_with_nothing_to_say_is_not_missing() -> None:
    assert told(f"{REQUEST}\nserver: silent\nclient: FIN\nserver: FIN", "ST-004") == []
    assert told(f"midstream\n{REQUEST}\nserver: silent", "ST-004") == []


def test_harmless_extensions_are_not_unknown() -> None:
    for name in ("permessage-deflate", "bbf-usp-protocol"):
        assert told(f"extensions: {name}\n{HELLO}", "ST-014") == []
    (found,) = told(f"extensions: x-one, x-two\n{HELLO}", "ST-014")
    assert found.found == "x-one, x-two"


def test_bytes_without_a_syn_are_told_only_of_websocket_connections() -> None:
    assert told("midstream\nclient: raw 01 02 03 04", "ST-001") == []
    assert len(told(f"midstream\n{REQUEST}\nserver: silent", "ST-001")) == 1
