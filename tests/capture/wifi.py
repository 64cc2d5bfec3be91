"""A conversation as it looks on the air of a WPA2 network: the four-way handshake, then data frames under CCMP.

IEEE 802.11-2020: 12.7.1.2 (PRF), 12.7.2 (EAPOL-Key), 12.5.3 (CCMP). Link type 105, 802.11 without a radio header.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from pathlib import Path

PASSPHRASE, NETWORK = "correct horse battery", "example"
ACCESS_POINT, STATION = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
NONCES = bytes(range(32)), bytes(range(32, 64))
RSN = bytes.fromhex("30140100000fac040100000fac040100000fac020000")
"""One cipher, CCMP; one way to authenticate, the passphrase."""
LINK_TYPE = 105
EAPOL, IPV4 = 0x888E, 0x0800
CHECKED = 0x100
"""Of an EAPOL-Key message's information: there is an integrity check."""
BEFORE = 5
"""Frames before the first of the conversation."""
ETHERNET = 14
"""Bytes of header of the packets that go in."""


def on_air(capture: Path, out: Path) -> None:
    """Write into ``out`` what the TCP packets of ``capture`` (pcap, Ethernet, IPv4) look like on the air."""
    data = capture.read_bytes()
    packets, at = [], 24
    while at < len(data):
        seconds, fraction, length, _ = struct.unpack_from("<4I", data, at)
        packets.append((seconds, fraction, data[at + 16 : at + 16 + length]))
        at += 16 + length
    start = packets[0][:2]
    keys = _Keys()
    frames = [(*start, frame) for frame in (_beacon(), *_handshake(keys))]
    client = packets[0][2][ETHERNET + 12 : ETHERNET + 16]
    for number, (seconds, fraction, packet) in enumerate(packets, 1):
        up = packet[ETHERNET + 12 : ETHERNET + 16] == client
        frames.append((seconds, fraction, keys.sealed(number, packet[ETHERNET:], up=up)))
    with out.open("wb") as file:
        file.write(data[:20] + struct.pack("<I", LINK_TYPE))
        for seconds, fraction, frame in frames:
            file.write(struct.pack("<4I", seconds, fraction, len(frame), len(frame)) + frame)


def _header(flags: int, number: int, *, up: bool) -> bytes:
    addresses = ACCESS_POINT + STATION + ACCESS_POINT if up else STATION + ACCESS_POINT + ACCESS_POINT
    return bytes([0x08, flags | (1 if up else 2), 0, 0]) + addresses + struct.pack("<H", number << 4)


def _snap(ethertype: int) -> bytes:
    return bytes.fromhex("aaaa03000000") + struct.pack(">H", ethertype)


def _beacon() -> bytes:
    name = NETWORK.encode()
    everybody = b"\xff" * 6
    body = bytes(8) + struct.pack("<HH", 100, 0x0411) + bytes([0, len(name)]) + name + bytes.fromhex("010182") + RSN
    return bytes([0x80, 0, 0, 0]) + everybody + ACCESS_POINT + ACCESS_POINT + bytes(2) + body


def _handshake(keys: _Keys) -> list[bytes]:
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap

    group = bytes.fromhex("dd16000fac010100") + bytes(range(16))
    clear = RSN + group
    clear += b"\xdd" + bytes(-(len(clear) + 1) % 8)
    wrapped = aes_key_wrap(keys.encryption, clear)
    steps = [
        (False, 0x008A, 1, NONCES[0], b""),
        (True, 0x010A, 1, NONCES[1], RSN),
        (False, 0x13CA, 2, NONCES[0], wrapped),
        (True, 0x030A, 2, bytes(32), b""),
    ]
    frames = []
    for number, (up, information, counter, nonce, data) in enumerate(steps):
        size = 0 if up else 16
        head = struct.pack(">BHHQ", 2, information, size, counter) + nonce + bytes(32)
        check = bytes(16)
        if information & CHECKED:
            check = hmac.digest(keys.confirmation, _key_message(head, check, data), "sha1")[:16]
        frames.append(_header(0, number, up=up) + _snap(EAPOL) + _key_message(head, check, data))
    return frames


def _key_message(head: bytes, check: bytes, data: bytes) -> bytes:
    body = head + check + struct.pack(">H", len(data)) + data
    return struct.pack(">BBH", 1, 3, len(body)) + body


class _Keys:
    def __init__(self) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESCCM

        master = hashlib.pbkdf2_hmac("sha1", PASSPHRASE.encode(), NETWORK.encode(), 4096, 32)
        ends = min(ACCESS_POINT, STATION) + max(ACCESS_POINT, STATION) + min(NONCES) + max(NONCES)
        seed = b"Pairwise key expansion\0" + ends
        made = b"".join(hmac.digest(master, seed + bytes([count]), "sha1") for count in range(3))
        self.confirmation, self.encryption = made[:16], made[16:32]
        self._cipher = AESCCM(made[32:48], tag_length=8)

    def sealed(self, number: int, packet: bytes, *, up: bool) -> bytes:
        """An IPv4 packet in a data frame with that packet number."""
        header = _header(0x40, number, up=up)
        counter = number.to_bytes(6, "big")
        nonce = bytes(1) + header[10:16] + counter
        additional = header[:2] + header[4:22] + bytes(2)
        body = self._cipher.encrypt(nonce, _snap(IPV4) + packet, additional)
        return header + bytes([counter[5], counter[4], 0, 0x20, *counter[3::-1]]) + body
