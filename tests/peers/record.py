"""``python -m tests.peers.record [NAME...]``: real peers talk on loopback, and tcpdump writes what it sees.

The captures are ``tests/captures/real/NAME.pcap``.

Each recording holds the same scenes: ordinary traffic that the client closes, with and without compression; a close
by the server; a client killed (SIGKILL), a server killed, a server told to end (SIGTERM). Proxies also end a quiet
connection, and are told to end themselves; the browser reloads its page and leaves it.

Processes are groups of their own, ended one by one whatever happened; what listens is checked to do so on loopback.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from samples.echo.record import capturing
from tests.peers import services

HERE = Path(__file__).parent
REAL = HERE.parent / "captures" / "real"
HOST = "127.0.0.1"
PATIENCE = 30.0
"""Seconds for each thing that is waited for."""

Command = list[str]

WITH_US = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
"""Has a peer killed when we are, which is when nobody else would do it."""


class Process:
    """A peer, in a process group of its own."""

    def __init__(self, command: Command) -> None:
        program = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin") or command[0]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed on exit
        self._process = subprocess.Popen(
            [*WITH_US, program, *command[1:]],
            cwd=HERE,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self.name = " ".join(command)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGKILL)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()

    def end(self, number: int) -> None:
        """Signal all of the group, and wait until the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        self._process.wait(PATIENCE)

    def ready(self) -> None:
        """Wait for the line ``ready``."""
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise AssertionError(f"{self.name}: {self._said()}")

    def done(self) -> None:
        """Wait until it has ended by itself, without an error."""
        if self._process.wait(PATIENCE):
            raise AssertionError(f"{self.name}: {self._said()}")

    def listens(self, port: int) -> None:
        """Wait until the port is listened on, without a packet; on loopback only."""
        until = time.monotonic() + PATIENCE
        while not (addresses := at_port(port, LISTEN)):
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"{self.name}: {self._said()}")
            time.sleep(0.02)
        assert all(LOOPBACK.endswith(address[-8:]) for address in addresses), addresses

    def _said(self) -> str:
        self._errors.seek(0)
        return f"status {self._process.poll()}, {self._errors.read().decode(errors='replace')[-2000:]}"


LOOPBACK = "0100007F"
"""As Linux writes 127.0.0.1 in /proc/net/tcp, on the machines at hand."""
LISTEN, ESTABLISHED = "0A", "01"


def at_port(port: int, state: str) -> list[str]:
    """The local addresses of sockets in this state that have this port, in the kernel's hexadecimal."""
    addresses = []
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, found, *_ = line.split()
            address, _, number = local.partition(":")
            if found == state and int(number, 16) == port:
                addresses.append(address)
    return addresses


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        return one.getsockname()[1], other.getsockname()[1]


# --- the peers


def python(*arguments: str) -> Command:
    """Peers made of Python libraries."""
    return [sys.executable, str(HERE / "python_peers.py"), *arguments]


def node(*arguments: str) -> Command:
    """Peers made of npm packages."""
    return ["node", str(HERE / "node_peers.js"), *arguments]


@dataclass(frozen=True)
class Cast:
    """Who plays in a recording."""

    server: Callable[[Path, int], Command]
    """Its command, given an empty folder and the port."""
    clients: tuple[Callable[..., Command], ...]
    """The command of each, given the URL and the scene."""
    needs: tuple[str, ...]
    """Programs, ``python:MODULE`` and ``npm:PACKAGE``."""
    refuses: bool = True
    """Whether the server refuses an opening for another path than ``/``."""
    proxy: Callable[[Path, int, int], Command] | None = None
    """Its command, given a folder, its port and the server's."""
    large: bool = False
    """Whether one message needs a 64-bit length: a few of such recordings are enough."""
    play: Callable[[Cast, Path, Path], None] = lambda *given: usual(*given)
    """The scenes, given the cast, an empty folder and where the capture goes."""


def missing(cast: Cast) -> str | None:
    """What is not installed; None where all is."""
    for need in ("tcpdump", *cast.needs):
        kind, _, name = need.rpartition(":")
        if not {"": there, "python": module, "npm": package}[kind](name):
            return f"{name} is not installed"
    return None


def there(program: str) -> bool:
    """Whether there is such a program."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is not None


def module(name: str) -> bool:
    """Whether Python has it."""
    return find_spec(name) is not None


def package(name: str) -> bool:
    """Whether Node finds it (NODE_PATH)."""
    asked = ["node", "-e", f"require('{name}')"]
    return there("node") and not subprocess.run(asked, capture_output=True, check=False).returncode


# --- the scenes


@contextlib.contextmanager
def serving(command: Command, port: int) -> Iterator[Process]:
    """A server that listens."""
    with Process(command) as server:
        server.listens(port)
        yield server


@contextlib.contextmanager
def quiet(command: Command) -> Iterator[Process]:
    """A client with an open connection on which nothing happens."""
    with Process(command) as client:
        client.ready()
        yield client


def finished(command: Command) -> None:
    """A client from beginning to end."""
    with Process(command) as client:
        client.done()


def usual(cast: Cast, folder: Path, capture: Path) -> None:
    """All scenes of peers that are told what to do, with a proxy between them or not."""
    entrance, server = free_ports()
    port = entrance
    with contextlib.ExitStack() as stack:
        if cast.proxy is not None:
            proxy = stack.enter_context(serving(cast.proxy(folder, entrance, server), entrance))
            port = server
        with capturing(capture, entrance, server):
            for client in cast.clients:
                between(partial(cast.server, folder), partial(client, f"ws://{HOST}:{entrance}/"), port, cast.large)
            if cast.refuses:
                with serving(cast.server(folder, port), port):
                    finished(cast.clients[0](f"ws://{HOST}:{entrance}/nothing", "refused"))
            if cast.proxy is not None:
                with serving(cast.server(folder, port), port):
                    client = partial(cast.clients[0], f"ws://{HOST}:{entrance}/")
                    with quiet(client("quiet")) as waiting:
                        waiting.done()  # the proxy's time-out ends it
                    with quiet(client("quiet")) as waiting:
                        proxy.end(signal.SIGTERM)
                        waiting.done()


def between(serve: Callable[[int], Command], client: Callable[..., Command], port: int, large: bool) -> None:
    """The scenes of one server and one client."""
    with serving(serve(port), port) as server:
        finished(client("ordinary"))
        finished(client("large" if large else "ordinary", "plain"))
        finished(client("closed"))
        with quiet(client("quiet")) as killed:
            killed.end(signal.SIGKILL)
        with quiet(client("quiet")) as left:
            server.end(signal.SIGKILL)
            left.done()
    with serving(serve(port), port) as server, quiet(client("quiet")) as left:
        server.end(signal.SIGTERM)
        left.done()


def in_browser(cast: Cast, folder: Path, capture: Path) -> None:
    """The scenes of a page: it reloads, is left, and its browser is killed."""
    from tests.browser import Page, browser

    port, other = free_ports()
    script = (HERE / "browser_peer.js").read_text(encoding="utf-8")
    address = f"ws://{HOST}:{port}/"

    def visit(page: Page, scene: str) -> None:
        page.go(f"http://{HOST}:{port}/page")
        page.value(script)
        page.value(f"play('{address}', '{scene}')")

    with capturing(capture, port, other):
        with serving(cast.server(folder, port), port) as server, browser() as page:
            for scene in ("ordinary", "closed", "quiet"):
                visit(page, scene)
            page.call("Page.reload")
            visit(page, "quiet")
            page.go("about:blank")
            visit(page, "quiet")
            server.end(signal.SIGKILL)
            page.value("closed")
        with serving(cast.server(folder, port), port) as server, browser() as page:
            visit(page, "quiet")
            server.end(signal.SIGTERM)
            page.value("closed")
        with serving(cast.server(folder, port), port), browser() as page:
            visit(page, "quiet")
            page.kill()


def established(port: int) -> None:
    """Wait until two connections to this port are."""
    until = time.monotonic() + PATIENCE
    while len(at_port(port, ESTABLISHED)) < 2:
        assert time.monotonic() < until, "no connections"
        time.sleep(0.005)


def of_libwebsockets(cast: Cast, folder: Path, capture: Path) -> None:
    """The test client knows no scenes: it speaks the test server's protocols until it is ended."""
    port, other = free_ports()
    command = ["libwebsockets-test-client", HOST, f"--port={port}", "-d", "0"]
    with capturing(capture, port, other):
        for client in cast.clients:
            between(partial(cast.server, folder), partial(client, f"ws://{HOST}:{port}/"), port, large=False)
        with serving(cast.server(folder, port), port) as server:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with Process(command) as client:
                    established(port)
                    client.end(number)
            with Process(command):
                established(port)
                server.end(signal.SIGTERM)


def library(stack: str, *needs: str, server: str = "", large: bool = False) -> Cast:
    """A Python library as client, and the same or another one as server."""
    return Cast(
        lambda _, port: python("serve", server or stack, str(port)),
        (partial(python, "talk", stack),),
        tuple(f"python:{name}" for name in needs or (stack,)),
        large=large,
    )


def packages(stack: str, *needs: str) -> Cast:
    """Packages of npm on both sides."""
    return Cast(
        lambda _, port: node("serve", stack, str(port)),
        (partial(node, "talk", stack),),
        tuple(f"npm:{name}" for name in needs),
    )


def behind(proxy: Callable[[Path, int, int], Command]) -> Cast:
    """The library ``websockets`` on both sides of a proxy."""
    return replace(library("websockets"), needs=("python:websockets", proxy.__name__), proxy=proxy)


CASTS: dict[str, Cast] = {
    "websockets": library("websockets", large=True),
    "aiohttp": library("aiohttp"),
    "tornado": library("tornado"),
    "uvicorn": library("websockets", "websockets", "uvicorn", server="uvicorn"),
    "uvicorn_wsproto": library("aiohttp", "aiohttp", "uvicorn", "wsproto", server="uvicorn_wsproto"),
    "ws": packages("ws", "ws"),
    "socketio": replace(packages("socketio", "socket.io", "socket.io-client"), refuses=False),
    "chromium": replace(library("websockets"), needs=("python:websockets", "chromium"), play=in_browser),
    "nginx": behind(services.nginx),
    "haproxy": behind(services.haproxy),
    "apache2": behind(services.apache2),
    "mosquitto": Cast(
        services.mosquitto,
        (partial(python, "talk", "mqtt"), partial(python, "talk", "paho")),
        ("python:websockets", "python:paho", "mosquitto"),
        refuses=False,
    ),
    "libwebsockets": Cast(
        services.libwebsockets,
        (partial(python, "talk", "lws"),),
        ("python:websockets", "libwebsockets-test-server", "libwebsockets-test-client"),
        play=of_libwebsockets,
    ),
}


def record(name: str, capture: Path) -> None:
    """Play the scenes of one cast, the packets into ``capture``.

    Raises AssertionError where a peer does not do its part, PermissionError where tcpdump may not capture,
    LostError where it could not keep up.
    """
    with tempfile.TemporaryDirectory() as folder:
        cast = CASTS[name]
        cast.play(cast, Path(folder), capture)


def main(names: list[str]) -> None:
    """Record these, or all; those that cannot be are named, with the reason."""
    for name in names or CASTS:
        if reason := missing(CASTS[name]):
            print(f"{name}: {reason}", file=sys.stderr)
            continue
        capture = REAL / f"{name}.pcap"
        record(name, capture)
        print(f"{capture.relative_to(Path.cwd())}: {capture.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
