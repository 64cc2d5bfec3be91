"""Files written while the capture goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.capture.writer import Rotation, Tee, Writer, nanoseconds
from analyzer.errors import OutputError, UsageError
from analyzer.settings import SECOND
from tests.capture.crafted import Chopped


def feed(writer: Writer, data: bytes) -> None:
    writer.pass_by(memoryview(data))


def test_only_whole_blocks_are_written(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    writer = Writer(str(kept))
    feed(writer, b"headblo")
    writer.began(4)
    writer.commit(4)
    assert kept.read_bytes() == b"head"
    feed(writer, b"ckcut")
    writer.commit(9)
    writer.commit(9)
    writer.close()
    writer.close()
    assert kept.read_bytes() == b"headblock"
    assert writer.note == f"wrote what was captured to {kept}"


def test_a_rotated_file_begins_as_the_capture_did(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "kept.pcapng"), Rotation(size=8))
    feed(writer, b"head")
    writer.began(4)
    for number in range(3):
        feed(writer, b"block%d" % number)
        writer.commit(4 + 6 * (number + 1))
    writer.close()
    files = [(path.name, path.read_bytes()) for path in sorted(tmp_path.iterdir())]
    assert files == [
        ("kept-00001.pcapng", b"headblock0"),
        ("kept-00002.pcapng", b"headblock1"),
        ("kept-00003.pcapng", b"headblock2"),
    ]
    assert writer.note == f"wrote what was captured to {tmp_path}/kept-00001.pcapng and so on, 3 files"


def test_or_after_some_time(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "kept"), Rotation(time=1))
    feed(writer, b"headblockblock")
    writer.began(4)
    writer.commit(9)
    writer.commit(14)
    writer.close()
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [b"headblock", b"headblock"]


def test_where_writing_fails_the_file_ends_with_a_whole_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    writer = Writer(str(kept))
    feed(writer, b"headblock")
    writer.commit(4)
    write = os.write

    def full(descriptor: int, data: memoryview) -> int:
        if len(data) < 3:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:3])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        writer.commit(9)
    assert writer.failed == f"{kept}: No space left on device"
    feed(writer, b"block")
    writer.commit(14)
    writer.close()
    assert kept.read_bytes() == b"head"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nosuch/kept: cannot write: No such file or directory"):
        Writer(str(tmp_path / "nosuch" / "kept"))


def test_the_bytes_pass_through(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    writer = Writer(str(kept))
    source = Chopped(b"some bytes", [4])
    tee = Tee(source, writer)
    room = bytearray(10)
    read = b""
    while count := tee.readinto(memoryview(room)):
        read += room[:count]
    assert (read, tee.position) == (b"some bytes", 10)
    writer.commit(10)
    tee.close()
    assert source.closed
    assert kept.read_bytes() == b"some bytes"
    writer.close()


def test_words_for_sizes_and_times() -> None:
    assert not Rotation.parse([])
    assert Rotation.parse(["100MB", "10min"]) == Rotation(100 * 10**6, 600 * SECOND)
    assert Rotation.parse(["1KiB"]) == Rotation(1024, None)
    assert nanoseconds("--duration", "90") == nanoseconds("--duration", "90s") == 90 * SECOND
    for word in ("", "0s", "-1s", "MB", "1 MB", "10", "3days", "1.5h"):
        with pytest.raises(UsageError, match="not a size or a time"):
            Rotation.parse([word])
    for word in ("0", "x", "1MB"):
        with pytest.raises(UsageError, match=f"--duration {word}: not a time; write 90, 30s, 10min or 1h"):
            nanoseconds("--duration", word)
