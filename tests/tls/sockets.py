"""Real TLS peers on loopback, OpenSSL's: each job is a connection, all of them are one conversation.

    python tests/tls/sockets.py PORT KEYLOG JOB...

A job is ``VERSION/SUITE/KIND`` with any of ``+resume`` (the session of the job before) and ``+certificate`` (the client
has one too); an empty suite leaves the choice to OpenSSL, as OPENSSL_CONF may tell it. For each job a JSON line says
what was agreed on and which port the client had. The server closes first.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # behind an installed package, if there is one

from analyzer.wire.frame import CLOSE_BODY, build_frame
from samples import opening
from tests.tls.peers import NAME, Contexts

KEY = b"\x37\xfa\x21\x3d"
TEXTS = (b"hello", b"x" * 3000, "Grüße".encode() * 4000)
NONCE = "dGhlIHNhbXBsZSBub25jZQ=="
CLOSE = CLOSE_BODY.build({"code": 1000, "reason": b"bye"})
FROM_CLIENT = [*(build_frame(1, text, KEY) for text in TEXTS), build_frame(8, CLOSE, KEY)]
FROM_SERVER = [*(build_frame(1, text) for text in TEXTS), build_frame(8, CLOSE)]
PATIENCE = 30
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def read(peer: ssl.SSLSocket, length: int) -> bytes:
    """That many bytes."""
    data = b""
    while len(data) < length:
        part = peer.recv(length - len(data))
        if not part:
            raise ConnectionError(f"ended after {len(data)} of {length} bytes")
        data += part
    return data


def head(peer: ssl.SSLSocket) -> bytes:
    """A request or response up to its empty line."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += read(peer, 1)
    return data


def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    """One connection: every message comes back."""
    plain, _ = listener.accept()
    with context.wrap_socket(plain, server_side=True) as peer:
        head(peer)
        peer.sendall(opening.head(opening.response(NONCE)))
        for theirs, own in zip(FROM_CLIENT, FROM_SERVER, strict=True):
            read(peer, len(theirs))
            peer.sendall(own)
        peer.unwrap().close()


def ask(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[ssl.SSLSession | None, dict[str, object]]:
    """One connection: its session, and what was agreed on."""
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with context.wrap_socket(plain, server_hostname=NAME, session=session) as peer:
        peer.sendall(opening.head(opening.request(NONCE)))
        head(peer)
        for own, theirs in zip(FROM_CLIENT, FROM_SERVER, strict=True):
            peer.sendall(own)
            read(peer, len(theirs))
        cipher = peer.cipher()
        told = {
            "port": peer.getsockname()[1],
            "version": peer.version(),
            "suite": cipher and cipher[0],
            "resumed": peer.session_reused,
        }
        found = peer.session
        while peer.recv(1):
            pass  # until the server says that it closes
        with peer.unwrap() as plain:
            plain.recv(1)  # until it does
        return found, told


def main(port: int, keylog: Path, jobs: list[str]) -> None:
    """All jobs, one after the other."""
    session: ssl.SSLSession | None = None
    contexts: Contexts | None = None
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(PATIENCE)
        for job in jobs:
            what, *extras = job.split("+")
            version, suite, kind = what.split("/")
            if contexts is None or "resume" not in extras:
                certificate = "certificate" in extras
                contexts = Contexts(keylog, VERSIONS[version], suite, kind=kind, client_certificate=certificate)
            thread = threading.Thread(target=serve, args=(listener, contexts.server))
            thread.start()
            session, told = ask(port, contexts.client, session if "resume" in extras else None)
            thread.join(PATIENCE)
            print(json.dumps({"job": job, **told}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
