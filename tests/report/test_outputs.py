"""Destinations."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from analyzer.errors import OutputError, UsageError
from analyzer.model import Record
from analyzer.report.outputs import Output, refuse_overlap
from tests.report.made import SUMMARY


class Lines:
    """A sink that writes a line a record."""

    def __init__(self, output: Output, error: OSError | None = None) -> None:
        self._out = output.stream
        self._error = error

    def write(self, record: Record) -> None:
        if self._error is not None:
            raise self._error
        self._out.write(b"record\n")

    def close(self) -> None:
        self._out.write(b"end\n")


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    output = Output(str(path))
    output.attach(Lines(output))
    output.write(SUMMARY)
    assert not path.exists()
    output.close()
    output.abandon()
    assert path.read_text() == "record\nend\n"
    assert os.listdir(tmp_path) == ["r.txt"]


def test_the_mode_is_that_of_a_new_file_or_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    before = os.umask(0o027)
    try:
        Output(str(path)).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    Output(str(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    Output(str(tmp_path / "link")).close()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == ""


def test_an_abandoned_file_leaves_nothing(tmp_path: Path) -> None:
    Output(str(tmp_path / "r.txt")).abandon()
    assert os.listdir(tmp_path) == []


def test_a_device_is_written_directly() -> None:
    output = Output(os.devnull)
    output.attach(Lines(output))
    output.write(SUMMARY)
    output.close()
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_folder_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write: Is a directory"):
        Output(str(tmp_path))


def test_a_closed_pipe_is_not_an_error(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "r.txt"))
    output.attach(Lines(output, BrokenPipeError(32, "Broken pipe")))
    output.write(SUMMARY)
    assert not output.open
    output.close()
    output.abandon()


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "r.txt"))
    output.attach(Lines(output, OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match=r"r\.txt: cannot write: No space left on device"):
        output.write(SUMMARY)
    output.abandon()
    assert os.listdir(tmp_path) == []


def test_overlaps_are_refused(tmp_path: Path) -> None:
    refuse_overlap(["a", "b", "-", os.devnull, os.devnull], ["c", "-"])
    with pytest.raises(UsageError, match="two results for one place"):
        refuse_overlap(["a", "./a"], [])
    with pytest.raises(UsageError, match="two results for one place"):
        refuse_overlap(["-", "-"], [])
    with pytest.raises(UsageError, match="capture being read"):
        refuse_overlap(["./c"], ["c"])
