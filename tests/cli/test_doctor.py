"""What the doctor says."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

from analyzer.cli.doctor import HOT, answers

ROOT = Path(__file__).parent.parent.parent


def test_it_knows_the_modules_that_are_compiled() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert tuple(module["name"] for module in project["tool"]["setuptools"]["ext-modules"]) == HOT


def test_every_module_and_package_has_an_answer() -> None:
    found = dict(answers())
    assert all(found[module].startswith(("compiled", "interpreted")) for module in HOT)
    assert all(not found[name].startswith("not installed") for name in ("construct", "msgspec", "numpy", "typer"))
    assert found["live capture"].startswith(("permitted", "not "))


def test_plain_lines_and_status_0(cli: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = cli("doctor")
    assert (status, err) == (0, "")
    assert all(": " in line for line in out.splitlines())
