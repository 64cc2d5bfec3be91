"""SEC-024: request lines in a client's payload, as they stand on the wire."""

from __future__ import annotations

import pytest

from analyzer.wire.frame import build_frame
from tests.rules.judging import at, ids, judge, sent

KEYS = (None, bytes(4), bytes.fromhex("37fa213d"))
LINE = b"GET /a.js HTTP/1.1\r\n"


def on_the_wire(text: bytes, key: bytes | None) -> bytes:
    """A frame whose payload reads ``text`` before it is unmasked."""
    masked = text if key is None else bytes(byte ^ key[index % 4] for index, byte in enumerate(text))
    return build_frame(2, masked, key)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "line", [LINE, b"DELETE http://x/~ HTTP/1.0", b"VERSIONCONTROLLL * HTTP/1.", b"GET /?a=b HTTP/1.1"]
)
def test_a_request_line_is_found_whatever_the_key(line: bytes, key: bytes | None) -> None:
    (finding,) = judge(sent("client", on_the_wire(line, key)), "SEC-024")
    assert at(finding) == (2 if key is None else 6)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET /a.js HTTP/1",
        b"GET /a.js HTTP/2.",
        b"GET  HTTP/1.1",
        b"get /a.js HTTP/1.1",
        b"GE /a.js HTTP/1.1",
        b"VERSIONCONTROLLLL * HTTP/1.1",
        b" GET /a.js HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /\x80 HTTP/1.1",
        b"HTTP/1.1 200 OK",
    ],
)
def test_what_is_no_request_line(text: bytes) -> None:
    assert ids(sent("client", on_the_wire(text, None)), "SEC-024") == []


@pytest.mark.parametrize("where", range(1, len(LINE) + 6))
def test_it_may_be_cut_over_segments(where: int) -> None:
    frame = on_the_wire(LINE, bytes(4))
    text = "\n".join(sent("client", part) for part in (frame[:where], frame[where:]))
    assert ids(text, "SEC-024") == ["SEC-024"]
    assert ids(sent("client", frame[: 6 + 15]), "SEC-024") == []


def test_the_next_frame_begins_anew() -> None:
    frames = on_the_wire(LINE, None) + on_the_wire(b"no", None) + build_frame(2, b"", None) + on_the_wire(LINE, None)
    assert [finding.frame for finding in judge(sent("client", frames), "SEC-024")] == [0, 3]
    cut = on_the_wire(LINE, None) + on_the_wire(LINE, None)[:1]
    assert [finding.frame for finding in judge(sent("client", cut) + "\nclient: FIN", "SEC-024")] == [0]


def test_a_hole_in_the_line_hides_it() -> None:
    frame = on_the_wire(LINE, None)
    text = f"{sent('client', frame[:8])}\ngap client 4\n{sent('client', frame[12:])}\n+5s\nclient: 81 80 00 00 00 00"
    assert ids(text, "SEC-024") == []
