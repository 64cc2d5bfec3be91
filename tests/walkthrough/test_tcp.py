"""TCP's handshake in a few words."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.walkthrough.story import walkthrough
from tests.walkthrough import telling

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_it_is_told_with_packets_and_times(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, HELLO), "The TCP handshake")
    assert "SYN in packet 1; SYN-ACK in packet 2, 50 µs later; ACK in packet 3, 50 µs later." in story
    assert "one round trip, 100 µs" in story


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, f"midstream\n{HELLO}", decode_as=[80]), "The TCP handshake")
    assert "The capture begins after it. Not in the capture: SYN, SYN-ACK, ACK." in story
    assert "round trip" not in story


def test_it_is_one_line() -> None:
    document = walkthrough([str(telling.SAMPLES / "echo" / "echo.pcap")], None)
    lines = [line for line in telling.plain(document).splitlines() if line.startswith("SYN in packet")]
    assert lines == ["SYN in packet 14; SYN-ACK in packet 15, 19 µs later; ACK in packet 16, 16 µs later."]


def test_times_within_one_machine_are_marked_as_such(tmp_path: Path) -> None:
    words = "no network in these times"
    assert words in telling.flat(walkthrough([str(telling.SAMPLES / "echo" / "echo.pcap")], None))
    assert words not in telling.flat(telling.told(tmp_path, HELLO))


def test_what_was_decrypted_is_told_as_such(shared_captures: Path) -> None:
    pytest.importorskip("cryptography")
    document = walkthrough([str(shared_captures / "tls13_chromium_dsb.pcapng")], 0)
    assert "On top of TCP lies TLS" in telling.section(document, "The TCP handshake")
    assert "equal" in telling.section(document, "The accept value, step by step")
