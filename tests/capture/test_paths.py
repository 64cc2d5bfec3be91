"""What a person names, and which captures that means."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from analyzer.capture.paths import digest, expand
from analyzer.errors import InputError
from analyzer.wire import pcapng
from tests.capture.crafted import simple_pcap

CAPTURE = simple_pcap([1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with captures and other things."""
    ring = tmp_path / "ring"
    ring.mkdir()
    (ring / "b.pcap").write_bytes(CAPTURE)
    (ring / "a").write_bytes(pcapng.build_section())
    (ring / "c.gz").write_bytes(gzip.compress(CAPTURE))
    (ring / "log.gz").write_bytes(gzip.compress(b"a log, no capture"))
    (ring / "notes.txt").write_text("a text")
    (ring / "empty").write_bytes(b"")
    (ring / "inner").mkdir()
    (ring / "inner" / "d.pcap").write_bytes(CAPTURE)
    os.mkfifo(ring / "fifo.pcap")
    (tmp_path / "none").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_means_its_captures_by_name(folder: Path) -> None:
    assert expand(["ring"]) == ["ring/a", "ring/b.pcap", "ring/c.gz"]


def test_a_pattern_means_what_it_matches(folder: Path) -> None:
    assert expand(["ring/*.pcap"]) == ["ring/b.pcap", "ring/fifo.pcap"]
    assert expand(["ri*"]) == ["ring/a", "ring/b.pcap", "ring/c.gz"]
    assert expand(["ring/**/d.*"]) == ["ring/inner/d.pcap"]
    Path("[a].pcap").write_bytes(CAPTURE)
    assert expand(["[a].pcap"]) == ["[a].pcap"]


def test_the_order_of_the_arguments_is_kept_and_each_file_read_once(folder: Path) -> None:
    assert expand(["ring/b.pcap", "-", "ring", "ring/../ring/a"]) == ["ring/b.pcap", "-", "ring/a", "ring/c.gz"]
    assert expand([]) == []


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["missing.pcap"], "missing.pcap: no such file"),
        (["none"], "none: no pcap or pcapng capture in this folder"),
        (["*.cap"], "*.cap: no file matches this pattern"),
        (["non?"], "non?: no file matches this pattern"),
        ([""], "an empty name is no capture; name a file, a folder, a pattern, or - for standard input"),
        (["-", "-"], "standard input ('-') is named twice, and can be read only once"),
    ],
)
def test_what_means_nothing_is_refused(folder: Path, paths: list[str], message: str) -> None:
    with pytest.raises(InputError) as raised:
        expand(paths)
    assert str(raised.value) == message


def test_a_capture_that_cannot_be_looked_into_is_not_passed_over(folder: Path) -> None:
    """Its name promises a capture; reading it will say what is wrong."""
    (folder / "none" / "broken.pcap.gz").write_bytes(b"\x1f\x8b\x08damaged")
    (folder / "none" / "text.pcap3").write_text("a text")
    (folder / "none" / "digests.pcap.txt").write_text("a text")
    assert expand(["none"]) == ["none/broken.pcap.gz", "none/text.pcap3"]


def test_digest_is_of_the_file_as_stored(folder: Path) -> None:
    data = gzip.compress(CAPTURE, mtime=0)
    Path("x.gz").write_bytes(data)
    assert digest("x.gz") == hashlib.sha256(data).hexdigest()
