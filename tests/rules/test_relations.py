"""HS-403, SC-017, ST-020, SEC-007, SEC-009 and SEC-002 over several connections: the near misses too."""

from __future__ import annotations

import pytest

from analyzer.model import Severity
from samples import transcript
from samples.traffic import pcap_bytes
from tests.rules.judging import ids, judge, judge_capture

RULES = ("HS-403", "SC-017", "ST-020", "SEC-00")
KEY, OTHER = "MYnDFVtBIiNR1eIQ5NNvmA==", "3hLzc0fGqkVh2mNcXyT1Rg=="
KEYS = "client: 81 80 6b 8b 45 67 81 80 32 7b 23 c6 81 80 64 3c 98 69 81 80 66 33 48 73"


def asks(connection: int, key: str = KEY) -> str:
    upgrade = "Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Version: 13"
    request = f"GET / HTTP/1.1 | Host: a.example | {upgrade} | Sec-WebSocket-Key: {key}"
    return f"connection {connection}:\nclient: http {request}"


def answers(connection: int, status: str = "101 Switching Protocols") -> str:
    fields = "Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}"
    return f"connection {connection}:\nserver: http HTTP/1.1 {status} | {fields}"


def story(*parts: str) -> str:
    return "\n".join(parts)


def test_a_key_again_is_told_at_the_key() -> None:
    (finding,) = judge(story(asks(1), answers(1), asks(2), answers(2)), *RULES)
    assert (finding.rule, finding.connection, finding.header) == ("SEC-007", 1, "Sec-WebSocket-Key")
    assert finding.evidence is not None
    at, length = finding.evidence.mark
    assert bytes.fromhex(finding.evidence.hex)[at : at + length].decode() == KEY


def test_a_retry_after_401_on_a_new_connection_needs_a_new_key() -> None:
    refused = "connection 1:\nserver: http HTTP/1.1 401 Unauthorized | Content-Length: 0 | WWW-Authenticate: Basic"
    assert ids(story(asks(1), refused, asks(2), answers(2)), *RULES) == ["SEC-007"]


def test_overlapping_openings_with_one_key_are_no_relay() -> None:
    told = ids(story(asks(1), asks(2), answers(1), answers(2)), *RULES)
    assert set(told) == {"SEC-007", "HS-403"}


def test_an_opening_inside_another_is_a_relay_and_has_no_direction() -> None:
    told = judge(story(asks(1), asks(2), answers(2), answers(1)), "SEC-00", "ST-020")
    assert [finding.rule for finding in told] == ["ST-020"]
    assert told[0].direction is None
    assert told[0].severity is Severity.INFO


def test_a_relay_passes_masking_keys_on() -> None:
    frames = [f"connection {number}:\n{KEYS}" for number in (1, 2)]
    assert ids(story(asks(1), asks(2), answers(2), answers(1), *frames), "SEC-00") == []


def test_a_relay_whose_connections_the_capture_joined_late() -> None:
    frames = [f"connection {number}:\n{KEYS}" for number in (1, 2)]
    packets = transcript.play(story(asks(1), asks(2), answers(2), answers(1), *frames)).packets
    told = judge_capture(pcap_bytes([each for each in packets if not each[1][FLAGS] & SYN]), "SEC-00", "ST-020")
    assert [finding.rule for finding in told] == ["ST-020"]


def test_a_relay_captured_in_one_direction() -> None:
    packets = transcript.play(story(asks(1), asks(2), answers(2), answers(1))).packets
    asking = [each for each in packets if each[1][SERVER_PORT : SERVER_PORT + 2] == b"\0\x50"]
    assert judge_capture(pcap_bytes(asking), "SEC-00") == []


def test_a_relay_to_another_server_whose_answers_swapped_places() -> None:
    """Between the same two endpoints nobody relays; to another one the order of two packets is no proof."""
    packets = transcript.play(story(asks(1), asks(2), answers(1), answers(2))).packets
    second = (40002).to_bytes(2)
    moved = [(time, _to_port(frame, b"\x1f\x90") if second in frame[34:38] else frame) for time, frame in packets]
    assert [finding.rule for finding in judge_capture(pcap_bytes(moved), "SEC-00")] == []


FLAGS, SYN = 14 + 20 + 13, 2
SERVER_PORT = 14 + 20 + 2
"""Where a frame to the server has its port, as it has its flags at FLAGS."""


def _to_port(frame: bytes, port: bytes) -> bytes:
    at = 34 if frame[34:36] == b"\0\x50" else 36
    return frame[:at] + port + frame[at + 2 :]


def test_openings_one_after_the_other_are_not_parallel() -> None:
    assert ids(story(asks(1), answers(1), asks(2, OTHER), answers(2)), *RULES) == []


def test_two_unanswered_openings_are_parallel() -> None:
    told = judge(story(asks(1), "server: silent", asks(2, OTHER), "server: silent"), "HS-403")
    assert [finding.severity for finding in told] == [Severity.INFO]


@pytest.mark.parametrize("pauses", [("+150ms",) * 3, ("+5ms", "+20ms", "+60ms")])
def test_pauses_that_are_long_or_grow_are_backoff(pauses: tuple[str, ...]) -> None:
    assert "SC-017" not in ids(reconnecting("server: RST", *pauses), *RULES)


@pytest.mark.parametrize("end", ["server: RST", "server: FIN\nclient: FIN"])
def test_coming_again_at_once_is_told_once_at_the_third_time(end: str) -> None:
    (finding,) = judge(reconnecting(end, "+5ms", "+5ms", "+5ms", "+5ms", "+5ms"), "SC-017")
    assert (finding.connection, finding.count, finding.direction) == (3, 3, "client")


def test_coming_again_after_a_closing_handshake_is_fine() -> None:
    end = "client: 88 82 17 c2 f4 3d 14 2a\nserver: 88 02 03 e8\nserver: FIN\nclient: FIN"
    assert "SC-017" not in ids(reconnecting(end, "+5ms", "+5ms", "+5ms"), *RULES)


def reconnecting(end: str, *pauses: str) -> str:
    parts = [f"connection 1:\nclient: 89 80 a1 5b 00 9e\n{end}"]
    for number, pause in enumerate(pauses, 2):
        parts.append(f"{pause}\nconnection {number}:\nclient: 89 80 17 c2 f4 {number:02x}\n{end}")
    return story(*parts)


def test_the_same_masks_are_told_at_the_fourth_key() -> None:
    (finding,) = judge(story("connection 1:", KEYS, "connection 2:", KEYS), "SEC-00")
    assert (finding.rule, finding.connection, finding.frame) == ("SEC-009", 1, 3)
    assert finding.evidence is not None
    assert finding.evidence.hex == "818066334873"
    assert finding.evidence.mark == (2, 4)


def test_three_keys_in_common_are_too_few() -> None:
    assert ids(story("connection 1:", KEYS, "connection 2:", KEYS[:-2] + "74"), "SEC-00") == []


def test_constant_keys_are_told_as_such_and_not_as_a_sequence() -> None:
    frames = "repeat 5 client: 89 80 37 fa 21 3d"
    assert ids(story("connection 1:", frames, "connection 2:", frames), "SEC-00") == ["SEC-002"] * 2


def test_one_key_over_three_connections_of_a_client_is_constant() -> None:
    frame = "client: 89 80 37 fa 21 3d"
    parts = [f"connection {number}:\n{frame}" for number in (1, 2, 3, 4)]
    (finding,) = judge(story(*parts), "SEC-00")
    assert (finding.rule, finding.connection, finding.count) == ("SEC-002", 2, 3)
    assert ids(story(*parts[:2]), "SEC-00") == []
    assert ids(story(parts[0], "connection 9:", KEYS, *parts[1:3]), "SEC-00") == []


def test_a_reset_after_a_fin_ends_the_wait_for_an_answer() -> None:
    """As when a server closes an idle connection on which the client asks once more, and then asks on another."""
    refused = "connection 1:\nserver: http HTTP/1.1 403 Forbidden | Content-Length: 0\nserver: FIN"
    told = ids(
        story(asks(1), refused, asks(1, OTHER), "server: RST", asks(2, OTHER[::-1][2:] + "=="), answers(2)), *RULES
    )
    assert "HS-403" not in told
