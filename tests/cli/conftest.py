"""The command line over a story told by hand: the pipeline and the source are replaced by what yields it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analyzer.cli import main as command
from analyzer.model import Record, Run, Summary
from analyzer.report.sink import wanted
from analyzer.settings import Settings
from tests.report import made


class Scripted:
    """Stands in for the source and the pipeline, and remembers what it was asked."""

    def __init__(self) -> None:
        self.records: list[Record] = list(made.STORY)
        self.settings = Settings()
        self.notes: list[str] = []
        self.position = 0
        self.size = 100
        self.waits = False
        self.closed = 0
        self.during: Callable[[int], None] = lambda at: None
        """Called before each record with its number."""

    def open_source(self, paths: list[str], settings: Settings) -> Scripted:
        return self

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *error: object) -> None:
        self.closed += 1

    def run(
        self, source: Any, settings: Settings, progress: Callable[[], None] | None = None, watch: Any = None
    ) -> Iterator[Record]:
        self.settings = settings
        for at, record in enumerate(self.records):
            self.during(at)
            if progress is not None:
                progress()
            if isinstance(record, (Run, Summary, *wanted(settings.records))):
                yield record


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scripted:
    """A stand-in that tells `made.STORY`, with one rule in the registry and an empty working directory."""
    import analyzer.capture.source as source
    import analyzer.cli.results as cli_results
    import analyzer.cli.run as cli_run
    from analyzer import pipeline
    from analyzer.rules import registry

    story = Scripted()
    monkeypatch.setattr(pipeline, "run", story.run)
    for module in (source, cli_run):
        monkeypatch.setattr(module, "open_source", story.open_source)
        monkeypatch.setattr(module, "expand", list)
    monkeypatch.setattr(cli_results, "digest", lambda path: "ab" * 32)
    catalogue = {made.RULE.id: made.RULE, "HS-111": made.RULE, "TX-001": made.RULE}
    monkeypatch.setattr(registry, "load", lambda: catalogue)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return story


Ran = tuple[int, str, str]


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Ran]:
    """Runs the command in this process: exit status, standard output, standard error."""

    def invoke(*arguments: str | Path) -> Ran:
        status = command.main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return status, out.decode(), err.decode()

    return invoke
