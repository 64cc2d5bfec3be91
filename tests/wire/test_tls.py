"""The layouts of TLS, with the bytes of RFC 8448 (Example Handshake Traces for TLS 1.3)."""

from __future__ import annotations

import pytest
from construct import ConstructError, Int24ub, Struct

from analyzer.wire import tls

SERVER_HELLO = bytes.fromhex(
    "0303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c982887611"
    "2095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304"
)
"""RFC 8448 3."""


def test_a_server_hello() -> None:
    hello = tls.SERVER_HELLO_BODY.parse(SERVER_HELLO)
    assert (hello.version, hello.suite, hello.random.hex()[:8]) == (tls.TLS_1_2, 0x1301, "a6af06a4")
    extensions = {each.type: each.data for each in tls.EXTENSIONS.parse(hello.rest)}
    assert tls.SELECTED_VERSION.parse(extensions[tls.SUPPORTED_VERSIONS]) == tls.TLS_1_3
    assert tls.SERVER_HELLO_BODY.build(hello) == SERVER_HELLO


def test_extensions_that_end_too_early_are_an_error() -> None:
    assert list(tls.EXTENSIONS.parse(b"\0\0")) == []
    for cut in ("0005 0000 0000 01", "0004 0000 0001", "0001 00"):
        with pytest.raises(ConstructError):
            tls.EXTENSIONS.parse(bytes.fromhex(cut))


def test_bulk_layouts_are_the_schemas() -> None:
    header = {"type": 23, "version": 0x0303, "length": 17}
    assert tls.RECORD_HEADER.pack(*header.values()) == tls.RECORD.build(header)
    additional = {"sequence": 1 << 40, **header}
    assert tls.ADDITIONAL.pack(*additional.values()) == tls.ADDITIONAL_DATA.build(additional)
    with pytest.raises(AssertionError, match="24 bits"):
        tls.packed(Struct("length" / Int24ub))
