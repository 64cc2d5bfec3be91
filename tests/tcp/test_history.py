"""The remembered data: any place that is not too old can be read, however it came in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp.history import BLOCK, History


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=20), st.data())
def test_what_was_remembered_can_be_read(parts: list[bytes], data: st.DataObject) -> None:
    history = History(1 << 20)
    places = []
    for part in parts:
        places.append(history.total)
        history.remember(memoryview(part), history.total)
    assert history.total == sum(map(len, parts))
    which = data.draw(st.integers(0, len(parts) - 1))
    at = data.draw(st.integers(0, len(parts[which]) - 1))
    assert history.read(places[which] + at, len(parts[which]) - at) == parts[which][at:]


def test_old_blocks_go_and_memory_stays() -> None:
    history = History(3 * BLOCK)
    part = bytes(range(256)) * (BLOCK // 1024)
    for i in range(100):
        history.remember(memoryview(part), (i + 1) * len(part))
        oldest = max(0, history.total - 3 * BLOCK)
        oldest += -oldest % len(part)
        assert history.read(oldest + 5, 3) == b"\5\6\7"
    assert history.read(0, 4) == b""
    assert sum(map(len, history._blocks)) <= 5 * BLOCK
