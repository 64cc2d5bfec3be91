"""The first seeds of the fuzzer, with every test run; `tests/fuzz/README.md` says how to run it for longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests import transform
from tests.conftest import CAPTURES, ROOT
from tests.fuzz import mutate, run

CONNECTIONS = transform.connections(transform.parsed((CAPTURES / "violators_a.pcap").read_bytes()))


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_mutated_captures_are_read_without_an_exception_and_in_time(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 20):
        data = mutate.capture(Random(seed), CONNECTIONS)
        assert run.failure(data, tmp_path / "capture") is None, f"seed {seed}"


def test_a_seed_makes_one_capture() -> None:
    captures = [mutate.capture(Random(seed), CONNECTIONS) for seed in (1, 1, 2)]
    assert captures[0] == captures[1] != captures[2]


def test_the_driver_says_what_it_did(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "tests.fuzz.run", "--seconds", "1", "--keep", str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "captures" in done.stdout
    assert list(tmp_path.iterdir()) == []
