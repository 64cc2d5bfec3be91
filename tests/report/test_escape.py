"""Strangers' strings."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from analyzer.report.escape import elide, safe_json, visible, visible_bytes
from tests.report.made import HOSTILE, assert_harmless


def test_each_kind_of_code() -> None:
    assert visible(HOSTILE) == r"a\x1b[31mred\x00\u202egpj.exe\x0a\x9b0m\u200f\x9b"
    assert visible("\U000e0041") == r"\U000e0041"
    assert visible("grüße, 世界 😀") == "grüße, 世界 😀"
    assert visible_bytes(b"A: \x1b\xff\r\n\t") == r"A: \x1b\xff\r\n\t"


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_nothing_but_printable_characters_remain(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(char)[0] not in "CZ" or char == " " for char in shown)
    assert_harmless(shown)


@given(st.text(alphabet=st.characters(exclude_categories=())), st.integers(0, 20))
def test_elided_text_fits(text: str, width: int) -> None:
    assert len(elide(text, width)) <= width


def test_what_fits_is_not_cut() -> None:
    assert elide("abcd", 4) == "abcd"
    assert elide("abcdefgh", 6) == "abc..."


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_safe_json_means_the_same(value: object) -> None:
    document = json.dumps(value, ensure_ascii=False).encode()
    assert json.loads(safe_json(document)) == value
    assert_harmless(safe_json(document).decode())
