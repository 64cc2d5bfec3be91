"""The demo for real: its server, a headless Chromium, tcpdump on the loopback interface, and the walkthrough of that.

Needs chromium, tcpdump and the permission to capture; where one is missing it skips, or fails with CI=true.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from samples import opening
from samples.echo import record
from tests.command import wsanalyzer

TEXT = "WebSocket rocks"
TRIES = 3
"""On a busy machine tcpdump may lose the opening; then the demo is recorded anew."""


def recorded(capture: Path) -> list[str]:
    """What the page showed; skips or fails where it cannot be run."""
    try:
        return record.record(capture)
    except record.MissingError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}, and CI=true")
        pytest.skip(str(missing))
    except PermissionError as refused:
        pytest.skip(str(refused))


def test_the_demo_and_its_walkthrough(tmp_path: Path) -> None:
    capture = tmp_path / "demo.pcap"
    for _ in range(TRIES):
        shown = recorded(capture)
        if b"Sec-WebSocket-Key" in capture.read_bytes():
            break
    assert shown == ["CONNECTED", f"SENT: {TEXT}", f"RESPONSE: {TEXT}", "DISCONNECTED: 1000"]

    done = wsanalyzer("walkthrough", capture, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    story = " ".join(done.stdout.decode().split())
    stages = ["The TCP handshake ===", "The opening handshake ===", "The data ===", "The closing handshake ==="]
    assert sorted(stages, key=story.index) == stages
    key = re.search(r"Sec-WebSocket-Key: (\S+)", story)
    assert key is not None, story
    accept = opening.accept_for(key[1])
    assert f"base64 of that {accept} as the server sent {accept} equal" in story
    for side in ("Client", "Server"):
        message = story[story.index(f"{side} frame 0: text, 15 bytes") :]
        assert message.index(f'The message: 15 bytes of text: "{TEXT}".') < message.index("frame 1: close")
    assert "The client begins: packet" in story
    assert "The server follows" in story
    assert "close code 1000" in story
    assert "no rule was broken" in story


def test_the_page_uses_every_event_and_looks_for_support() -> None:
    page = (record.HERE / "index.html").read_text(encoding="utf-8")
    for word in ('"WebSocket" in window', "onopen", "onmessage", "onclose", "onerror", TEXT):
        assert word in page
    assert "innerHTML" not in page
