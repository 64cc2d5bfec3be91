"""README's ways to get a key log, each done: Chromium, Python, Node; and the secrets put into the capture by editcap.

A server on loopback, tcpdump, and a client run as README says. Skipped, with the reason, where a program is missing.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import analyzer
from analyzer.model import Message, Summary
from analyzer.settings import RECORDS
from samples.echo.record import LostError, capturing
from tests.live import PATIENCE, missing, require
from tests.peers.record import there
from tests.tls.peers import NAME, certificate

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAID = "hello over TLS"

PYTHON = """
import sys
from websockets.sync.client import connect
{context}
context.load_verify_locations({authority!r})
with connect("wss://127.0.0.1:{port}/", ssl=context, server_hostname={name!r}, compression=None) as client:
    client.send({said!r})
    client.recv()
"""
NODE = """
const https = require("https");
const request = https.request({{
  host: "127.0.0.1", port: {port}, servername: "{name}", rejectUnauthorized: false,
  headers: {{ Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": require("crypto").randomBytes(16).toString("base64") }},
}});
request.on("upgrade", (response, socket) => {{
  const key = require("crypto").randomBytes(4), said = Buffer.from("{said}");
  const masked = (opcode, data) => Buffer.concat(
    [Buffer.from([0x80 | opcode, 0x80 | data.length]), key, data.map((byte, at) => byte ^ key[at % 4])]);
  socket.on("data", (data) => {{ if ((data[0] & 15) == 1) socket.write(masked(8, Buffer.from([3, 232]))); }});
  socket.write(masked(1, said));
}});
request.end();
"""
PAGE = """<script>
let socket = new WebSocket("wss://127.0.0.1:{port}/");
socket.onopen = () => socket.send("{said}");
socket.onmessage = () => socket.close(1000);
</script>"""


@contextlib.contextmanager
def server() -> Iterator[tuple[int, threading.Event]]:
    """An echo server over TLS: its port, and whether a connection has come to its end."""
    serve = pytest.importorskip("websockets.sync.server").serve
    over = threading.Event()

    def echo(connection: object) -> None:
        for message in connection:  # type: ignore[attr-defined]
            connection.send(message)  # type: ignore[attr-defined]
        over.set()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate("rsa"))
    with serve(echo, "127.0.0.1", 0, ssl=context) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running.socket.getsockname()[1], over
        running.shutdown()
        thread.join(PATIENCE)


def recorded(folder: Path, client: Callable[[int], list[str]], **environment: str) -> Path:
    """The capture of what ``client``, a command given the port, says to the server."""
    require(None if there("tcpdump") else "tcpdump is not installed")
    require(missing("socket"))
    capture = folder / "trouble.pcap"
    with server() as (port, over), capturing(capture, port):
        process = subprocess.Popen(
            client(port),
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a browser is many processes
        )
        try:
            assert over.wait(PATIENCE), "the client did not come to its end"
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
    return capture


def texts(capture: Path, **chosen: str) -> list[tuple[str, object]]:
    """Who said what."""
    records = list(analyzer.records(capture, *RECORDS, payloads=True, **chosen))
    assert isinstance(records[-1], Summary)
    found = [each for each in records if isinstance(each, Message)]
    return [(each.direction, getattr(each.payload, "text", None)) for each in found]


BOTH = [("client", SAID), ("server", SAID)]
lossless = pytest.mark.flaky(reruns=2, only_rerun=[LostError.__name__])


@lossless
@pytest.mark.parametrize("way", ["variable", "context"])
def test_python(way: str, tmp_path: Path) -> None:
    """By SSLKEYLOGFILE, and by the lines that README gives."""
    said = "import ssl\n\ncontext = ssl.create_default_context()\n"
    if way == "context":
        (said,) = re.findall(r"```python\n(import ssl\n[^`]*)```", README)
    variable = {"SSLKEYLOGFILE": str(tmp_path / "keys.log")} if way == "variable" else {}

    def client(port: int) -> list[str]:
        authority = certificate("rsa")[0]
        (tmp_path / "client.py").write_text(
            PYTHON.format(context=said, authority=authority, port=port, name=NAME, said=SAID)
        )
        return [sys.executable, "client.py"]

    capture = recorded(tmp_path, client, **variable)
    assert texts(capture) == []
    assert texts(capture, keylog=str(tmp_path / "keys.log")) == BOTH


@lossless
def test_node(tmp_path: Path) -> None:
    require(None if there("node") else "node is not installed")
    (command,) = re.findall(r"Node: `(node [^`]*)`", README)

    def client(port: int) -> list[str]:
        (tmp_path / "client.js").write_text(NODE.format(port=port, name=NAME, said=SAID))
        return str(command).split()

    capture = recorded(tmp_path, client)
    assert texts(capture, keylog=str(tmp_path / "keys.log")) == BOTH


@lossless
def test_chromium(tmp_path: Path) -> None:
    require(None if there("chromium") else "chromium is not installed")
    assert "SSLKEYLOGFILE=$PWD/keys.log chromium --user-data-dir=/tmp/fresh" in README

    def client(port: int) -> list[str]:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--ignore-certificate-errors", "--remote-debugging-port=0"]  # the last keeps it open
        page = tmp_path / "page.html"
        page.write_text(PAGE.format(port=port, said=SAID))
        return ["chromium", f"--user-data-dir={tmp_path / 'fresh'}", *options, page.as_uri()]

    capture = recorded(tmp_path, client, SSLKEYLOGFILE=str(tmp_path / "keys.log"))
    assert texts(capture, keylog=str(tmp_path / "keys.log")) == BOTH


@lossless
def test_editcap(tmp_path: Path) -> None:
    require(None if there("editcap") else "editcap is not installed")
    (command,) = re.findall(r"\$ (editcap --inject-secrets [^\n]*)", README)
    context = "import ssl\ncontext = ssl.create_default_context()\n"

    def client(port: int) -> list[str]:
        authority = certificate("rsa")[0]
        (tmp_path / "client.py").write_text(
            PYTHON.format(context=context, authority=authority, port=port, name=NAME, said=SAID)
        )
        return [sys.executable, "client.py"]

    recorded(tmp_path, client, SSLKEYLOGFILE=str(tmp_path / "keys.log"))
    subprocess.run(str(command).split(), cwd=tmp_path, check=True, capture_output=True)
    assert texts(tmp_path / "trouble.pcapng") == BOTH
