"""Real peers of OpenSSL: whatever they agree on, the analyzer reads what they said."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest

from analyzer.model import Connection, Finding, Message, Opcode, Record
from analyzer.wire.frame import CLOSE_BODY, build_frame
from samples import opening
from tests.running import analysed, only
from tests.tls.peers import Contexts, Recorder, Secured

KEY = b"\x37\xfa\x21\x3d"
TEXTS = (b"hello", b"x" * 3000, "Grüße".encode() * 4000)

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def suites_12() -> list[tuple[str, str]]:
    """Every suite that this OpenSSL offers for TLS 1.2 with an RSA or ECDSA certificate; its key's kind."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0:!NULL:!aNULL:!PSK:!SRP:!DSS:!ARIA:!CAMELLIA:!RC4:!3DES:!IDEA:!SEED")
    return [
        (cipher["name"], "ec" if "ECDSA" in cipher["name"] else "rsa")
        for cipher in context.get_ciphers()
        if cipher["protocol"] != "TLSv1.3"
    ]


def chat(secured: Secured, texts: tuple[bytes, ...] = TEXTS) -> None:
    """An opening, messages both ways, and the closing handshake."""
    conversation = secured.conversation
    secured.send("client", opening.head(opening.request(conversation.key)))
    secured.send("server", opening.head(opening.response(conversation.key)))
    for text in texts:
        say(secured, text)
    finish(secured)


def say(secured: Secured, text: bytes) -> None:
    """One message there and back."""
    secured.send("client", build_frame(Opcode.TEXT, text, KEY))
    secured.send("server", build_frame(Opcode.TEXT, text))


def finish(secured: Secured) -> None:
    """The closing handshake."""
    body = CLOSE_BODY.build({"code": 1000, "reason": b"bye"})
    secured.send("client", build_frame(Opcode.CLOSE, body, KEY))
    secured.send("server", build_frame(Opcode.CLOSE, body))
    secured.conversation.fin("server")
    secured.conversation.fin("client")


def assert_read(records: list[Record], connections: int = 1, texts: tuple[bytes, ...] = TEXTS) -> None:
    """All messages of all connections are there, and nobody is blamed."""
    found = only(Connection, records)
    assert [(each.tls, each.state) for each in found] == [(True, "closed")] * connections
    wanted = [(len(text), hashlib.sha256(text).hexdigest()) for text in texts]
    for each in found:
        for direction in ("client", "server"):
            key = (each.connection, direction)
            messages = [m for m in only(Message, records) if (m.connection, m.direction) == key]
            assert [(message.length, message.sha256) for message in messages] == wanted
    said = [finding for finding in only(Finding, records) if finding.rule not in QUIET]
    assert said == []


QUIET = ("SEC-001", "SEC-002", "SEC-003", "SEC-004")
"""The tests use one masking key."""


def read(recorder: Recorder, contexts: Contexts, **chosen: Any) -> list[Record]:
    return analysed(recorder.capture(), keylog=str(contexts.log), **chosen)


@pytest.mark.parametrize(("suite", "kind"), suites_12(), ids=lambda value: str(value))
def test_every_suite_of_tls_1_2(suite: str, kind: str, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", V12, suite, kind=kind)
    secured = Secured(contexts, recorder.conversation())
    assert secured.ends["client"].cipher()[0] == suite  # type: ignore[index]
    chat(secured)
    assert_read(read(recorder, contexts))


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_tls_1_3(kind: str, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", kind=kind)
    chat(Secured(contexts, recorder.conversation()))
    assert_read(read(recorder, contexts))


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize("tickets", [True, False])
def test_resumption(version: ssl.TLSVersion, tickets: bool, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", version, tickets=tickets)
    first = Secured(contexts, recorder.conversation())
    chat(first)
    second = Secured(contexts, recorder.conversation(), first.ends["client"].session)
    assert second.ends["client"].session_reused
    chat(second)
    assert_read(read(recorder, contexts), 2)


@pytest.mark.parametrize("tickets", [True, False])
def test_a_resumed_session_without_a_line_of_its_own(tickets: bool, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", V12, tickets=tickets)
    first = Secured(contexts, recorder.conversation())
    chat(first)
    lines = contexts.log.read_text()
    chat(Secured(contexts, recorder.conversation(), first.ends["client"].session))
    contexts.log.write_text(lines)
    assert_read(read(recorder, contexts), 2)


@pytest.mark.parametrize("version", [V12, V13])
def test_client_certificates(version: ssl.TLSVersion, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", version, client_certificate=True)
    chat(Secured(contexts, recorder.conversation()))
    assert_read(read(recorder, contexts))


@pytest.mark.parametrize("size", [1, 7, 100, 1440, 5000])
@pytest.mark.parametrize("version", [V12, V13])
def test_segments_of_any_size(version: ssl.TLSVersion, size: int, tmp_path: Path) -> None:
    texts = (b"hello", b"y" * (200 if size == 1 else 20000))
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", version)
    cut = lambda data: [data[start : start + size] for start in range(0, len(data), size)]  # noqa: E731
    chat(Secured(contexts, recorder.conversation(), cut=cut), texts)
    assert_read(read(recorder, contexts), texts=texts)
