"""One golden file for each format, all of one capture: what a change does to the formats shows in its diff.

To accept a change: ``python -m tests.report.test_golden`` in the repository writes them anew. Read the diff.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import duckdb
import pytest

from analyzer import pipeline
from analyzer.cli.main import main
from analyzer.report.formats import FORMATS
from analyzer.report.html import page
from samples import transcript

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = ("-q", "--isolated", "--records", "all", "--payloads", "--select", "MK-001,TX-001,CT-003,SEC-010")
"""Few rules: SARIF and JUnit name each that was asked for."""
STORY = r"""
extensions: permessage-deflate
client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
server: c1 07 f2 48 cd c9 c9 07 00
client: 89 81 37 fa 21 3d 46
server: 8a 01 71
client: 81 05 48 65 6c 6c 6f
server: 81 03 61 ff 62
server: 89 01 78
server: 88 02 03 ea
client: 88 82 37 fa 21 3d 34 10
server: FIN
client: FIN
connection 2:
client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
+1500ms
client: FIN
"""
SUFFIXES = {name: (entry.suffixes or (f".{name}",))[0] for name, entry in FORMATS.items()}


@contextlib.contextmanager
def fixed() -> Iterator[Path]:
    """A folder with the capture, to work in; the clock stands still, and the version is that of no release."""
    before = Path.cwd()
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(pipeline, "time", SimpleNamespace(monotonic_ns=lambda: 0)),
        mock.patch.object(pipeline, "version", return_value="1.2.3"),
    ):
        os.chdir(folder)
        try:
            Path("chat.pcap").write_bytes(transcript.capture(STORY))
            yield Path(folder)
        finally:
            os.chdir(before)


def written(name: str) -> bytes:
    """The capture's result in a format."""
    with fixed() as folder:
        assert main(["analyze", "chat.pcap", *OPTIONS, "-f", name, "-o", "out"]) == 1
        data = (folder / "out").read_bytes()
    return _without_assets(data) if name == "html" else data


def _without_assets(data: bytes) -> bytes:
    """The page without its script and style, which are files of their own, and without their digests."""
    text = data.decode()
    script = "".join(page._asset(name) for name in page.SCRIPTS)
    for asset in (script, page._asset("style.css")):
        assert text.count(asset) == 1
        text = text.replace(asset, "...").replace(page._digest(asset).replace("'", "&#39;"), "...")
    return text.encode()


def table(path: Path) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Columns and rows of a Parquet file: its bytes depend on the library that wrote it."""
    columns = duckdb.execute("select name, type, converted_type from parquet_schema(?)", [str(path)]).fetchall()
    return columns, duckdb.execute("select * from read_parquet(?)", [str(path)]).fetchall()


def golden(name: str) -> Path:
    return GOLDEN / f"chat{SUFFIXES[name]}"


@pytest.mark.parametrize("name", FORMATS)
def test_golden(name: str, tmp_path: Path) -> None:
    data = written(name)
    if name == "parquet":
        (tmp_path / "out").write_bytes(data)
        assert table(tmp_path / "out") == table(golden(name))
    elif FORMATS[name].copies:
        assert data == golden(name).read_bytes()
    else:
        assert data.decode() == golden(name).read_bytes().decode()


def test_golden_files_are_small() -> None:
    assert {path.name: size for path in GOLDEN.iterdir() if (size := path.stat().st_size) > 40_000} == {}


if __name__ == "__main__":
    for format_name in FORMATS:
        golden(format_name).write_bytes(written(format_name))
