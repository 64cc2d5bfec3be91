"""wss between real peers on loopback, recorded by tcpdump: each version and suite that this OpenSSL offers.

Also resumption, client certificates, and a KeyUpdate, which `openssl s_client` sends where it reads a ``K``. Skipped,
with the reason, where capturing is not possible: `tests/tls/test_session.py` has the same peers without sockets.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import analyzer
from analyzer.model import Connection, Finding, Message, Record
from analyzer.settings import RECORDS
from analyzer.tls.protection import Protection13
from samples import opening
from samples.echo.record import LostError, capturing
from tests.live import PATIENCE, missing, require
from tests.peers.record import there
from tests.tls.peers import CONFIGURATION, NAME, SUITES_13, Contexts, certificate
from tests.tls.sockets import FROM_CLIENT, FROM_SERVER, NONCE, TEXTS
from tests.tls.test_session import suites_12

MESSAGES = [(len(text), hashlib.sha256(text).hexdigest()) for text in TEXTS]


@pytest.fixture(autouse=True)
def _can_capture() -> None:
    require(None if there("tcpdump") else "tcpdump is not installed")
    require(missing("socket"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def played(folder: Path, port: int, jobs: list[str], **environment: str) -> list[dict[str, Any]]:
    """What the peers say of each job."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).parent / "tls" / "sockets.py"), str(port)]
    done = subprocess.run(
        [*command, str(folder / "keys"), *jobs],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_read(folder: Path, said: list[dict[str, Any]], *habits: str) -> None:
    """Of each connection all messages are there, and nobody is blamed but for ``habits`` (rules)."""
    records = list(analyzer.records(folder / "lo.pcap", *RECORDS, keylog=str(folder / "keys")))
    connections = {each.client[1]: each for each in records if isinstance(each, Connection)}
    assert sorted(connections) == sorted(each["port"] for each in said)
    for each in said:
        connection = connections[each["port"]]
        assert (connection.tls, connection.state) == (True, "closed"), each
        for direction in ("client", "server"):
            assert messages(records, connection.connection, direction) == MESSAGES, each
    blamed = [each for each in records if isinstance(each, Finding) and not each.rule.startswith((*HABITS, *habits))]
    assert [str(each) for each in blamed] == []


HABITS = ("SEC", "ST-011")
"""The peers use one masking key and one nonce; and on loopback nobody fills in checksums."""


def messages(records: list[Record], connection: int, direction: str) -> list[tuple[int, str | None]]:
    """Length and hash of what one side said."""
    own = [each for each in records if isinstance(each, Message) and each.connection == connection]
    return [(each.length, each.sha256) for each in own if each.direction == direction]


def recorded(folder: Path, port: int) -> Any:
    """Tcpdump at work on ``port``."""
    return capturing(folder / "lo.pcap", port)


@pytest.mark.flaky(reruns=2, only_rerun=[LostError.__name__])
def test_every_suite_of_tls_1_2(tmp_path: Path) -> None:
    port, suites = free_port(), suites_12()
    with recorded(tmp_path, port):
        said = played(tmp_path, port, [f"1.2/{suite}/{kind}" for suite, kind in suites])
    assert [(each["version"], each["suite"]) for each in said] == [("TLSv1.2", suite) for suite, _ in suites]
    assert len(said) > 10
    assert_read(tmp_path, said)


@pytest.mark.flaky(reruns=2, only_rerun=[LostError.__name__])
def test_every_suite_of_tls_1_3(tmp_path: Path) -> None:
    port, said = free_port(), []
    with recorded(tmp_path, port):
        for suite in SUITES_13:
            chosen = tmp_path / "openssl.cnf"
            chosen.write_text(CONFIGURATION.format(suite=suite))
            jobs = ["1.3//rsa", "1.3//ec"]
            said += played(tmp_path, port, jobs, OPENSSL_CONF=str(chosen))
    assert [each["suite"] for each in said] == [f"TLS_{suite}" for suite in SUITES_13 for _ in range(2)]
    assert_read(tmp_path, said)


@pytest.mark.flaky(reruns=2, only_rerun=[LostError.__name__])
def test_resumption_and_client_certificates(tmp_path: Path) -> None:
    port = free_port()
    jobs = [f"{version}//{kind}{extra}" for version in ("1.2", "1.3") for kind in ("rsa", "ec") for extra in EXTRAS]
    with recorded(tmp_path, port):
        said = played(tmp_path, port, jobs)
    assert [each["resumed"] for each in said] == ["resume" in each["job"] for each in said]
    assert_read(tmp_path, said)


EXTRAS = ("", "+resume", "+certificate", "+certificate+resume")


@pytest.mark.flaky(reruns=2, only_rerun=[LostError.__name__])
def test_key_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client updates its keys, and asks the server to, between any two of its messages."""
    updates = []
    updated = Protection13.updated
    monkeypatch.setattr(Protection13, "updated", lambda old: (updates.append(1), updated(old))[1])
    require(None if there("openssl") else "openssl is not installed")
    port = free_port()
    contexts = Contexts(tmp_path / "unused")
    with recorded(tmp_path, port), socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(PATIENCE)
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3", "-servername", NAME]
        command += ["-keylogfile", str(tmp_path / "keys"), "-CAfile", certificate("rsa")[0]]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert client.stdin is not None
        plain, (_, client_port) = listener.accept()
        plain.settimeout(PATIENCE)
        with contexts.server.wrap_socket(plain, server_side=True) as peer:
            for own, answer in zip(
                [opening.head(opening.request(NONCE)), *FROM_CLIENT],
                [opening.head(opening.response(NONCE)), *FROM_SERVER],
                strict=True,
            ):
                client.stdin.write(own)
                client.stdin.flush()
                got = b""
                while len(got) < len(own):
                    got += peer.recv(1 << 16)
                peer.sendall(answer)
                time.sleep(0.1)  # a command is what stands first in what s_client reads at once
                if own is not FROM_CLIENT[-1]:
                    client.stdin.write(b"K\n")
                    client.stdin.flush()
                    time.sleep(0.1)
            peer.unwrap().close()
        client.stdin.close()
        client.wait(PATIENCE)
    assert_read(tmp_path, [{"port": client_port}], "SC-012")  # s_client closes once TLS is over
    assert len(updates) == 2 * len(FROM_CLIENT)
