"""Puts a conversation into TLS 1.3, with the secrets for a key log beside it.

No key is agreed on: the secrets are made up, the hellos name a suite, and what stands between them and the first
application data is only as much of a handshake as tells one side's keys from the next. Who has the secrets reads it
all; to anybody else it looks like any other connection. `tests` has real peers.
"""

from __future__ import annotations

import hashlib

from analyzer.model import Direction
from analyzer.tls.keylog import APPLICATION, EARLY, HANDSHAKE
from analyzer.tls.protection import NONCE, expand_label
from analyzer.wire import tls

SUITE = 0x1301
"""TLS_AES_128_GCM_SHA256."""
HASH, KEY = "sha256", 16
FINISHED_BODY = bytes(32)
SIDES: tuple[Direction, Direction] = ("client", "server")


class Tls:
    """One connection's two directions, as its peers protect them."""

    def __init__(self, number: int, name: str | None) -> None:
        """``number`` tells connections apart; ``name``: of the server, None for a client that does not say it."""
        self._random = hashlib.sha256(f"client random {number}".encode()).digest()
        self._name = name
        self._number = number
        self._secrets = {label: self._made(label) for label in (*HANDSHAKE, *APPLICATION)}
        self._sealers = {side: _Sealer(self._secrets[HANDSHAKE[role]]) for role, side in enumerate(SIDES)}

    def keylog(self) -> str:
        """The lines of a key log."""
        return "".join(f"{label} {self._random.hex()} {secret.hex()}\n" for label, secret in self._secrets.items())

    def handshake(self, early: bytes = b"", *, accepted: bool = True) -> list[tuple[Direction, bytes]]:
        """Who sends what before the first application data but ``early``: that of 0-RTT, ``accepted`` or not."""
        offer = [_extension(tls.EARLY_DATA, b"")] if early else []
        versions = _extension(tls.SUPPORTED_VERSIONS, tls.VERSION_LIST.build([tls.TLS_1_3]))
        name = [] if self._name is None else [_server_name(self._name)]
        hello = tls.CLIENT_HELLO_BODY.build(
            {
                "version": tls.TLS_1_2,
                "random": self._random,
                "session": b"",
                "suites": tls.NUMBER.build(SUITE),
                "compressions": b"\0",
                "rest": tls.EXTENSIONS.build([versions, *name, *offer]),
            }
        )
        chosen = _extension(tls.SUPPORTED_VERSIONS, tls.SELECTED_VERSION.build(tls.TLS_1_3))
        answer = tls.SERVER_HELLO_BODY.build(
            {
                "version": tls.TLS_1_2,
                "random": self._made("server random"),
                "session": b"",
                "suite": SUITE,
                "compression": 0,
                "rest": tls.EXTENSIONS.build([chosen]),
            }
        )
        finished = _message(tls.FINISHED, FINISHED_BODY)
        server = _record(tls.HANDSHAKE, _message(tls.SERVER_HELLO, answer)) + self._sealers["server"].seal(
            tls.HANDSHAKE,
            _message(tls.ENCRYPTED_EXTENSIONS, tls.EXTENSIONS.build(offer if accepted else [])) + finished,
        )
        client = self._sealers["client"].seal(tls.HANDSHAKE, finished)
        first = _record(tls.HANDSHAKE, _message(tls.CLIENT_HELLO, hello))
        if early:
            self._secrets[EARLY] = self._made(EARLY)
            sealer = _Sealer(self._secrets[EARLY])
            first += sealer.seal(tls.APPLICATION_DATA, early)
            if accepted:
                client = sealer.seal(tls.HANDSHAKE, _message(tls.END_OF_EARLY_DATA, b"")) + client
        self._sealers = {side: _Sealer(self._secrets[APPLICATION[role]]) for role, side in enumerate(SIDES)}
        return [
            ("client", first),
            ("server", server),
            ("client", client),
        ]

    def seal(self, side: Direction, data: bytes) -> bytes:
        """Application data as records."""
        size = tls.LONGEST_PLAINTEXT
        parts = [data[start : start + size] for start in range(0, len(data), size)]
        return b"".join(self._sealers[side].seal(tls.APPLICATION_DATA, part) for part in parts)

    def update(self, side: Direction) -> bytes:
        """A KeyUpdate: what follows is under the next key (RFC 8446 7.2)."""
        told = self._sealers[side].seal(tls.HANDSHAKE, _message(tls.KEY_UPDATE, b"\0"))
        self._sealers[side] = self._sealers[side].updated()
        return told

    def _made(self, label: str) -> bytes:
        return hashlib.sha256(f"{label} {self._number}".encode()).digest()


class _Sealer:
    """One direction under one key."""

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._secret = secret
        self._cipher = AESGCM(expand_label(HASH, secret, b"key", KEY))
        self._iv = int.from_bytes(expand_label(HASH, secret, b"iv", NONCE), "big")
        self._number = 0

    def updated(self) -> _Sealer:
        return _Sealer(expand_label(HASH, self._secret, b"traffic upd", 32))

    def seal(self, kind: int, content: bytes) -> bytes:
        inner = content + bytes([kind])
        header = _header(tls.APPLICATION_DATA, len(inner) + 16)
        nonce = (self._iv ^ self._number).to_bytes(NONCE, "big")
        self._number += 1
        return header + self._cipher.encrypt(nonce, inner, header)


def _header(kind: int, length: int) -> bytes:
    built: bytes = tls.RECORD.build({"type": kind, "version": tls.TLS_1_2, "length": length})
    return built


def _record(kind: int, content: bytes) -> bytes:
    return _header(kind, len(content)) + content


def _message(kind: int, body: bytes) -> bytes:
    built: bytes = tls.MESSAGE.build({"type": kind, "length": len(body)})
    return built + body


def _extension(kind: int, data: bytes) -> dict[str, object]:
    return {"type": kind, "data": data}


def _server_name(name: str) -> dict[str, object]:
    return _extension(tls.SERVER_NAME, tls.SERVER_NAME_LIST.build({"type": 0, "name": name.encode("ascii")}))
