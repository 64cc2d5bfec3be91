"""What waits: sorted, free of overlap, the first copy kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.tcp.waiting import PIECE, SHOWN, Piece, Waiting, difference


def piece(offset: int, data: bytes, length: int | None = None) -> Piece:
    return Piece(offset, len(data) if length is None else length, data, -1, 0, 1, 2, 100 + offset)


def held(waiting: Waiting) -> dict[int, int]:
    """The bytes that wait, by offset. Asserts what always holds."""
    for before, after in zip(waiting.pieces, waiting.pieces[1:], strict=False):
        assert before.end <= after.offset
    assert waiting.size == sum(one.cost for one in waiting.pieces)
    assert all(len(one.data) <= one.length > 0 for one in waiting.pieces)
    return {one.offset + i: byte for one in waiting.pieces for i, byte in enumerate(one.data)}


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=12)), max_size=20))
def test_insert_against_a_dict(given: list[tuple[int, bytes]]) -> None:
    waiting, model = Waiting(), dict[int, int]()
    for offset, data in given:
        differs = [i for i, byte in enumerate(data, offset) if model.get(i, byte) != byte]
        fresh = [i for i in range(offset, offset + len(data)) if i not in model]
        inserted = waiting.insert(piece(offset, data))
        for i in fresh:
            model[i] = data[i - offset]
        assert [i for part in inserted.parts for i in range(part.offset, part.end)] == fresh
        assert [part.file_offset - part.offset for part in inserted.parts] == [100] * len(inserted.parts)
        assert (inserted.conflict and inserted.conflict[0]) == (differs[0] if differs else None)
        assert held(waiting) == model


@given(
    st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=6), st.integers(1, 12)), max_size=20), st.integers(0, 50)
)
def test_cut_pieces_and_an_end(given: list[tuple[int, bytes, int]], fin: int) -> None:
    waiting, model = Waiting(), dict[int, int]()
    for offset, data, more in given:
        covered = {i for one in waiting.pieces for i in range(one.offset, one.end)}
        waiting.insert(piece(offset, data, len(data) + more))
        for i, byte in enumerate(data, offset):
            if i not in covered:
                model[i] = byte
        assert held(waiting) == model
    waiting.end_at(fin)
    assert held(waiting) == {i: byte for i, byte in model.items() if i < fin}
    assert all(one.end <= fin for one in waiting.pieces)


def test_a_cut_segment_does_not_hide_later_space() -> None:
    waiting = Waiting()
    waiting.insert(piece(5, b"f"))
    waiting.insert(piece(0, b"ab", 9))
    assert [(one.offset, one.end, one.data) for one in waiting.pieces] == [
        (0, 5, b"ab"),
        (5, 6, b"f"),
        (6, 9, b""),
    ]


def test_take_what_follows_each_other() -> None:
    waiting = Waiting()
    for offset in (2, 4, 9):
        waiting.insert(piece(offset, b"xx"))
    assert waiting.take(0) == []
    assert [one.offset for one in waiting.take(2)] == [2, 4]
    assert waiting.size == PIECE
    waiting.drop()
    assert (waiting.pieces, waiting.size) == ([], 0)


def test_where_the_hole_ends() -> None:
    waiting = Waiting(promised=20)
    assert waiting.hole_end(10) == 20
    assert waiting.hole_end(30) == 30
    waiting.fin = 15
    assert waiting.hole_end(10) == 15, "an ACK of the FIN counts one more than there are bytes"
    waiting.promised = 12
    assert waiting.hole_end(10) == 12
    assert waiting.hole_end(12) == 15
    waiting.insert(piece(13, b"x"))
    assert waiting.hole_end(12) == 13


@given(first=st.binary(max_size=20), again=st.binary(max_size=20))
def test_difference(first: bytes, again: bytes) -> None:
    size = min(len(first), len(again))
    where = next((i for i in range(size) if first[i] != again[i]), None)
    found = difference(7, first, again, 3)
    assert (found is None) == (where is None)
    if found is not None and where is not None:
        assert found[:3] == (7 + where, size - where, 3)
        shown = slice(where, min(where + SHOWN, size))
        assert (found.first, found.again) == (first[shown], again[shown])
