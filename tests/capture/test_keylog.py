"""Key log files: read as far as asked, and one line where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.capture.keylog import VARIABLE, GrowingKeylog, from_environment, read_keylog
from analyzer.errors import InputError


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"CLIENT_RANDOM 00 11\n")
    assert read_keylog(str(path), 100) == b"CLIENT_RANDOM 00 11\n"
    assert read_keylog(str(path), 6) == b"CLIENT"


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError) as told:
            read_keylog(str(path), 100)
        assert str(told.value).startswith(f"key log {path}: ")
        assert "\n" not in str(told.value)


def test_the_environment_counts_only_where_it_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert from_environment() is None
    for path in (tmp_path / "none", tmp_path):
        monkeypatch.setenv(VARIABLE, str(path))
        assert from_environment() is None
    (tmp_path / "keys").write_bytes(b"")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "keys"))
    assert from_environment() == str(tmp_path / "keys")


def test_one_that_grows_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    growing = GrowingKeylog(str(path), 12)
    assert growing.more() == b""
    path.write_bytes(b"one\ntw")
    assert growing.more() == b"one\n"
    assert growing.more() == b""
    path.write_bytes(b"one\ntwo\nthree\nfour\n")
    assert growing.more() == b"two\n"
    assert growing.more() == b""
    assert GrowingKeylog("", 12).more() == b""
