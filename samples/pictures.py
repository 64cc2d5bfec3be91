"""Makes README's pictures of the two reports people look at: ``python -m samples.pictures`` in the repository.

``terminal.svg`` is what the command prints at a terminal, drawn by rich, with the fonts of whoever looks.
``report.png`` is the HTML report of the same capture in a headless Chromium, opened at the first finding of a rule.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PICTURES = Path(__file__).parent
ROOT = PICTURES.parent
CAPTURE = "samples/violations.pcap"
SHOWN = "TX-001"
"""The rule whose first finding the page is opened at."""
ARGUMENTS = ("analyze", CAPTURE, "--select", "CL-004,MK-002")
COLUMNS = 100
WIDTH, HEIGHT, MARGIN = 1400, 1000, 16
"""Of the window, and around the picture, in pixels."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
TIMEOUT = 120
"""Seconds for the analysis, and for the browser."""

FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font: bold 18px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""  # noqa: E501 - one element
"""Rich's drawing of a terminal without the fonts that it would fetch."""


FREE = 10
"""Descriptors from here on are none of those that Chromium expects its pipes at."""
LAUNCH = """import os, sys
for pipe, place in zip(sys.argv[1:3], (3, 4)):
    os.dup2(int(pipe), place)
    os.close(int(pipe))
os.execv(sys.argv[3], sys.argv[3:])
"""


class PictureError(Exception):
    """A picture cannot be made here."""


def analyzed(*arguments: str) -> str:
    """What the command prints, from the root of the repository, as at a terminal with colours."""
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise PictureError(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode()


def terminal() -> str:
    """The report at a terminal, as SVG."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(
        Text(f"$ wsanalyzer {' '.join(ARGUMENTS)}"), Text.from_ansi(analyzed(*ARGUMENTS, "--color", "always")), sep="\n"
    )
    return console.export_svg(title="wsanalyzer", code_format=FRAME, unique_id="terminal")


def browser() -> str:
    """The path of a Chromium. Raises PictureError."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path is not None:
            return path
    raise PictureError(f"no Chromium to take the picture with: none of {', '.join(BROWSERS)} is on the PATH")


class Browser:
    """A headless Chromium with one tab, spoken to over a pair of pipes (DevTools protocol: JSON, each ended by NUL)."""

    def __init__(self, program: str, profile: str) -> None:
        """Start it."""
        self._number = 0
        self._session = ""
        their_in, self._out = os.pipe()
        self._in, their_out = os.pipe()
        theirs = [fcntl.fcntl(pipe, fcntl.F_DUPFD, FREE) for pipe in (their_in, their_out)]
        options = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *map(str, theirs), program, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=theirs,
            start_new_session=True,
        )
        for pipe in (their_in, their_out, *theirs):
            os.close(pipe)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command, and its answer. Raises PictureError."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise PictureError(f"Chromium refuses {method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        data = bytearray()
        while not data.endswith(b"\0"):
            ready, _, _ = select.select([self._in], [], [], TIMEOUT)
            byte = os.read(self._in, 1) if ready else b""
            if not byte:
                raise PictureError("Chromium does not answer")
            data += byte
        message: dict[str, Any] = json.loads(data[:-1])
        return message

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    def end(self) -> None:
        """End it, with all processes it started: they are a group of their own."""
        for pipe in (self._out, self._in):
            os.close(pipe)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=TIMEOUT)


def page(path: Path) -> None:
    """The HTML report, as a PNG at ``path``. Raises PictureError."""
    program = browser()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        report = Path(folder) / "report.html"
        analyzed("analyze", CAPTURE, "--isolated", "-o", str(report))
        chromium = Browser(program, f"{folder}/profile")
        try:
            chromium.call(
                "Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False
            )
            chromium.call("Page.navigate", url=f"{report.as_uri()}#{SHOWN}")
            chromium.value(
                "new Promise((done) => { const look = () => document.querySelector('#payload-text') ? done() :"
                " setTimeout(look, 50); look(); })"
            )
            box = chromium.value(
                "(({x, y, width, height}) => ({x, y: y + scrollY, width, height}))"
                "(document.querySelector('#view').getBoundingClientRect())"
            )
            clip = {
                "x": 0,
                "y": box["y"] - MARGIN,
                "width": WIDTH,
                "height": box["height"] + 2 * MARGIN,
                "scale": 1,
            }
            shot = chromium.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        finally:
            chromium.end()
    path.write_bytes(base64.b64decode(shot["data"]))


def main() -> str | None:
    """Both pictures; what went wrong."""
    try:
        (PICTURES / "terminal.svg").write_text(terminal(), encoding="utf-8")
        page(PICTURES / "report.png")
    except (PictureError, OSError, subprocess.TimeoutExpired) as error:
        return f"samples.pictures: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main())
