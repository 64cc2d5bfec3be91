"""What the tests of live capture share: peers that talk on loopback, and a running ``wsanalyzer sniff``.

    python tests/live.py HOST PORT          a WebSocket echo server, until its standard input ends

Every wait has an end, every process is reaped, and no packet leaves loopback or a namespace made for the test.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

PATIENCE = 30.0
"""Seconds after which something counts as hung."""
BACKENDS = ("dumpcap", "socket")
UNMASKED = bytes.fromhex("81 05 48 65 6c 6c 6f")
"""What a client must not send (MK-001)."""


def missing(backend: str) -> str | None:
    """Why the back end cannot be tested here; None where it can."""
    if backend == "dumpcap" and shutil.which("dumpcap") is None:
        return "dumpcap is not installed"
    if backend == "socket" and importlib.util.find_spec("scapy") is None:
        return "scapy is not installed"
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except (AttributeError, OSError) as error:
        return f"capturing is not permitted ({error})"
    return None


def require(reason: str | None) -> None:
    """Skip the test for ``reason``, if there is one. In CI everything has to be there."""
    import pytest

    if reason is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def eventually(look: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """The first result of ``look`` that is true."""
    end = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < end, f"waited {patience} s for {what}"
        time.sleep(0.02)
    return found


# --- peers


@contextlib.contextmanager
def server(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A WebSocket echo server of the library ``websockets``; its port."""
    import logging

    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import ServerConnection, serve

    def echo(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                connection.send(message)

    quiet = logging.getLogger("tests.live")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    with serve(echo, host, port, logger=quiet) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running.socket.getsockname()[1]
        running.shutdown()
        thread.join(PATIENCE)


def talk(port: int, messages: int = 5, host: str = "127.0.0.1", text: str = "message") -> None:
    """A well-behaved client, from the opening to the end."""
    from websockets.sync.client import connect

    with connect(f"ws://{host}:{port}/", compression=None) as client:
        for number in range(messages):
            client.send(f"{text} {number}")
            assert client.recv(timeout=PATIENCE) == f"{text} {number}"


def violate(port: int, host: str = "127.0.0.1", sent: bytes = UNMASKED) -> None:
    """A client that opens correctly and then sends ``sent``; waits for the server's reaction."""
    with opened(port, host) as plain:
        plain.sendall(sent)
        plain.recv(4096)


def opened(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A socket on which the opening handshake is over."""
    plain = socket.create_connection((host, port), timeout=PATIENCE)
    plain.sendall(request(f"{host}:{port}"))
    _head(plain)
    return plain


def request(host: str) -> bytes:
    """An opening request."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET / HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextlib.contextmanager
def answered(listening: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client, and a server that opens correctly and then does nothing by itself: a socket each."""
    from websockets.utils import accept_key

    host, port = listening.getsockname()[:2]
    with socket.create_connection((host, port), timeout=PATIENCE) as client:
        client.sendall(request(f"{host}:{port}"))
        plain, _ = listening.accept()
        with plain:
            plain.settimeout(PATIENCE)
            asked = _head(plain)
            key = asked.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0].decode()
            answer = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
            answer += [f"Sec-WebSocket-Accept: {accept_key(key)}", "", ""]
            plain.sendall("\r\n".join(answer).encode())
            _head(client)
            yield client, plain


def _head(plain: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = plain.recv(1)
        assert byte, f"the peer ended after {head!r}"
        head += byte
    return head


# --- the program


class Sniff:
    """A running ``wsanalyzer sniff -f jsonl``; a context manager that leaves no process behind."""

    def __init__(
        self, *arguments: str | Path, prefix: tuple[str, ...] = (), lines: bool = True, **variables: str
    ) -> None:
        """Start it; with ``lines``, wait until it captures, and read its records as they come."""
        from tests.command import environment

        command = [*prefix, sys.executable, "-m", "analyzer", "sniff", *map(str, arguments)]
        self.process = subprocess.Popen(
            [*command, "-f", "jsonl"] if lines else command,
            env={**environment(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.records: list[tuple[float, dict[str, Any]]] = []
        """Each with the time at which it was read."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        if lines:
            self._reader.start()
            eventually(lambda: self.records or self.process.poll() is not None, "the first record")

    @property
    def output(self) -> IO[bytes]:
        """Its standard output."""
        assert self.process.stdout is not None
        return self.process.stdout

    def _read(self) -> None:
        for line in self.output:
            self.records.append((time.time(), json.loads(line)))

    def __enter__(self) -> Sniff:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        if self._reader.ident is not None:
            self._reader.join(PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def children(self) -> list[int]:
        """Processes it has started, and those they started."""
        return children(self.process.pid)

    def findings(self) -> list[dict[str, Any]]:
        """The findings so far."""
        return [record for _, record in self.records if record["type"] == "finding"]

    def _hits(self, rule: str, count: int) -> list[tuple[float, dict[str, Any]]]:
        hits = [each for each in list(self.records) if each[1].get("rule") == rule]
        return hits if len(hits) >= count else []

    def await_finding(self, rule: str, count: int = 1) -> list[tuple[float, dict[str, Any]]]:
        """Wait for ``count`` findings of ``rule``; each with the time at which it was read."""
        return list(
            eventually(
                lambda: self._hits(rule, count),
                f"{rule} among {[record.get('rule') for _, record in self.records]}",
            )
        )

    def end(self, number: int = signal.SIGINT) -> int:
        """Send the signal, wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; the exit status."""
        status = self.process.wait(PATIENCE)
        if self._reader.ident is not None:
            self._reader.join(PATIENCE)
        return status

    def errors(self) -> str:
        """What it said on standard error, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    @property
    def summary(self) -> dict[str, Any]:
        """The last record."""
        record = self.records[-1][1]
        assert record["type"] == "summary"
        return record


def children(parent: int) -> list[int]:
    """Processes that it has started, and those they started."""
    found: list[int] = []
    waiting = [parent]
    while waiting:
        parent = waiting.pop()
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent and fields[0] != "Z":
                    found.append(int(path.parent.name))
                    waiting.append(int(path.parent.name))
    return found


def kernel_drops(processes: list[int]) -> int | None:
    """What the kernel counts for the packet sockets of ``processes``; None for a ring, or where nobody can ask."""
    if shutil.which("ss") is None:
        return None
    told = subprocess.run(
        ["ss", "-0", "-m", "-p", "-e", "-n", "-O"], capture_output=True, text=True, check=False
    ).stdout
    lines = [line for line in told.splitlines() if any(f"pid={process}," in line for process in processes)]
    if not lines or any("ring_rx" in line for line in lines):
        return None
    return sum(int(found[1]) for line in lines if (found := re.search(r"skmem:\(.*,d(\d+)\)", line)))


def alive(process: int) -> bool:
    """Whether there is such a process, not counting one that nobody has reaped yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    with server(sys.argv[1], int(sys.argv[2])):
        print("ready", flush=True)
        sys.stdin.read()
