"""The command as a whole: usage errors, version, start-up, quiet ends."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import analyzer
from tests.command import environment, python, wsanalyzer

Cli = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing command"),
        (["nothing"], "No such command 'nothing'"),
        (["analyze"], "Missing argument 'CAPTURE"),
        (["analyze", "--formt", "x", "y"], "No such option: --formt"),
        (["analyze", "-f"], "requires an argument"),
        (["show", "x", "--frame", "many"], "Invalid value for '--frame'"),
        (["rules", "-f", "xml"], "choose from text, json"),
        (["explain", "\x1b[31m"], "\\x1b[31m"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(scripted, cli: Cli, arguments: list[str], says: str) -> None:
    status, out, err = cli(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("wsanalyzer: ")
    assert len(err.splitlines()) == 1
    assert says in err
    assert err.isascii()
    assert "\x1b" not in err


def test_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"wsanalyzer {analyzer.__version__}\n", "")


def test_help_names_every_command(cli: Cli) -> None:
    status, out, _ = cli("--help")
    assert status == 0
    assert all(f"\n  {name}" in out for name in ("analyze", "show", "rules", "explain", "schema", "doctor"))


def test_help_imports_neither_numpy_nor_rich(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom analyzer.cli.main import main\nmain(['--help'])\n"
        "print([name for name in ('numpy', 'rich', 'construct', 'msgspec') if name in sys.modules], file=sys.stderr)"
    )
    assert python("-c", code, folder=tmp_path).stderr.decode().splitlines()[-1] == "[]"


def test_a_bug_is_one_line_unless_debugging(scripted, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(at: int) -> None:
        raise KeyError("first\nsecond")

    scripted.during = bug
    status, _, err = cli("analyze", "x.pcap")
    assert status == 2
    assert err == (
        "wsanalyzer: internal error, please report it: KeyError: 'first\\nsecond' (WSANALYZER_DEBUG=1 shows where)\n"
    )
    monkeypatch.setenv("WSANALYZER_DEBUG", "1")
    with pytest.raises(KeyError):
        cli("analyze", "x.pcap")


@pytest.mark.parametrize("arguments", [["schema"], ["rules", "-f", "json"], ["doctor"]], ids=str)
def test_a_closed_pipe_ends_quietly(arguments: list[str], tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "analyzer", *arguments],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process:
        said = process.stderr.read()
    assert (process.returncode, said) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("arguments", [["schema"], ["doctor"], ["--help"]], ids=str)
def test_a_full_disk_is_one_line_and_status_2(arguments: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "analyzer", *arguments],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, b"wsanalyzer: standard output: No space left on device\n")


def test_help_takes_little_time(tmp_path: Path) -> None:
    """CPU time, which a busy machine hardly stretches."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert wsanalyzer("--help", folder=tmp_path).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2, "some 0.15 s are usual"
