"""What dumpcap says when it cannot start, in one line. The captures themselves: `tests/cli/test_live.py`."""

from __future__ import annotations

import shutil

import pytest

from analyzer.capture import dumpcap
from analyzer.capture.dumpcap import NotPermittedError, explain
from analyzer.errors import AnalyzerError, InputError, MissingDependencyError, UsageError
from analyzer.settings import Settings
from tests import live

FILTER = """Capturing on 'Loopback: lo'
dumpcap: Invalid capture filter "tcp prt" for interface 'lo'.

That string isn't a valid capture filter (can't parse filter expression: syntax error).
See the User's Guide for a description of the capture filter syntax.
"""
PERMISSION = """Capturing on 'Loopback: lo'
dumpcap: You do not have permission to capture on device "lo".
(socket: Operation not permitted)
Please check to make sure you have sufficient permissions.
"""
DEVICE = """Capturing on 'x'
dumpcap: There is no device named "x".
(No such device exists)
"""


@pytest.mark.parametrize(
    ("said", "kind", "line"),
    [
        (FILTER, UsageError, "--bpf tcp prt: not a capture filter (can't parse filter expression: syntax error)"),
        (PERMISSION, NotPermittedError, "lo: no permission to capture; run it with sudo, or allow dumpcap"),
        (DEVICE, InputError, 'lo: dumpcap cannot capture: There is no device named "x".'),
        ("", InputError, "lo: dumpcap cannot capture: dumpcap said nothing"),
    ],
)
def test_one_line(said: str, kind: type[AnalyzerError], line: str) -> None:
    error = explain(said, ["lo"], "tcp prt")
    assert type(error) is kind
    assert str(error).startswith(line)
    assert "\n" not in str(error)


def test_a_wrong_filter() -> None:
    live.require(live.missing("dumpcap"))
    with pytest.raises(UsageError, match="--bpf tcp prt: not a capture filter"):
        dumpcap.start(["lo"], "tcp prt", Settings())


def test_without_dumpcap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match="dumpcap is not installed"):
        dumpcap.start(["lo"], None, Settings())
