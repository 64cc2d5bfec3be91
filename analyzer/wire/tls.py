"""TLS as Construct schemas: records, the handshake messages that are read, and what keys are derived from.

Source: RFC 5246 (TLS 1.2), RFC 8446 (TLS 1.3); where both say the same, the latter's section is given. Of a hello
only what decryption needs is laid out: the rest of its lists stays bytes.
"""

from __future__ import annotations

import struct

from construct import (
    Bytes,
    Construct,
    FocusedSeq,
    GreedyBytes,
    GreedyRange,
    Int8ub,
    Int16ub,
    Int24ub,
    Int64ub,
    Prefixed,
    Struct,
    Terminated,
)

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
"""Content types (RFC 8446 5.1)."""
CONTENT_TYPES = (CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA)

VERSION_MAJOR = 3
SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304

RECORD = Struct("type" / Int8ub, "version" / Int16ub, "length" / Int16ub)
"""What stands before each record's body (RFC 8446 5.1)."""
LONGEST_PLAINTEXT = 1 << 14
LONGEST_RECORD = LONGEST_PLAINTEXT + 2048
"""Bytes of a protected record's body, at most (RFC 5246 6.2.3; TLS 1.3 allows less)."""

CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, END_OF_EARLY_DATA = 1, 2, 4, 5
ENCRYPTED_EXTENSIONS, CLIENT_KEY_EXCHANGE, FINISHED, KEY_UPDATE = 8, 16, 20, 24
"""Handshake types (RFC 8446 4)."""
MESSAGE = Struct("type" / Int8ub, "length" / Int24ub)
"""What stands before each handshake message's body."""

RANDOM = 32
"""Bytes of a hello's random value."""
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""A ServerHello with this random value is a HelloRetryRequest (RFC 8446 4.1.3)."""

SERVER_NAME, ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET, SESSION_TICKET, EARLY_DATA, SUPPORTED_VERSIONS = (
    0, 22, 23, 35, 42, 43,
)  # fmt: skip
ENCRYPTED_CLIENT_HELLO = 0xFE0D
"""Extension types (IANA)."""

EXTENSION = Struct("type" / Int16ub, "data" / Prefixed(Int16ub, GreedyBytes))
EXTENSIONS = Prefixed(
    Int16ub,
    FocusedSeq("all", "all" / GreedyRange(EXTENSION), Terminated),
)
"""A list of extensions; one that does not end with the last of them is an error."""

CLIENT_HELLO_BODY = Struct(
    "version" / Int16ub,
    "random" / Bytes(RANDOM),
    "session" / Prefixed(Int8ub, GreedyBytes),
    "suites" / Prefixed(Int16ub, GreedyBytes),
    "compressions" / Prefixed(Int8ub, GreedyBytes),
    "rest" / GreedyBytes,
)
"""RFC 8446 4.1.2; ``rest`` are `EXTENSIONS`, or nothing (RFC 5246 7.4.1.2)."""
SERVER_HELLO_BODY = Struct(
    "version" / Int16ub,
    "random" / Bytes(RANDOM),
    "session" / Prefixed(Int8ub, GreedyBytes),
    "suite" / Int16ub,
    "compression" / Int8ub,
    "rest" / GreedyBytes,
)
"""RFC 8446 4.1.3."""
NUMBER = Int16ub
"""A suite or a version, where lists of them are built."""
SERVER_NAME_LIST = Prefixed(Int16ub, Struct("type" / Int8ub, "name" / Prefixed(Int16ub, GreedyBytes)))
"""server_name with one name (RFC 6066 3)."""
VERSION_LIST = Prefixed(Int8ub, GreedyRange(Int16ub))
"""What supported_versions holds in a ClientHello."""
SELECTED_VERSION = Int16ub
"""What supported_versions holds in a ServerHello (RFC 8446 4.2.1)."""
TICKET = FocusedSeq("ticket", "lifetime" / Bytes(4), "ticket" / Prefixed(Int16ub, GreedyBytes))
"""A NewSessionTicket of TLS 1.2 (RFC 5077 3.3)."""
ENCRYPTED_PREMASTER = Prefixed(Int16ub, GreedyBytes)
"""The body of a ClientKeyExchange where RSA carries the secret (RFC 5246 7.4.7.1)."""

HKDF_LABEL = Struct(
    "length" / Int16ub, "label" / Prefixed(Int8ub, GreedyBytes), "context" / Prefixed(Int8ub, GreedyBytes)
)
"""RFC 8446 7.1."""
LABEL_PREFIX = b"tls13 "
ADDITIONAL_DATA = Struct("sequence" / Int64ub, "type" / Int8ub, "version" / Int16ub, "length" / Int16ub)
"""What TLS 1.2 authenticates beside the record's body (RFC 5246 6.2.3.3); in TLS 1.3 it is `RECORD` as it stands."""
SEQUENCE = Int64ub
"""A record's number, as a nonce holds it (RFC 8446 5.3)."""


def packed(schema: Construct) -> struct.Struct:
    """The same layout for bulk use: every field of ``schema`` must be a number of fixed width, big-endian."""
    codes = []
    for field in schema.subcons:
        width = 8 * field.sizeof()
        code = {8: "B", 16: "H", 64: "Q"}.get(width)
        if code is None:
            raise AssertionError(f"{field.name} is no number that bulk reading knows: {width} bits")
        codes.append(code)
    layout = struct.Struct(">" + "".join(codes))
    if layout.size != schema.sizeof():
        raise AssertionError(f"{layout.format} is not as long as its schema")
    return layout


RECORD_HEADER = packed(RECORD)
ADDITIONAL = packed(ADDITIONAL_DATA)
