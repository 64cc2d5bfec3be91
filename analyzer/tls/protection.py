"""Takes the protection off records: keys from secrets, and one object for each way records are protected.

An *opener* belongs to one direction under one key. `open` gives the content type and the content of a record with a
given number, or None where it does not authenticate: so with a wrong key or a wrong number nothing ever comes out.
Content stands in the body at ``prefix``, byte for byte, for streaming ciphers; for CBC within a block's length.

The package ``cryptography`` is imported when the first key is made; key derivation needs only the standard library.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NamedTuple, Protocol

from analyzer.tls.suites import Suite
from analyzer.wire import tls

NONCE = 12
"""Bytes of an AEAD nonce."""
SALT = 4
"""Of these in TLS 1.2 with AES, from the key block; the rest stands before each body (RFC 5288 3)."""
BLOCK = 16
"""Bytes of an AES block."""


class Content(NamedTuple):
    """What a record holds: its type, and the first ``length`` of ``data``."""

    type: int
    data: bytes
    length: int


class Opener(Protocol):
    """One direction's protection under one key."""

    prefix: int
    """Bytes of a body that stand before what is encrypted."""
    overhead: int
    """Bytes by which a body is longer than its content, at least."""
    exact: bool
    """No body is longer than by that: lengths of contents can be told without the key."""

    def open(self, number: int, type: int, version: int, body: bytes) -> Content | None:
        """The content of record ``number``; None where it does not authenticate."""


# --- TLS 1.3


def expand_label(hash: str, secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 7.1)."""
    info = tls.HKDF_LABEL.build({"length": length, "label": tls.LABEL_PREFIX + label, "context": b""})
    made = block = b""
    counter = 1
    while len(made) < length:  # RFC 5869 2.3
        block = hmac.digest(secret, block + info + bytes([counter]), hash)
        made += block
        counter += 1
    return made[:length]


class Protection13:
    """RFC 8446 5.2: the type and any padding are inside, and the record's header is authenticated."""

    prefix = 0
    exact = False  # padding may follow the content

    def __init__(self, suite: Suite, secret: bytes) -> None:
        """Keys from a traffic secret (RFC 8446 7.3)."""
        self._suite = suite
        self._secret = secret
        self._decrypt = _aead(suite, expand_label(suite.hash, secret, b"key", suite.key_size))
        self._iv = int.from_bytes(expand_label(suite.hash, secret, b"iv", NONCE), "big")
        self.overhead = suite.tag + 1

    def open(self, number: int, type: int, version: int, body: bytes) -> Content | None:
        """See `Opener`."""
        header = tls.RECORD_HEADER.pack(type, version, len(body))
        data = self._decrypt((self._iv ^ number).to_bytes(NONCE, "big"), body, header)
        if data is None:
            return None
        length = len(data) if data[-1:] != b"\0" else len(data.rstrip(b"\0"))
        return Content(data[length - 1], data, length - 1) if length else None

    def updated(self) -> Protection13:
        """After a KeyUpdate (RFC 8446 7.2)."""
        size = hashlib.new(self._suite.hash).digest_size
        return Protection13(self._suite, expand_label(self._suite.hash, self._secret, b"traffic upd", size))


# --- TLS 1.2


def prf(hash: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """RFC 5246 5."""
    seed = label + seed
    made, a = b"", seed
    while len(made) < length:
        a = hmac.digest(secret, a, hash)
        made += hmac.digest(secret, a + seed, hash)
    return made[:length]


MASTER = 48
"""Bytes of a master secret (RFC 5246 8.1)."""


def master_12(suite: Suite, premaster: bytes, client: bytes, server: bytes, messages: bytes | None) -> bytes:
    """The master secret from the premaster secret and the hellos' random values.

    Or from the handshake's ``messages`` up to the ClientKeyExchange, where that was agreed on (RFC 7627 4).
    """
    if messages is None:
        return prf(suite.hash, premaster, b"master secret", client + server, MASTER)
    return prf(suite.hash, premaster, b"extended master secret", hashlib.new(suite.hash, messages).digest(), MASTER)


def openers_12(suite: Suite, master: bytes, client: bytes, server: bytes, *, mac_last: bool) -> tuple[Opener, Opener]:
    """The client's and the server's protection from the key block (RFC 5246 6.3).

    ``client`` and ``server`` are the hellos' random values; ``mac_last``: encrypt-then-MAC was agreed on (RFC 7366).
    """
    mac = hashlib.new(suite.mac).digest_size if suite.mac else 0
    iv = {"chacha": NONCE, "cbc": 0}.get(suite.cipher, SALT)
    sizes = (mac, mac, suite.key_size, suite.key_size, iv, iv)
    block = prf(suite.hash, master, b"key expansion", server + client, sum(sizes))
    parts = []
    for size in sizes:
        parts.append(block[:size])
        block = block[size:]
    macs, keys, ivs = parts[0:2], parts[2:4], parts[4:6]
    if suite.cipher == "cbc":
        pair = [Cbc12(suite, key, mac_key, mac_last=mac_last) for key, mac_key in zip(keys, macs, strict=True)]
        return pair[0], pair[1]
    made = [Aead12(suite, key, salt) for key, salt in zip(keys, ivs, strict=True)]
    return made[0], made[1]


class Aead12:
    """RFC 5246 6.2.3.3, with the nonces of RFC 5288 (AES) and RFC 7905 (ChaCha20)."""

    exact = True

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        """``iv`` is the salt of AES, all of the nonce of ChaCha20."""
        self._decrypt = _aead(suite, key)
        self._salt = iv
        self._iv = int.from_bytes(iv, "big")
        self.prefix = 0 if suite.cipher == "chacha" else NONCE - SALT
        self.overhead = self.prefix + suite.tag

    def open(self, number: int, type: int, version: int, body: bytes) -> Content | None:
        """See `Opener`."""
        if len(body) < self.overhead:
            return None
        additional = tls.ADDITIONAL.pack(number, type, version, len(body) - self.overhead)
        if self.prefix:
            nonce = self._salt + body[: self.prefix]
            body = body[self.prefix :]
        else:
            nonce = (self._iv ^ number).to_bytes(NONCE, "big")
        data = self._decrypt(nonce, body, additional)
        return None if data is None else Content(type, data, len(data))


class Cbc12:
    """AES-CBC with an HMAC, over the content and encrypted with it (RFC 5246 6.2.3.2) or over all (RFC 7366)."""

    prefix = BLOCK
    exact = False  # the padding's length is inside

    def __init__(self, suite: Suite, key: bytes, mac_key: bytes, *, mac_last: bool) -> None:
        """``mac_last``: the MAC is over what is encrypted, and stands after it."""
        from cryptography.hazmat.primitives.ciphers.algorithms import AES

        self._algorithm = AES(key)
        self._mac_key = mac_key
        self._hash = suite.mac
        self._mac = hashlib.new(suite.mac).digest_size
        self._mac_last = mac_last
        self.overhead = BLOCK + self._mac + 1
        self._at_hand: tuple[bytes, bytes | None] = b"", b""

    def open(self, number: int, type: int, version: int, body: bytes) -> Content | None:
        """See `Opener`."""
        if len(body) < self.overhead:
            return None
        if self._mac_last:
            sealed, mac = body[: -self._mac], body[-self._mac :]
            if not hmac.compare_digest(self._digest(number, type, version, len(sealed), sealed), mac):
                return None
            data = self._decrypted(sealed)
            return None if data is None else Content(type, data, len(data))
        data = self._decrypted(body)
        length = -1 if data is None else len(data) - self._mac
        if data is None or length < 0:
            return None
        right = self._digest(number, type, version, length, data[:length])
        return Content(type, data, length) if hmac.compare_digest(right, data[length:]) else None

    def _digest(self, number: int, type: int, version: int, length: int, data: bytes) -> bytes:
        return hmac.digest(self._mac_key, tls.ADDITIONAL.pack(number, type, version, length) + data, self._hash)

    def _decrypted(self, sealed: bytes) -> bytes | None:
        """What is encrypted, without its padding; None where it has none. The last is remembered: numbers are tried."""
        if self._at_hand[0] != sealed:
            self._at_hand = sealed, self._decrypt(sealed)
        return self._at_hand[1]

    def _decrypt(self, sealed: bytes) -> bytes | None:
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.modes import CBC

        if len(sealed) < 2 * BLOCK or len(sealed) % BLOCK:
            return None
        context = Cipher(self._algorithm, CBC(sealed[:BLOCK])).decryptor()
        data = context.update(sealed[BLOCK:]) + context.finalize()
        padding = data[-1]
        if padding >= len(data) or data[-padding - 1 :] != bytes([padding]) * (padding + 1):
            return None
        return data[: -padding - 1]


def _aead(suite: Suite, key: bytes) -> Any:
    """A function of nonce, sealed data and additional data: the content, or None where it does not authenticate."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import aead

    cipher: Any
    if suite.cipher == "gcm":
        cipher = aead.AESGCM(key)
    elif suite.cipher == "chacha":
        cipher = aead.ChaCha20Poly1305(key)
    else:
        cipher = aead.AESCCM(key, tag_length=suite.tag)
    decrypt = cipher.decrypt

    def opened(nonce: bytes, sealed: bytes, additional: bytes) -> bytes | None:
        try:
            data: bytes = decrypt(nonce, sealed, additional)
        except (InvalidTag, ValueError, OverflowError):
            return None
        return data

    return opened
