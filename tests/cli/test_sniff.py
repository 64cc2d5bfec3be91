"""The options of ``wsanalyzer sniff``. What it does with them: `tests/cli/test_live.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from analyzer.capture.live import Plan
from analyzer.capture.writer import Rotation
from analyzer.cli import live
from analyzer.cli.options import Options
from analyzer.settings import SECOND


def test_interfaces_are_listed(cli: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = cli("sniff", "--list-interfaces")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert "lo" in lines
    assert lines[-1] == "any (all that are up)"


def test_options_become_a_plan(cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def run(*arguments: Any, **options: Any) -> int:
        given.extend([*arguments, options])
        return 1

    monkeypatch.setattr(live, "run", run)
    words = "-i lo -i eth7 --bpf tcp --backend socket --packets 5 --duration 2min --write x --rotate 1MB --isolated"
    assert cli("sniff", *words.split(), "--fail-on", "never", "-q")[0] == 1
    plan, keeping, options, looks = given
    assert plan == Plan(interfaces=["lo", "eth7"], backend="socket", expression="tcp", packets=5, duration=120 * SECOND)
    assert keeping == live.Keeping("x", Rotation(size=10**6))
    assert keeping.single is None
    assert options == Options(fail_on="never")
    assert looks == {"quiet": True, "verbose": False}
