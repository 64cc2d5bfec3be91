"""What waits is counted, and found by how long it has waited."""

from __future__ import annotations

from analyzer.tcp.shelf import Shelf
from analyzer.tcp.waiting import PIECE, Piece, Waiting


def put(shelf: Shelf, d: int, offset: int) -> Waiting:
    waiting = shelf.wait(d)
    shelf.change(d, waiting, lambda: waiting.insert(Piece(offset, 1, b"x", -1, 0, 1, 2, 100)))
    return waiting


def test_sizes_of_all_directions_add_up() -> None:
    shelf = Shelf()
    for d, offset in ((3, 10), (3, 20), (8, 10)):
        put(shelf, d, offset)
    assert shelf.size == 3 * PIECE
    shelf.forget(3)
    assert (shelf.size, 3 in shelf, 8 in shelf) == (PIECE, False, True)


def test_the_oldest_is_who_has_held_pieces_longest() -> None:
    shelf = Shelf()
    shelf.wait(1)
    assert shelf.oldest() is None, "to wait for an end holds nothing"
    first = put(shelf, 5, 10)
    put(shelf, 2, 10)
    put(shelf, 5, 30)
    assert shelf.oldest() == 5
    shelf.change(5, first, first.drop)
    assert shelf.oldest() == 2
    put(shelf, 5, 10)
    assert shelf.oldest() == 2, "who begins anew is the youngest"


def test_nothing_is_kept_of_who_waits_for_nothing() -> None:
    shelf = Shelf()
    shelf.forget(7)
    assert shelf.of(7) is None
    assert shelf.wait(7) is shelf.of(7)
