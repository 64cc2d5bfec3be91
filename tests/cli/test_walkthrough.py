"""``wsanalyzer walkthrough``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import wsanalyzer
from tests.conftest import SAMPLES

ECHO = SAMPLES / "echo" / "echo.pcap"


@pytest.mark.parametrize(
    ("name", "start"),
    [("story.txt", b"One WebSocket connection"), ("story.md", b"# One WebSocket"), ("story.html", b"<!doctype html>")],
)
def test_the_suffix_names_the_format(name: str, start: bytes, tmp_path: Path) -> None:
    done = wsanalyzer("walkthrough", ECHO, "-o", name, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / name).read_bytes().startswith(start)


def test_text_goes_to_standard_output(tmp_path: Path) -> None:
    done = wsanalyzer("walkthrough", ECHO, folder=tmp_path)
    assert done.returncode == 0
    assert b"The verdict\n===========" in done.stdout


def test_standard_input_is_read(tmp_path: Path) -> None:
    piped = wsanalyzer("walkthrough", "-", "-f", "markdown", folder=tmp_path, stdin=ECHO.read_bytes())
    named = wsanalyzer("walkthrough", ECHO, "-f", "markdown", folder=tmp_path)
    assert piped.returncode == 0
    assert piped.stdout == named.stdout


def test_mistakes_are_one_line_and_status_2(tmp_path: Path) -> None:
    for arguments, words in (
        ((SAMPLES / "violations.pcap",), b"choose one with --connection N"),
        ((ECHO, "--connection", "7"), b"--connection 7"),
        ((ECHO, "-f", "pdf"), b"choose from text, markdown, html"),
        (("missing.pcap",), b"missing.pcap"),
        ((ECHO, "-o", str(ECHO)), b"a capture being read"),
        ((ECHO, "-o", "no/such/folder.md"), b"cannot write"),
    ):
        done = wsanalyzer("walkthrough", *arguments, folder=tmp_path)
        assert (done.returncode, done.stdout) == (2, b""), done.stderr
        assert done.stderr.count(b"\n") == 1
        assert words in done.stderr


def test_colour_is_asked_for(tmp_path: Path) -> None:
    assert b"\x1b[" in wsanalyzer("walkthrough", ECHO, "--color", "always", folder=tmp_path).stdout
