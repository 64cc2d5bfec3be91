"""Messages out of frames: joined, inflated, hashed, and what becomes of those that were never finished."""

from __future__ import annotations

import hashlib
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection, Message, Ping, Pong
from wsproto.extensions import PerMessageDeflate as TheirDeflate
from wsproto.utilities import RemoteProtocolError

from analyzer.frames.decode import DOUBT, MISSING, UNKNOWN_EXTENSION
from analyzer.frames.text import TRUNCATED, unmask
from analyzer.messages.columns import ENDED, FINISHED, INVALID, Row, Status
from analyzer.model import Cut, Place
from analyzer.settings import Settings
from analyzer.wire.frame import build_frame
from tests.frames.feeding import CLIENT, DEFLATE, HASHED, SERVER, UNREAD, Line, chop, only, told
from tests.frames.made import CUTS, streams
from tests.messages.deflate import TAIL, Compressor, final_block

KEY = bytes.fromhex("37fa213d")
BODIES = st.lists(st.one_of(st.binary(max_size=30), st.just(b"compress me " * 20)), min_size=1, max_size=5)


def finished(line: Line) -> list[Row]:
    return sorted((row for row in line.rows if row.event == FINISHED), key=lambda row: row.index)


def fragments(opcode: int, payload: bytes, cuts: list[int], *, rsv1: bool = False, key: bytes | None = None) -> bytes:
    """``payload`` in frames cut at ``cuts``, with a Ping after each."""
    parts = chop(payload, cuts) or [b""]
    return b"".join(
        build_frame(opcode if n == 0 else 0, part, key, fin=n == len(parts) - 1, rsv1=rsv1 and n == 0)
        + build_frame(9, b"between", key)
        for n, part in enumerate(parts)
    )


@given(st.lists(st.tuples(st.binary(max_size=40), CUTS), max_size=5), CUTS, st.sampled_from([None, KEY]))
def test_fragments_are_joined(messages: list[tuple[bytes, list[int]]], cuts: list[int], key: bytes | None) -> None:
    data = b"".join(fragments(2, payload, where, key=key) for payload, where in messages)
    line = Line().feed(CLIENT, *chop(data, cuts)).done()
    rows = finished(line)
    assert [row.payload for row in rows] == [payload for payload, _ in messages]
    assert [row.sha256 for row in rows] == [hashlib.sha256(payload).hexdigest() for payload, _ in messages]
    assert [row.length for row in rows] == [len(payload) for payload, _ in messages]
    assert [row.frames for row in rows] == [len(chop(payload, where)) or 1 for payload, where in messages]
    assert all(row.record(["a"]).complete for row in rows)


@given(BODIES, st.booleans(), st.booleans(), CUTS, CUTS)
def test_compressed_messages_come_out_as_they_went_in(
    bodies: list[bytes], takeover: bool, text: bool, frame_cuts: list[int], cuts: list[int]
) -> None:
    compressor = Compressor(takeover)
    sent = [body.hex().encode() if text else body for body in bodies]
    data = b"".join(
        fragments(1 if text else 2, compressor(body), frame_cuts, rsv1=True, key=KEY) + build_frame(2, b"plain", KEY)
        for body in sent
    )
    line = Line(context=DEFLATE, takeover=takeover).feed(CLIENT, *chop(data, cuts)).done()
    rows = finished(line)
    assert [row.payload for row in rows] == [part for body in sent for part in (body, b"plain")]
    assert [row.compressed for row in rows] == [1, 0] * len(bodies)
    assert {row.status for row in rows} == {Status.KNOWN}
    assert [row for row in line.rows if row.event == INVALID] == []


@given(streams(), st.booleans(), CUTS)
def test_messages_equal_wsprotos_up_to_its_first_error(data: bytes, deflate: bool, cuts: list[int]) -> None:
    """Wsproto as the receiver: what it accepted is what we found, in order."""
    theirs = Connection(ConnectionType.CLIENT, extensions=[_their_deflate()] if deflate else [])
    accepted: list[bytes] = []
    open_message = b""
    try:
        theirs.receive_data(data)
        for event in theirs.events():
            if isinstance(event, Message):
                open_message += event.data.encode() if isinstance(event.data, str) else bytes(event.data)
                if event.message_finished:
                    accepted.append(open_message)
                    open_message = b""
            elif isinstance(event, CloseConnection):
                break
            else:
                assert isinstance(event, Ping | Pong)
    except RemoteProtocolError:
        pass
    line = Line(context=DEFLATE) if deflate else Line()
    line.feed(SERVER, *chop(data, cuts)).done()
    assert [row.payload for row in finished(line)][: len(accepted)] == accepted


def _their_deflate() -> TheirDeflate:
    extension = TheirDeflate()
    extension.finalize("permessage-deflate")
    return extension


@given(BODIES, st.booleans())
def test_what_websockets_compresses_is_inflated(bodies: list[bytes], takeover: bool) -> None:
    theirs = PerMessageDeflate(not takeover, not takeover, 15, 15)
    frames = [theirs.encode(Frame(Opcode.BINARY, body)) for body in bodies]
    data = b"".join(build_frame(2, bytes(frame.data), rsv1=frame.rsv1) for frame in frames)
    line = Line(context=DEFLATE, takeover=takeover).feed(SERVER, data).done()
    assert [row.payload for row in finished(line)] == bodies


@given(st.binary(max_size=200), st.booleans(), CUTS)
def test_no_bytes_raise(data: bytes, takeover: bool, cuts: list[int]) -> None:
    line = Line(context=DEFLATE, takeover=takeover).feed(SERVER, b"\xc1\x0a", *chop(data, cuts))
    line.feed(CLIENT, *chop(data, cuts)).gap(CLIENT, 3)
    line.feed(CLIENT, data).end(CLIENT, Cut.FIN).end(SERVER, Cut.RST).done()
    for row in line.rows:
        row.record(["a"])


# --- the empty and the odd


def test_empty_fragments_and_messages() -> None:
    data = fragments(1, b"", []) + build_frame(1, b"", fin=False) + build_frame(0, b"x", fin=False) + build_frame(0)
    rows = finished(Line().feed(SERVER, data).done())
    assert [(row.payload, row.frames) for row in rows] == [(b"", 1), (b"x", 3)]


def test_empty_compressed_messages() -> None:
    compressor = Compressor(True)
    parts = [compressor(b"first"), b"\x00", b"", compressor(b"first again")]
    data = b"".join(build_frame(1, part, rsv1=True) for part in parts)
    rows = finished(Line(context=DEFLATE).feed(SERVER, data).done())
    assert [row.payload for row in rows] == [b"first", b"", b"", b"first again"]


def test_a_block_with_bfinal_ends_no_message() -> None:
    compressor = Compressor(True)
    data = build_frame(1, final_block(b"one ") + final_block(b"two") + b"\x00", rsv1=True)
    rows = finished(Line(context=DEFLATE).feed(SERVER, data, build_frame(1, compressor(b"three"), rsv1=True)).done())
    assert [row.payload for row in rows] == [b"one two", b"three"]


# --- text that was compressed


@pytest.mark.parametrize("cuts", [[], [1], [3, 4], list(range(40))])
def test_the_first_bad_byte_of_compressed_text(cuts: list[int]) -> None:
    text = "é".encode() * 20 + b"\xff" + b"more"
    line = Line(context=DEFLATE, settings=UNREAD)
    line.feed(SERVER, fragments(1, Compressor(True)(text), cuts, rsv1=True)).done()
    row = only(line.rows, lambda row: row.event == INVALID)
    assert told(row, "bad_offset", "bad_in_frame", "compressed", "wire") == {
        "bad_offset": 40,
        "bad_in_frame": -1,
        "compressed": 1,
        "wire": b"",
    }
    assert (text[:41]).endswith(row.context)
    assert row.context


@pytest.mark.parametrize("before", [0, 1000])
@pytest.mark.parametrize("cuts", [[], [4]])
def test_a_text_that_an_empty_frame_ends(before: int, cuts: list[int]) -> None:
    """The byte after its header is where it ends, wherever the buffer has it."""
    data = build_frame(1, b"\xe2", fin=False) + build_frame(0)
    line = Line(settings=UNREAD).feed(SERVER, *chop(data, cuts), before=before).done()
    row = only(line.rows, lambda row: row.event == INVALID)
    assert told(row, "reason", "bad_stream_offset", "bad_file_offset", "wire") == {
        "reason": TRUNCATED,
        "bad_stream_offset": 5,
        "bad_file_offset": 2_000_005,
        "wire": b"",
    }


def test_compressed_text_that_ends_too_early() -> None:
    line = Line(context=DEFLATE).feed(SERVER, build_frame(1, Compressor(True)("é".encode()[:1]), rsv1=True)).done()
    row = only(line.rows, lambda row: row.event == INVALID)
    assert (row.reason, row.bad_offset) == (TRUNCATED, 1)


def test_text_that_does_not_inflate_is_not_judged_as_text() -> None:
    """Also where much of it had come out, and been looked at, before the error."""
    short = Compressor(True)(b"\xff" * 30) + TAIL
    long = Compressor(True)(b"\xff" + random.Random(1).randbytes(100_000)) + TAIL
    for garbled in (short, long):
        line = Line(context=DEFLATE).feed(SERVER, build_frame(1, garbled + b"\x07", rsv1=True)).done()
        assert [row for row in line.rows if row.event == INVALID] == []
        assert only(finished(line)).status == Status.FAILED


def test_a_message_cut_inside_a_block_is_incomplete_and_ends_the_context() -> None:
    """Else the next message, right in itself, would be read in the middle of a block and found to be no UTF-8."""
    compressor = Compressor(True)
    cut = compressor(b"the quick brown fox")[:-3]
    data = build_frame(1, cut, rsv1=True) + build_frame(1, compressor(b"jumps over the quick fox"), rsv1=True)
    line = Line(context=DEFLATE).feed(SERVER, data, build_frame(1, b"plain")).done()
    assert [row for row in line.rows if row.event == INVALID] == []
    assert [row.status for row in finished(line)] == [Status.INCOMPLETE, Status.UNKNOWN, Status.KNOWN]
    assert [row.sha256 is None for row in finished(line)] == [True, True, False]


# --- evidence


@pytest.mark.parametrize("key", [None, KEY])
def test_a_bad_byte_comes_with_what_is_needed_to_unmask_it(key: bytes | None) -> None:
    data = build_frame(1, b"a" * 50 + b"\xc0" + b"b", key)
    line = Line(settings=UNREAD).feed(SERVER, build_frame(9), data[:20], data[20:33], data[33:]).done()
    row = only(line.rows, lambda row: row.event == INVALID)
    header = len(data) - 52
    assert row.header == data[:header]
    assert row.offset == 2
    assert row.wire == data[header + row.wire_from :][: len(row.wire)]
    assert row.bad_in_frame == 50 == row.wire_from + len(row.wire) - 1
    assert unmask(row.wire, row.key, row.wire_from) == row.context == b"a" * 16 + b"\xc0"
    assert (row.bad_stream_offset, row.bad_packet) == (2 + header + 50, 4)


# --- ends


def ended(line: Line) -> Row:
    return only(line.rows, lambda row: row.event == ENDED)


def test_a_message_that_another_one_replaced() -> None:
    data = build_frame(1, b"ab", fin=False) + build_frame(0, b"c", fin=False) + build_frame(2, b"new")
    line = Line().feed(SERVER, data).done()
    row = ended(line)
    assert told(row, "index", "opcode", "frames", "raw", "cut") == {
        "index": 0,
        "opcode": 1,
        "frames": 2,
        "raw": 3,
        "cut": Cut.WHOLE,
    }
    assert [(row.index, row.payload) for row in finished(line)] == [(1, b"new")]


@pytest.mark.parametrize("cut", [Cut.FIN, Cut.RST, Cut.END])
def test_a_message_in_progress_ends_with_its_direction(cut: Cut) -> None:
    data = build_frame(1, b"ab", KEY, fin=False) + build_frame(0, b"cd", KEY)
    for size in range(len(data)):
        line = Line().feed(CLIENT, data[:size]).end(CLIENT, cut).done()
        rows = [row for row in line.rows if row.event == ENDED]
        if size < 6:
            assert rows == [], "a frame whose header is incomplete is no message yet"
            continue
        row = only(rows)
        come = max(0, min(size, 8) - 6) + max(0, size - 14)
        assert (row.index, row.opcode, row.raw, row.cut) == (0, 1, come, cut), size
        assert row.frames == (size >= 8)
        assert not row.record(["a"]).complete


def test_a_finished_message_does_not_end_again() -> None:
    for stop in ("gap", "http", "length"):
        line = Line().feed(SERVER, build_frame(1, b"whole"))
        if stop == "gap":
            line.gap(SERVER, 5)
        elif stop == "http":
            line.decoder.http(SERVER, 7, -1, Place(0, 1, 0, 0, 0))
        else:
            line.feed(SERVER, bytes.fromhex("827fffffffffffffffff"))
        line.end(SERVER, Cut.FIN).done()
        assert [row.event for row in line.rows] == [FINISHED], stop


def test_what_stopped_a_direction_is_why_its_message_ended() -> None:
    """FG-004 is about FIN: a gap that hides what came before FIN must not count as one."""
    line = Line().feed(SERVER, build_frame(1, b"part", fin=False))
    line.gap(SERVER, 5)
    assert ended(line.end(SERVER, Cut.FIN).done()).cut == Cut.GAP
    line = Line().feed(SERVER, build_frame(1, b"part", fin=False), bytes.fromhex("807fffffffffffffffff"))
    assert ended(line.end(SERVER, Cut.FIN).done()).cut == Cut.LENGTH


def test_a_cut_frame_that_replaces_a_message_ends_two() -> None:
    data = build_frame(1, b"old", fin=False) + build_frame(2, b"new")[:4]
    line = Line().feed(SERVER, data).end(SERVER, Cut.FIN).done()
    rows = sorted((row.index, row.opcode, row.raw, row.frames) for row in line.rows if row.event == ENDED)
    assert rows == [(0, 1, 3, 1), (1, 2, 2, 0)]


# --- loss and doubt


def test_a_hole_leaves_a_message_without_hash() -> None:
    data = build_frame(2, b"abcdef")
    line = Line().feed(SERVER, data[:4])
    line.gap(SERVER, 2)
    line.feed(SERVER, data[6:], build_frame(2, b"next")).done()
    first, second = finished(line)
    assert told(first, "lost", "sha256", "payload", "raw") == {
        "lost": MISSING,
        "sha256": None,
        "payload": None,
        "raw": 6,
    }
    assert not first.record(["a"]).complete
    assert second.payload == b"next"


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("at", [0, 3])
def test_a_hole_in_a_compressed_message_ends_a_kept_context(takeover: bool, at: int) -> None:
    compressor = Compressor(takeover)
    lost, later = compressor(b"something lost"), compressor(b"something lost again")
    head = build_frame(1, lost, rsv1=True)
    line = Line(context=DEFLATE, takeover=takeover).feed(SERVER, head[: 2 + at])
    line.gap(SERVER, 4)
    line.feed(SERVER, head[6 + at :], build_frame(1, later, rsv1=True)).done()
    first, second = finished(line)
    assert first.sha256 is None
    assert (second.status, second.payload) == (
        (Status.UNKNOWN, None) if takeover else (Status.KNOWN, b"something lost again")
    )


def test_a_compressed_message_never_finished_ends_a_kept_context() -> None:
    compressor = Compressor(True)
    first, second = compressor(b"unfinished business"), compressor(b"business as usual")
    data = build_frame(1, first, fin=False, rsv1=True) + build_frame(1, second, rsv1=True)
    assert only(finished(Line(context=DEFLATE).feed(SERVER, data).done())).status == Status.UNKNOWN


def test_nothing_is_inflated_where_an_unknown_extension_may_have_changed_it() -> None:
    data = build_frame(1, Compressor(True)(b"text"), rsv1=True) + build_frame(1, b"\xff")
    line = Line(context=DEFLATE | UNKNOWN_EXTENSION).feed(SERVER, data).done()
    assert [row.event for row in line.rows] == [FINISHED, FINISHED]
    assert {row.lost for row in line.rows} == {DOUBT}
    assert all(row.sha256 is None and row.record(["a"]).complete for row in line.rows)


def test_a_reserved_bit_beside_the_compressed_one_ends_a_kept_context() -> None:
    compressor = Compressor(True)
    odd = build_frame(1, compressor(b"who knows"), rsv1=True, rsv2=True)
    line = Line(context=DEFLATE).feed(SERVER, odd, build_frame(1, compressor(b"who knows"), rsv1=True)).done()
    assert [(row.status, row.lost) for row in finished(line)] == [(Status.UNKNOWN, DOUBT), (Status.UNKNOWN, 0)]


# --- limits


def test_a_bomb_stops_at_the_size_that_is_allowed() -> None:
    bomb = Compressor(True)(bytes(200 << 20))
    assert len(bomb) < 250_000
    line = Line(context=DEFLATE, settings=Settings(message_size=1 << 20, records=frozenset({"messages"})))
    started = time.process_time()
    line.feed(SERVER, build_frame(1, bomb, rsv1=True), build_frame(2, Compressor(True)(b"x"), rsv1=True)).done()
    assert time.process_time() - started < 1
    assert line.messages.limits == {"message_size": 1}
    assert [row.status for row in finished(line)] == [Status.LIMITED, Status.UNKNOWN]
    assert finished(line)[0].length == -1


def test_a_ratio_that_is_not_allowed() -> None:
    settings = Settings(inflate_ratio=10)
    line = Line(context=DEFLATE, settings=settings)
    line.feed(SERVER, build_frame(1, Compressor(True)(b"a" * 100_000), rsv1=True)).done()
    assert line.messages.limits == {"inflate_ratio": 1}
    line = Line(context=DEFLATE, settings=settings)
    line.feed(SERVER, build_frame(1, Compressor(True)(b"a" * 500), rsv1=True)).done()
    assert line.messages.limits == {}


def test_streams_upon_streams_stop() -> None:
    line = Line(context=DEFLATE, settings=Settings(inflate_restarts=20))
    line.feed(SERVER, build_frame(1, final_block(b"") * 30, rsv1=True)).done()
    assert line.messages.limits == {"inflate_restarts": 1}
    assert only(finished(line)).status == Status.LIMITED


def test_a_plain_message_too_long_to_keep() -> None:
    line = Line(settings=Settings(message_size=10, records=frozenset({"messages"}), payloads=True))
    line.feed(SERVER, build_frame(2, bytes(11)), build_frame(2, bytes(10))).done()
    long, short = finished(line)
    assert (long.status, long.sha256, long.payload, long.raw) == (Status.LIMITED, None, None, 11)
    assert (short.status, short.payload) == (Status.KNOWN, bytes(10))


def test_what_nobody_asked_for_is_not_kept() -> None:
    line = Line(settings=UNREAD).feed(SERVER, build_frame(2, b"abc"), build_frame(1, b"text")).done()
    assert line.rows == []
    line = Line(settings=Settings(records=frozenset({"messages"}))).feed(SERVER, build_frame(2, b"abc")).done()
    assert only(line.rows).payload is None
    assert only(line.rows).sha256 is not None
    assert HASHED.payloads


@given(st.binary(max_size=60), st.integers(1, 40), CUTS)
def test_the_beginning_of_what_was_compressed_is_kept_where_a_report_shows_it(
    body: bytes, most: int, cuts: list[int]
) -> None:
    compressor = Compressor(takeover=True)
    data = fragments(2, compressor(body), cuts, rsv1=True, key=KEY) + build_frame(2, b"plain", KEY)
    settings = Settings(records=frozenset({"messages"}), inflated_bytes=most)
    first, second = finished(Line(settings=settings, context=DEFLATE).feed(CLIENT, *chop(data, cuts)).done())
    assert first.record(["a"]).inflated == body[:most].hex()
    assert (first.payload, second.inflated) == (None, None)
