"""The wording of findings about the opening."""

from __future__ import annotations

from analyzer.http.head import parse_head
from analyzer.model import Place
from analyzer.rules.opening_faults import SHOWN, missing, quoted, repeated, syntax

PLACE = Place(file=0, packet=1, ordinal=0, time_ns=0, file_offset=0)
HEAD = parse_head(b"GET / HTTP/1.1\nA: 1\r\nA: 2\n\r\n", [(0, 50, PLACE)], is_request=True)


def test_a_peers_text_is_cut() -> None:
    assert quoted(b"a\xe9") == '"a\u00e9"'
    assert len(quoted(b"x" * 1000)) == SHOWN + 3


def test_a_missing_field_stands_where_the_head_begins() -> None:
    fault = missing(HEAD, "Host", "one Host field")
    assert (fault.offset, fault.header, fault.found) == (50, "Host", "no Host")


def test_of_repeated_fields_the_second_is_shown() -> None:
    (fault,) = repeated(HEAD.named(b"a"), "one")
    assert (fault.offset, fault.length, fault.found) == (71, 4, "2 A fields")


def test_of_several_defects_the_first_is_shown() -> None:
    (fault,) = syntax(HEAD)
    assert (fault.offset, fault.found) == (64, "bare LF, and 1 more")
