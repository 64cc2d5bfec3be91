"""The progress bar."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from analyzer.cli import progress


def test_short_analyses_show_none(capsys: pytest.CaptureFixture[str]) -> None:
    bar = progress.Bar(cast(Any, SimpleNamespace(position=0, size=10)))
    bar()
    bar.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("size", [10, None])
def test_long_ones_do_and_wipe_it_off(size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    source = SimpleNamespace(position=5, size=size)
    bar = progress.Bar(cast(Any, source))
    bar()
    assert "5" in terminal.getvalue()
    bar.close()
    bar.close()
    assert "\x1b[2K" in terminal.getvalue()
