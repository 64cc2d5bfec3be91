"""A headless Chromium, driven over the DevTools protocol: opens a page, runs expressions in it, presses keys.

It notes what a page must not do: errors on the console, exceptions, violations of its content security policy, and
requests for anything but the page itself.
"""

from __future__ import annotations

import base64
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

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60
"""Seconds for the browser to start, and for one answer."""


def found() -> str:
    """The browser's path. Skips where there is none; fails where CI says that there must be one."""
    for name in NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    if os.environ.get("CI") == "true":
        pytest.fail("no chromium found, and CI=true")
    pytest.skip("no chromium found")


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection, process: subprocess.Popen[bytes]) -> None:
        self._socket = socket
        self._process = process
        self._number = 0
        self.trouble: list[str] = []
        """What the console, the policy and the script complained of."""
        self.requests: list[str] = []
        self._loaded = False
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command, and its answer."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=PATIENCE))
        parameters = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Log.entryAdded":
                self.trouble.append(parameters["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.trouble.append(json.dumps(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.trouble.append(json.dumps(parameters["args"]))
        return message

    def open(self, path: Path) -> None:
        """Load a file and wait until it is there."""
        self.go(path.resolve().as_uri())

    def go(self, url: str) -> None:
        """Load what is there and wait until it is."""
        self._loaded = False
        self.call("Page.navigate", url=url)
        while not self._loaded:
            self._next()

    def kill(self) -> None:
        """The browser is gone at once, as in a crash."""
        os.killpg(self._process.pid, signal.SIGKILL)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives, as JSON has it; promises are waited for."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def texts(self, selector: str) -> list[str]:
        """The text of each element."""
        texts: list[str] = self.value(
            f"[...document.querySelectorAll({json.dumps(selector)})].map((each) => each.textContent)"
        )
        return texts

    def click(self, selector: str) -> None:
        """Click the first element."""
        self.value(f"document.querySelector({json.dumps(selector)}).click()")

    def fill(self, selector: str, text: str) -> None:
        """Put a value into a field."""
        self.value(
            f"(() => {{ const field = document.querySelector({json.dumps(selector)}); field.value = {json.dumps(text)};"
            " field.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, text="\r" if key == "Enter" else "")

    def focused(self) -> str:
        """The text of the element that has the focus."""
        text: str = self.value("document.activeElement.textContent")
        return text

    def picture(self, path: Path, *, dark: bool = False, width: int = 1400, height: int = 900) -> None:
        """A PNG of what is in view."""
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """A browser with an empty tab. It and its files are gone afterwards, whatever happened."""
    program = found()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                program,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-first-run",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            with connect(_tab(Path(profile), process), max_size=None, proxy=None) as socket:
                page = Page(socket, process)
                yield page
                with contextlib.suppress(Exception):
                    page.call("Browser.close")
        finally:
            _end(process)


def _tab(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """The address of the first tab, once the browser listens (on the loopback interface, on a port of its choice)."""
    from urllib.request import ProxyHandler, build_opener

    told = profile / "DevToolsActivePort"
    direct = build_opener(ProxyHandler({}))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, f"the browser ended with status {process.returncode}"
        lines = told.read_text().splitlines() if told.exists() else []
        if len(lines) == 2:
            with direct.open(f"http://127.0.0.1:{lines[0]}/json/list", timeout=PATIENCE) as answer:
                for tab in json.load(answer):
                    if tab["type"] == "page":
                        return str(tab["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise AssertionError("the browser did not start in time")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the browser with all processes it started: they are a group of their own."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=PATIENCE)
