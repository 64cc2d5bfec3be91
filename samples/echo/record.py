"""``python -m samples.echo.record``: run the demo in a headless Chromium, capture it with tcpdump, tell what happened.

Writes ``echo.pcap`` and ``WALKTHROUGH.md`` beside this file. Everything stays on the loopback interface; tcpdump needs
the permission to capture there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from websockets.sync.client import connect

from samples.echo.server import HOST, PORT, serving
from samples.make import story

HERE = Path(__file__).parent
CAPTURE = HERE / "echo.pcap"
STORY = HERE / "WALKTHROUGH.md"

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
INTERFACE = "lo"
PATIENCE = 30
"""Seconds for each thing that is waited for."""
LINGER = 1
"""Seconds without a new packet after which the capture counts as complete: the end of TCP follows the page's."""
BUFFER = 64 << 10
"""KiB of packets that the kernel keeps while tcpdump has no turn. In immediate mode each packet takes 128 of them on
the loopback interface, whatever its size, so that the default of 2 MiB is full after 16 packets: fewer than the demo
has, and on a busy machine its beginning or its end was lost."""
LINES = "[...document.querySelectorAll('#screen li')].map((each) => each.textContent)"
"""What the page has written."""
LAST = "DISCONNECTED"


class MissingError(Exception):
    """A program that the recording needs is not there."""


class LostError(Exception):
    """The recording lacks packets."""


def program(*names: str) -> str:
    """The path of the first of these programs. Raises MissingError."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    raise MissingError(f"no {names[0]}")


def record(capture: Path, port: int = 0) -> list[str]:
    """Run the demo once, its packets into ``capture``; the lines on its page.

    Raises MissingError, PermissionError, LostError, and TimeoutError where something takes too long.
    """
    with serving(port) as served, capturing(capture, served):
        return visit(f"http://{HOST}:{served}/")


@contextlib.contextmanager
def capturing(capture: Path, *ports: int) -> Iterator[subprocess.Popen[str]]:
    """Have tcpdump at work on these ports of the loopback interface, until nothing more comes.

    Raises PermissionError where it may not, LostError where the kernel had to drop packets.
    """
    command = [program("tcpdump"), "-i", INTERFACE, "-n", "--immediate-mode", "-U", "-B", str(BUFFER)]
    command += ["-w", str(capture), " or ".join(f"tcp port {port}" for port in ports)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = ""
            while "listening on" not in said:
                line = process.stderr.readline()
                said += line
                if not line:
                    raise PermissionError(f"tcpdump: {' '.join(said.split())}")
            yield process
            _settled(capture)
        finally:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE)
    if "\n0 packets dropped by kernel" not in said:
        raise LostError(f"tcpdump: {' '.join(said.split())}")


def _settled(capture: Path) -> None:
    """Wait until the file has not grown for a while."""
    size = -1
    while size != capture.stat().st_size:
        size = capture.stat().st_size
        time.sleep(LINGER)


def visit(url: str) -> list[str]:
    """Open the page in a headless Chromium and wait until it is done; what it has written."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
        process = subprocess.Popen(
            [program(*BROWSERS), *options, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a group of its own, to be ended as one
        )
        try:
            return _read_page(_tab(Path(profile)), url)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=PATIENCE)


def _tab(profile: Path) -> str:
    """Where the browser's tab listens for commands (DevTools protocol), on a port of its choice."""
    told = profile / "DevToolsActivePort"
    direct = build_opener(ProxyHandler({}))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if told.exists() and (port := told.read_text().partition("\n")[0]):
            with direct.open(f"http://{HOST}:{port}/json/list", timeout=PATIENCE) as answer:
                tabs = [str(tab["webSocketDebuggerUrl"]) for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return tabs[0]
        time.sleep(0.1)
    raise TimeoutError("the browser did not start in time")


def _read_page(tab: str, url: str) -> list[str]:
    """Load ``url`` and read the page until its last line is there."""
    with connect(tab, max_size=None, proxy=None) as socket:
        number = 0

        def call(method: str, **parameters: object) -> dict[str, Any]:
            nonlocal number
            number += 1
            socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
            while True:
                answer: dict[str, Any] = json.loads(socket.recv(timeout=PATIENCE))
                if answer.get("id") == number:
                    return answer

        call("Page.navigate", url=url)
        until = time.monotonic() + PATIENCE
        lines: list[str] = []
        while time.monotonic() < until:
            result = call("Runtime.evaluate", expression=LINES, returnByValue=True).get("result", {})
            lines = result.get("result", {}).get("value") or []
            if any(line.startswith(LAST) for line in lines):
                return lines
            time.sleep(0.05)
    raise TimeoutError(f"the page was not done in time; it shows {lines}")


def main() -> None:
    """Write the capture and its story."""
    for line in record(CAPTURE, PORT):
        print(line)
    STORY.write_text(story(CAPTURE), encoding="utf-8")


if __name__ == "__main__":
    main()
