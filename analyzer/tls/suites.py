"""The cipher suites that are decrypted, by their number (IANA), and what each protects records with.

Key exchange and authentication do not matter to who has the secret, so a suite is but its cipher, and the hash that
keys are derived with.
"""

from __future__ import annotations

import msgspec


class Suite(msgspec.Struct, frozen=True):
    """How records are protected."""

    cipher: str
    """gcm, ccm, chacha or cbc."""
    key_size: int
    hash: str
    """Of the key derivation, as hashlib calls it."""
    tag: int = 16
    """Bytes at the end that authenticate."""
    mac: str = ""
    """Of CBC suites: hash of the HMAC."""


def _table(suite: Suite, numbers: str) -> dict[int, Suite]:
    return {int(number, 16): suite for number in numbers.split()}


TLS_1_3_SUITES: dict[int, Suite] = {
    0x1301: Suite("gcm", 16, "sha256"),
    0x1302: Suite("gcm", 32, "sha384"),
    0x1303: Suite("chacha", 32, "sha256"),
    0x1304: Suite("ccm", 16, "sha256"),
    0x1305: Suite("ccm", 16, "sha256", tag=8),
}
"""RFC 8446 B.4."""

TLS_1_2_SUITES: dict[int, Suite] = {
    **_table(Suite("gcm", 16, "sha256"), "009c 009e 00a0 00a2 00a4 00a6 00a8 00aa 00ac c02b c02d c02f c031 d001"),
    **_table(Suite("gcm", 32, "sha384"), "009d 009f 00a1 00a3 00a5 00a7 00a9 00ab 00ad c02c c02e c030 c032 d002"),
    **_table(Suite("chacha", 32, "sha256"), "cca8 cca9 ccaa ccab ccac ccad ccae"),
    **_table(Suite("ccm", 16, "sha256"), "c09c c09e c0a4 c0a6 c0ac d005"),
    **_table(Suite("ccm", 32, "sha256"), "c09d c09f c0a5 c0a7 c0ad"),
    **_table(Suite("ccm", 16, "sha256", tag=8), "c0a0 c0a2 c0a8 c0aa c0ae d003"),
    **_table(Suite("ccm", 32, "sha256", tag=8), "c0a1 c0a3 c0a9 c0ab c0af"),
    **_table(
        Suite("cbc", 16, "sha256", mac="sha1"),
        "002f 0030 0031 0032 0033 0034 008c 0090 0094 c004 c009 c00e c013 c018 c035",
    ),
    **_table(
        Suite("cbc", 32, "sha256", mac="sha1"),
        "0035 0036 0037 0038 0039 003a 008d 0091 0095 c005 c00a c00f c014 c019 c036",
    ),
    **_table(
        Suite("cbc", 16, "sha256", mac="sha256"),
        "003c 003e 003f 0040 0067 006c 00ae 00b2 00b6 c023 c025 c027 c029 c037",
    ),
    **_table(Suite("cbc", 32, "sha256", mac="sha256"), "003d 0068 0069 006a 006b 006d"),
    **_table(Suite("cbc", 32, "sha384", mac="sha384"), "00af 00b3 00b7 c024 c026 c028 c02a c038"),
}
"""RFC 5246 A.5, RFC 4279, 5288, 5289, 5487, 5489, 6655, 7251, 7905, 8442."""
