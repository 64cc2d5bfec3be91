"""The text scanner against Python's decoder, however text is cut, masked and aligned; unmasking against a library."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.utils import apply_mask

from analyzer.frames.text import (
    ABOVE,
    MISSING,
    NEVER,
    OVERLONG,
    REASONS,
    STRAY,
    SURROGATE,
    TRUNCATED,
    VALID,
    TextScanner,
    unmask,
)
from analyzer.messages.columns import INVALID
from analyzer.wire.frame import build_frame
from tests.frames.feeding import CLIENT, SERVER, UNREAD, Line, chop, only
from tests.frames.made import CUTS

PIECES = st.one_of(
    st.text(max_size=6).map(str.encode),
    st.binary(max_size=3),
    st.sampled_from([b"a" * 30, "é".encode() * 9, b"\xf4\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xf4\x90", b"\xe0\x9f"]),
    st.just("€".encode()[:2]),
)
TEXTS = st.lists(PIECES, max_size=6).map(b"".join)
KEYS = st.one_of(st.none(), st.binary(min_size=4, max_size=4))


def first_bad(data: bytes) -> int | None:
    """Where Python gives up when fed byte by byte; the length where only the end is missing; None: all is well."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(len(data)):
        try:
            decoder.decode(data[at : at + 1])
        except UnicodeDecodeError:
            return at
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return len(data)
    return None


@given(TEXTS, CUTS, CUTS, st.lists(KEYS, min_size=13, max_size=13), st.integers(0, 9))
@example(b"\xf0\x9f\x98\x80", [], [1, 2, 3], [None] * 13, 0)
def test_the_first_bad_byte_is_pythons(
    text: bytes, frame_cuts: list[int], segment_cuts: list[int], keys: list[bytes | None], before: int
) -> None:
    parts = chop(text, frame_cuts) or [b""]
    data = b"".join(
        build_frame(0 if n else 1, part, keys[n], fin=n == len(parts) - 1) + build_frame(9, b"\xff", keys[n])
        for n, part in enumerate(parts)
    )
    line = Line(settings=UNREAD).feed(CLIENT, *chop(data, segment_cuts), before=before).done()
    found = [row for row in line.rows if row.event == INVALID]
    expected = first_bad(text)
    if expected is None:
        assert found == []
        return
    row = only(found)
    assert row.bad_offset == expected
    assert (row.reason == TRUNCATED) == (expected == len(text))
    assert row.context.endswith(text[expected : expected + 1])
    assert text[: expected + 1].endswith(row.context)


@given(TEXTS, CUTS)
def test_text_given_as_it_is_gives_the_same(text: bytes, cuts: list[int]) -> None:
    scanner = TextScanner(0)
    scanner.grow(1)
    parts = chop(text, cuts) or [b""]
    begin, found = 0, []
    for n, part in enumerate(parts):
        at, reason, _ = scanner.one(bytearray(part), 0, first=n == 0, final=n == len(parts) - 1)
        if reason != VALID:
            found.append(begin + at)
        begin += len(part)
    expected = first_bad(text)
    assert found == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("text", "offset", "reason"),
    [
        ("80", 0, STRAY),
        ("61 bf", 1, STRAY),
        ("c3 41", 1, MISSING),
        ("e2 82 41", 2, MISSING),
        ("f0 9f 98 e2", 3, MISSING),
        ("c0 80", 0, OVERLONG),
        ("c1 bf", 0, OVERLONG),
        ("e0 9f bf", 1, OVERLONG),
        ("f0 8f bf bf", 1, OVERLONG),
        ("ed a0 80", 2, SURROGATE),
        ("ed bf bf", 2, SURROGATE),
        ("ed a0 41", 2, MISSING),
        ("f4 90 80 80", 1, ABOVE),
        ("f5 80 80 80", 0, ABOVE),
        ("f8 88 80 80 80", 0, NEVER),
        ("ff", 0, NEVER),
        ("61 c3", 2, TRUNCATED),
        ("f0 9f 98", 3, TRUNCATED),
    ],
)
def test_the_reason(text: str, offset: int, reason: int) -> None:
    """After Table 3-7 of Unicode 15, with and without eight bytes before that go by as a word."""
    for ahead in (b"", b"12345678"):
        data = ahead + bytes.fromhex(text)
        row = only(Line(settings=UNREAD).feed(SERVER, build_frame(1, data), before=6).done().rows, _invalid)
        assert (row.bad_offset, row.reason) == (len(ahead) + offset, reason)
    assert len(REASONS) == TRUNCATED + 1


def _invalid(row: object) -> bool:
    return row.event == INVALID  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("text", ["\ufffe", "\x00", "\ufeffbom", "\ud7ff\ue000", "\U0010ffff", "\x7f\x80߿ࠀ"])
def test_text_that_only_looks_odd_is_valid(text: str) -> None:
    rows = Line(settings=UNREAD).feed(SERVER, build_frame(1, text.encode())).done().rows
    assert [row.event for row in rows if row.event == INVALID] == []


def test_one_finding_a_message_and_the_next_is_read_afresh() -> None:
    bad = build_frame(1, b"\xff", fin=False) + build_frame(0, b"\xff\xff")
    rows = Line(settings=UNREAD).feed(SERVER, bad, build_frame(1, b"ok"), build_frame(1, b"\xe2")).done().rows
    assert [(row.index, row.bad_offset) for row in rows if row.event == INVALID] == [(0, 0), (2, 1)]


def test_an_unfinished_code_point_is_no_fault_of_a_message_that_was_replaced() -> None:
    data = build_frame(1, b"\xe2\x82", fin=False) + build_frame(1, b"\xac"[:0] + b"fine")
    assert [row for row in Line(settings=UNREAD).feed(SERVER, data).done().rows if row.event == INVALID] == []


def test_the_directions_do_not_disturb_each_other() -> None:
    line = Line(settings=UNREAD)
    line.feed(CLIENT, build_frame(1, b"\xe2\x82", b"key!", fin=False)).feed(SERVER, build_frame(1, b"text"))
    line.feed(CLIENT, build_frame(0, b"\xac", b"KEY?")).done()
    assert [row for row in line.rows if row.event == INVALID] == []


def test_text_is_not_judged_across_a_hole() -> None:
    data = build_frame(1, "ab€cd\xff".encode("latin-1", "replace"))
    line = Line(settings=UNREAD).feed(SERVER, data[:5])
    line.gap(SERVER, 2)
    line.feed(SERVER, data[7:], build_frame(1, b"\xff")).done()
    assert [row.index for row in line.rows if row.event == INVALID] == [1]


@given(st.binary(max_size=700), st.binary(min_size=4, max_size=4), st.integers(0, 700))
def test_unmasking_is_what_websockets_does(payload: bytes, key: bytes, cut: int) -> None:
    masked = apply_mask(payload, key)
    number = int.from_bytes(key, "big")
    assert unmask(masked, number, 0) == payload
    assert unmask(masked[:cut], number, 0) + unmask(masked[cut:], number, min(cut, len(masked))) == payload
