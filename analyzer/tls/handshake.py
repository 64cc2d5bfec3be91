"""What decryption must know of a handshake: the two hellos, and where each direction changes its keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec
from construct import ConstructError

from analyzer.wire import tls

LONGEST = 64 << 10
"""Bytes of a handshake message that is kept: longer hellos do not exist."""
HEAD: int = tls.MESSAGE.sizeof()


class ClientHello(msgspec.Struct, frozen=True):
    """What a client said first."""

    random: bytes
    session: bytes
    """The id of a session to resume; in TLS 1.3 it means nothing."""
    ticket: bytes
    early_data: bool
    """Application data may follow at once (0-RTT)."""
    names_server: bool
    """A server name is there, or may be hidden, or nobody can tell."""


class ServerHello(msgspec.Struct, frozen=True):
    """What the server chose."""

    version: int
    random: bytes
    session: bytes
    suite: int
    mac_last: bool
    """Encrypt-then-MAC."""
    extended: bool = False
    """The master secret depends on the handshake's messages (RFC 7627)."""


def client_hello(body: bytes) -> ClientHello | None:
    """The body of a ClientHello; None where it is not one."""
    try:
        hello = tls.CLIENT_HELLO_BODY.parse(body)
    except ConstructError:
        return None
    found = _extensions(hello.rest)
    known = found or {}
    return ClientHello(
        random=hello.random,
        session=hello.session,
        ticket=known.get(tls.SESSION_TICKET, b""),
        early_data=tls.EARLY_DATA in known,
        names_server=found is None or tls.SERVER_NAME in known or tls.ENCRYPTED_CLIENT_HELLO in known,
    )


def server_hello(body: bytes) -> ServerHello | None:
    """The body of a ServerHello; None where it is not one, or only asks for another ClientHello."""
    try:
        hello = tls.SERVER_HELLO_BODY.parse(body)
        known = _extensions(hello.rest) or {}
        selected = known.get(tls.SUPPORTED_VERSIONS)
        version: int = hello.version if selected is None else tls.SELECTED_VERSION.parse(selected)
    except ConstructError:
        return None
    if hello.random == tls.RETRY_RANDOM:
        return None
    return ServerHello(
        version=version,
        random=hello.random,
        session=hello.session,
        suite=hello.suite,
        mac_last=tls.ENCRYPT_THEN_MAC in known,
        extended=tls.EXTENDED_MASTER_SECRET in known,
    )


def accepts_early_data(body: bytes) -> bool:
    """The body of EncryptedExtensions says that the server reads 0-RTT data (RFC 8446 4.2.10)."""
    return tls.EARLY_DATA in (_extensions(body) or {})


def encrypted_premaster(body: bytes) -> bytes:
    """What a ClientKeyExchange holds of RSA; empty where it holds something else."""
    try:
        found: bytes = tls.ENCRYPTED_PREMASTER.parse(body)
    except ConstructError:
        return b""
    return found


def message(kind: int, body: bytes) -> bytes:
    """A handshake message as it is hashed."""
    return bytes(tls.MESSAGE.build({"type": kind, "length": len(body)})) + body


def ticket(body: bytes) -> bytes:
    """The ticket in a NewSessionTicket of TLS 1.2."""
    try:
        found: bytes = tls.TICKET.parse(body)
    except ConstructError:
        return b""
    return found


def _extensions(data: bytes) -> dict[int, bytes] | None:
    """Extensions by type; None where they cannot be read to the end."""
    if not data:
        return {}
    try:
        return {each.type: each.data for each in tls.EXTENSIONS.parse(data)}
    except ConstructError:
        return None


class Messages:
    """Handshake messages out of one direction's records, which may hold several, or parts of one."""

    __slots__ = ("_kind", "_part", "_skip")

    def __init__(self) -> None:
        self._part = b""
        self._kind = 0
        self._skip = 0
        """Bytes to come of a message of that kind, which nobody wants."""

    @property
    def held(self) -> int:
        """Bytes that wait for more."""
        return len(self._part)

    def feed(self, data: bytes, wanted: Collection[int]) -> Iterator[tuple[int, bytes]]:
        """Type and body of each message that ends in ``data``; the body only of those ``wanted``."""
        data, self._part = self._part + data, b""
        while True:
            if self._skip:
                taken = min(self._skip, len(data))
                data, self._skip = data[taken:], self._skip - taken
                if self._skip:
                    return
                yield self._kind, b""
            if len(data) < HEAD:
                self._part = data
                return
            head = tls.MESSAGE.parse(data)
            if head.type not in wanted or head.length > LONGEST:
                data = data[HEAD:]
                if head.length:
                    self._kind, self._skip = head.type, head.length
                else:
                    yield head.type, b""
                continue
            if len(data) < HEAD + head.length:
                self._part = data
                return
            body, data = data[HEAD : HEAD + head.length], data[HEAD + head.length :]
            yield head.type, body
