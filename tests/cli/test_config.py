"""The configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.cli.config import load
from analyzer.cli.options import Options
from analyzer.errors import UsageError


def written(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


def test_every_key(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """[tool.wsanalyzer]
        select = "FR,MK"
        ignore = ["FR-001"]
        decode-as = 8080
        severity = { "FR-002" = "info" }
        timeout = { pong = 1.5 }
        limits = { message-size = 5, gap-time = 3 }
        fail-on = "warning"
        payloads = true
        """,
    )
    assert load(path, tmp_path) == Options(
        select=["FR,MK"],
        ignore=["FR-001"],
        decode_as=["8080"],
        severity={"FR-002": "info"},
        timeout={"pong": "1.5"},
        limits={"message_size": 5, "gap_time": 3_000_000_000},
        fail_on="warning",
        payloads=True,
    )


def test_the_nearest_file_upwards_is_found(tmp_path: Path) -> None:
    written(tmp_path, '[tool.wsanalyzer]\nfail-on = "info"')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert load(None, below).fail_on == "info"
    written(below, "[tool.other]")
    assert load(None, below) == Options()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fail_on = 'info'", "has no key 'fail_on'; did you mean fail-on"),
        ("fail-on = 'fatal'", "choose from error, warning, info, never"),
        ("fail-on = 3", "choose from error, warning, info, never"),
        ("select = 3", "select: expected a string or a list of strings"),
        ("payloads = 1", "payloads: expected true or false"),
        ("severity = 'x'", "severity: expected a table"),
        ("limits = { nothing = 1 }", "limits has no key 'nothing'"),
        ("limits = { message-size = -1 }", "0 or more"),
        ("limits = { message-size = true }", "whole number"),
        ("select = [", "not valid TOML"),
    ],
)
def test_mistakes_are_named_with_the_file(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, f"[tool.wsanalyzer]\n{text}\n")
    with pytest.raises(UsageError) as caught:
        load(path, tmp_path)
    assert str(caught.value).startswith(str(path))
    assert says in str(caught.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the configuration"):
        load(tmp_path / "none.toml", tmp_path)
