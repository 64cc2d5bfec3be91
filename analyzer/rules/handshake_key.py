"""SEC-008: a nonce that is none (RFC 6455 4.1, item 7).

One value cannot be shown to be random; but a value from an article, one byte repeated and bytes that count are surely
not. That a client sends the same one again shows over several connections (SEC-007, in `relations`).
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import pairwise

from analyzer.http import fields as grammar
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import KEY, Opening
from analyzer.rules.opening_faults import at_value, quoted
from analyzer.rules.registry import rule

PUBLISHED = {
    b"dGhlIHNhbXBsZSBub25jZQ==": "the sample of RFC 6455 1.3",
    b"x3JJHMbDL1EzLkh9GBhXDw==": "a sample in many articles",
}


@rule("SEC-008", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 6455 4.1 (7)", role=Role.CLIENT)
def handshake_key_not_random(opening: Opening) -> Iterator[Fault]:
    """Sec-WebSocket-Key is a published or structured value.

    The key is to be 16 random bytes, new for each connection, so that a cached answer cannot pass for a fresh one. A
    fixed key weakens nothing after the opening; health checks and hand-written requests often have one. In a client
    that others use, take 16 bytes from the system's random generator.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC== | Sec-WebSocket-Version: 13

    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g== | Sec-WebSocket-Version: 13

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZQ== | Sec-WebSocket-Version: 13
    """
    if not opening.judge_request:
        return
    for field in opening.field("client", KEY)[:1]:
        # A value that is no key at all is HS-108's (policy P2).
        pattern = _pattern(field.value) if grammar.key_is_16_bytes(field.value) else None
        if pattern is not None:
            found = f"{quoted(field.value)}, {pattern}"
            yield at_value(field, field.value_offset, len(field.value), "16 random bytes", found)


def _pattern(value: bytes) -> str | None:
    """What is not random about a key."""
    if value in PUBLISHED:
        return PUBLISHED[value]
    key = base64.b64decode(value)
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    if steps == {0}:
        return f"{key[0]:02x} sixteen times"
    if len(steps) == 1:
        return "bytes that count"
    # Of random keys one in seven million is text too.
    return "printable text" if all(0x20 <= byte < 0x7F for byte in key) else None
