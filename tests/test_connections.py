"""From the opening to the frames and to the end: which bytes are read as what, and which are not read at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.connections import Connections, Glance
from analyzer.judge import Judge
from analyzer.model import Connection, Finding, Frame, Handshake, Summary
from analyzer.rules import registry
from analyzer.settings import Settings
from analyzer.tcp.packets import Flows, Segments
from analyzer.tcp.reassembly import Reassembly
from samples import transcript
from samples.traffic import Wire, pcap_bytes
from tests.running import ANSWER, REQUEST, analysed, only, played
from tests.stories import ECHOED, EMPTY, GOODBYE, HELLO, REFUSAL, errors, heads, lines, read, rules

# --- from HTTP to frames


def test_frames_in_the_segment_of_the_101() -> None:
    request, answer = heads(REQUEST, ANSWER)
    story = lines(f"client: raw {request.hex(' ')}", f"server: raw {(answer + bytes.fromhex('810268698900')).hex(' ')}")
    records = played(lines(story, HELLO))
    assert read(records, "server") == [(1, True), (9, True)]
    assert read(records) == [(1, True)]
    assert [frame.stream_offset for frame in only(Frame, records)][:1] == [len(answer)]
    assert errors(records) == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_everything_in_segments_of_a_few_bytes(size: int) -> None:
    request, answer = heads(REQUEST, ANSWER)
    frames = bytes.fromhex("8185 37fa213d 7f9f4d5158 8980 37fa213d")
    parts = [("client", request), ("server", answer), ("client", frames), ("server", bytes.fromhex("81026869"))]
    story = [
        f"{side}: raw {data[start : start + size].hex(' ')}"
        for side, data in parts
        for start in range(0, len(data), size)
    ]
    records = played(lines(*story))
    assert read(records) == [(1, True), (9, True)]
    assert read(records, "server") == [(1, True)]
    assert rules(records) == []


def test_client_frames_before_the_101_are_read_once_it_came() -> None:
    records = played(lines(REQUEST, HELLO, EMPTY, ANSWER, HELLO))
    assert read(records) == [(1, True)] * 3
    frames = only(Frame, records)
    assert [frame.packet for frame in frames] == sorted(frame.packet for frame in frames)


def test_a_gap_among_early_frames_loses_the_boundary_until_a_frame_surely_begins() -> None:
    strange = "client: 83 80 37 fa 21 3d"
    records = played(lines(REQUEST, HELLO, "gap client 11", ANSWER, strange, "client: 80 80 37 fa 21 3d", HELLO))
    assert read(records) == [(1, True)] * 2
    assert {"ST-002", "ST-007"} <= set(rules(records))
    assert [error[:6] for error in errors(records)] == ["HS-401"]
    found_again = played(lines(REQUEST, HELLO, "gap client 11", HELLO, ANSWER, strange, "client: 80 80 37 fa 21 3d"))
    assert read(found_again) == [(1, True), (1, True), (3, True), (0, True)]
    assert [error[:6] for error in errors(found_again)] == ["HS-401", "FR-002"], (
        "but not FG-001: a message may have begun in the gap"
    )


def test_a_gap_inside_an_early_payload_keeps_the_boundary() -> None:
    early = lines("client: 82 94 37 fa 21 3d 00 00", "gap client 10")
    rest = lines("client: 00 00 00 00 00 00 00 00 81 80 37 fa 21 3d", "+5s", HELLO)
    records = played(lines(REQUEST, early, ANSWER, rest))
    assert read(records) == [(2, False), (1, True), (1, True)]
    assert rules(records) == ["HS-401", "SEC-002", "ST-002"]


@pytest.mark.parametrize("pieces", [["61*10"], ["61*4", "61*6"], ["61*9", "61"]])
def test_content_that_the_opening_announced_is_no_frame(pieces: list[str]) -> None:
    content = [f"client: {piece}" for piece in pieces]
    records = played(lines(REQUEST + " | Content-Length: 10", ANSWER, *content, HELLO))
    assert read(records) == [(1, True)]
    assert errors(records) == []


def test_a_gap_from_announced_content_into_frames_loses_the_boundary() -> None:
    records = played(
        lines(REQUEST + " | Content-Length: 10", ANSWER, "client: 61*4", "gap client 9", HELLO, "+3s", HELLO)
    )
    assert read(records) == [(1, True)] * 2
    assert {"ST-002", "ST-007"} <= set(rules(records))
    assert errors(records) == []


def test_a_gap_inside_announced_content_is_no_matter() -> None:
    content = lines("client: 61*2", "gap client 6", "client: 61*2")
    records = played(lines(REQUEST + " | Content-Length: 10", ANSWER, content, HELLO, "+3s", HELLO))
    assert read(records) == [(1, True)] * 2
    assert rules(records) == ["HS-007", "ST-002"]


def test_a_gap_inside_the_request_head_is_no_verdict() -> None:
    first, rest = heads(REQUEST)[0][:40], heads(REQUEST)[0][60:]
    story = lines(f"client: raw {first.hex(' ')}", "gap client 20", f"client: raw {rest.hex(' ')}", "+3s")
    answer = heads(ANSWER)[0]
    records = played(lines(story, f"server: raw {answer.hex(' ')}", HELLO))
    assert errors(records) == []
    assert read(records) == [(1, True)]


def test_hixie_76_is_not_read_as_frames_of_the_rfc() -> None:
    request = (
        "client: http GET /d HTTP/1.1 | Host: a.example | Upgrade: WebSocket | Connection: Upgrade"
        " | Sec-WebSocket-Key1: 4 @1 46546xW%0l 1 5 | Sec-WebSocket-Key2: 12998 5 Y3 1 .P00 | Origin: http://a.example"
    )
    answer = "server: http HTTP/1.1 101 WebSocket Protocol Handshake | Upgrade: WebSocket | Connection: Upgrade"
    story = lines(request, "client: 5e 6e 3a 64 73 5b 55 34", answer, "server: 66*16", "client: 00 48 65 ff")
    records = played(lines(story, "server: 00 48 65 ff", "client: FIN", "server: FIN"))
    assert only(Frame, records) == []
    assert [rule for rule in rules(records) if rule.startswith(("FR", "MK", "FG", "CT"))] == []


# --- several openings on one TCP connection


def test_a_refused_opening_and_a_good_one_share_the_connection() -> None:
    records = played(lines(REQUEST, REFUSAL, REQUEST, REFUSAL, REQUEST, ANSWER, HELLO))
    shakes = only(Handshake, records)
    assert [(shake.connection, shake.exchange, shake.status, shake.accepted) for shake in shakes] == [
        (0, 0, 403, False),
        (0, 1, 403, False),
        (0, 2, 101, True),
    ]
    (connection,) = only(Connection, records)
    assert (connection.client_frames, connection.state) == (1, "open")


def test_connections_are_numbered_in_the_order_of_their_requests() -> None:
    story = lines("client: http GET / HTTP/1.1 | Host: a.example", "server: silent", "connection 2:", REQUEST)
    records = played(lines(story, "server: silent", "connection 3:", HELLO, "connection 1:", "client: FIN"))
    numbers = {record.client[1] - 40000: record.connection for record in only(Connection, records)}
    assert numbers == {2: 0, 3: 1}
    (summary,) = only(Summary, records)
    assert (summary.connections, summary.tcp_streams) == (2, 3)


def test_a_switch_nobody_asked_for_is_one_finding() -> None:
    answer = ANSWER.replace("{accept}", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    records = played(lines("client: http GET / HTTP/1.1 | Host: a.example", answer, HELLO))
    assert [finding.rule for finding in only(Finding, records) if finding.severity.value == "error"] == ["HS-215"]
    assert read(records) == [(1, True)]


# --- how a connection ended


@pytest.mark.parametrize(
    ("story", "state", "codes"),
    [
        (lines(GOODBYE, ECHOED, "server: FIN", "client: FIN"), "closed", (1000, 1000)),
        (lines(GOODBYE, "server: FIN"), "closed-by-client", (1000, None)),
        (lines("server: 88 00", "client: RST"), "closed-by-server", (None, None)),
        (lines(HELLO, "server: FIN", "client: FIN"), "fin", (None, None)),
        (lines(HELLO, "server: FIN", "client: RST"), "reset", (None, None)),
        (HELLO, "open", (None, None)),
        (lines(REQUEST, REFUSAL), "refused", (None, None)),
        (lines(REQUEST, "server: silent", "client: FIN"), "unanswered", (None, None)),
        (
            lines(
                REQUEST.replace("Upgrade: websocket", "Upgrade: h2c, websocket"),
                "server: http HTTP/1.1 101 Switching Protocols | Upgrade: h2c | Connection: Upgrade",
                "client: 00 00 00",
            ),
            "not-websocket",
            (None, None),
        ),
    ],
)
def test_the_state_says_how_it_ended(story: str, state: str, codes: tuple[int | None, int | None]) -> None:
    (connection,) = only(Connection, played(story))
    assert connection.state == state
    assert (connection.client_close_code, connection.server_close_code) == codes
    assert connection.role_evidence == "opening"


def test_only_the_first_close_counts() -> None:
    (connection,) = only(Connection, played(lines(GOODBYE, "client: 88 82 37 fa 21 3d 34 11", ECHOED)))
    assert (connection.client_close_code, connection.server_close_code) == (1000, 1000)


def test_a_close_reason_of_any_bytes_can_be_told() -> None:
    (connection,) = only(Connection, played("server: 88 05 03 e8 6f ff 6b"))
    assert connection.server_close_reason == "o\ufffdk"


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_reset_cuts_the_frames_of_both_directions(side: str) -> None:
    records = played(lines("client: 82 84 37 fa 21 3d 00", "server: 82 04 00", f"{side}: RST"))
    assert [(frame.direction, frame.complete) for frame in only(Frame, records)] == [
        ("client", False),
        ("server", False),
    ]
    assert "FR-007" not in rules(records)


def test_a_fin_cuts_the_frame_of_its_own_direction_only() -> None:
    records = played(lines("client: 82 84 37 fa 21 3d 00", "server: 82 04 00", "server: FIN", "client: 00 00 00"))
    assert read(records) == [(2, True)]
    assert [finding.direction for finding in only(Finding, records) if finding.rule == "FR-007"] == ["server"]


def test_a_port_used_again_is_another_connection() -> None:
    wire = Wire()
    for _ in range(3):
        transcript.play(lines(HELLO, GOODBYE, ECHOED, "server: FIN", "client: FIN"), wire)
        wire.wait(90 * 10**9)
    records = analysed(pcap_bytes(wire.packets))
    connections = only(Connection, records)
    assert [(one.connection, one.client_frames, one.state) for one in connections] == [
        (n, 2, "closed") for n in range(3)
    ]
    assert errors(records) == []


def test_a_cut_packet_keeps_the_boundary_after_its_payload() -> None:
    story = lines(EMPTY, "snaplen 90", "client: 82 fe 00 80 37 fa 21 3d 41*128", EMPTY)
    records = played(story)
    assert read(records) == [(1, True), (2, False), (1, True)]
    assert errors(records) == []


# --- HTTP where a frame should begin


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        [b"H", b"TTP/1.1 400 Bad Request\r\n\r\n"],
        [b"HTTP/", b"1", b".", b"1 400 Bad Request\r\n\r\n"],
        [b"GET / HTTP/1.1\r\n\r\n"],
        [b"G", b"E", b"T", b" ", b"/", b" ", b"H", b"TTP/1.1\r\n\r\n"],
    ],
)
@pytest.mark.parametrize("side", ["client", "server"])
def test_http_text_is_one_finding_however_it_is_cut(side: str, pieces: list[bytes]) -> None:
    before = "server: 81 02 68 69" if side == "server" else HELLO
    records = played(lines(before, *[f"{side}: {piece.hex(' ')}" for piece in pieces], f"{side}: 83 00 ff ff"))
    (found,) = [finding for finding in only(Finding, records) if finding.severity.value == "error"]
    assert (found.rule, found.direction, found.frame) == ("FR-008", side, 1)
    assert found.byte_offset == found.stream_offset
    first = next(step for step in only(Frame, records))
    assert first.complete
    assert len(read(records, side)) == 1, "no frame is made of the text"


@pytest.mark.parametrize("first", sorted(b"CDGHLMOPTU"))
def test_a_frame_that_only_begins_like_http_is_a_frame(first: int) -> None:
    pieces = [f"server: {first:02x}", "server: 03", "server: 41", "server: 41 41 81 00"]
    records = played(lines(*pieces))
    assert [frame.stream_offset for frame in only(Frame, records)] == [129, 134]
    assert read(records, "server")[1] == (1, True)
    assert "FR-008" not in rules(records)
    whole = played("server: " + " ".join(piece.removeprefix("server: ") for piece in pieces))
    assert rules(whole) == rules(records)


@pytest.mark.parametrize("end", ["server: FIN", "server: RST", "# the capture ends"])
def test_text_that_stays_undecided_is_judged_as_the_frames_it_would_be(end: str) -> None:
    records = played(lines("server: 48 54 54 50", end))
    assert len(read(records, "server")) == 1
    assert "FR-008" not in rules(records)


def test_two_frames_in_a_row_that_begin_like_http() -> None:
    records = played(lines("server: 47", "server: 00 48", "server: 00 47", "server: 00"))
    assert [frame.payload_length for frame in only(Frame, records)] == [0, 0, 0]


def test_after_a_misspelt_101_the_next_http_is_an_exchange() -> None:
    wrong = "server: http HTTP/1.1 101 Switching Protocols | Upgrade: web-socket | Connection: Upgrade"
    records = played(lines(REQUEST, wrong, REQUEST, ANSWER, HELLO))
    assert [shake.exchange for shake in only(Handshake, records)] == [0, 1]
    assert "FR-008" not in rules(records)


# --- limits


@pytest.mark.parametrize("rows", [1, 64, 8192])
def test_many_connections_that_end_inside_a_frame(rows: int) -> None:
    story = []
    for number in range(1, 701):
        story += [f"connection {number}:", HELLO, "client: 82 84 37 fa 21 3d 00", "server: 82 04 00"]
    records = played(lines(*story), frame_rows=rows)
    (summary,) = only(Summary, records)
    assert (summary.connections, summary.frames) == (700, 700)
    assert len(only(Frame, records)) == 2100
    assert [record.connection for record in only(Connection, records)] == list(range(700))


def test_somebody_who_waits_gets_what_the_last_packet_brought(tmp_path: Path) -> None:
    """A live capture falls silent: what is known is told without another packet."""
    path = tmp_path / "quiet.pcap"
    path.write_bytes(transcript.capture("client: 81 05 48 65 6c 6c 6f"))
    chosen, told = Settings(), []
    flows, reassembly = Flows(chosen.connections, chosen.linger_time, chosen.idle_time), Reassembly(chosen)
    connections = Connections(chosen, flows, reassembly, Judge(chosen, registry.load(), [str(path)]))
    segments = Segments(chosen.batch_packets)
    for batch in open_source([str(path)], chosen).batches():
        flows.decode(batch, segments)
        reassembly.begin(batch, segments, flows.slots)
        row = 0
        while row < segments.count:
            row = reassembly.deliver(row)
            told += list(connections.take(reassembly.chunks, batch.data))
        reassembly.finish()
        told += list(connections.collect())
    assert [finding.rule for finding in only(Finding, told)] == ["MK-001"]


def test_where_all_heads_hold_too_much_the_idlest_connection_is_given_up() -> None:
    (request,) = heads(REQUEST)
    begun = [f"connection {number}:\nclient: raw {request[:-2].hex(' ')}" for number in (1, 2, 3)]
    rest = [f"connection {number}:\nclient: raw 0d 0a\n{ANSWER}" for number in (1, 2, 3)]
    (summary,) = only(Summary, played(lines(*begun, *rest)))
    assert (summary.connections, summary.limits) == (3, {})
    records = played(lines(*begun, *rest), total_head_size=2 * len(request) + 3 * 512)
    (summary,) = only(Summary, records)
    assert summary.limits == {"total_head_size": 1}
    assert summary.connections == 2
    assert "ST-013" in rules(records)


def test_http_text_without_end_where_a_frame_should_begin_is_waited_for_up_to_the_limit() -> None:
    story = lines(f"client: {b'GET /'.hex(' ')} 61*60", "client: 61*60")
    assert only(Summary, played(story))[0].limits == {}
    records = played(story, request_line=100)
    (summary,) = only(Summary, records)
    assert summary.limits == {"request_line": 1}


# --- first bytes of frames


@pytest.mark.parametrize("kept", [0, 3, 5, 200])
def test_the_first_bytes_of_frames_are_kept_where_asked_for(kept: int) -> None:
    story = lines(
        HELLO, "client: 01 85 37 fa 21 3d 7f", "client: 9f 4d 51 58", "server: 82 7e 00 80 41*128", "server: 89 01 21"
    )
    frames = only(Frame, played(story, frame_bytes=kept))
    if not kept:
        assert all(frame.bytes is msgspec.UNSET for frame in frames)
        return
    whole = {
        "client": [bytes.fromhex("818537fa213d7f9f4d5158"), bytes.fromhex("018537fa213d7f9f4d5158")],
        "server": [bytes.fromhex("827e0080") + b"A" * 128, bytes.fromhex("890121")],
    }
    for frame in frames:
        data = whole[frame.direction][frame.index]
        control = frame.opcode >= 8
        assert frame.bytes == data[: frame.header_length + (125 if control else kept)].hex()


def test_findings_do_not_depend_on_the_bytes_kept() -> None:
    story = lines("client: 81 05 48 65 6c 6c 6f", "client: c1 85 37 fa 21 3d 7f 9f 4d 51 58", "server: 81 02 ff ff")
    kept, bare = (
        [msgspec.structs.replace(finding, file=None) for finding in only(Finding, played(story, frame_bytes=size))]
        for size in (64, 0)
    )
    assert kept == bare != []


def test_a_glance_shows_what_is_open(write_capture: Callable[[str], Path]) -> None:
    glances: list[Glance] = []
    path = write_capture("client: 81 85 37 fa 21 3d 7f 9f 4d 51 58\nserver: 01 01 41")
    with open_source([str(path)], Settings(batch_packets=1)) as source:
        for _ in pipeline.run(source, Settings(batch_packets=1), watch=lambda look: glances.append(look())):
            pass
    assert glances[0].seen == 0
    assert (glances[-1].open, glances[-1].seen, glances[-1].sent, glances[-1].messages) == (1, 1, (11, 3), 1)
