"""Real peers of OpenSSL: whatever they agree on, the analyzer reads what they said."""

from __future__ import annotations

import hashlib
import os
import random
import re
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Connection, Direction, Finding, Message, Opcode, Record
from analyzer.settings import RECORDS, Settings
from analyzer.wire.frame import CLOSE_BODY, build_frame
from analyzer.wire.tls import CLIENT_KEY_EXCHANGE, RETRY_RANDOM
from samples import opening
from samples.tls import Tls
from tests.capture.growing import writer
from tests.command import TIMEOUT, environment
from tests.running import analysed, only
from tests.tls.peers import CONFIGURATION, SUITES_13, Contexts, Recorder, Secured, certificate

KEY = b"\x37\xfa\x21\x3d"
TEXTS = (b"hello", b"x" * 3000, "Grüße".encode() * 4000)

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def suites_12() -> list[tuple[str, str]]:
    """Every suite that this OpenSSL offers for TLS 1.2 with an RSA or ECDSA certificate; its key's kind."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0:!NULL:!aNULL:!PSK:!SRP:!DSS:!ARIA:!CAMELLIA:!RC4:!3DES:!IDEA:!SEED")
    return [
        (cipher["name"], "ec" if "ECDSA" in cipher["name"] else "rsa")
        for cipher in context.get_ciphers()
        if cipher["protocol"] != "TLSv1.3"
    ]


def chat(secured: Secured, texts: tuple[bytes, ...] = TEXTS) -> None:
    """An opening, messages both ways, and the closing handshake."""
    conversation = secured.conversation
    secured.send("client", opening.head(opening.request(conversation.key)))
    secured.send("server", opening.head(opening.response(conversation.key)))
    for text in texts:
        say(secured, text)
    finish(secured)


def say(secured: Secured, text: bytes) -> None:
    """One message there and back."""
    secured.send("client", build_frame(Opcode.TEXT, text, KEY))
    secured.send("server", build_frame(Opcode.TEXT, text))


def finish(secured: Secured) -> None:
    """The closing handshake."""
    body = CLOSE_BODY.build({"code": 1000, "reason": b"bye"})
    secured.send("client", build_frame(Opcode.CLOSE, body, KEY))
    secured.send("server", build_frame(Opcode.CLOSE, body))
    secured.conversation.fin("server")
    secured.conversation.fin("client")


def assert_read(records: list[Record], connections: int = 1, texts: tuple[bytes, ...] = TEXTS) -> None:
    """All messages of all connections are there, and nobody is blamed."""
    found = only(Connection, records)
    assert [(each.tls, each.state) for each in found] == [(True, "closed")] * connections
    wanted = [(len(text), hashlib.sha256(text).hexdigest()) for text in texts]
    for each in found:
        for direction in ("client", "server"):
            key = (each.connection, direction)
            messages = [m for m in only(Message, records) if (m.connection, m.direction) == key]
            assert [(message.length, message.sha256) for message in messages] == wanted
    said = [finding for finding in only(Finding, records) if finding.rule not in QUIET]
    assert said == []


QUIET = ("SEC-001", "SEC-002", "SEC-003", "SEC-004")
"""The tests use one masking key."""


def read(recorder: Recorder, contexts: Contexts, **chosen: Any) -> list[Record]:
    return analysed(recorder.capture(), keylog=str(contexts.log), **chosen)


@pytest.mark.parametrize(("suite", "kind"), suites_12(), ids=lambda value: str(value))
def test_every_suite_of_tls_1_2(suite: str, kind: str, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", V12, suite, kind=kind)
    secured = Secured(contexts, recorder.conversation())
    assert secured.ends["client"].cipher()[0] == suite  # type: ignore[index]
    chat(secured)
    assert_read(read(recorder, contexts))


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_tls_1_3(kind: str, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", kind=kind)
    chat(Secured(contexts, recorder.conversation()))
    assert_read(read(recorder, contexts))


@pytest.mark.parametrize("suite", SUITES_13)
def test_every_suite_of_tls_1_3(suite: str, tmp_path: Path) -> None:
    """By peers in a process of their own, whose OpenSSL has but that suite."""
    (tmp_path / "openssl.cnf").write_text(CONFIGURATION.format(suite=suite))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.tls.peers import *\n"
        "from tests.tls.test_session import chat\n"
        "recorder, folder = Recorder(), Path(sys.argv[1])\n"
        "secured = Secured(Contexts(folder / 'keys'), recorder.conversation())\n"
        "chat(secured)\n"
        "(folder / 'wss.pcap').write_bytes(recorder.capture())\n"
        "print(secured.ends['client'].cipher()[0], end='')\n"
    )
    paths = os.pathsep.join((str(Path(__file__).parent.parent.parent), environment()["PYTHONPATH"]))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**environment(), "OPENSSL_CONF": str(tmp_path / "openssl.cnf"), "PYTHONPATH": paths},
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.stdout.decode(), done.returncode) == (f"TLS_{suite}", 0), done.stderr.decode()
    assert_read(analysed((tmp_path / "wss.pcap").read_bytes(), keylog=str(tmp_path / "keys")))


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize("tickets", [True, False])
def test_resumption(version: ssl.TLSVersion, tickets: bool, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", version, tickets=tickets)
    first = Secured(contexts, recorder.conversation())
    chat(first)
    second = Secured(contexts, recorder.conversation(), first.ends["client"].session)
    assert second.ends["client"].session_reused
    chat(second)
    assert_read(read(recorder, contexts), 2)


@pytest.mark.parametrize("tickets", [True, False])
def test_a_resumed_session_without_a_line_of_its_own(tickets: bool, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", V12, tickets=tickets)
    first = Secured(contexts, recorder.conversation())
    chat(first)
    lines = contexts.log.read_text()
    chat(Secured(contexts, recorder.conversation(), first.ends["client"].session))
    contexts.log.write_text(lines)
    assert_read(read(recorder, contexts), 2)


@pytest.mark.parametrize("version", [V12, V13])
def test_client_certificates(version: ssl.TLSVersion, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", version, client_certificate=True)
    chat(Secured(contexts, recorder.conversation()))
    assert_read(read(recorder, contexts))


@pytest.mark.parametrize("size", [1, 7, 100, 1440, 5000])
@pytest.mark.parametrize("version", [V12, V13])
def test_segments_of_any_size(version: ssl.TLSVersion, size: int, tmp_path: Path) -> None:
    texts = (b"hello", b"y" * (200 if size == 1 else 20000))
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", version)
    cut = lambda data: [data[start : start + size] for start in range(0, len(data), size)]  # noqa: E731
    chat(Secured(contexts, recorder.conversation(), cut=cut), texts)
    assert_read(read(recorder, contexts), texts=texts)


PREMASTER_BYTES = 256
NO_EXTENDED_MASTER_SECRET = 1
"""OpenSSL 3's option."""


def encrypted_premaster(recorder: Recorder) -> bytes:
    """What the only connection's ClientKeyExchange holds, under the server's RSA key of 2048 bits."""
    head = bytes([CLIENT_KEY_EXCHANGE, 0, 1, 2, 1, 0])
    (found,) = [frame.partition(head)[2][:PREMASTER_BYTES] for _, frame in recorder.wire.packets if head in frame]
    return found


@pytest.mark.parametrize("extended", [True, False])
@pytest.mark.parametrize("form", ["RSA", "PMS_CLIENT_RANDOM"])
@pytest.mark.parametrize("suite", ["AES256-GCM-SHA384", "AES128-SHA"])
def test_premaster_secrets(suite: str, form: str, extended: bool, tmp_path: Path) -> None:
    """A key log that holds what RSA carried, by its first bytes (as NSS wrote) or by client random."""
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", V12, suite, client_certificate=True)
    if not extended:
        contexts.client.options |= NO_EXTENDED_MASTER_SECRET
    chat(Secured(contexts, recorder.conversation()))
    (line,) = [each for each in contexts.log.read_text().splitlines() if each.startswith("CLIENT_RANDOM")]
    sealed = encrypted_premaster(recorder)
    key = serialization.load_pem_private_key(Path(certificate("rsa")[1]).read_bytes(), None)
    secret = key.decrypt(sealed, padding.PKCS1v15())  # type: ignore[union-attr, call-arg]
    name = sealed[:8].hex() if form == "RSA" else line.split()[1]
    contexts.log.write_text(f"{form} {name} {secret.hex()}\n")
    assert_read(read(recorder, contexts))


def test_premaster_secrets_of_others_do_not_help(tmp_path: Path) -> None:
    for version in (V12, V13):
        recorder, contexts = Recorder(), Contexts(tmp_path / f"keys{version}", version)
        chat(Secured(contexts, recorder.conversation()))
        contexts.log.write_text(f"RSA {'00' * 8} {'11' * 48}\n")
        assert [each.found for each in only(Finding, read(recorder, contexts))] == [
            "1 TLS connection: no secret in the key log"
        ]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("version", "name"), [(ssl.TLSVersion.TLSv1, "TLS 1.0"), (ssl.TLSVersion.TLSv1_1, "TLS 1.1")])
def test_old_versions_are_named(version: ssl.TLSVersion, name: str, tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", version, "AES128-SHA")
    chat(Secured(contexts, recorder.conversation()))
    records = read(recorder, contexts)
    assert [(each.rule, each.found) for each in only(Finding, records)] == [
        ("ST-005", f"1 TLS connection: {name}, which is not decrypted")
    ]


def test_http_2_is_named(tmp_path: Path) -> None:
    """What the peers agreed on by ALPN shows in the first bytes."""
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys")
    secured = Secured(contexts, recorder.conversation())
    secured.send("client", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("00 00 00 04 00 00 00 00 00"))
    secured.send("server", bytes.fromhex("00 00 00 04 00 00 00 00 00"))
    found = [each.found for each in only(Finding, read(recorder, contexts)) if each.rule == "ST-005"]
    assert found == ["1 TLS connection: HTTP/2, which is not read"]


def early(keylog: Path, *, secret: bool, accepted: bool) -> list[Record]:
    """A connection whose opening is sent as 0-RTT data, and again where the server does not take it."""
    recorder = Recorder()
    conversation = recorder.conversation()
    peers = Tls(1, "server.example")
    request = opening.head(opening.request(conversation.key))
    for side, flight in peers.handshake(request, accepted=accepted):
        conversation.send(side, flight)
    said: list[tuple[Direction, bytes]] = [
        *([] if accepted else [("client", request)]),  # type: ignore[list-item]
        ("server", opening.head(opening.response(conversation.key))),
        ("client", build_frame(Opcode.TEXT, b"hello", KEY)),
        ("server", build_frame(Opcode.TEXT, b"hello")),
        ("client", build_frame(Opcode.CLOSE, CLOSE_BODY.build({"code": 1000, "reason": b""}), KEY)),
        ("server", build_frame(Opcode.CLOSE, CLOSE_BODY.build({"code": 1000, "reason": b""}))),
    ]
    for side, data in said:
        conversation.send(side, peers.seal(side, data))
    conversation.fin("server")
    conversation.fin("client")
    keylog.write_text("".join(line for line in peers.keylog().splitlines(True) if secret or "EARLY" not in line))
    return analysed(recorder.capture(), keylog=str(keylog))


@pytest.mark.parametrize("accepted", [True, False])
def test_early_data_is_read_with_its_secret(accepted: bool, tmp_path: Path) -> None:
    records = early(tmp_path / "keys", secret=True, accepted=accepted)
    assert [each.state for each in only(Connection, records)] == ["closed"]
    assert len(only(Message, records)) == 2
    assert [each.rule for each in only(Finding, records) if each.rule not in QUIET] == []


def test_early_data_without_its_secret_is_named(tmp_path: Path) -> None:
    records = early(tmp_path / "keys", secret=False, accepted=True)
    told = [each.found for each in only(Finding, records) if each.rule == "ST-005"]
    assert told == ["1 TLS connection: early data (0-RTT) not decrypted, its secret is not in the key log"]
    assert [str(each) for each in only(Finding, records) if each.severity == "error"] == []
    assert len(only(Message, records)) == 2


def test_early_data_that_the_server_did_not_read_is_no_loss(tmp_path: Path) -> None:
    records = early(tmp_path / "keys", secret=False, accepted=False)
    assert [each.rule for each in only(Finding, records) if each.rule not in QUIET] == []
    assert len(only(Message, records)) == 2


def test_a_hello_retry_request(tmp_path: Path) -> None:
    """The server wants another curve than the client guessed."""
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys")
    contexts.server.set_ecdh_curve("secp521r1")
    chat(Secured(contexts, recorder.conversation()))
    assert any(RETRY_RANDOM in frame for _, frame in recorder.wire.packets)
    assert_read(read(recorder, contexts))


def test_handshake_secrets_are_not_needed(tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys")
    chat(Secured(contexts, recorder.conversation()))
    lines = contexts.log.read_text().splitlines()
    contexts.log.write_text("\n".join(line for line in lines if "_TRAFFIC_SECRET_0" in line))
    assert_read(read(recorder, contexts))


@pytest.mark.parametrize(("version", "kind"), [(V12, "12"), (V13, "13")])
def test_violations_are_those_in_the_clear(version: ssl.TLSVersion, kind: str, tmp_path: Path) -> None:
    """The same bytes, with and without TLS, give the same findings about frames, at the same stream offsets."""
    said: list[tuple[Direction, bytes]] = [
        ("client", build_frame(Opcode.TEXT, b"hello", None)),
        ("server", build_frame(Opcode.TEXT, b"\xff\xfe" * 3000)),
        ("server", bytes.fromhex("f3 00")),
        ("client", bytes.fromhex("89 fe 00 7e 37 fa 21 3d") + bytes(126)),
        ("client", build_frame(Opcode.CLOSE, b"\x03\xee", KEY)),
        ("server", build_frame(Opcode.TEXT, b"late")),
    ]
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys", version)
    conversation = recorder.conversation()
    secured = Secured(contexts, conversation)
    clear = Recorder()
    plain = clear.conversation()
    for talk, wire in ((secured, recorder.wire), (plain, clear.wire)):
        talk.send("client", opening.head(opening.request(conversation.key)))
        talk.send("server", opening.head(opening.response(conversation.key)))
        for side, data in said:
            talk.send(side, data)
        wire.wait(10_000_000_000)
    found = [told(read(recorder, contexts)), told(analysed(clear.capture()))]
    assert len(found[1]) > 5
    assert found[0] == found[1]


def told(records: list[Record]) -> list[tuple[object, ...]]:
    """What findings say of the bytes after the opening."""
    return [
        (each.rule, each.severity, each.direction, each.frame, each.stream_offset, each.byte_offset, each.found)
        for each in only(Finding, records)
        if each.rule.startswith(("FR", "MK", "CT", "FG", "TX", "CL", "SC"))
    ]


def test_a_finding_points_at_the_packet_that_carries_the_byte(tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys")
    secured = Secured(contexts, recorder.conversation())
    chat(secured, ())
    secured = Secured(contexts, recorder.conversation())
    secured.send("client", opening.head(opening.request(secured.conversation.key)))
    secured.send("server", opening.head(opening.response(secured.conversation.key)))
    secured.send("client", build_frame(Opcode.TEXT, b"hello", KEY) + build_frame(Opcode.TEXT, b"hello", None))
    packet = len(recorder.wire.packets) - 1  # the last acknowledges it
    records = read(recorder, contexts)
    (finding,) = [each for each in only(Finding, records) if each.rule == "MK-001"]
    assert finding.packet == packet
    frame = recorder.wire.packets[packet - 1][1]
    capture = recorder.capture()
    body = capture.index(frame) + len(frame) - (11 + 7 + 1 + 16)
    assert finding.file_offset == body + 11 + (finding.byte_offset or 0) - (finding.stream_offset or 0)


def test_a_wrong_key_log_is_said_once_and_nobody_is_blamed(tmp_path: Path) -> None:
    for version in (V12, V13):
        recorder, contexts = Recorder(), Contexts(tmp_path / f"keys{version}", version)
        for _ in range(3):
            chat(Secured(contexts, recorder.conversation()), (b"x" * 100,) * 40)
        lines = [line.split() for line in contexts.log.read_text().splitlines() if not line.startswith("#")]
        for texts, reason in (
            ("", "3 TLS connections: no secret in the key log"),
            (
                "\n".join(f"{label} {name} {'0' * len(secret)}" for label, name, secret in lines),
                "3 TLS connections: records do not authenticate under the key log's secret",
            ),
        ):
            contexts.log.write_text(texts)
            records = read(recorder, contexts)
            assert [(each.rule, each.found, each.count) for each in only(Finding, records)] == [("ST-005", reason, 3)]
            assert only(Connection, records) == []


def test_results_do_not_depend_on_how_packets_come(tmp_path: Path) -> None:
    recorder, contexts = Recorder(), Contexts(tmp_path / "keys")
    chance = random.Random(1)
    cut = lambda data: [data[at : at + 900] for at in range(0, len(data), 900)]  # noqa: E731
    for _ in range(3):
        chat(
            Secured(contexts, recorder.conversation(), cut=cut),
            tuple(chance.randbytes(300).hex().encode() for _ in range(9)),
        )
    whole = recorder.wire.packets[:]
    recorder.wire.packets = [each for each in whole if chance.random() > 0.03]
    results = [read(recorder, contexts, batch_packets=size)[1:-1] for size in (8192, 7, 1)]
    first, *others = [re.sub(r"file='[^']*'", "", repr(records)) for records in results]
    assert others == [first, first]
    assert not [each for each in only(Finding, results[0]) if each.severity == "error"]


def test_losses_blame_nobody(tmp_path: Path) -> None:
    """Whatever packets are missing: no error is found in traffic that is right."""
    for version in (V12, V13):
        recorder, contexts = Recorder(), Contexts(tmp_path / f"keys{version}", version)
        chat(Secured(contexts, recorder.conversation()), tuple(bytes([65 + n]) * 40 * n for n in range(1, 25)))
        whole = recorder.wire.packets[:]
        for seed in range(12):
            chance = random.Random(seed)
            recorder.wire.packets = [each for each in whole if chance.random() > 0.04]
            records = read(recorder, contexts)
            assert [str(each) for each in only(Finding, records) if each.severity == "error"] == [], (version, seed)


def test_a_key_log_that_grows_with_a_followed_capture(tmp_path: Path) -> None:
    """The second connection's secrets come when its first packets are there already to be written."""
    recorder, contexts = Recorder(), Contexts(tmp_path / "peers")
    chat(Secured(contexts, recorder.conversation()))
    first, lines = recorder.capture(), contexts.log.read_bytes()
    chat(Secured(contexts, recorder.conversation()))
    whole, more = recorder.capture(), contexts.log.read_bytes()[len(lines) :]
    capture, keylog = tmp_path / "growing.pcap", tmp_path / "keys"
    capture.write_bytes(first)
    keylog.write_bytes(lines)

    def write_secrets() -> None:
        with keylog.open("ab") as file:
            file.write(more)

    settings = Settings(records=frozenset(RECORDS), keylog=str(keylog), follow=True, follow_timeout=1_000_000_000)
    with open_source([str(capture)], settings) as source:
        running = pipeline.run(source, settings)
        records = [next(running)]  # the key log was read
        thread = writer(capture, [write_secrets, whole[len(first) :]], pause=0.2)
        records += running
    thread.join()
    assert_read(records, 2)
