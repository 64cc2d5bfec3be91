"""A finding's bytes: what it points at is where it says, in the stream, in the packet and in the file."""

from __future__ import annotations

import pytest

from analyzer.model import Finding
from samples import transcript
from samples.traffic import pcap_bytes
from tests.running import analysed, only

INVALID = "client: 81 85 37 fa 21 3d 7f 9f b2 51 58"
"""The third byte of the text is ff."""


def findings(text: str, rule: str) -> tuple[list[Finding], bytes]:
    capture = pcap_bytes(transcript.play(text).packets)
    return [one for one in only(Finding, analysed(capture)) if one.rule == rule], capture


@pytest.mark.parametrize(
    ("text", "rule", "byte"),
    [
        ("client: 81 05 48 65 6c 6c 6f", "MK-001", 0x05),
        ("client: 83 80 37 fa 21 3d", "FR-002", 0x83),
        ("server: 82 7e 00 05 01 02 03 04 05", "FR-004", 0x7E),
        ("server: 89 00\nserver: 88 02 00 05", "CL-002", 0x00),
        (INVALID, "TX-001", 0xB2),
    ],
)
def test_the_byte_in_the_file_is_the_byte_at_fault(text: str, rule: str, byte: int) -> None:
    (found,), capture = findings("client: 89 80 37 fa 21 3d\n" + text, rule)
    assert found.file_offset is not None
    assert capture[found.file_offset] == byte
    assert found.evidence is not None
    shown, (start, length) = bytes.fromhex(found.evidence.hex), found.evidence.mark
    assert shown[start] == byte
    assert found.byte_offset == found.evidence.stream_offset + start
    assert 1 <= length <= len(shown) - start
    assert found.stream_offset is not None
    assert found.stream_offset <= found.byte_offset


def test_the_evidence_of_bad_text_stands_where_it_says() -> None:
    """The wire bytes shown are those of the stream at that offset, however the text was cut."""
    (found,), capture = findings("client: 01 83 37 fa 21 3d 7f 9f 4d\nclient: 80 82 00 00 00 00 c3 28", "TX-001")
    assert found.evidence is not None
    assert found.file_offset is not None
    shown, (start, _) = bytes.fromhex(found.evidence.hex), found.evidence.mark
    assert capture[found.file_offset - start :][: len(shown)] == shown
    assert capture[found.file_offset] == 0x28


def test_a_text_that_ends_inside_a_character_marks_a_byte_that_was_sent() -> None:
    (found,), _ = findings("client: 81 82 00 00 00 00 41 c3", "TX-002")
    assert found.evidence is not None
    shown, (start, length) = bytes.fromhex(found.evidence.hex), found.evidence.mark
    assert shown[start : start + length] == b"\xc3"


def test_a_field_of_the_opening_is_shown_in_its_line() -> None:
    text = (
        "client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade"
        " | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 12"
    )
    (found,), capture = findings(text, "HS-111")
    assert found.evidence is not None
    assert found.file_offset is not None
    shown, (start, length) = bytes.fromhex(found.evidence.hex), found.evidence.mark
    assert shown[start : start + length] == capture[found.file_offset : found.file_offset + length]
    assert found.header == "Sec-WebSocket-Version"


def test_a_finding_of_a_connection_that_lost_bytes_says_where() -> None:
    (found,), _ = findings("server: 81 00\ngap server 7\nserver: 81 00\n+3s\nserver: 81 00", "ST-002")
    assert (found.direction, found.byte_offset, found.evidence) == ("server", 131, None)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(
    ("frame", "rule", "byte", "at"),
    [
        ("81 05 48 65 6c 6c 6f", "MK-001", 0x05, 1),
        ("82 fe 00 05 37 fa 21 3d 00 00 00 00 00", "FR-004", 0xFE, 1),
        ("88 87 00 00 00 00 03 e8 6f 6b ff 6f 6b", "CL-009", 0xFF, 10),
        ("88 82 00 00 00 00 00 05", "CL-002", 0x00, 6),
    ],
)
def test_a_byte_in_a_later_segment_is_found_there(size: int, frame: str, rule: str, byte: int, at: int) -> None:
    """Headers and control payloads cut over several packets, after one that is not and before another."""
    data = bytes.fromhex(frame)
    cuts = [f"client: {data[start : start + size].hex(' ')}" for start in range(0, len(data), size)]
    whole = "client: 89 80 37 fa 21 3d"
    (found,), capture = findings("\n".join([whole, *cuts, whole]), rule)
    assert found.file_offset is not None
    assert found.byte_offset is not None
    assert found.stream_offset is not None
    assert found.byte_offset - found.stream_offset == at
    assert capture[found.file_offset] == byte
    first_packet = 10
    assert found.packet == first_packet + 2 * (at // size)
