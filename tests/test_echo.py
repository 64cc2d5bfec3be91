"""The demo for real: its server, a headless Chromium, tcpdump on the loopback interface, and the walkthrough of that.

Needs chromium, tcpdump and the permission to capture; where one is missing it skips, or fails with CI=true.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples import opening
from samples.echo import record
from tests.command import wsanalyzer

TEXT = "WebSocket rocks"
EXCHANGES = 60
"""Packets each way that tcpdump must not lose while it has no turn: several times what the demo takes."""


@contextlib.contextmanager
def needed() -> Iterator[None]:
    """Skip, or fail, where the demo cannot be run."""
    try:
        yield
    except record.MissingError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}, and CI=true")
        pytest.skip(str(missing))
    except PermissionError as refused:
        pytest.skip(str(refused))


def test_the_demo_and_its_walkthrough(tmp_path: Path) -> None:
    capture = tmp_path / "demo.pcap"
    with needed():
        shown = record.record(capture)
    assert shown == ["CONNECTED", f"SENT: {TEXT}", f"RESPONSE: {TEXT}", "DISCONNECTED: 1000"]

    done = wsanalyzer("walkthrough", capture, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    story = " ".join(done.stdout.decode().split())
    stages = ["The TCP handshake ===", "The opening handshake ===", "The data ===", "The closing handshake ==="]
    assert sorted(stages, key=story.index) == stages
    key = re.search(r"Sec-WebSocket-Key: (\S+)", story)
    assert key is not None, story
    accept = opening.accept_for(key[1])
    assert f"base64 of that {accept} server sent {accept} equal" in story
    for side in ("Client", "Server"):
        message = story[story.index(f"{side} frame 0: text, 15 bytes") :]
        assert message.index(f'The message: 15 bytes of text: "{TEXT}".') < message.index("frame 1: close")
    assert "The client begins: packet" in story
    assert "The server follows" in story
    assert "close code 1000" in story
    assert "no rule was broken" in story


def test_nothing_is_lost_while_tcpdump_has_no_turn(tmp_path: Path) -> None:
    """As on a busy machine: it is stopped while the packets pass, which must wait for it in the kernel."""
    capture = tmp_path / "busy.pcap"
    with socket.create_server((record.HOST, 0)) as server, needed():
        port = server.getsockname()[1]
        with record.capturing(capture, port) as tcpdump:
            tcpdump.send_signal(signal.SIGSTOP)
            try:
                with socket.create_connection((record.HOST, port)) as client, server.accept()[0] as peer:
                    for number in range(EXCHANGES):
                        client.sendall(b"%d ping\n" % number)
                        peer.sendall(peer.recv(100).replace(b"ping", b"pong"))
                        client.recv(100)
            finally:
                tcpdump.send_signal(signal.SIGCONT)
    wire = capture.read_bytes()
    assert [number for number in range(EXCHANGES) if b"%d ping\n" % number not in wire] == []
    assert [number for number in range(EXCHANGES) if b"%d pong\n" % number not in wire] == []


def test_the_page_uses_every_event_and_looks_for_support() -> None:
    page = (record.HERE / "index.html").read_text(encoding="utf-8")
    for word in ('"WebSocket" in window', "onopen", "onmessage", "onclose", "onerror", TEXT):
        assert word in page
    assert "innerHTML" not in page
