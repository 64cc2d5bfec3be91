"""README's pictures: what the script makes is what is committed, and it says where it cannot."""

from __future__ import annotations

import re
import shutil
import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest

from samples import pictures
from tests.browser import found
from tests.test_readme import ROOT

SAMPLES = ROOT / "samples"


def test_readme_shows_both() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert set(shown) == {"samples/terminal.svg", "samples/report.png"}
    assert all((ROOT / path).is_file() for path in shown)


def test_the_terminal_is_what_the_command_prints_today() -> None:
    def timeless(text: str) -> str:
        """Without how long it took, and how long the words that say so are."""
        return re.sub(r'textLength="[0-9.]+"([^>]*>)([^<]*read&#160;in&#160;)[0-9.]+', r"\1\2", text)

    made = pictures.terminal()
    committed = (SAMPLES / "terminal.svg").read_text(encoding="utf-8")
    assert timeless(made) == timeless(committed), "run python -m samples.pictures"
    assert "read&#160;in" in made
    words = "".join(ElementTree.fromstring(made).itertext()).replace("\xa0", " ")
    assert f"$ wsanalyzer {' '.join(pictures.ARGUMENTS)}" in words
    assert "MK-002 masked-server-frame: A server masked a frame" in words


def test_the_terminal_fetches_nothing() -> None:
    committed = (SAMPLES / "terminal.svg").read_text(encoding="utf-8")
    assert [word for word in ("url(http", "@font-face", "@import", "href", "<script") if word in committed] == []


def test_the_page_is_taken_by_a_browser(tmp_path: Path) -> None:
    found()
    pictures.page(tmp_path / "report.png")
    for path in (tmp_path / "report.png", SAMPLES / "report.png"):
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", data[16:24])
        assert width == pictures.WIDTH
        assert 500 < height < 2000
        assert len(data) > 50_000, "not an empty page"


def test_without_a_browser_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(pictures, "terminal", lambda: "<svg/>")
    monkeypatch.setattr(pictures, "PICTURES", tmp_path)
    told = pictures.main()
    assert told == (
        "samples.pictures: no Chromium to take the picture with: none of chromium, chromium-browser, google-chrome, "
        "chrome is on the PATH"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["terminal.svg"]
