"""One version everywhere."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

import analyzer
from analyzer import pipeline, version
from analyzer.capture.source import open_source
from analyzer.model import Run
from analyzer.settings import Settings

ECHO = Path(__file__).parent.parent / "samples" / "echo.pcap"


def test_the_run_record_names_the_version_of_the_package() -> None:
    settings = Settings()
    first = next(iter(pipeline.run(open_source([str(ECHO)], settings), settings)))
    assert isinstance(first, Run)
    assert first.version == analyzer.__version__ == version.version()


def test_what_pip_wrote_beside_the_package_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "wsanalyzer-7.8.dev1.dist-info").mkdir()
    monkeypatch.setattr(version, "__file__", str(tmp_path / "analyzer" / "version.py"))
    assert version.version() == "7.8.dev1"


def test_a_checkout_that_was_never_installed_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    monkeypatch.setattr(version, "__file__", str(tmp_path / "analyzer" / "version.py"))
    assert version.version() == "0+unknown"
