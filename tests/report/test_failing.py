"""Results that cannot be written: one line and status 2 in every format, and nothing half-written is left."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyzer.cli.main import main
from analyzer.report.formats import FORMATS
from samples import transcript
from tests.command import TIMEOUT, environment

STORY = "client: 81 05 48 65 6c 6c 6f\nserver: 81 03 61 ff 62"
ROOM = 10
"""Bytes that fit: less than any format makes of it."""
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24
"""capabilities(7), prctl(2)."""

every_format = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("capture") / "chat.pcap"
    path.write_bytes(transcript.capture(STORY))
    return path


def refusal(arguments: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> str:
    """What the command, run in this process, says when it fails."""
    status = main(arguments)
    out, told = capfdbinary.readouterr()
    assert (status, out) == (2, b"")
    return told.decode()


def command(capture: Path, name: str, output: Path | str) -> list[str]:
    return ["analyze", str(capture), "--isolated", "--no-progress", "-f", name, "-o", str(output)]


def ran(arguments: list[str], before: Callable[[], None]) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, which calls ``before`` first."""
    return subprocess.run(
        [sys.executable, "-m", "analyzer", *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        preexec_fn=before,
    )


def line(path: Path | str, reason: str) -> str:
    return f"wsanalyzer: {path}: cannot write: {reason}\n"


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system without a free byte. Skips where none can be mounted."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    try:
        (folder / "other").write_bytes(bytes(8 << 10))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=TIMEOUT)


@every_format
def test_a_full_disk(full_disk: Path, capture: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    out = full_disk / "out"
    assert refusal(command(capture, name, out), capfdbinary) == line(out, "No space left on device")
    assert os.listdir(full_disk) == ["other"]


@every_format
def test_a_full_device(capture: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert refusal(command(capture, name, "/dev/full"), capfdbinary) == line("/dev/full", "No space left on device")


@every_format
def test_an_existing_directory(
    tmp_path: Path, capture: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert refusal(command(capture, name, tmp_path), capfdbinary) == line(tmp_path, "Is a directory")
    assert os.listdir(tmp_path) == []


@every_format
def test_a_file_that_may_not_grow_leaves_the_old_one(tmp_path: Path, capture: Path, name: str) -> None:
    out = tmp_path / "out"
    out.write_text("old")
    done = ran(command(capture, name, out), lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)))
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", line(out, "File too large"))
    assert os.listdir(tmp_path) == ["out"]
    assert out.read_text() == "old"


def _without_root() -> None:
    """Make root, too, subject to permissions. Anybody else may not drop a capability, and has none."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@every_format
def test_no_permission(tmp_path: Path, capture: Path, name: str) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    try:
        done = ran(command(capture, name, folder / "out"), _without_root)
        told = (done.returncode, done.stdout, done.stderr.decode())
        assert told == (2, b"", line(folder / "out", "Permission denied"))
        assert os.listdir(folder) == []
    finally:
        folder.chmod(0o700)


@every_format
def test_a_closed_pipe_ends_quietly(capture: Path, name: str) -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [sys.executable, "-m", "analyzer", *command(capture, name, "-"), "-q"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    _, told = process.communicate(timeout=TIMEOUT)
    assert told == b""
    assert process.returncode in (0, 1), "what was found until somebody stopped reading"
