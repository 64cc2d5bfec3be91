"""What all tests share: the samples and the test libraries importable, and where the captures are.

The repository's root is kept off ``sys.path`` on purpose. Where the package is installed (with its compiled
modules) the tests must run against that one, and not against the sources beside them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = ROOT / "tests" / "captures"
SAMPLES = ROOT / "samples"


def _importable(name: str) -> None:
    """Make the folder ``name`` of the repository a package, without a search path that holds all of them."""
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(ROOT / name)]
        sys.modules[name] = package


_importable("samples")
_importable("tests")

hypothesis.settings.register_profile("wsanalyzer", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("wsanalyzer")


@pytest.fixture(scope="session")
def shared_captures() -> Path:
    """The folder of recorded captures with ground truth; skips where it is not at hand."""
    folder = Path(os.environ.get("WSANALYZER_SHARED", ROOT.parent / "shared")) / "captures"
    if not folder.is_dir():
        pytest.skip(f"no recorded captures in {folder} (set WSANALYZER_SHARED)")
    return folder


@pytest.fixture
def write_capture(tmp_path: Path) -> Callable[[str], Path]:
    """A function from a transcript (`samples.transcript`) to the path of its capture."""
    from samples import transcript

    def write(text: str) -> Path:
        path = tmp_path / "example.pcap"
        path.write_bytes(transcript.capture(text))
        return path

    return write


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the comparison with the ground truth, whichever process ran each row."""
    reports = (report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ()))
    rows = sorted(value for report in reports for name, value in report.user_properties if name == "truth")
    if rows:
        from tests import truth

        terminalreporter.section("comparison with the ground truth")
        terminalreporter.write_line(truth.table(rows))


LIVE = ("test_live.py", "test_sniff.py", "test_namespaces.py", "test_echo.py", "test_api.py", "test_peers.py")
"""Tests that wait for real processes, packets and browsers: they are tried again before they count as failed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the live tests."""
    for item in items:
        if item.path.name in LIVE:
            item.add_marker(pytest.mark.flaky(reruns=2))
