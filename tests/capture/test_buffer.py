"""The window keeps every byte once and in order, whatever is dropped, skipped or needed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.buffer import Buffer
from tests.capture.crafted import CHOPS, Chopped


@given(st.binary(max_size=400), CHOPS, st.integers(1, 64), st.data())
def test_the_window_shows_the_stream(content: bytes, sizes: list[int], size: int, data: st.DataObject) -> None:
    stream, buffer = Chopped(content, sizes), Buffer(size)
    more = True
    while more:
        at = data.draw(st.integers(0, buffer.end + 20))
        wanted = buffer.base + at
        need = data.draw(st.integers(1, 100))
        more = buffer.refill(stream, at, need)
        assert buffer.base == min(wanted, len(content)) or (more is False and wanted > len(content))
        assert bytes(buffer.view[: buffer.end]) == content[buffer.base : buffer.base + buffer.end]
        assert len(buffer.data) % 8 == 0
        assert len(buffer.words) * 4 == len(buffer.data)
    assert buffer.base + buffer.end == len(content)


def test_it_grows_no_further_than_needed() -> None:
    buffer = Buffer(64)
    stream = Chopped(bytes(1000), [1000])
    while buffer.end < 100:
        assert buffer.refill(stream, 0, 100)
    assert len(buffer.data) == 104
    assert buffer.end <= 104
