"""Keys and records against published bytes: RFC 8448 for TLS 1.3, the PRF's test vector for TLS 1.2."""

from __future__ import annotations

import pytest

from analyzer.tls.protection import Cbc12, Protection13, expand_label, openers_12, prf
from analyzer.tls.suites import TLS_1_2_SUITES, TLS_1_3_SUITES

SECRET = bytes.fromhex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
"""RFC 8448 3: server_application_traffic_secret_0."""


def test_keys_of_rfc_8448() -> None:
    assert expand_label("sha256", SECRET, b"key", 16).hex() == "9f02283b6c9c07efc26bb9f2ac92e356"
    assert expand_label("sha256", SECRET, b"iv", 12).hex() == "cf782b88dd83549aadf1e984"


def test_the_application_data_of_rfc_8448() -> None:
    """The server's echo of 50 bytes, record number 1 after the ticket."""
    body = bytes.fromhex(
        "2e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2"
        "abf332540dd032e167c2955d"
    )
    opened = Protection13(TLS_1_3_SUITES[0x1301], SECRET).open(1, 23, 0x0303, body)
    assert opened is not None
    assert (opened.type, opened.data[: opened.length]) == (23, bytes(range(50)))


def test_the_prf_of_tls_1_2() -> None:
    """The vector for P_SHA256 that the IETF's TLS working group published."""
    made = prf(
        "sha256",
        bytes.fromhex("9bbe436ba940f017b17652849a71db35"),
        b"test label",
        bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c"),
        100,
    )
    assert made.hex().startswith("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a")


@pytest.mark.parametrize("number", sorted({0x009C, 0xCCA8, 0xC0A0, 0x002F, 0xC028}))
@pytest.mark.parametrize("mac_last", [True, False])
def test_bodies_of_any_length_come_to_nothing(number: int, mac_last: bool) -> None:
    for opener in openers_12(TLS_1_2_SUITES[number], b"m" * 48, b"c" * 32, b"s" * 32, mac_last=mac_last):
        for length in (*range(130), 16384 + 2048):
            assert opener.open(0, 23, 0x0303, bytes(length)) is None


@pytest.mark.parametrize("number", sorted(TLS_1_3_SUITES))
def test_records_of_any_length_come_to_nothing(number: int) -> None:
    opener = Protection13(TLS_1_3_SUITES[number], b"")
    for length in (*range(40), 16384 + 256):
        assert opener.open(0, 23, 0x0303, bytes(length)) is None
        assert opener.updated().open((1 << 64) - 1, 23, 0x0303, bytes(length)) is None


def test_padding_is_checked_before_the_mac() -> None:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    key, iv = bytes(16), bytes(16)
    opener = Cbc12(TLS_1_2_SUITES[0x002F], key, b"", mac_last=False)
    for end in (b"\xff", b"\x1f" * 2, b"\0"):
        seal = Cipher(AES(key), CBC(iv)).encryptor()
        assert opener.open(0, 23, 0x0303, iv + seal.update(bytes(64 - len(end)) + end)) is None
