"""Captures that can be read only once."""

from __future__ import annotations

import os
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from analyzer.capture.spare import readable_twice
from analyzer.errors import InputError


def test_a_file_is_read_where_it_stands(tmp_path: Path) -> None:
    with readable_twice([str(tmp_path / "a.pcap")]) as paths:
        assert paths == [str(tmp_path / "a.pcap")]


def test_standard_input_is_copied_and_the_copy_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"a capture")))
    with readable_twice(["-"]) as (path,):
        assert Path(path).read_bytes() == Path(path).read_bytes() == b"a capture"
    assert not os.path.exists(path)


def test_errors_name_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"a capture")))
    with pytest.raises(InputError, match=r"^standard input: bad$"), readable_twice(["-"]) as (path,):
        raise InputError(f"{path}: bad")
