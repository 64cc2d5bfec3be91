r"""Everything printed comes from strangers: make it harmless and visible.

A close reason may hold a terminal's escape sequences, a header a right-to-left override, a file name a line
feed. What Python does not call printable (controls, format and bidirectional marks, unassigned and private
code points, every separator but the space) is shown as its code instead: ``\x1b``, ``\u202e``. Bytes that
were not text arrive as lone surrogates (PEP 383) and are shown as the bytes they were.
"""

from __future__ import annotations

_SMUGGLED = range(0xDC80, 0xDD00)
"""Code points that PEP 383 gives to undecodable bytes 0x80 to 0xFF."""


def visible(text: str) -> str:
    """``text`` on one line, safe for a terminal: never longer lines, never a control character."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _code(ord(char)) for char in text)


def visible_bytes(data: bytes) -> str:
    """Bytes of an HTTP head, one character or escape each; CR, LF and TAB by their usual letters."""
    return "".join(_LETTERS.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else _code(byte)) for byte in data)


_LETTERS = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t"}


def _code(point: int) -> str:
    if point in _SMUGGLED:
        point -= 0xDC00
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def elide(text: str, width: int) -> str:
    """``text`` made visible and at most ``width`` characters long, the cut shown by three dots."""
    text = visible(text[: width + 1])
    if len(text) <= width:
        return text
    return text[: max(0, width - 3)] + "..."[:width]


def safe_json(document: bytes) -> bytes:
    r"""The same JSON value, with what is not printable written as ``\uNNNN``.

    JSON encoders leave DEL, C1 controls and bidirectional marks as they are: legal JSON, but not something
    to send to a terminal. They can only stand inside strings, where an escape means the same.
    """
    if document.isascii() and b"\x7f" not in document:
        return document
    text = document.decode("utf-8")
    return "".join(char if char.isprintable() or char == "\n" else _json_code(char) for char in text).encode("utf-8")


def _json_code(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def spelled(value: object) -> object:
    """A value of JSON's types with lone surrogates written out in every string: what has no UTF-8 can be stored so."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {spelled(key): spelled(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [spelled(item) for item in value]
    return value
