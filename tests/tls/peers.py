"""Real TLS peers, OpenSSL's, without sockets: what they send each other, as a capture with a key log.

Both ends are `ssl.MemoryBIO`s. Whatever one end writes is passed on at once, as a segment of a `samples` conversation,
so a test says who sends which plaintext and gets the packets of it.
"""

from __future__ import annotations

import datetime
import ssl
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import factorial
from pathlib import Path

from analyzer.model import Direction
from samples.traffic import Conversation, Wire, pcap_bytes

NAME = "server.example"
SUITES_13 = (
    "AES_128_GCM_SHA256",
    "AES_256_GCM_SHA384",
    "CHACHA20_POLY1305_SHA256",
    "AES_128_CCM_SHA256",
    "AES_128_CCM_8_SHA256",
)
CONFIGURATION = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = chosen
[chosen]
Ciphersuites = TLS_{suite}
CipherString = DEFAULT@SECLEVEL=0
"""
"""Of OpenSSL, by OPENSSL_CONF: Python cannot choose between the suites of TLS 1.3."""


@cache
def certificate(kind: str = "rsa") -> tuple[str, str]:
    """Paths of a self-signed certificate and its key, made for the occasion."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = Path(tempfile.mkdtemp())
    form = serialization.PrivateFormat.PKCS8
    encoding = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(encoding))
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return str(folder / "cert.pem"), str(folder / "key.pem")


@cache
def dh_parameters() -> str:
    """Path of the parameters ffdhe2048, computed as RFC 7919 A.1 states them."""
    e = sum(Fraction(1, factorial(n)) for n in range(400))
    p = 2**2048 - 2**1984 + (int(e * 2**1918) + 560316) * 2**64 - 1
    path = Path(tempfile.mkdtemp()) / "dh.pem"
    numbers = b"".join(_der(2, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in (p, 2))
    path.write_text(ssl.DER_cert_to_PEM_cert(_der(48, numbers)).replace("CERTIFICATE", "DH PARAMETERS"))
    return str(path)


def _der(tag: int, data: bytes) -> bytes:
    """A value in ASN.1's DER."""
    length = len(data)
    return bytes([tag, *([length] if length < 128 else [0x82, *length.to_bytes(2, "big")])]) + data


class Contexts:
    """A client's and a server's settings, with one key log."""

    def __init__(
        self,
        log: Path,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        ciphers: str = "",
        *,
        tickets: bool = True,
        kind: str = "rsa",
        client_certificate: bool = False,
    ) -> None:
        self.log = log
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cert, key = certificate(kind)
        self.server.load_cert_chain(cert, key)
        self.client.load_verify_locations(cert)
        for context in (self.client, self.server):
            context.minimum_version = context.maximum_version = version
            if ciphers:
                context.set_ciphers(ciphers + ":@SECLEVEL=0")
        if "DHE-RSA" in ciphers and "ECDHE" not in ciphers:
            self.server.load_dh_params(dh_parameters())
        if not tickets:
            self.server.options |= ssl.OP_NO_TICKET
        if client_certificate:
            self.client.load_cert_chain(cert, key)
            self.server.verify_mode = ssl.CERT_REQUIRED
            self.server.load_verify_locations(cert)
        self.client.keylog_filename = str(log)


class Secured:
    """One connection between the two, over a conversation's packets."""

    def __init__(
        self,
        contexts: Contexts,
        conversation: Conversation,
        session: ssl.SSLSession | None = None,
        name: str = NAME,
        cut: Callable[[bytes], list[bytes]] = lambda data: [data],
    ) -> None:
        """``cut``: how what is sent at once is split over segments."""
        self.conversation = conversation
        self._cut = cut
        self._in = {"client": ssl.MemoryBIO(), "server": ssl.MemoryBIO()}
        self._out = {"client": ssl.MemoryBIO(), "server": ssl.MemoryBIO()}
        self.ends: dict[Direction, ssl.SSLObject] = {
            "client": contexts.client.wrap_bio(
                self._in["client"], self._out["client"], server_hostname=name, session=session
            ),
            "server": contexts.server.wrap_bio(self._in["server"], self._out["server"], server_side=True),
        }
        done: set[str] = set()
        while len(done) < 2:
            for side, end in self.ends.items():
                try:
                    if side not in done:
                        end.do_handshake()
                        done.add(side)
                except ssl.SSLWantReadError:
                    pass
                self._pass(side)
        self.read("client")  # tickets

    def send(self, side: Direction, data: bytes) -> None:
        """One end writes, the other reads."""
        for start in range(0, len(data), 16384):
            self.ends[side].write(data[start : start + 16384])
            self._pass(side)
            self.read("server" if side == "client" else "client")

    def read(self, side: Direction) -> bytes:
        """What one end has received."""
        got = b""
        while True:
            try:
                got += self.ends[side].read(1 << 16)
            except ssl.SSLWantReadError:
                return got

    def _pass(self, side: Direction) -> None:
        peer = "server" if side == "client" else "client"
        data = self._out[side].read()
        self._in[peer].write(data)
        for part in self._cut(data) if data else []:
            self.conversation.send(side, part, whole=True)


class Recorder:
    """Conversations over TLS, one after the other on one wire."""

    def __init__(self) -> None:
        self.wire = Wire()
        self._port = 40000

    def conversation(self, *, sparing: bool = False) -> Conversation:
        """The next connection."""
        self._port += 1
        return Conversation(self.wire, ("192.0.2.1", self._port), ("192.0.2.80", 443), sparing=sparing)

    def capture(self) -> bytes:
        """All of it as a file."""
        return pcap_bytes(self.wire.packets)
