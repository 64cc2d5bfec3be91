"""The comparison with tshark: crafted differences, then real captures through the real tshark."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from analyzer import api, crosscheck
from analyzer.capture import tshark
from analyzer.capture.tshark import Seen
from analyzer.crosscheck import Comparison, Own, Side, compare
from samples import transcript
from tests.tools import needs_tshark

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("WSANALYZER_SHARED", ROOT.parent / "shared")) / "captures"
WITHOUT_FRAMES = {"h2_chromium.pcap", "reject_chromium.pcap"}
"""What holds none that either side tells: WebSocket over HTTP/2, and an opening that was refused."""
Capture = Callable[[str], Path]
CLIENT = ("192.0.2.1", 40000)
OLD, NEW = (4, 0, 17), (4, 6, 0)


def seen(packet: int, **other: object) -> Seen:
    """A whole unmasked text frame of 5 bytes from the client."""
    given = {"fin": True, "rsv": 0, "opcode": 1, "masked": False, "masking_key": None, "payload_length": 5}
    return Seen(stream=0, source=CLIENT, packet=packet, **{**given, **other})  # type: ignore[arg-type]


def side(*frames: Seen, traits: tuple[str, ...] = (), complete: bool = True) -> Side:
    return Side([Own(each, 0, "client", at, complete, frozenset(traits)) for at, each in enumerate(frames)])


def outcome(result: Comparison) -> list[tuple[int, tuple[str, ...], bool]]:
    """Packet, fields, and whether a known defect accounts for it."""
    return [(each.packet, each.fields, each.defect is not None) for each in result.differences]


def test_equal_frames_are_counted() -> None:
    frames = [seen(1), seen(1), seen(1, opcode=9), seen(4, text=b"Hello")]
    result = compare(side(*frames), frames, OLD)
    assert (result.frames, result.equal, result.texts, result.differences) == (4, 4, 1, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fin", False),
        ("rsv", 4),
        ("opcode", 2),
        ("masked", True),
        ("masking_key", "00000000"),
        ("payload_length", 6),
        ("close_code", 1000),
        ("close_reason", "bye"),
    ],
)
def test_each_field_is_compared(name: str, value: object) -> None:
    ours = [seen(1), seen(2), seen(3)]
    theirs = [seen(1), seen(2, **{name: value}), seen(3)]
    result = compare(side(*ours), theirs, OLD)
    assert (result.frames, result.equal) == (3, 2)
    assert outcome(result) == [(2, (name,), False)]


def test_frames_that_only_one_side_tells() -> None:
    ours = [seen(1), seen(2, opcode=9), seen(3)]
    result = compare(side(*ours), [ours[0], ours[2], seen(5, opcode=10)], OLD)
    assert (result.frames, result.equal) == (4, 2)
    assert outcome(result) == [(2, ("missing",), False), (5, ("extra",), False)]


def test_two_senders_and_streams_are_kept_apart() -> None:
    other = replace(seen(1), source=("192.0.2.80", 80))
    elsewhere = replace(seen(1), stream=1)
    result = compare(side(seen(1), seen(1)), [other, elsewhere], OLD)
    assert sorted(each.fields for each in result.differences) == [("extra",)] * 2 + [("missing",)] * 2


def test_an_address_may_be_spelled_in_two_ways() -> None:
    ours = replace(seen(1), source=("2001:db8::1", 5))
    assert compare(side(ours), [replace(ours, source=("2001:DB8:0::1", 5))], OLD).equal == 1


def test_a_later_packet_is_no_difference_an_earlier_one_is() -> None:
    """The packet is, for tshark, the one that closed the hole before the frame."""
    ours = [seen(3, payload_length=1), seen(4, payload_length=2), seen(8)]
    late = [replace(ours[0], packet=6), replace(ours[1], packet=6), ours[2]]
    assert compare(side(*ours), late, OLD).equal == 3
    early = [replace(ours[0], packet=2), *ours[1:]]
    assert outcome(compare(side(*ours), early, OLD)) == [(3, ("packet",), False)]


def test_like_frames_far_apart_do_not_stand_for_each_other() -> None:
    """The Ping in packet 1 that tshark misses is not the one it makes up in packet 9: a frame between them agrees."""
    ping = seen(1, opcode=9)
    result = compare(side(ping, seen(5)), [seen(5), replace(ping, packet=9)], OLD)
    assert outcome(result) == [(1, ("missing",), False), (9, ("extra",), False)]


def test_a_frame_that_was_cut_is_compared_where_tshark_tells_it_too() -> None:
    assert compare(side(seen(9), complete=False), [], OLD).frames == 0
    assert compare(side(seen(9), complete=False), [seen(7)], OLD).equal == 1


def test_the_reason_of_a_close_that_is_too_long_is_not_kept_and_not_compared() -> None:
    ours = seen(1, opcode=8, payload_length=126, close_code=1000, close_reason=123 * "*")
    assert compare(side(crosscheck.normal(ours)), [replace(ours, close_reason=124 * "*")], OLD).equal == 1


def test_texts_are_compared_where_ours_is_known() -> None:
    ours = seen(1, text=b"Hello")
    assert outcome(compare(side(ours), [seen(1, text=b"Help!")], OLD)) == [(1, ("text",), False)]
    assert outcome(compare(side(ours), [seen(1)], OLD)) == [(1, ("text",), False)]
    assert compare(side(seen(1)), [seen(1, text=b"Help!")], OLD).equal == 1
    assert compare(side(seen(1, text=b"")), [seen(1)], OLD).equal == 1
    handed_on = compare(side(ours, traits=("handed-on",)), [seen(1)], OLD)
    assert (handed_on.equal, handed_on.texts) == (1, 0)


def test_a_known_defect_needs_its_occasion_its_version_and_its_fields() -> None:
    ours, theirs = seen(1, text=b"Hello"), seen(1, text=b"\x00")
    assert outcome(compare(side(ours, traits=("fragmented",)), [theirs], OLD)) == [(1, ("text",), True)]
    assert outcome(compare(side(ours, traits=("fragmented",)), [theirs], NEW)) == [(1, ("text",), False)]
    assert outcome(compare(side(ours), [theirs], OLD)) == [(1, ("text",), False)]
    other = replace(theirs, opcode=2)
    assert outcome(compare(side(ours, traits=("fragmented",)), [other], OLD)) == [(1, ("opcode",), False)]


HELLO = "81 85 00 00 00 00 48 65 6c 6c 6f"


@pytest.mark.parametrize(
    ("lines", "streams"),
    [
        ([f"client: {HELLO}", f"client: {HELLO}"], set()),
        (["unacked", f"client: {HELLO}", f"again client 11: {HELLO}"], set()),
        (["unacked", f"client: {HELLO}", "again client 4: 65 6c 6c"], set()),
        (["unacked", f"client: {HELLO}", f"again client 11: {HELLO} 81"], {0}),
        (
            ["unacked", f"client: {HELLO}", "connection 2:", "unacked", f"client: {HELLO}", f"again client 5: {HELLO}"],
            {1},
        ),
    ],
)
def test_segments_that_overlap_in_part(lines: list[str], streams: set[int], write_capture: Capture) -> None:
    """A retransmission, whole or of a part, is no such segment; one that goes on with new bytes is."""
    assert crosscheck.overlapped(str(write_capture("\n".join(lines)))) == streams


def test_overlaps_are_found_across_the_end_of_sequence_numbers() -> None:
    came = crosscheck._Came(2**32 - 5)
    assert not came.overlaps(2**32 - 5, 10)
    assert not came.overlaps(2**32 - 5, 10)
    assert not came.overlaps(20, 5)
    assert came.overlaps(3, 4)
    assert came.overlaps(7, 15)
    assert not came.overlaps(2**32 - 5, 30)


# --- with tshark ----------------------------------------------------------------------------------------


def client(opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False) -> str:
    return f"client: {_frame(opcode, payload, fin, rsv1, mask=True)}"


def server(opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False) -> str:
    return f"server: {_frame(opcode, payload, fin, rsv1, mask=False)}"


def _frame(opcode: int, payload: bytes, fin: bool, rsv1: bool, *, mask: bool) -> str:
    size = len(payload)
    form, extended = (size, b"") if size < 126 else (127, size.to_bytes(8, "big"))
    first = fin << 7 | rsv1 << 6 | opcode
    return (bytes([first, mask << 7 | form]) + extended + bytes(4 * mask) + payload).hex(" ")


def deflated(*texts: bytes, final: bool = False) -> list[bytes]:
    """Messages of one direction, each compressed with those before as context."""
    made = zlib.compressobj(wbits=-15)
    flush = zlib.Z_FINISH if final else zlib.Z_SYNC_FLUSH
    return [(made.compress(text) + made.flush(flush)).removesuffix(b"\0\0\xff\xff") for text in texts]


def judged(capture: Path, keylog: str = "") -> Comparison:
    kinds = ("connections", "handshakes", "frames", "messages", "findings")
    records = api.records([capture], *kinds, payloads=True, select=crosscheck.RULES, keylog=keylog)
    ours = crosscheck.own_side(records, crosscheck.overlapped(str(capture)))
    version = tuple(map(int, tshark.versions()[0].split(".")))
    return compare(ours, tshark.frames(capture, keylog, ours.ports, []), version)


PMD = "extensions: permessage-deflate"
[HALVES] = deflated(b"Hello Hello Hello")
SERVER_HELLO = server(1, deflated(b"Hello")[0], rsv1=True)
OCCASIONS = {
    "empty-final": [client(1, b"Hello", fin=False), client(0, b""), client(1, b"Next")],
    "crossed": [client(1, b"Hel", fin=False), server(2, b"Ser", fin=False), client(0, b"lo"), server(0, b"ver")],
    "length": ["client: 82 ff 00 00 00 01 00 00 00 05 00 00 00 00 41*5", client(1, b"Next")],
    "large": [client(1, b"A" * 300_000)],
    "final-block": [
        PMD,
        client(1, deflated(b"Hello", final=True)[0], rsv1=True),
        client(1, deflated(b"Hello again")[0], rsv1=True),
    ],
    "same-packet": [f"{client(0, b'no start', fin=False)} {client(1, b'Hello').removeprefix('client: ')}"],
    "empty-compressed": [PMD, client(1, b"\0", rsv1=True)],
    "one-sided": [
        "extensions: permessage-deflate; server_no_context_takeover",
        *(line for text in deflated(b"Hello", b"Hello") for line in (client(1, text, rsv1=True), SERVER_HELLO)),
    ],
    "gap": [client(1, b"Hello"), "gap client 5", client(1, b"Next"), "+9s", client(1, b"Third")],
    "fragmented": [PMD, client(1, HALVES[:3], fin=False, rsv1=True), client(0, HALVES[3:])],
}
"""Conversations that known defects spoil, by what DEFECTS calls them."""


@needs_tshark
@pytest.mark.parametrize("trait", OCCASIONS)
def test_known_defects_are_recognised(trait: str, tmp_path: Path) -> None:
    """A tshark that has been mended shows no difference: nothing else may be left."""
    path = tmp_path / "occasion.pcap"
    path.write_bytes(transcript.capture("\n".join(OCCASIONS[trait])))
    result = judged(path)
    assert result.frames > 0
    assert {each.defect for each in result.differences} <= {crosscheck.DEFECTS[trait].title}
    if tshark.versions()[0].startswith("4.0."):
        assert result.differences


@needs_tshark
@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("samples/echo.pcap", 15),
        ("samples/violations.pcap", None),
        ("tests/captures/echo_chromium_nodeflate.pcap", 4),
        ("tests/captures/echo_chromium.pcap", 4),
        ("tests/captures/violators_a.pcap", 355),
        ("tests/captures/lookalikes_a.pcap", 182),
        ("tests/captures/port_reuse.pcap", 22),
    ],
)
def test_nothing_is_left_to_look_at(name: str, frames: int | None) -> None:
    result = judged(ROOT / name)
    assert result.unexplained == []
    assert frames in (None, result.frames)
    assert result.equal > 0.9 * result.frames
    assert result.texts > 0


def recorded() -> list[Path]:
    """Every recorded capture, where they are at hand."""
    return sorted(path for path in SHARED.glob("*") if {".pcap", ".pcapng"} & set(path.suffixes))


@needs_tshark
@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.name)
def test_recorded_captures_leave_nothing_to_look_at(path: Path) -> None:
    keys = path.with_suffix(".keys")
    result = judged(path, str(keys) if keys.exists() else "")
    assert [str(each) for each in result.unexplained] == []
    assert result.frames > 0 or path.name in WITHOUT_FRAMES


def test_recorded_captures_are_there(shared_captures: Path) -> None:
    assert len(recorded()) >= 40
    assert {path.name for path in recorded()} >= WITHOUT_FRAMES
