"""Garbage collection around the imports."""

from __future__ import annotations

import gc

from analyzer.cli import startup


def test_collection_is_back_before_the_work(monkeypatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    try:
        startup.begin()
        assert not gc.isenabled()
        startup.settle()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.enable()
    import os

    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
