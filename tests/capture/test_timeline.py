"""Several captures as one: the order is by time, argument, and place in the file, whatever the batches."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.ledger import Ledger
from analyzer.capture.reader import Reader
from analyzer.capture.timeline import Lane, timeline
from analyzer.errors import AnalyzerError
from analyzer.settings import Settings
from tests.capture.crafted import CHOPS, Chopped, Row, of_batch, read, simple_pcap


class Opened:
    """Lanes over captures in memory, and how many were open at once."""

    def __init__(self, files: list[list[int]], sizes: list[int], rows: int) -> None:
        self.streams: list[Chopped] = []
        self.most = 0
        self._sizes = sizes
        self._settings = Settings(batch_packets=rows)
        self.lanes = [self._lane(index, times) for index, times in enumerate(files)]

    def _lane(self, index: int, times: list[int]) -> Lane:
        def opened(size: int) -> Reader:
            stream = Chopped(simple_pcap(times, b"%d" % index), self._sizes)
            self.streams.append(stream)
            self.most = max(self.most, sum(not stream.closed for stream in self.streams))
            return Reader(stream, index, self._settings, Ledger(str(index)), size)

        return Lane(index, times[0] if times else -(1 << 63), opened, self._refused)

    @staticmethod
    def _refused(index: int, error: AnalyzerError) -> None:
        raise AssertionError(error)


def model(files: list[list[int]]) -> list[tuple[int, int]]:
    """File and packet number in the order that is wanted, by plain sorting."""
    keyed = [
        (key, index, number)
        for index, times in enumerate(files)
        for number, key in enumerate(accumulate(times, max), start=1)
    ]
    return [(index, number) for _, index, number in sorted(keyed)]


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=5), CHOPS, st.integers(1, 7))
def test_the_merge_equals_plain_sorting(files: list[list[int]], sizes: list[int], rows: int) -> None:
    opened = Opened(files, sizes, rows)
    merged: list[Row] = []
    for batch in timeline(opened.lanes, 200, rows):
        assert 0 < batch.count <= rows
        merged += of_batch(batch)
    assert [(row.file, row.number) for row in merged] == model(files)
    for row in merged:
        assert row.time_ns == files[row.file][row.number - 1]
        assert row.data == b"%d" % row.file
    assert all(stream.closed for stream in opened.streams)


def test_rotated_files_are_read_one_at_a_time() -> None:
    ring = [[5, 6, 6], [7, 9], [1, 2, 4], [20]]
    opened = Opened(ring, [1000], 100)
    rows = [row for batch in timeline(opened.lanes, 1 << 16, 100) for row in of_batch(batch)]
    assert [row.time_ns for row in rows] == [1, 2, 4, 5, 6, 6, 7, 9, 20]
    assert opened.most == 1


def test_a_file_is_closed_when_the_reading_is_given_up() -> None:
    opened = Opened([[1, 2, 3], [1, 2, 3]], [20], 1)
    batches = timeline(opened.lanes, 64, 1)
    next(batches)
    batches.close()
    assert opened.streams
    assert all(stream.closed for stream in opened.streams)


def test_a_clock_that_goes_backwards_reorders_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(simple_pcap([10, 5, 20]))
    (tmp_path / "b").write_bytes(simple_pcap([11, 12]))
    rows, _ = read([tmp_path / "a", tmp_path / "b"])
    assert [(row.file, row.time_ns) for row in rows] == [(0, 10), (0, 5), (1, 11), (1, 12), (0, 20)]
