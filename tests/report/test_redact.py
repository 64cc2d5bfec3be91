"""No secret is left in any format; everything else is."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.model import Evidence, Finding, Frame, Handshake, Message, Payload, Record
from analyzer.report.formats import FORMATS
from analyzer.report.redact import GONE, Redactor
from analyzer.wire.frame import build_frame
from samples import transcript
from tests.command import wsanalyzer
from tests.report import made

SECRETS = (
    "s3cr3tSessionCookie",
    "a8Fj30dkQw92mZx7token",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "dXNlcjpwYXNzd29yZA",
    "k3yInAnApiHeader99",
    "hunter2password",
    "setCookieValue12345",
    "bearerInAProtocol77",
    "Zq7payloadSecret00",
    "Zq8reasonSecret00",
)
STORY = """
client: http GET /chat?room=5&access_token=a8Fj30dkQw92mZx7token HTTP/1.1 | Host: a.example | Cookie: theme=dark; sessionid=s3cr3tSessionCookie | Authorization: Basic dXNlcjpwYXNzd29yZA== | X-Api-Key: k3yInAnApiHeader99 | Referer: http://a.example/?password=hunter2password | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g | Sec-WebSocket-Version: 12 | Sec-WebSocket-Protocol: chat, bearer, bearerInAProtocol77, eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl
server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: wrong | Set-Cookie: id=setCookieValue12345; Path=/; HttpOnly | Sec-WebSocket-Protocol: bearerInAProtocol77
client: 81 12 5a 71 37 70 61 79 6c 6f 61 64 53 65 63 72 65 74 30 30
server: 81 14 5a 71 37 70 61 79 6c 6f 61 64 53 65 63 72 65 74 30 30 ff 41
server: 89 12 5a 71 37 70 61 79 6c 6f 61 64 53 65 63 72 65 74 30 30
server: 88 13 03 ed 5a 71 38 72 65 61 73 6f 6e 53 65 63 72 65 74 30 30
"""  # noqa: E501 - a head stands on one line


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("stored", [False, True])
def test_no_format_shows_a_secret(tmp_path: Path, name: str, stored: bool) -> None:
    capture, out = tmp_path / "c.pcap", tmp_path / "out"
    capture.write_bytes(transcript.capture(STORY))
    common = ("--isolated", "--records", "all", "--payloads", "--select", "HS,MK,FR,CT,TX,CL,SC,ST,EX,SEC", "-v")
    if stored:
        wsanalyzer("analyze", capture, *common, "-f", "jsonl", "-o", "r.jsonl", folder=tmp_path)
        assert all(secret in (tmp_path / "r.jsonl").read_text() for secret in SECRETS), "else this proves nothing"
        ran = wsanalyzer("report", "r.jsonl", "--redact", "-v", "-f", name, "-o", out, folder=tmp_path)
    else:
        ran = wsanalyzer("analyze", capture, *common, "--redact", "-f", name, "-o", out, folder=tmp_path)
    assert ran.returncode == 1, ran.stderr
    text = out.read_bytes()
    for secret in SECRETS:
        for length in (len(secret), 12):  # whole, or the beginning of one that was cut short
            assert secret.encode()[:length] not in text, secret
            assert secret.encode().hex()[: 2 * length].encode() not in text, secret
    if FORMATS[name].copies:
        assert b"wsanalyzer: error" in text, "the comments are there"
    assert b"theme" in text or name not in ("jsonl", "json")


def test_what_is_no_secret_stays() -> None:
    redactor = Redactor(10)
    for record in made.STORY:
        shown = redactor.see(record)
        assert type(shown) is type(record)
        if isinstance(shown, Handshake):
            assert shown == record
        if isinstance(shown, Finding) and shown.frame is None and shown.evidence is not None:
            assert shown == record


def test_a_head_keeps_its_shape() -> None:
    head = made.head(
        "GET /a?x=1&token=abc&y=2 HTTP/1.1",
        ("Host", "a.example"),
        ("Cookie", "a=b; c=d"),
        ("Authorization", "Bearer abcdef"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )
    opening = msgspec.structs.replace(made.handshake(0), request=head)
    shown = Redactor(10).see(opening)
    assert isinstance(shown, Handshake)
    assert shown.request is not None
    assert shown.request.line == f"GET /a?x=1&token={GONE}&y=2 HTTP/1.1"
    assert shown.request.headers == [
        ("Host", "a.example"),
        ("Cookie", f"a={GONE}; c={GONE}"),
        ("Authorization", f"Bearer {GONE}"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]


@pytest.mark.parametrize("key", [None, bytes.fromhex("37fa213d")])
def test_of_a_frame_the_header_stays_and_the_payload_is_blank_once_unmasked(key: bytes | None) -> None:
    for opcode, payload, kept in ((1, b"Hello", b""), (8, b"\x03\xe8bye", b"\x03\xe8")):
        wire = build_frame(opcode, payload, key)
        shown = Redactor(10).see(made.frame(bytes=wire.hex()))
        assert isinstance(shown, Frame)
        assert shown.bytes == build_frame(opcode, kept + b"*" * (len(payload) - len(kept)), key).hex()


def test_messages_lose_payload_and_digest() -> None:
    shown = Redactor(10).see(made.message(text="secret"))
    assert isinstance(shown, Message)
    assert (shown.payload, shown.sha256, shown.length) == (Payload(text=GONE), None, 5)


def test_what_a_message_inflates_to_is_blank() -> None:
    shown = Redactor(10).see(msgspec.structs.replace(made.message(), inflated=b"secret".hex()))
    assert isinstance(shown, Message)
    assert shown.inflated == b"******".hex()


def test_without_the_opening_the_bytes_of_a_head_are_not_shown() -> None:
    shown = Redactor(10).see(made.NO_VERSION)
    assert isinstance(shown, Finding)
    assert shown.evidence is not None
    data = bytes.fromhex(shown.evidence.hex)
    start, length = shown.evidence.mark
    assert set(data[:start] + data[start + length :]) == {ord("*")}


@given(st.binary(max_size=40), st.integers(0, 50), st.integers(0, 50), st.integers(-5, 60), st.text(max_size=20))
def test_nothing_makes_it_raise(data: bytes, at: int, length: int, offset: int, text: str) -> None:
    redactor = Redactor(1)
    opening = made.handshake(0, target=f"/?token={text}&{text}")
    records: list[Record] = [opening, made.frame(bytes=data.hex())]
    for frame in (None, 3):
        records.append(
            msgspec.structs.replace(
                made.UNMASKED,
                frame=frame,
                found=text,
                header="Cookie",
                evidence=Evidence(stream_offset=max(0, 345 + offset), hex=data.hex(), mark=(at, length)),
            )
        )
    for record in records:
        shown = redactor.see(record)
        if isinstance(shown, Finding) and shown.evidence is not None:
            assert len(shown.evidence.hex) == 2 * len(data)
        json.dumps(msgspec.to_builtins(shown))
