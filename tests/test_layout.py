"""The shape of the code: imports point one way, tests mirror the package, and a plain run stays light."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import python

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "analyzer"
TESTS = ROOT / "tests"

BASE = ("errors", "version", "model", "settings", "wire")
"""Usable by all. Among themselves they too point one way, in this order."""
FLOW = ("capture", "tcp", "tls", "http", "frames", "messages", "rules", "report")
"""The way the data flows: each may use what stands before it."""
TOP = (
    "link",
    "judge",
    "connections",
    "counting",
    "pipeline",
    "cluster",
    "crosscheck",
    "walkthrough",
    "api",
    "__init__",
    "cli",
    "__main__",
)
"""What puts the rest together; each may use all of FLOW and what stands before it here."""
ORDER = (*BASE, *FLOW, *TOP)

UNTESTED = {
    "__init__": "names only",
    "__main__": "started by every test of the command line",
}
"""Modules without a test module of their own, by path without suffix or by name, and why."""

HEAVY = ("scapy", "pyshark", "dask", "distributed", "pyarrow", "cryptography", "hpack", "zstandard", "jinja2")


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def part_of(path: Path) -> str:
    """The folder, or the module at the top, that a file belongs to."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imported_parts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and part of each import of the package in ``path``, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "analyzer" else [module]
        else:
            continue
        for name in names:
            root, _, inside = name.partition(".")
            if root == "analyzer":
                yield node.lineno, inside.partition(".")[0] or "__init__"


def wrong_imports(path: Path) -> list[str]:
    own = part_of(path)
    if own not in ORDER:
        return [f"{path}: {own} has no place in the order of the folders"]
    rank = {name: place for place, name in enumerate(ORDER)}
    # `analyzer.Name` is a name of the package's front door, not a module.
    parts = [(line, part if part in rank else "__init__") for line, part in imported_parts(path)]
    return [f"{path}:{line}: {own} imports {part}" for line, part in parts if rank[part] > rank[own]]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    assert wrong_imports(path) == []


def test_an_import_against_the_flow_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tcp"
    folder.mkdir()
    module = folder / "wrong.py"
    module.write_text("from analyzer.capture import batch\ndef f():\n    from analyzer import rules\n")
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert wrong_imports(module) == [f"{module}:3: tcp imports rules"]


def has_code(path: Path) -> bool:
    """Whether there is more than a docstring, imports and ``__all__``."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not isinstance(node, ast.Expr | ast.Import | ast.ImportFrom | ast.Assign) for node in body)


def test_tests_mirror_the_package() -> None:
    missing = []
    for path in modules():
        inside = path.relative_to(PACKAGE)
        name = str(inside.with_suffix(""))
        if name in UNTESTED or inside.stem in UNTESTED or not has_code(path):
            continue
        test = TESTS / inside.with_name(f"test_{path.name}")
        if not test.exists():
            missing.append(f"analyzer/{inside} has no {test.relative_to(ROOT)}")
    assert missing == []


def test_every_test_module_tests_something_that_exists() -> None:
    """A module that was renamed takes its tests along."""
    for test in TESTS.rglob("test_*.py"):
        inside = test.relative_to(TESTS)
        if len(inside.parts) > 1 and inside.parts[0] in ORDER:
            module = PACKAGE / inside.with_name(inside.name.removeprefix("test_"))
            assert module.exists() or inside in WHOLE_FOLDER, f"{inside} mirrors nothing"


WHOLE_FOLDER = {
    Path("tcp/test_any_order.py"),
    Path("rules/test_examples.py"),
    Path("rules/test_catalogue.py"),
    Path("report/test_hostile.py"),
    Path("report/test_golden.py"),
    Path("report/test_failing.py"),
}
"""Tests of a folder rather than of one module."""


def imported_by(arguments: list[str], folder: Path) -> set[str]:
    """Top-level modules that a run of the command imports."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['wsanalyzer', *{arguments!r}]\n"
        "try:\n"
        "    runpy.run_module('analyzer', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    status = end.code\n"
        "names = sorted({name.partition('.')[0] for name in sys.modules})\n"
        "print('imported', status, *names, file=sys.stderr)\n"
    )
    done = python("-c", code, folder=folder)
    last = done.stderr.decode().splitlines()[-1].split()
    assert last[:2] in (["imported", "0"], ["imported", "None"]), done.stderr.decode()
    return set(last[2:])


def test_tls_without_keys_imports_nothing_heavy(write_capture: Callable[[str], Path], tmp_path: Path) -> None:
    capture = write_capture("client: raw 16 03 01 00 05 01 00 00 01 00")
    assert imported_by(["analyze", str(capture)], tmp_path).isdisjoint(HEAVY)


@pytest.mark.parametrize("arguments", [["--help"], ["analyze", str(ROOT / "samples" / "echo.pcap")]], ids=str)
def test_a_plain_run_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    assert imported_by(arguments, tmp_path).isdisjoint(HEAVY)
