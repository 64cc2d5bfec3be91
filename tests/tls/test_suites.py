"""The numbers of cipher suites, as OpenSSL knows them."""

from __future__ import annotations

import ssl

import pytest

from analyzer.tls.suites import TLS_1_2_SUITES, TLS_1_3_SUITES

CIPHERS = {"AESGCM": "gcm", "AESCCM": "ccm", "CHACHA20": "chacha"}


def known() -> list[dict[str, object]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0:!NULL:!SRP:!ARIA:!CAMELLIA:!RC4:!3DES:!IDEA:!SEED")
    return context.get_ciphers()  # type: ignore[return-value]


@pytest.mark.parametrize("cipher", known(), ids=lambda cipher: str(cipher["name"]))
def test_a_suite_is_what_openssl_says(cipher: dict[str, object]) -> None:
    number, name = int(str(cipher["id"])) & 0xFFFF, str(cipher["name"])
    suite = (TLS_1_3_SUITES if cipher["protocol"] == "TLSv1.3" else TLS_1_2_SUITES)[number]
    described = str(cipher["description"])
    encryption = described.split("Enc=")[1].split("(")[0]
    assert suite.cipher == next((cipher for start, cipher in CIPHERS.items() if encryption.startswith(start)), "cbc")
    assert suite.key_size * 8 == cipher["strength_bits"]
    assert suite.mac == ("" if cipher["aead"] else described.split("Mac=")[1].split()[0].lower())
    assert suite.hash == ("sha384" if "SHA384" in name else "sha256")
    assert suite.tag == (8 if "CCM8" in name or "CCM_8" in name else 16)
