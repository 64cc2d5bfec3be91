"""Hellos and messages: what decryption reads of them, and nothing where they are something else."""

from __future__ import annotations

import hypothesis
from hypothesis import strategies as st

from analyzer.tls import handshake
from analyzer.tls.handshake import Messages
from analyzer.wire import tls
from samples.tls import Tls


def hello(name: str | None) -> bytes:
    """The body of a ClientHello, as `samples.tls` builds it."""
    record = Tls(1, name).handshake()[0][1]
    return record[tls.RECORD.sizeof() + tls.MESSAGE.sizeof() :]


def test_a_client_hello_with_and_without_a_name() -> None:
    for name in ("a.example", None):
        found = handshake.client_hello(hello(name))
        assert found is not None
        assert found.names_server == (name is not None)


def test_extensions_that_cannot_be_read_may_name_a_server() -> None:
    body = tls.CLIENT_HELLO_BODY.parse(hello(None))
    body.rest = body.rest[:-1]
    found = handshake.client_hello(tls.CLIENT_HELLO_BODY.build(body))
    assert found is not None
    assert found.names_server


def test_a_retry_request_is_no_server_hello() -> None:
    fields = {"version": tls.TLS_1_2, "session": b"", "suite": 0x1301, "compression": 0, "rest": b""}
    for random, is_hello in ((bytes(32), True), (tls.RETRY_RANDOM, False)):
        body = tls.SERVER_HELLO_BODY.build({**fields, "random": random})
        assert (handshake.server_hello(body) is not None) == is_hello


@hypothesis.given(st.binary(max_size=200))
def test_any_bytes_are_a_hello_or_none(data: bytes) -> None:
    for read in (handshake.client_hello, handshake.server_hello, handshake.accepts_early_data, handshake.ticket):
        read(data)


def test_messages_over_records() -> None:
    """However they are cut: wanted ones whole, the others told when they end."""
    parts = [(1, b"hello"), (11, b"certificate" * 20), (4, b""), (20, b"finished")]
    stream = b"".join(tls.MESSAGE.build({"type": kind, "length": len(body)}) + body for kind, body in parts)
    for size in (1, 2, 5, 9, 1000):
        messages = Messages()
        found = [each for at in range(0, len(stream), size) for each in messages.feed(stream[at : at + size], (1, 4))]
        assert found == [(1, b"hello"), (11, b""), (4, b""), (20, b"")]
        assert messages.held == 0


def test_a_message_that_is_too_long_is_not_kept() -> None:
    messages = Messages()
    head = tls.MESSAGE.build({"type": 1, "length": handshake.LONGEST + 1})
    assert list(messages.feed(head + bytes(handshake.LONGEST), (1,))) == []
    assert messages.held == 0
    assert list(messages.feed(b"\0", (1,))) == [(1, b"")]
