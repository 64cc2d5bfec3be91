"""The whole of capture/: what a person names, as packets, compared with tshark where it is at hand."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.capture.source import open_source
from analyzer.errors import InputError
from analyzer.model import Input
from analyzer.settings import Settings
from analyzer.wire import pcap, pcapng
from tests.capture.crafted import of_batch, read, secrets, simple_pcap, statistics


def test_inputs_notes_and_counts_are_those_of_all_captures(tmp_path: Path) -> None:
    first = pcapng.build_section() + pcapng.build_interface() + secrets(b"CLIENT_RANDOM 1 2\n")
    first += pcapng.build_packet(b"one", 2_000_000) + pcapng.build_packet(b"?", 0, 7) + statistics(0, 3)
    second = gzip.compress(simple_pcap([10**9, 10**9])[:-1])
    paths = [str(tmp_path / "first"), str(tmp_path / "second")]
    Path(paths[0]).write_bytes(first)
    Path(paths[1]).write_bytes(second)
    with open_source(paths, Settings()) as source:
        assert source.inputs == [Input(paths[0], len(first)), Input(paths[1], len(second))]
        assert source.size == len(first) + len(second)
        assert source.position == 0
        rows = [row for batch in source.batches() for row in of_batch(batch)]
        assert [(row.file, row.data) for row in rows] == [(1, b"packet"), (0, b"one")]
        assert source.position == source.size
        cut = len(simple_pcap([0, 0])) - 1
        assert source.notes == [f"{paths[1]}: cut inside packet 2's record at byte {cut}; 1 packet read"]
        assert source.drops == 3
        assert source.skipped == {"interface not described": 1}
        assert source.secrets == [b"CLIENT_RANDOM 1 2\n"]


def test_an_unreadable_file_among_good_ones_is_refused_before_any_packet(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(simple_pcap([1]))
    (tmp_path / "bad").write_text("# notes")
    with pytest.raises(InputError) as raised:
        open_source([str(tmp_path / "good"), str(tmp_path / "bad")], Settings())
    assert str(raised.value) == f"{tmp_path}/bad: not a pcap or pcapng capture (starts with 23 20 6e 6f 74 65 73)"
    for wrong, reason in (tmp_path, "a directory, not a capture"), (tmp_path / "missing", "no such file"):
        with pytest.raises(InputError) as raised:
            open_source([str(wrong)], Settings())
        assert str(raised.value) == f"{wrong}: {reason}"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (gzip.compress(b""), "gzip of an empty file"),
        (gzip.compress(b"text"), "gzip of something that is not a pcap or pcapng capture (starts with 74 65 78 74)"),
        (gzip.compress(simple_pcap([1]))[:12], "the gzip data ends too early; there is nothing to read"),
    ],
    ids=["empty", "gzip-of-empty", "gzip-of-text", "gzip-cut"],
)
def test_what_holds_nothing_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InputError) as raised:
        open_source([str(path)], Settings())
    assert str(raised.value) == f"{path}: {reason}"


def test_compression_changes_nothing(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    content = simple_pcap(range(3000), bytes(range(200)))
    for name, data in (
        ("plain", content),
        ("gzip", gzip.compress(content)),
        ("zstd", zstandard.ZstdCompressor().compress(content)),
    ):
        (tmp_path / name).write_bytes(data)
    plain, notes = read([tmp_path / "plain"])
    assert len(plain) == 3000
    assert read([tmp_path / "gzip"]) == (plain, notes)
    assert read([tmp_path / "zstd"]) == (plain, notes)


def test_standard_input_among_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Standard:
        buffer = io.BytesIO(simple_pcap([2, 4]))

        @staticmethod
        def isatty() -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Standard)
    (tmp_path / "file").write_bytes(simple_pcap([1, 3, 5]))
    with open_source([str(tmp_path / "file"), "-"], Settings()) as source:
        assert source.size is None
        rows = [row for batch in source.batches() for row in of_batch(batch)]
    assert [(row.time_ns, row.file) for row in rows] == [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0)]
    assert source.inputs[1] == Input("-", None)


def test_a_live_pipe_is_read_as_it_is_written(tmp_path: Path) -> None:
    """The packets that were written come while the writer is silent, as with ``tcpdump -w -``."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    content = simple_pcap([1, 2, 3])
    seen = threading.Event()
    waited: list[bool] = []

    def write() -> None:
        with open(fifo, "wb", buffering=0) as file:
            file.write(content[:-5])
            waited.append(seen.wait(20))
            file.write(content[-5:])

    writer = threading.Thread(target=write)
    writer.start()
    with open_source([str(fifo)], Settings()) as source:
        times = []
        for batch in source.batches():
            times += [row.time_ns for row in of_batch(batch)]
            if len(times) == 2:
                seen.set()
    writer.join()
    assert times == [1, 2, 3]
    assert waited == [True]


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}.pcap").write_bytes(simple_pcap([number * 100 + n for n in range(50)], bytes(1000)))
    paths = sorted(tmp_path.iterdir())
    tracemalloc.start()
    settings = Settings(buffer_size=1 << 18)
    with open_source([str(path) for path in paths], settings) as source:
        count = sum(batch.count for batch in source.batches())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40 * 50
    assert peak < 16 * settings.buffer_size


# --- against tshark ---------------------------------------------------------------------------------------

FIELDS = ("frame.number", "frame.time_epoch", "frame.cap_len", "frame.len")


@pytest.fixture(scope="module")
def tshark() -> Callable[[Path], list[tuple[int, int, int, int]]]:
    """What tshark says about a capture: number, time in nanoseconds, captured and wire length of each packet."""
    program = shutil.which("tshark")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("tshark is not installed")
        pytest.skip("tshark is not installed")

    def run(path: Path) -> list[tuple[int, int, int, int]]:
        fields = [argument for name in FIELDS for argument in ("-e", name)]
        command = [program, "-n", "-r", str(path), "-T", "fields", *fields]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        rows = []
        for line in done.stdout.splitlines():
            number, time, captured, wire = line.split("\t")
            seconds, _, fraction = time.partition(".")
            rows.append((int(number), int(seconds) * 10**9 + int(fraction.ljust(9, "0")), int(captured), int(wire)))
        assert rows, done.stderr
        return rows

    return run


@pytest.mark.parametrize(
    "name",
    [
        "base_small.pcap",
        "var_nano.pcap",
        "var_pcapng.pcapng",
        "var_snap96.pcap",
        "var_sll.pcap",
        "rw_bigendian.pcap",
        "rw_gzip.pcap.gz",
        "rw_truncfile.pcap",
        "multi_iface.pcapng",
        "tls13_chromium_dsb.pcapng",
    ],
)
def test_recorded_captures_read_as_tshark_reads_them(
    name: str, shared_captures: Path, tshark: Callable[[Path], list[tuple[int, int, int, int]]]
) -> None:
    path = shared_captures / name
    if not path.exists():
        pytest.skip(f"{name} is not among the recorded captures")
    rows, _ = read([path])
    assert [(row.number, row.time_ns, len(row.data), row.wire) for row in rows] == tshark(path)


@pytest.mark.parametrize("order", pcap.ORDERS)
def test_crafted_captures_read_as_tshark_reads_them(
    order: str, tmp_path: Path, tshark: Callable[[Path], list[tuple[int, int, int, int]]]
) -> None:
    path = tmp_path / "crafted.pcapng"
    data = pcapng.build_section(order)
    resolutions = (6, 9, 3, 0x80 | 20, 0x80 | 33)
    for resolution in resolutions:
        values = [(pcapng.TIME_RESOLUTION, bytes([resolution])), (pcapng.TIME_OFFSET, pcapng.OFFSET[order].build(7))]
        data += pcapng.build_interface(values=values, order=order)
    for number, resolution in enumerate(resolutions):
        unit = (2 if resolution & 0x80 else 10) ** (resolution & 0x7F)
        ticks = 1_600_000_000 * unit + unit // 3
        data += pcapng.build_packet(bytes(30 + number), ticks, number, [(1, b"comment")], order, wire=99)
    path.write_bytes(data + pcapng.build_section() + pcapng.build_interface() + pcapng.build_packet(bytes(9), 77))
    rows, notes = read([path])
    assert notes == []
    assert [(row.number, row.time_ns, len(row.data), row.wire) for row in rows] == tshark(path)
