"""Spools."""

from __future__ import annotations

from analyzer.report.spool import MEMORY, spool


class Owner:
    """Something that can be weakly referenced."""


def test_what_goes_in_comes_out_also_beyond_memory() -> None:
    owner = Owner()
    rows = spool(owner)
    rows.write(b"x" * (MEMORY + 1))
    rows.seek(0)
    assert len(rows.read()) == MEMORY + 1


def test_the_owner_takes_it_along() -> None:
    owner = Owner()
    rows = spool(owner)
    del owner
    assert rows.closed
