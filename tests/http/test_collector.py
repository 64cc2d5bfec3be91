"""Gathering one head from chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.http.collector import Collector
from analyzer.http.exchange import Chunk
from analyzer.http.head import MISSING_END
from analyzer.model import Cut, Place

HEAD = b"GET / HTTP/1.1\r\nHost: a\n\r\n"


def chunk(data: bytes, offset: int = 0, acked: int = 7) -> Chunk:
    return Chunk(data, offset, Place(file=0, packet=offset + 1, ordinal=offset, time_ns=0, file_offset=0), acked)


@given(st.lists(st.integers(1, 30), min_size=1), st.sampled_from([b"", b"\r\n", b"\n\r\n"]))
def test_the_end_is_found_however_the_bytes_come(sizes: list[int], blank: bytes) -> None:
    collector = Collector()
    data, at = blank + HEAD + b"rest", 0
    used = -1
    for size in [*sizes, len(data)]:
        piece = chunk(data[at : at + size], at)
        used = collector.add(piece)
        if used >= 0:
            break
        at += size
    assert at + used == len(blank) + len(HEAD)
    head = collector.head(is_request=True, complete=True)
    assert (head.raw, head.offset, head.end) == (HEAD, len(blank), len(blank) + len(HEAD))
    assert collector.blank_before == bool(blank)


def test_what_the_start_line_acknowledges() -> None:
    collector = Collector()
    collector.add(chunk(b"\r\n", 0, acked=1))
    collector.add(chunk(b"GET", 2, acked=2))
    collector.add(chunk(b" /", 5, acked=3))
    assert collector.acked() == 2


def test_a_hole_ends_no_head() -> None:
    collector = Collector()
    assert collector.add(chunk(b"GET / HTTP/1.1\r\n")) == -1
    collector.lose()
    assert collector.add(chunk(b"\r\nHost: a\r\n\r\nx", 100)) == 13
    head = collector.head(is_request=True, complete=True)
    assert head.gap
    assert head.end == 113


@pytest.mark.parametrize(("how", "defects"), [(Cut.FIN, [MISSING_END]), (Cut.RST, []), (None, [])])
def test_only_a_fin_says_that_the_empty_line_will_not_come(how: Cut | None, defects: list[str]) -> None:
    collector = Collector()
    collector.add(chunk(b"GET / HTTP/1.1\r\nHost: a\r\n"))
    head = collector.unfinished(how, is_request=True)
    assert (head.cut, [defect.kind for defect in head.defects]) == (how, defects)


def test_where_a_torn_response_ends_is_not_known() -> None:
    collector = Collector()
    collector.add(chunk(b"HTTP/1.1 101 OK\r\n"))
    collector.lose()
    head = collector.torn_response()
    assert (head.code, head.end, head.intact) == (101, -1, False)
