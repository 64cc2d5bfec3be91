"""One frame told."""

from __future__ import annotations

from pathlib import Path

from analyzer.model import Frame
from analyzer.walkthrough.document import Piece
from analyzer.walkthrough.frame import Teller, control, data, is_control, payload, quoted, shape, title
from tests.walkthrough import telling


def frames(folder: Path, *lines: str) -> list[Frame]:
    known, _ = telling.gathered(folder, "\n".join(lines))
    return known.first


def say(words: list[Piece]) -> str:
    return "".join(piece.text for piece in words)


HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_what_it_is_called_and_what_it_holds(tmp_path: Path) -> None:
    (frame,) = frames(tmp_path, HELLO)
    assert title(frame) == "Client frame 0: text, 5 bytes"
    assert payload(frame) == b"Hello"
    assert data(frame) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert data(frame, redacted=True) == bytes.fromhex("818537fa213d")
    assert payload(frame, redacted=True) == b""
    assert not is_control(frame)


def test_equal_frames_have_one_shape(tmp_path: Path) -> None:
    one, other, longer = frames(tmp_path, HELLO, HELLO, "client: 81 fe 00 80 00 00 00 00 41*128")
    assert shape(one) == shape(other) != shape(longer)


def test_a_field_is_explained_once(tmp_path: Path) -> None:
    one, other = frames(tmp_path, HELLO, HELLO)
    teller = Teller(0, redacted=False)
    first, second = list(teller.blocks(one)), list(teller.blocks(other))
    assert len(second) < len(first)
    assert "byte (i mod 4) of the masking key" in repr(first)
    assert "byte (i mod 4) of the masking key" not in repr(second)


def test_control_frames_say_what_they_carry(tmp_path: Path) -> None:
    ping, binary, empty, close, plain = frames(
        tmp_path, "server: 89 02 68 69", "server: 89 02 00 ff", "server: 89 00", "server: 88 05 03 e8 62 79 65",
        "client: 88 80 00 00 00 00",
    )  # fmt: skip
    assert say(control(ping, redacted=False)) == "Payload: hi."
    assert say(control(binary, redacted=False)) == "Payload: 00 ff."
    assert say(control(empty, redacted=False)) == "No payload."
    assert say(control(ping, redacted=True)) == "Payload: 2 bytes, not shown."
    assert "code: 03 e8. Close code 1000: normal closure" in say(control(close, redacted=False))
    assert say(control(close, redacted=False)).endswith("Reason: bye.")
    assert "1005" in say(control(plain, redacted=False))
    assert is_control(close)


def test_bytes_are_quoted_as_text_where_they_are() -> None:
    assert quoted(b"a b") == "a b"
    assert quoted(b"\x1b[2J") == "1b 5b 32 4a"
    assert quoted(b"a" * 100) == "a" * 32 + "..."
