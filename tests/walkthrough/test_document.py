"""The parts of a document."""

from __future__ import annotations

from analyzer.walkthrough.document import Piece, code, outcome, paragraph, points, quote, strong, words


def test_pieces_keep_their_kind() -> None:
    assert [code(1).kind, quote("a").kind, strong("a").kind, outcome("held").kind] == [
        "code",
        "quote",
        "strong",
        "held",
    ]


def test_words_become_pieces_and_nothing_stays_out() -> None:
    assert words("a", "", code("b")) == [Piece("a"), Piece("b", "code")]
    assert paragraph("a").words == [Piece("a")]
    assert points(words("a"), words("b")).items == [[Piece("a")], [Piece("b")]]
