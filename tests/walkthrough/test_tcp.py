"""TCP's handshake in a few words."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.walkthrough.story import walkthrough
from tests.walkthrough import telling

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_it_is_told_with_packets_and_times(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, HELLO), "The TCP handshake")
    assert (
        "SYN from the client in packet 1, +0.000000 s; SYN-ACK from the server in packet 2, +0.000050 s; ACK" in story
    )
    assert "one round trip, 100 µs" in story


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    story = telling.section(telling.told(tmp_path, f"midstream\n{HELLO}", decode_as=[80]), "The TCP handshake")
    assert "Not in the capture: SYN, SYN-ACK, ACK. It began later." in story
    assert "round trip" not in story


def test_what_was_decrypted_is_told_as_such(shared_captures: Path) -> None:
    pytest.importorskip("cryptography")
    document = walkthrough([str(shared_captures / "tls13_chromium_dsb.pcapng")], 0)
    assert "On top of TCP lies TLS" in telling.section(document, "The TCP handshake")
    assert "equal" in telling.section(document, "The accept value, step by step")
