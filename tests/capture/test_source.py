"""The whole of capture/: what a person names, as packets, compared with tshark where it is at hand."""

from __future__ import annotations

import functools
import gzip
import io
import os
import shutil
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from analyzer.capture.source import open_source
from analyzer.errors import InputError
from analyzer.model import Input
from analyzer.settings import SECOND, Settings
from analyzer.wire import pcap, pcapng
from tests.capture import growing
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


def test_an_unreadable_file_among_good_ones_is_left_out(tmp_path: Path) -> None:
    good, bad, missing = (str(tmp_path / name) for name in ("good", "bad", "missing"))
    Path(good).write_bytes(simple_pcap([1]))
    Path(bad).write_text("# notes")
    with open_source([bad, good, missing], Settings()) as source:
        rows = [row for batch in source.batches() for row in of_batch(batch)]
        assert [(row.file, row.time_ns) for row in rows] == [(1, 1)]
        assert source.unreadable == [bad, missing]
        assert source.notes == [
            f"{bad}: not a pcap or pcapng capture (starts with 23 20 6e 6f 74 65 73); left out",
            f"{missing}: no such file; left out",
        ]
        assert not source.waits
    with pytest.raises(InputError) as raised:
        open_source([bad, missing], Settings())
    assert str(raised.value) == f"none of the 2 captures can be read; {missing}: no such file"


def test_a_file_that_goes_while_it_waits_for_its_turn_is_left_out(tmp_path: Path) -> None:
    first, second, third = (str(tmp_path / name) for name in "123")
    for start, path in enumerate((first, second, third), start=1):
        Path(path).write_bytes(simple_pcap([start]))
    with open_source([first, second, third], Settings()) as source:
        times = []
        for batch in source.batches():
            times += [row.time_ns for row in of_batch(batch)]
            Path(second).unlink(missing_ok=True)
        assert times == [1, 3]
        assert source.unreadable == [second]
        assert source.notes == [f"{second}: no such file; left out"]


def test_a_pipe_that_carries_no_capture_is_left_out(tmp_path: Path) -> None:
    good, fifo = str(tmp_path / "good"), str(tmp_path / "fifo")
    Path(good).write_bytes(simple_pcap([1]))
    os.mkfifo(fifo)
    writer = threading.Thread(target=Path(fifo).write_text, args=("# notes",))
    writer.start()
    with open_source([fifo, good], Settings()) as source:
        assert sum(batch.count for batch in source.batches()) == 1
        assert source.unreadable == [fifo]
    writer.join()


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
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


# --- a file that still grows ------------------------------------------------------------------------------

FOLLOW = Settings(follow=True, follow_timeout=3 * SECOND)


def pieces(data: bytes, count: int) -> list[bytes]:
    """``data`` in ``count`` pieces, cut wherever that is."""
    ends = [len(data) * number // count for number in range(count + 1)]
    return [data[start:end] for start, end in pairwise(ends)]


def pcapng_of(stamps: range) -> bytes:
    return pcapng.build_section() + pcapng.build_interface(values=[(pcapng.TIME_RESOLUTION, b"\x09")]) + b"".join(
        pcapng.build_packet(b"packet", stamp) for stamp in stamps
    )  # fmt: skip


@pytest.mark.parametrize("made", [simple_pcap, pcapng_of], ids=["pcap", "pcapng"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_file_that_grows_is_read_as_it_grows(made: Callable[[range], bytes], packed: bool, tmp_path: Path) -> None:
    data = made(range(1, 41))
    path = tmp_path / "growing"
    path.touch()  # even its header is still to come
    growing.writer(path, pieces(gzip.compress(data, mtime=0) if packed else data, 9))
    with open_source([str(path)], FOLLOW) as source:
        assert source.waits
        assert source.inputs == [Input(str(path), None)]
        assert growing.times(source, 40) == list(range(1, 41))
        assert source.notes == []


def test_what_was_written_comes_while_the_writer_is_silent(tmp_path: Path) -> None:
    """Every batch must come before the writer, who waits for it, goes on."""
    path, data, seen = tmp_path / "growing", simple_pcap([1, 2, 3]), threading.Event()
    path.write_bytes(data[:-5])
    growing.writer(path, [lambda: seen.wait(10), data[-5:]])
    with open_source([str(path)], FOLLOW) as source:
        found = []
        for batch in source.batches():
            found.append(batch.time_ns[: batch.count].tolist())
            seen.set()
            if len(found) == 2:
                break
    assert found == [[1, 2], [3]]


def test_a_file_that_stays_the_same_ends_when_the_time_is_up(tmp_path: Path) -> None:
    path = tmp_path / "done"
    path.write_bytes(simple_pcap([1, 2])[:-1])
    with open_source([str(path)], Settings(follow=True, follow_timeout=SECOND // 4)) as source:
        assert growing.times(source, 9) == [1]
        assert "cut inside packet 2's record" in source.notes[0]


def test_a_file_that_is_cut_taken_away_or_replaced_ends_with_one_line(tmp_path: Path) -> None:
    data = simple_pcap([1, 2])
    for name, change, reason in (
        ("cut", lambda path: os.truncate(path, 30), "the file was cut to 30 bytes while it was read"),
        ("gone", os.unlink, "the file was taken away while it was read"),
        ("other", lambda path: (os.rename(path, f"{path}.1"), path.write_bytes(data)),
         "another file was put in its place while it was read"),
    ):  # fmt: skip
        path = tmp_path / name
        path.write_bytes(data[:-9])
        growing.writer(path, [functools.partial(change, path)], 0.3)
        with open_source([str(path)], FOLLOW) as source:
            assert growing.times(source, 9) == [1]
            assert source.notes == [f"{path}: stopped at byte {len(data) - 9}: {reason}; 1 packet read"]


def test_of_several_files_the_last_in_time_is_followed(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("c", "b", "a")]
    for start, name in zip((1, 21, 11), names, strict=True):
        Path(name).write_bytes(simple_pcap([start, start + 1]))
    growing.writer(Path(names[1]), [simple_pcap([23])[24:]])
    with open_source(names, FOLLOW) as source:
        assert [given.bytes is None for given in source.inputs] == [False, True, False]
        assert growing.times(source, 7) == [1, 2, 11, 12, 21, 22, 23]


def test_a_file_that_grows_into_no_capture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.touch()
    growing.writer(path, [b"# notes on", b" the capture"])
    with open_source([str(path)], FOLLOW) as source, pytest.raises(InputError, match="not a pcap or pcapng capture"):
        growing.times(source, 1)
