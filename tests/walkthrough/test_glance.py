"""The connection in one drawing."""

from __future__ import annotations

from pathlib import Path

from analyzer.walkthrough import glance
from analyzer.walkthrough.columns import columns
from tests.walkthrough import telling

TITLE = "The connection at a glance"
HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def drawn(folder: Path, conversation: str) -> list[str]:
    document = telling.told(folder, conversation)
    (section,) = [each for each in document.sections if each.title == TITLE]
    return telling.alone(section).splitlines()[8:]


def test_who_sent_what_when(tmp_path: Path) -> None:
    lines = drawn(tmp_path, f"{HELLO}\nserver: 88 02 03 e8\nclient: RST")
    assert [line.split()[0] for line in lines[:1]] == ["packet"]
    said = [" ".join(line.replace("-", " ").split()) for line in lines[1:]]
    assert said == [
        "1 0.000000 SYN >",
        "2 0.000050 < SYN ACK",
        "3 0.000100 ACK >",
        "4 0.000150 GET /chat HTTP/1.1 (157) >",
        "6 0.000250 < HTTP/1.1 101 Switching Protocols (129)",
        '8 0.000350 text "Hello" (6+5) >',
        "10 0.000450 < close 1000 (2+2)",
        "12 0.000550 RST >",
    ]


def test_a_frame_that_broke_a_rule_is_marked(tmp_path: Path) -> None:
    assert any('! MK-001 text "Hello" (2+5) --' in line for line in drawn(tmp_path, "client: 81 05 48 65 6c 6c 6f"))


def test_a_long_connection_is_folded_and_says_so(tmp_path: Path) -> None:
    lines = drawn(tmp_path, f"repeat 500 {HELLO}")
    assert len(lines) == 1 + glance.FIRST + 1 + glance.LAST
    told = sum(" GET " in line or " HTTP/1.1 101" in line or '"Hello"' in line for line in lines)
    (folded,) = [line for line in lines if "..." in line]
    assert folded.split() == ["...", str(502 - told), "more", "..."]


def test_what_strangers_say_does_not_widen_it(tmp_path: Path) -> None:
    wide = "世界" * 30
    text = wide.encode()
    encoded = len(text).to_bytes(2, "big") + text
    lines = drawn(tmp_path, f"server: 81 7e {encoded.hex(' ')}\nserver: 89 03 1b 5b 4a")
    assert {columns(line) for line in lines} <= {glance.WIDTH + 4}
