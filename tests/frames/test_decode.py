"""The decoder against the schema and the naive model, however the bytes come; then what losses and ends do."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.frames.decode import (
    AT_HEADER,
    DOUBT,
    MISSING,
    NO_CLOSE,
    NO_CODE,
    STOPPED,
    UNKNOWN_EXTENSION,
    FrameDecoder,
)
from analyzer.model import Cut, Place
from analyzer.settings import Settings
from analyzer.wire import frame
from analyzer.wire.frame import build_frame
from tests.frames import naive
from tests.frames.feeding import CLIENT, DEFLATE, HASHED, PLAIN, SERVER, UNREAD, Line, chop
from tests.frames.made import CUTS, frame_bytes, streams

KEY = bytes.fromhex("37fa213d")


def compared(rows: list[dict[str, int]]) -> list[dict[str, int]]:
    return [{name: row[name] for name in naive.COMPARED} for row in rows]


@given(streams(), CUTS)
@example(bytes.fromhex("827f8000000000000000"), [])
@example(bytes.fromhex("82ff00000000000000050102030405"), [3, 9, 12])
def test_rows_are_what_the_schema_reads_and_the_model_remembers(data: bytes, cuts: list[int]) -> None:
    line = Line().feed(CLIENT, *chop(data, cuts)).end(CLIENT, Cut.FIN).done()
    assert compared(line.frames) == naive.frames(data, Cut.FIN)


@given(st.binary(max_size=80), CUTS)
def test_any_bytes_at_all_are_read_as_the_schema_reads_them(data: bytes, cuts: list[int]) -> None:
    line = Line().feed(SERVER, *chop(data, cuts)).end(SERVER, Cut.RST).done()
    assert compared(line.frames) == naive.frames(data, Cut.RST)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize(("length", "form"), [(5, None), (5, 126), (5, 127), (125, None), (126, None), (300, 127)])
def test_every_truncation_of_every_length_form(length: int, form: int | None, key: bytes | None) -> None:
    whole = build_frame(2, bytes(range(256))[:length] * 2 if length == 512 else bytes(length), key, form=form)
    for size in range(len(whole) + 1):
        for parts in (1, 2, size or 1):
            cuts = range(0, size, max(1, size // parts))
            line = Line().feed(CLIENT, *chop(whole[:size], cuts)).end(CLIENT, Cut.END).done()
            assert compared(line.frames) == naive.frames(whole[:size], Cut.END), (size, parts)


def test_a_frame_with_a_64_bit_length_that_needs_it() -> None:
    data = build_frame(2, bytes(70_000), KEY) + build_frame(1, b"x", KEY)
    line = Line().feed(CLIENT, *chop(data, range(0, len(data), 1460))).done()
    assert [row["length"] for row in line.frames] == [70_000, 1]


@given(st.lists(frame_bytes(), min_size=1, max_size=30), CUTS)
def test_full_tables_lose_nothing(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    small = Line(rows=8).feed(CLIENT, *chop(data, cuts)).end(CLIENT, Cut.FIN).done()
    large = Line(rows=8192).feed(CLIENT, *chop(data, cuts)).end(CLIENT, Cut.FIN).done()
    assert large.full == 0
    different = ("control",)  # where a control payload stands in the arena
    strip = [{name: value for name, value in row.items() if name not in different} for row in small.frames]
    assert strip == [{name: row[name] for name in row if name not in different} for row in large.frames]
    assert small.controls == large.controls
    order = {"key": lambda row: (row.event, row.index, row.offset)}
    assert sorted(small.rows, **order) == sorted(large.rows, **order)


def test_rows_that_many_half_read_frames_complete_all_find_room() -> None:
    """Each direction's frame ends in a table that is already nearly full, and none begins there."""
    count = 30
    line = Line(rows=8, connections=count)
    halves = [(2 * n, build_frame(1, b"", KEY)[:5]) for n in range(count)]
    line.batch(halves).batch([(2 * n, build_frame(1, b"", KEY)[5:]) for n in range(count)])
    line.batch([(2 * n + 1, build_frame(1, b"payload")[:5]) for n in range(count)])
    line.batch([(2 * n + 1, build_frame(1, b"payload")[5:]) for n in range(count)]).done()
    assert [row["connection"] for row in line.frames] == [*range(count), *range(count)]
    assert sorted((row.connection, row.client, row.length) for row in line.rows) == sorted(
        [(n, 1, 0) for n in range(count)] + [(n, 0, 7) for n in range(count)]
    )


def test_a_row_tells_the_places_of_its_first_and_last_byte() -> None:
    data = build_frame(9, b"x", KEY) + build_frame(1, b"hello", KEY)
    line = Line().feed(CLIENT, data[:9], acked=77).feed(CLIENT, data[9:12], data[12:]).done()
    ping, text = line.frames
    assert (ping["packet"], ping["last_packet"], ping["ordinal"], ping["acked"]) == (1, 1, 0, 77)
    assert (text["offset"], text["packet"], text["time_ns"], text["file_offset"]) == (7, 1, 0, 1_000_007)
    assert (text["last_packet"], text["last_time_ns"], text["ordinal"], text["acked"]) == (3, 2000, 2, 77)


# --- what a side knew of the other's Close


def test_a_close_is_known_once_it_was_acknowledged() -> None:
    close = build_frame(8, b"\x03\xe8", KEY)
    line = Line().feed(CLIENT, close)
    line.feed(SERVER, build_frame(10), acked=len(close) - 1).feed(SERVER, build_frame(10), acked=len(close)).done()
    assert [row["peer_close"] for row in line.frames] == [NO_CLOSE, NO_CLOSE, 1000]


def test_a_close_without_code_is_known_as_such() -> None:
    line = Line().feed(CLIENT, build_frame(8, b"", KEY)).feed(SERVER, build_frame(8), acked=6).done()
    assert [row["peer_close"] for row in line.frames] == [NO_CLOSE, NO_CODE]


@given(st.binary(max_size=140), st.one_of(st.none(), st.binary(min_size=4, max_size=4)), CUTS)
def test_control_payloads_are_kept_to_their_limit(payload: bytes, key: bytes | None, cuts: list[int]) -> None:
    line = Line().feed(CLIENT, *chop(build_frame(9, payload, key), cuts)).done()
    assert line.controls == [payload[: Settings().control_bytes]]


# --- loss


def test_a_hole_in_the_payload_keeps_the_boundaries() -> None:
    data = build_frame(1, b"abcdefgh", KEY)
    line = Line().feed(CLIENT, data[:8])
    assert line.gap(CLIENT, 3)
    line.feed(CLIENT, data[11:], build_frame(2, b"next", KEY)).done()
    first, second = line.frames
    assert (first["cut"], first["present"], first["length"], first["p_lost"]) == (Cut.HOLE, 5, 8, MISSING)
    assert (second["cut"], second["offset"], second["p_lost"]) == (Cut.WHOLE, len(data), 0)


def test_a_hole_that_ends_the_payload_finishes_the_frame() -> None:
    data = build_frame(1, b"abcdefgh")
    line = Line().feed(SERVER, data[:5])
    assert line.gap(SERVER, 5)
    assert line.decoder.decoders[SERVER].stage == AT_HEADER
    line.feed(SERVER, build_frame(9)).done()
    assert [row["cut"] for row in line.frames] == [Cut.HOLE, Cut.WHOLE]


@pytest.mark.parametrize("have", range(1, 8))
def test_a_gap_that_hides_a_header_stops_the_direction(have: int) -> None:
    data = build_frame(1, b"abc", KEY)
    line = Line().feed(CLIENT, data[:have])
    assert not line.gap(CLIENT, 10)
    assert line.decoder.decoders[CLIENT].stage == STOPPED
    line.feed(CLIENT, build_frame(2, b"never", KEY)).end(CLIENT, Cut.FIN).done()
    assert compared(line.frames) == naive.frames(data[:have], Cut.GAP)


def test_a_gap_between_frames_stops_the_direction_without_a_row() -> None:
    line = Line().feed(CLIENT, build_frame(1, b"abc", KEY))
    assert not line.gap(CLIENT, 1)
    line.feed(CLIENT, build_frame(2, b"never", KEY)).end(CLIENT, Cut.FIN).done()
    assert [row["cut"] for row in line.frames] == [Cut.WHOLE]
    assert line.gap(CLIENT, 4), "a stopped direction has nothing left to lose"


def test_a_control_payload_ends_at_its_hole() -> None:
    data = build_frame(8, b"\x03\xe8reason", KEY)
    line = Line().feed(CLIENT, data[:9])
    line.gap(CLIENT, 2)
    line.feed(CLIENT, data[11:]).done()
    assert line.controls == [b"\x03\xe8r"]
    assert line.decoder.decoders[CLIENT].close_code == 1000


# --- ends


@pytest.mark.parametrize("cut", [Cut.FIN, Cut.RST, Cut.END])
def test_an_end_between_frames_leaves_no_row(cut: Cut) -> None:
    line = Line().feed(CLIENT, build_frame(1, b"abc", KEY)).end(CLIENT, cut).done()
    assert [row["cut"] for row in line.frames] == [Cut.WHOLE]


def test_an_impossible_length_stops_the_direction() -> None:
    data = bytes.fromhex("827f8000000000000005") + build_frame(1, b"never")
    line = Line().feed(SERVER, *chop(data, range(len(data)))).end(SERVER, Cut.FIN).done()
    (row,) = line.frames
    assert (row["cut"], row["length"] & (1 << 64) - 1, row["offset"]) == (Cut.LENGTH, (1 << 63) + 5, 0)
    assert line.decoder.decoders[SERVER].stopped == Cut.LENGTH


def test_http_text_takes_a_row_and_stops_the_direction() -> None:
    line = Line().feed(SERVER, build_frame(1, b"abc"))
    line.decoder.http(SERVER, 5, 9, Place(0, 7, 6, 5000, 400))
    line.end(SERVER, Cut.FIN).done()
    http = line.frames[1]
    assert (http["cut"], http["offset"], http["packet"], http["file_offset"]) == (Cut.HTTP, 5, 7, 400)
    assert (http["header"], http["length"], http["key"], http["byte1"]) == (0, 0, 0, -1)


def test_what_was_decoded_is_counted() -> None:
    data = build_frame(1, b"ab", KEY, fin=False) + build_frame(0, b"c", KEY) + build_frame(2, b"defg", KEY)
    line = Line().feed(CLIENT, data[:-1]).end(CLIENT, Cut.FIN)
    decoder = line.decoder.decoders[CLIENT]
    assert (decoder.whole, decoder.finished, decoder.size) == (2, 1, len(data) - 1)


# --- doubt


@pytest.mark.parametrize(
    ("context", "first", "lost"),
    [
        (PLAIN, 0x81, 0),
        (PLAIN, 0xC1, DOUBT),
        (PLAIN | 4, 0xC1, DOUBT),  # an extension owns RSV1 whose payloads are not decoded
        (PLAIN | 4, 0x81, 0),
        (DEFLATE, 0xC1, 0),
        (DEFLATE, 0xE1, DOUBT),
        (DEFLATE, 0x91, DOUBT),
        (DEFLATE | UNKNOWN_EXTENSION, 0x81, DOUBT),
        (DEFLATE | UNKNOWN_EXTENSION, 0xC1, DOUBT),
    ],
)
def test_a_payload_is_in_doubt_where_no_known_extension_gives_its_bits_a_meaning(
    context: int, first: int, lost: int
) -> None:
    line = Line(context=context).feed(SERVER, bytes([first, 0])).done()
    assert line.frames[0]["p_lost"] == lost


def test_doubt_about_one_fragment_is_doubt_about_the_message() -> None:
    parts = [build_frame(1, b"a", fin=False), build_frame(0, b"b", fin=False, rsv1=True), build_frame(0, b"c")]
    line = Line(context=DEFLATE).feed(SERVER, *parts, build_frame(1, b"next")).done()
    assert [row["p_lost"] for row in line.frames] == [0, DOUBT, DOUBT, 0]


# --- what is written for text and what was asked for


@given(streams(), CUTS, st.integers(0, 9))
def test_pieces_are_the_payload_of_data_messages(data: bytes, cuts: list[int], before: int) -> None:
    """Where everything was asked for, the runs of a message's frames, joined, are its payload as sent."""
    line = Line(settings=HASHED)
    kept: dict[int, bytes] = {}
    inner = line.messages.pieces

    def watch(buffer: bytearray, pieces: object) -> None:
        for i in range(pieces.count):  # type: ignore[attr-defined]
            start, length = pieces.start[i], pieces.length[i]  # type: ignore[attr-defined]
            stream = pieces.stream_offset[i]  # type: ignore[attr-defined]
            assert bytes(buffer[start : start + length]) == data[stream : stream + length]
            so_far = kept.setdefault(pieces.message[i], b"")  # type: ignore[attr-defined]
            assert len(so_far) == pieces.offset[i]  # type: ignore[attr-defined]
            kept[pieces.message[i]] += data[stream : stream + length]  # type: ignore[attr-defined]
        inner(buffer, pieces)  # type: ignore[arg-type]

    line.messages.pieces = watch  # type: ignore[method-assign]
    line.feed(CLIENT, *chop(data, cuts), before=before)
    expected: dict[int, bytes] = {}
    doubtful: set[int] = set()
    for row in naive.frames(data, Cut.END):
        opcode, rsv = row["byte0"] & 15, row["byte0"] >> 4 & 7
        fresh = opcode in (1, 2)
        if row["cut"] == Cut.LENGTH or not (fresh or (opcode == 0 and row["open"])) or row["byte1"] < 0:
            continue
        if row["header"] < 2 or (row["cut"] != Cut.WHOLE and row["length"] == 0):
            continue  # the header itself was cut
        message = row["m_index"] + (fresh and row["open"])
        if rsv:
            doubtful.add(message)
        if message not in doubtful:
            start = row["offset"] + row["header"]
            expected[message] = expected.get(message, b"") + data[start : start + row["present"]]
    assert {k: v for k, v in kept.items() if v} == {k: v for k, v in expected.items() if v}


def test_only_text_is_looked_at_where_nothing_was_asked_for() -> None:
    line = Line(settings=UNREAD)
    seen: list[int] = []
    line.messages.pieces = lambda _, pieces: seen.extend(pieces.opcode[: pieces.count])  # type: ignore
    line.feed(SERVER, build_frame(2, b"bin"), build_frame(1, b"text"), build_frame(9, b"ping"))
    assert seen == [1]


# --- room


def test_directions_keep_their_phase_when_more_come() -> None:
    decoder = FrameDecoder(16, 125, 500, 5_000_000_000, 1 << 20)
    decoder.grow(2)
    decoder.phase[1] = 2
    decoder.grow(3)
    assert list(decoder.phase)[:3] == [0, 2, 0]
    assert len(decoder.decoders) >= 3


def test_a_million_empty_fragments_take_constant_room() -> None:
    """Bounded memory: the tables are collected as they fill, and nothing else grows."""
    data = build_frame(1, b"", fin=False) + build_frame(0, b"", fin=False) * 20_000
    line = Line(rows=512, settings=UNREAD)
    line.feed(SERVER, data)
    assert line.decoder.decoders[SERVER].m_frames == 20_001
    assert line.full >= 20_000 // 512


def test_the_longest_header_fits() -> None:
    assert len(frame.HEADER.build(frame.HEADER.parse(b"\x82\xff" + bytes(12)))) == 14
    assert len(Line().decoder.decoders[CLIENT].head) == 14
