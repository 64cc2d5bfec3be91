"""FR and MK at their limits, and where they must be silent."""

from __future__ import annotations

import pytest

from analyzer.wire.frame import build_frame, length_form
from tests.rules.judging import at, ids, judge, sent

KEY = bytes.fromhex("37fa213d")
FAMILIES = ("FR", "MK", "CT-001", "CT-002", "FG", "TX", "CL", "SC-001", "SC-002", "SC-003", "SC-018")
HEADERS = ("FR", "MK")


LENGTHS = (0, 1, 125, 126, 127, 65535, 65536)


@pytest.mark.parametrize(
    ("length", "form"),
    [(length, form) for length in LENGTHS for form in (None, 126, 127) if form is None or form >= length_form(length)],
)
@pytest.mark.parametrize("side", ["client", "server"])
def test_the_shortest_length_form_is_required(length: int, form: int | None, side: str) -> None:
    data = build_frame(2, bytes(length), KEY if side == "client" else None, form=form)
    expected = [] if form in (None, length_form(length)) else ["FR-004" if form == 126 else "FR-005"]
    found = judge(sent(side, data), *FAMILIES)
    assert [finding.rule for finding in found] == expected
    for finding in found:
        assert at(finding) == 1
        assert finding.evidence is not None
        assert finding.evidence.mark == (1, 3 if form == 126 else 9)


def test_a_wasteful_length_of_a_control_frame_is_no_long_control_frame() -> None:
    assert ids(sent("server", build_frame(9, b"x", form=127)), *FAMILIES) == ["FR-005"]
    assert ids(sent("server", build_frame(9, bytes(126), form=127)), *FAMILIES) == ["FR-005", "CT-001"]


@pytest.mark.parametrize("opcode", range(16))
@pytest.mark.parametrize("side", ["client", "server"])
def test_each_opcode(opcode: int, side: str) -> None:
    data = build_frame(opcode, b"", KEY if side == "client" else None)
    expected = {0: ["FG-001"], 8: ["CL-014"]}.get(opcode, [])
    if 3 <= opcode <= 7:
        expected = ["FR-002"]
    elif opcode >= 11:
        expected = ["FR-003"]
    assert ids(sent(side, data), *FAMILIES) == expected


@pytest.mark.parametrize("rsv", range(1, 8))
def test_each_reserved_bit_is_named(rsv: int) -> None:
    (finding,) = judge(sent("server", bytes([0x82 | rsv << 4, 0])), *FAMILIES)
    assert (finding.rule, at(finding)) == ("FR-001", 0)
    assert [name in finding.found for name in ("RSV1", "RSV2", "RSV3")] == [bool(rsv & bit) for bit in (4, 2, 1)]


@pytest.mark.parametrize(
    ("extension", "first", "expected"),
    [
        ("permessage-deflate", 0xC9, []),  # EX-201's affair
        ("permessage-deflate", 0xA9, ["FR-001"]),
        ("permessage-deflate", 0xF2, ["FR-001"]),
        ("deflate-frame", 0xC2, []),
        ("deflate-frame", 0xC9, ["FR-001"]),
        ("deflate-frame", 0xA2, ["FR-001"]),
        ("x-unknown", 0xF2, []),
        ("permessage-deflate, x-unknown", 0xFB, []),
        ("bbf-usp-protocol", 0xC2, ["FR-001"]),
    ],
)
def test_a_reserved_bit_may_belong_to_an_extension(extension: str, first: int, expected: list[str]) -> None:
    transcript = f"extensions: {extension}\n" + sent("server", bytes([first, 1, 0]))
    assert ids(transcript, *HEADERS) == expected


def test_an_impossible_length_ends_the_reading_of_that_side() -> None:
    """Neither its FIN inside the frame nor what follows is judged (P2); the other side's frames are."""
    transcript = """
        server: 82 7f ff ff ff ff ff ff ff ff 83 00 8f 00
        client: 81 05 48 65 6c 6c 6f
        server: FIN
    """
    assert ids(transcript, *FAMILIES) == ["FR-006", "MK-001"]
    (finding, _) = judge(transcript, *HEADERS)
    assert (at(finding), finding.found) == (2, "0xffffffffffffffff")


def test_the_largest_possible_length_is_possible() -> None:
    assert ids("server: 82 7f 7f ff ff ff ff ff ff ff 00", *FAMILIES) == []


@pytest.mark.parametrize("have", range(1, 9))
def test_a_frame_cut_by_fin(have: int) -> None:
    data = build_frame(2, b"abc", KEY)[:have]
    (finding,) = judge(sent("client", data) + "\nclient: FIN", *FAMILIES)
    assert (finding.rule, at(finding)) == ("FR-007", 0)
    assert ids(sent("client", data) + "\nclient: RST", *FAMILIES) == []
    assert ids(sent("client", data), *FAMILIES) == []


@pytest.mark.parametrize("have", [1, 4, 7])
def test_a_gap_before_fin_hides_whether_the_frame_was_whole(have: int) -> None:
    data = build_frame(2, b"abc", KEY)[:have]
    assert ids(sent("client", data) + "\ngap client 40\nclient: FIN", *FAMILIES) == []


def test_http_replaces_all_else_that_its_bytes_would_be_found_to_be() -> None:
    answer = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
    found = judge("server: 88 02 03 e8\n" + sent("server", answer), *FAMILIES)
    assert [(finding.rule, at(finding)) for finding in found] == [("FR-008", 0)]


def test_http_inside_a_payload_is_payload() -> None:
    text = b"GET / HTTP/1.1\r\n\r\n"
    assert ids(sent("server", build_frame(1, text)), *FAMILIES) == []
    assert ids(sent("server", build_frame(1, text)[:2]) + "\n" + sent("server", text), *FAMILIES) == []


def test_every_unmasked_frame_is_found_at_its_second_byte() -> None:
    found = judge("client: 81 80 00 00 00 00\nclient: 89 00 8a 00\nclient: 01 00 80 00", *FAMILIES)
    assert [(finding.rule, at(finding), finding.frame, finding.count) for finding in found] == [
        ("MK-001", 1, frame, 1) for frame in range(1, 5)
    ]
    assert [finding.packet for finding in found] == sorted(finding.packet or 0 for finding in found)


@pytest.mark.parametrize("reaction", ["server: 81 00", "server: 88 02 03 ea"])
def test_where_no_frame_is_masked_that_is_told_once(reaction: str) -> None:
    transcript = f"repeat 4 client: 89 00\n{reaction}\nrepeat 3 client: 89 00\nclient: 89 80 00 00 00 00\nclient: 89 00"
    found = judge(transcript, "MK")
    assert sum(finding.count for finding in found) == 8
    assert found[0].frame == 0
    assert sorted(finding.count for finding in found if finding.frame not in (0, 8))[-1] >= 3
    assert [finding.count for finding in found if finding.frame == 8] == [1]


def test_nothing_is_claimed_about_a_stream_joined_in_the_middle() -> None:
    assert ids("midstream\nclient: f3 05 48 65 6c 6c 6f\nserver: 83 80 00 00 00 00", *FAMILIES) == []


def test_http_after_an_answer_that_does_not_name_websocket_is_the_next_exchange() -> None:
    answer = (
        "server: http HTTP/1.1 101 Switching Protocols | {}Connection: Upgrade | Sec-WebSocket-Accept: {{accept}}\n"
    )
    text = "server: 81 00\n" + sent("server", b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert ids(answer.format("Upgrade: websocket | ") + text, "FR") == ["FR-008"]
    assert ids(answer.format("") + text, "FR") == []
