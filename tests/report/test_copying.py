"""A copied capture holds the same packets, and the comments on the packets they were meant for."""

from __future__ import annotations

import io
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from analyzer.report.copying import COMMENT, KEPT, PACKETS, copy
from analyzer.wire import pcap, pcapng
from tests.capture.crafted import CHOPS, Chopped, Crafted, pcapngs, pcaps, read_bytes

LONGEST = 1 << 20
COMMENTS = st.dictionaries(st.integers(1, 12), st.lists(st.text(max_size=9), min_size=1, max_size=3), max_size=6)


def copied(
    data: bytes, comments: dict[int, list[str]], sizes: list[int] | None = None, longest: int = LONGEST
) -> bytes:
    out = io.BytesIO()
    copy(Chopped(data, sizes or [1 << 20]), out, comments, longest)
    return out.getvalue()


def blocks(data: bytes) -> Iterator[tuple[int, bytes, str]]:
    """Type, bytes and byte order of each block of a well-formed pcapng."""
    at, order = 0, pcap.LITTLE
    while at < len(data):
        if data[at : at + 4] == pcapng.MAGIC:
            order = pcapng.ORDER_MAGIC[data[at + 8 : at + 12]]
        head = pcapng.HEAD[order].parse(data[at:])
        yield head.type, data[at : at + head.total], order
        at += head.total


def comments_of(data: bytes) -> dict[int, list[str]]:
    """Comments by packet number, read by the schemas."""
    found: dict[int, list[str]] = {}
    number = 0
    for kind, block, order in blocks(data):
        if kind not in (pcapng.PACKET, pcapng.OLD_PACKET, pcapng.SIMPLE_PACKET):
            continue
        number += 1
        if kind == pcapng.SIMPLE_PACKET:
            continue
        schema = pcapng.ENHANCED_PACKET[order]
        captured = schema.parse(block).captured
        options = block[schema.sizeof() + captured + -captured % 4 : -4]
        texts = [value.decode() for code, value in pcapng.options(options, order) if code == COMMENT]
        if texts:
            found[number] = texts
    return found


@given(pcaps(), COMMENTS, CHOPS)
def test_a_pcap_becomes_a_pcapng_of_the_same_packets(
    made: Crafted, comments: dict[int, list[str]], sizes: list[int]
) -> None:
    data = copied(made.data, comments, sizes)
    rows, ledger = read_bytes(data)
    assert ledger.notes == ([] if made.rows else ["test: no packets"])
    assert [row._replace(file_offset=0) for row in rows] == [row._replace(file_offset=0) for row in made.rows]
    assert comments_of(data) == {number: texts for number, texts in comments.items() if number <= len(made.rows)}


@given(pcapngs(), COMMENTS, CHOPS)
def test_a_pcapng_keeps_every_block(made: Crafted, comments: dict[int, list[str]], sizes: list[int]) -> None:
    data = copied(made.data, comments, sizes)
    before, after = list(blocks(made.data)), list(blocks(data))
    number = 0
    for (kind, block, order), (kind_after, block_after, order_after) in zip(before, after, strict=True):
        assert order == order_after
        if kind in (pcapng.PACKET, pcapng.OLD_PACKET, pcapng.SIMPLE_PACKET):
            number += 1
            if number in comments:
                assert kind_after == (pcapng.PACKET if kind == pcapng.SIMPLE_PACKET else kind)
                continue
        assert block == block_after
    whole, _ = read_bytes(made.data)
    again, _ = read_bytes(data)
    # a simple packet has no time of its own: with a comment, it stands at the beginning of time
    simple = {
        number
        for number, kind in enumerate((k for k, _, _ in before if k in (pcapng.PACKET, pcapng.OLD_PACKET, 3)), 1)
        if kind == pcapng.SIMPLE_PACKET
    }
    assert [(row.number, row.wire, row.link, row.data) for row in again] == [
        (row.number, row.wire, row.link, row.data) for row in whole
    ]
    if not simple & set(comments):
        assert [row.time_ns for row in again] == [row.time_ns for row in whole]
    own = comments_of(made.data)
    for packet, texts in comments_of(data).items():
        assert texts == comments.get(packet, []) + own.get(packet, [])


@given(st.one_of(pcaps(), pcapngs()), st.data())
def test_damage_ends_the_copy_and_raises_nothing(made: Crafted, data: st.DataObject) -> None:
    raw = bytearray(made.data[: data.draw(st.integers(0, len(made.data)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    copied(bytes(raw), {1: ["a"], 2: ["b"]}, [7])


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for start in (b"", pcapng.build_section(), pcap.build_header()):
        copied(start + data, {1: ["a"]})


@given(st.sampled_from(sorted({*KEPT, *PACKETS})), st.integers(0, 8), st.booleans())
def test_a_block_too_short_for_its_type_ends_the_copy(kind: int, words: int, short: bool) -> None:
    size = 12 + 4 * words
    block = kind.to_bytes(4, "little") + size.to_bytes(4, "little") + bytes(4 * words) + size.to_bytes(4, "little")
    start = pcapng.build_section() + pcapng.build_interface() + pcapng.build_packet(b"x")
    out = io.BytesIO()
    shorten = (lambda packet, wire, link: packet) if short else None
    copy(Chopped(start + block, [7]), out, {2: ["b"]}, LONGEST, shorten=shorten)
    assert out.getvalue().startswith(start)


def test_a_long_block_is_copied_unread() -> None:
    raw = (
        pcapng.build_section() + pcapng.build_interface() + pcapng.build_packet(bytes(5000)) + pcapng.build_packet(b"x")
    )
    assert comments_of(copied(raw, {1: ["a"], 2: ["b"]}, longest=4096)) == {2: ["b"]}
    assert copied(raw, {}, longest=4096) == raw


def test_a_stated_section_length_is_taken_back() -> None:
    section = bytearray(pcapng.build_section())
    section[16:24] = (64).to_bytes(8, "little")
    raw = bytes(section) + pcapng.build_interface() + pcapng.build_packet(b"x")
    assert copied(raw, {}) == pcapng.build_section() + raw[len(section) :]


@given(pcapngs() | pcaps(), CHOPS, COMMENTS)
def test_shortened_packets_keep_number_time_and_comments(
    crafted: Crafted, sizes: list[int], comments: dict[int, list[str]]
) -> None:
    def shorten(packet: bytes, wire: int, link: int) -> bytes:
        return packet[: len(packet) // 2]

    out = io.BytesIO()
    copy(Chopped(crafted.data, sizes), out, comments, LONGEST, shorten=shorten)
    short = out.getvalue()
    rows, _ = read_bytes(short)
    assert [(row.number, row.wire, row.link) for row in rows] == [(n.number, n.wire, n.link) for n in crafted.rows]
    assert [row.data for row in rows] == [row.data[: len(row.data) // 2] for row in crafted.rows]
    kinds = {kind for kind, _, _ in blocks(crafted.data)} if crafted.data.startswith(pcapng.MAGIC) else set()
    if pcapng.SIMPLE_PACKET not in kinds:
        assert [row.time_ns for row in rows] == [row.time_ns for row in crafted.rows]
    assert comments_of(short) == {number: texts for number, texts in comments.items() if number <= len(rows)}
    assert {kind for kind, _, _ in blocks(short)} <= {*KEPT, pcapng.PACKET}
