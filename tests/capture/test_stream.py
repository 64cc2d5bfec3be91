"""Compression, pipes and damage, below the formats."""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
import threading
from pathlib import Path

import pytest

from analyzer.capture.stream import DamageError, Gzip, Plain, Stream, open_stream
from analyzer.errors import InputError, MissingDependencyError

CONTENT = random.Random(1).randbytes(150_000) + bytes(300_000) + random.Random(2).randbytes(150_000)


def drain(stream: Stream, size: int = 50_000) -> tuple[bytes, str | None]:
    """All that can be read, and the damage that ended it."""
    parts = []
    view = memoryview(bytearray(size))
    try:
        while count := stream.readinto(view):
            parts.append(bytes(view[:count]))
    except DamageError as error:
        return b"".join(parts), str(error)
    finally:
        stream.close()
    return b"".join(parts), None


def write(folder: Path, data: bytes) -> str:
    path = folder / "file"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("size", [1, 3, 4096, 1 << 20])
def test_a_file_is_read_as_it_is(tmp_path: Path, size: int) -> None:
    content = CONTENT[:3000]
    stream = open_stream(write(tmp_path, content))
    assert stream.kind is None
    assert drain(stream, size) == (content, None)
    assert stream.position == len(content)


@pytest.mark.parametrize("size", [100, 1 << 20])
def test_gzip_of_several_members_and_padding(tmp_path: Path, size: int) -> None:
    data = gzip.compress(CONTENT[:200_000]) + gzip.compress(b"") + gzip.compress(CONTENT[200_000:]) + bytes(512)
    stream = open_stream(write(tmp_path, data))
    assert stream.kind == "gzip"
    assert drain(stream, size) == (CONTENT, None)
    assert stream.position == len(data)


def test_gzip_cut_short_gives_what_there_is(tmp_path: Path) -> None:
    content, damage = drain(open_stream(write(tmp_path, gzip.compress(CONTENT)[:-9])))
    assert CONTENT.startswith(content)
    assert len(content) > len(CONTENT) - 1000
    assert damage == "the gzip data ends too early"


def test_damaged_gzip_gives_everything_before_the_damage(tmp_path: Path) -> None:
    """An error must not take along what the same call had decompressed before it."""
    whole = gzip.compress(CONTENT)
    first = gzip.compress(CONTENT[:100_000], mtime=0)
    content, damage = drain(open_stream(write(tmp_path, first[:-8] + bytes(8) + whole)))
    assert content == CONTENT[:100_000]
    assert damage == "the gzip data is damaged (incorrect data check)"


def test_what_follows_gzip_is_told(tmp_path: Path) -> None:
    content, damage = drain(open_stream(write(tmp_path, gzip.compress(CONTENT) + b"tail")))
    assert content == CONTENT
    assert damage == "the gzip data is followed by something else (74 61 69 6c)"


def test_gzip_of_a_bomb_is_handed_out_in_pieces(tmp_path: Path) -> None:
    data = gzip.compress(bytes(50 << 20))
    stream = open_stream(write(tmp_path, data))
    view = memoryview(bytearray(1000))
    assert stream.readinto(view) == 1000
    assert isinstance(stream, Gzip)
    stream.close()


def test_zstd_frames_and_damage(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    compressor = zstandard.ZstdCompressor(write_checksum=True)
    data = compressor.compress(CONTENT[:200_000]) + compressor.compress(CONTENT[200_000:])
    assert drain(open_stream(write(tmp_path, data))) == (CONTENT, None)
    content, damage = drain(open_stream(write(tmp_path, data + b"tail tail")))
    assert content == CONTENT
    assert damage is not None
    assert damage.startswith("the zstd data is damaged (")


def test_zstd_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingDependencyError, match=r"wsanalyzer\[zstd\]"):
        open_stream(write(tmp_path, b"\x28\xb5\x2f\xfd"))


def test_a_pipe_is_read_without_waiting_for_more() -> None:
    """What a writer has written is handed out while the writer is silent: this test would hang otherwise."""
    reading, writing = os.pipe()
    os.write(writing, b"0123456789")
    stream = Plain("pipe", os.fdopen(reading, "rb", buffering=0))
    view = memoryview(bytearray(100))
    assert bytes(view[: stream.readinto(view)]) == b"0123456789"
    os.write(writing, b"ab")
    os.write(writing, b"cd")
    assert bytes(view[: stream.readinto(view)]) == b"abcd"
    os.close(writing)
    assert stream.readinto(view) == 0
    stream.close()


def test_a_pipe_that_says_only_its_magic_number_is_not_waited_for() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"0123")
    stream = Plain("pipe", os.fdopen(reading, "rb", buffering=0))
    view = memoryview(bytearray(100))
    assert bytes(view[: stream.readinto(view)]) == b"0123"
    os.close(writing)
    stream.close()


def test_compressed_pipes_are_read_without_waiting_for_more() -> None:
    zstandard = pytest.importorskip("zstandard")
    member = zstandard.ZstdCompressor().compress(b"zstd")
    for data, expected in (gzip.compress(b"gzip"), b"gzip"), (member, b"zstd"):
        reading, writing = os.pipe()
        os.write(writing, data)
        stream = open_stream(f"/dev/fd/{reading}")
        view = memoryview(bytearray(100))
        assert bytes(view[: stream.readinto(view)]) == expected
        os.close(writing)
        assert drain(stream) == (b"", None)
        os.close(reading)


def test_a_pipe_that_does_not_block_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    writer = threading.Timer(0.05, lambda: (os.write(writing, b"late"), os.close(writing)))
    writer.start()
    assert drain(Plain("pipe", os.fdopen(reading, "rb", buffering=0))) == (b"late", None)
    writer.join()


class Standard:
    """Standard input, as far as it is asked about."""

    def __init__(self, data: bytes, terminal: bool = False) -> None:
        self.buffer = io.BytesIO(data)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    standard = Standard(gzip.compress(CONTENT))
    monkeypatch.setattr(sys, "stdin", standard)
    assert drain(open_stream("-")) == (CONTENT, None)
    assert not standard.buffer.closed
    monkeypatch.setattr(sys, "stdin", Standard(b"", terminal=True))
    with pytest.raises(InputError, match="terminal"):
        open_stream("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="closed"):
        open_stream("-")


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        open_stream(str(tmp_path / "missing"))
    assert str(raised.value) == f"{tmp_path}/missing: no such file"
    with pytest.raises(InputError, match="directory"):
        open_stream(str(tmp_path))
    secret = tmp_path / "secret"
    secret.write_bytes(b"abc")
    secret.chmod(0)
    if not os.access(secret, os.R_OK):  # root reads everything
        with pytest.raises(InputError, match="no permission to read it"):
            open_stream(str(secret))
