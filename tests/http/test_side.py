"""What is known of one direction, and what a client sends after its request."""

from __future__ import annotations

import pytest

from analyzer.http.exchange import Chunk
from analyzer.http.side import Mode, Side, masked_frame
from analyzer.model import Place


@pytest.mark.parametrize(
    ("data", "answer"),
    [("8185", True), ("0180", True), ("c1fe", True), ("8a80", True), ("8105", False), ("8385", False), ("b185", False)],
)
def test_masked_frames(data: str, answer: bool) -> None:
    assert masked_frame(bytes.fromhex(data)) is answer


def test_one_byte_is_no_frame_yet() -> None:
    assert not masked_frame(b"\x81")


def test_a_side_that_lost_its_step_forgets_the_head_it_was_in() -> None:
    side = Side()
    side.collector.add(Chunk(b"GET / HT", 0, Place(file=0, packet=1, ordinal=0, time_ns=0, file_offset=0), -1))
    assert side.held > len(b"GET / HT")
    side.lose_step()
    assert (side.mode, side.held) == (Mode.LOST, 0)
    side.begin_head()
    assert (side.mode, side.collector.empty) == (Mode.HEAD, True)
