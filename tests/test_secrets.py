"""What a key log holds appears nowhere: in no format, no message, no traceback, by none of the commands."""

from __future__ import annotations

import logging
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

import analyzer
from analyzer.report.formats import FORMATS
from analyzer.settings import RECORDS
from tests.command import TIMEOUT, environment
from tests.tls.peers import Contexts, Recorder, Secured
from tests.tls.test_session import V12, V13, chat
from tests.tools import needs_tshark


@pytest.fixture(scope="module")
def wss(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A capture over TLS 1.2 and 1.3, and its key log."""
    folder = tmp_path_factory.mktemp("wss")
    recorder, lines = Recorder(), []
    for version in (V12, V13):
        contexts = Contexts(folder / f"keys{version}", version)
        chat(Secured(contexts, recorder.conversation()))
        lines.append(contexts.log.read_text())
    (folder / "keys").write_text("".join(lines))
    (folder / "wss.pcap").write_bytes(recorder.capture())
    return folder / "wss.pcap", folder / "keys"


def secrets(keylog: Path) -> list[bytes]:
    """Each secret, as it might be written."""
    words = [line.split()[2] for line in keylog.read_text().splitlines() if not line.startswith("#")]
    assert len(words) >= 5
    forms: list[bytes] = []
    for word in words:
        data = bytes.fromhex(word)
        forms += [word.encode(), word.upper().encode(), data, b64encode(data)[:40], data.hex(" ").encode()]
        forms += [data.hex(":").encode(), repr(data).encode()]
    return forms


def said(folder: Path, *arguments: str | Path) -> tuple[int, bytes]:
    """Status, and all that a run of the command writes, tracebacks too."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-m", "analyzer", *map(str, arguments)],
        cwd=folder,
        env={**environment(), "WSANALYZER_DEBUG": "1"},
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    files = b"".join(path.read_bytes() for path in folder.glob("out*"))
    return done.returncode, done.stdout + done.stderr + files


def assert_silent(keylog: Path, text: bytes) -> None:
    assert len(text) > 100
    assert [form for form in secrets(keylog) if form in text] == []


def test_every_format(wss: tuple[Path, Path], tmp_path: Path) -> None:
    capture, keylog = wss
    if "parquet" in FORMATS:
        pytest.importorskip("pyarrow")
    wanted = [word for at, name in enumerate(FORMATS) for word in ("-f", name, "-o", f"out{at}")]
    options = ["--keylog", keylog, "--records", "all", "--payloads", "-v", "--select", "ALL"]
    status, text = said(tmp_path, "analyze", capture, *options, *wanted)
    assert status in (0, 1)
    assert b"hello" in text  # decrypted it was
    assert_silent(keylog, text)


@pytest.mark.parametrize("command", ["show", "walkthrough"])
def test_other_commands(command: str, wss: tuple[Path, Path], tmp_path: Path) -> None:
    capture, keylog = wss
    status, text = said(
        tmp_path, command, capture, *(["--connection", "0"] if command == "show" else []), "--keylog", keylog
    )
    assert status in (0, 1), text
    assert_silent(keylog, text)


@needs_tshark
@pytest.mark.parametrize(
    "arguments", [["crosscheck"], ["analyze", "--engine", "tshark", "-f", "jsonl", "--records", "all"]]
)
def test_with_tshark(arguments: list[str], wss: tuple[Path, Path], tmp_path: Path) -> None:
    capture, keylog = wss
    status, text = said(tmp_path, *arguments, capture, "--keylog", keylog)
    assert status in (0, 1)
    assert_silent(keylog, text)


def test_what_goes_wrong(wss: tuple[Path, Path], tmp_path: Path) -> None:
    """A capture that is none, a key log whose lines are damaged, and one given in the place of the capture."""
    capture, keylog = wss
    lines = keylog.read_text().splitlines()
    damaged = tmp_path / "damaged"
    damaged.write_text(
        "\n".join(f"{line[:-1]}\n{line}00\n{line} {line}\n{line.replace(' ', '  ')[:-3]}x" for line in lines)
    )
    for arguments in (
        ("analyze", keylog, "--keylog", keylog),
        ("analyze", capture, "--keylog", damaged),
        ("analyze", capture, "--keylog", keylog, "--records", "nonsense"),
        ("crosscheck", keylog, "--keylog", keylog),
    ):
        _, text = said(tmp_path, *arguments)
        assert [form for form in secrets(keylog) if form in text] == []


def test_logging_and_what_objects_say_of_themselves(wss: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> None:
    capture, keylog = wss
    with caplog.at_level(logging.DEBUG):
        report = analyzer.analyze(capture, keylog=str(keylog), records=list(RECORDS))
    assert_silent(keylog, (repr(report) + caplog.text).encode())
