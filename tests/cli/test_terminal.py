"""What the terminal wants."""

from __future__ import annotations

import sys

import pytest

from analyzer.cli.terminal import WIDTH, say, use_color, width


def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert use_color("auto")
    assert not use_color("never")
    monkeypatch.setenv("TERM", "dumb")
    assert not use_color("auto")
    assert use_color("always")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not use_color("auto")


def test_no_terminal() -> None:
    assert width() == WIDTH
    assert not use_color("auto")


def test_a_message_is_one_harmless_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb\x1b[31m\udcff é")
    assert capsys.readouterr().err == "wsanalyzer: a\\x0ab\\x1b[31m\\xff é\n"


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, text: str) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", Closed())
    say("lost")
