"""The closing handshake, and the other ends."""

from __future__ import annotations

from pathlib import Path

from analyzer.walkthrough.story import tell
from tests.walkthrough import telling

TITLE = "The closing handshake"
CLOSE = "client: 88 82 00 00 00 00 03 e8\n"


def end(folder: Path, conversation: str) -> str:
    return telling.section(telling.told(folder, conversation), TITLE)


def test_who_began_and_who_closed_tcp(tmp_path: Path) -> None:
    story = end(tmp_path, f"{CLOSE}server: 88 05 03 e8 62 79 65\nserver: FIN\nclient: FIN")
    assert "The client begins: packet 8, +0.000350 s, close code 1000: normal closure" in story
    assert "The server follows 100 µs later: packet 10, also close code 1000: normal closure" in story
    assert 'reason "bye"' in story
    assert "FIN from the server: packet 12, +0.000550 s, 100 µs after the second Close." in story
    assert "The server closed TCP first, as it should" in story


def test_the_client_closed_tcp_first(tmp_path: Path) -> None:
    assert "The client closed TCP first. The server should" in end(
        tmp_path, f"{CLOSE}server: 88 00\nclient: FIN\nserver: FIN"
    )


def test_an_unanswered_close(tmp_path: Path) -> None:
    story = end(tmp_path, f"{CLOSE}server: FIN")
    assert "The server does not answer it in the capture." in story
    assert "after the only Close" in story


def test_no_close_at_all(tmp_path: Path) -> None:
    assert "The capture shows no end of TCP" in end(tmp_path, "server: 81 00")
    assert "TCP was reset, without a Close from either side" in end(tmp_path, "server: 81 00\nserver: RST")
    assert "a close event with code 1006" in end(tmp_path, "server: 81 00\nserver: FIN\nclient: FIN")


def test_a_reason_is_made_harmless(tmp_path: Path) -> None:
    assert 'reason "\\x1b[2J"' in end(tmp_path, "server: 88 06 03 e8 1b 5b 32 4a")


def test_a_side_that_was_not_captured_is_not_praised(tmp_path: Path) -> None:
    known, traffic = telling.gathered(tmp_path, f"{CLOSE}client: FIN")
    traffic.ends = [end for end in traffic.ends if end[1].direction == "client"]
    known.findings.clear()
    story = telling.section(tell(known, traffic), TITLE)
    assert "not seen server the server closes TCP first" in story
    assert "held server" not in story
