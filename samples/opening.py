"""Correct opening handshakes (RFC 6455 4.1, 4.2.2), to stand before the frames a sample is about."""

from __future__ import annotations

import base64
import hashlib

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""

RFC_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
"""The key of RFC 6455's own examples."""


def key_for(number: int) -> str:
    """A Sec-WebSocket-Key that looks random and is always the same for ``number``."""
    return base64.b64encode(hashlib.sha256(f"key {number}".encode()).digest()[:16]).decode()


def accept_for(key: str) -> str:
    """The Sec-WebSocket-Accept that answers ``key`` (RFC 6455 4.2.2, item 5.4)."""
    return base64.b64encode(hashlib.sha1(key.encode("latin-1") + GUID).digest()).decode()


def head(lines: list[str]) -> bytes:
    """An HTTP head: the lines, each ended by CRLF, and the empty line. One character is one byte (Latin-1)."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def request(key: str, *, extensions: str | None = None, subprotocol: str | None = None) -> list[str]:
    """The lines of a correct opening request."""
    return [
        "GET /chat HTTP/1.1",
        "Host: server.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *_chosen(extensions, subprotocol),
    ]


def response(key: str, *, extensions: str | None = None, subprotocol: str | None = None) -> list[str]:
    """The lines of the 101 that accepts a request with ``key``."""
    return [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_for(key)}",
        *_chosen(extensions, subprotocol),
    ]


def _chosen(extensions: str | None, subprotocol: str | None) -> list[str]:
    fields = {"Sec-WebSocket-Protocol": subprotocol, "Sec-WebSocket-Extensions": extensions}
    return [f"{name}: {value}" for name, value in fields.items() if value is not None]
