"""What a peer did about a violation."""

from __future__ import annotations

from pathlib import Path

from analyzer.walkthrough import reaction
from tests.walkthrough import telling

UNMASKED = "client: 81 05 48 65 6c 6c 6f\n"


def outcome(folder: Path, conversation: str) -> str:
    known, traffic = telling.gathered(folder, conversation)
    finding = next(each for each in known.findings if each.rule == "MK-001")
    assert "Close with code 1002" in "".join(piece.text for piece in reaction.demanded(finding))
    return "".join(piece.text for piece in reaction.done(finding, known, traffic))


def test_it_failed_the_connection(tmp_path: Path) -> None:
    assert outcome(tmp_path, f"{UNMASKED}server: 88 02 03 ea") == (
        "The server sent a Close with code 1002 100 µs later, in packet 10."
    )


def test_it_named_something_else(tmp_path: Path) -> None:
    story = outcome(tmp_path, f"{UNMASKED}server: 88 02 03 e8")
    assert story.endswith("; a failure of this kind is named by 1002.")


def test_it_only_answered_a_close(tmp_path: Path) -> None:
    story = outcome(tmp_path, f"{UNMASKED}client: 88 82 00 00 00 00 03 e8\nserver: 88 02 03 e8")
    assert story.endswith("which answers the other side's Close.")


def test_it_had_closed_before(tmp_path: Path) -> None:
    assert outcome(tmp_path, f"server: 88 02 03 e8\n+1s\n{UNMASKED}").startswith("The server had sent its Close before")


def test_it_ended_tcp_without_a_close(tmp_path: Path) -> None:
    assert "ended TCP with a RST" in outcome(tmp_path, f"{UNMASKED}server: RST")


def test_it_went_on_or_nothing_is_known(tmp_path: Path) -> None:
    assert outcome(tmp_path, f"{UNMASKED}server: 81 00").endswith(
        "from the server, which went on to send 1 frame more."
    )
    assert outcome(tmp_path, UNMASKED).endswith("nor an end of TCP from the server.")
