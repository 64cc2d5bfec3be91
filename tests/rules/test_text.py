"""TX: where in which packet text stops being UTF-8."""

from __future__ import annotations

import pytest

from analyzer.wire.frame import build_frame
from tests.messages.deflate import Compressor
from tests.rules.judging import at, ids, judge, sent

KEY = bytes.fromhex("37fa213d")


def test_the_byte_its_packet_and_its_frame() -> None:
    data = build_frame(1, "äö".encode() + b"\xe2", KEY, fin=False)
    rest = build_frame(0, b"\x82(", KEY)
    transcript = "\n".join((sent("client", data[:9]), sent("client", data[9:]), sent("client", rest)))
    (finding,) = judge(transcript, "TX")
    assert (finding.rule, finding.frame, at(finding)) == ("TX-001", 1, 7)
    assert finding.found == "28 in a code point begun with e2, message byte 6: continuation byte missing"
    (whole,) = judge("\n".join((sent("client", data + rest[:-1]), sent("client", rest[-1:]))), "TX")
    assert (whole.byte_offset, whole.found) == (finding.byte_offset, finding.found)
    assert finding.packet is not None
    assert whole.packet == finding.packet - 2  # a segment and its acknowledgment less


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"a\x80", "80, message byte 1: stray continuation byte"),
        (b"\xe0\x80\x80", "80 in a code point begun with e0, message byte 1: overlong form"),
        (b"\xc3\xa4\xc0\x80", "c0, message byte 2: overlong form"),
        (b"\xed\xa0\x80", "80 in a code point begun with ed, message byte 2: surrogate"),
        (b"\xf4\x90", "90 in a code point begun with f4, message byte 1: above U+10FFFF"),
        (b"\xc3\xa4\xff", "ff, message byte 2: byte that never occurs in UTF-8"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_found_does_not_depend_on_how_tcp_cut_it(text: bytes, found: str, compressed: bool) -> None:
    sends = Compressor(True)(text + b"the rest") if compressed else text + b"the rest"
    data = build_frame(1, sends, rsv1=compressed)
    head = "extensions: permessage-deflate\n" * compressed
    whole = judge(head + sent("server", data), "TX")
    bytewise = judge(head + "\n".join(sent("server", data[at : at + 1]) for at in range(len(data))), "TX")
    assert [finding.found for finding in whole] == [finding.found for finding in bytewise] == [found]
    assert [finding.byte_offset for finding in whole] == [finding.byte_offset for finding in bytewise]


def test_a_text_cut_off_is_found_at_its_end() -> None:
    (finding,) = judge(sent("server", build_frame(1, b"abc\xf0\x9f")), "TX")
    assert (finding.rule, at(finding)) == ("TX-002", 6), "the last byte sent stands for those missing"


def test_it_is_told_before_the_message_is_finished() -> None:
    assert ids("server: 01 01 ff", "TX") == ["TX-001"]
    assert ids("server: 01 05 61 ff", "TX") == ["TX-001"]


def test_once_a_message() -> None:
    assert ids("server: 01 02 ff ff\nserver: 80 01 ff\nserver: 81 01 c0", "TX") == ["TX-001", "TX-001"]


@pytest.mark.parametrize("line", ["server: 82 01 ff", "server: 89 01 ff", "server: 80 01 ff", "server: 83 01 ff"])
def test_only_text_is_text(line: str) -> None:
    assert ids(line, "TX") == []


def test_not_across_a_hole() -> None:
    assert ids("server: 81 06 61\ngap server 3\nserver: ff ff", "TX") == []
    assert ids("server: 01 02 e2\ngap server 1\nserver: 80 01 28", "TX") == []


@pytest.mark.parametrize(
    "transcript",
    [
        "server: c1 01 ff",  # FR-001: nobody knows what the payload is
        "extensions: x-unknown\nserver: 81 01 ff",
        "extensions: deflate-frame\nserver: c1 01 ff",
        "extensions: permessage-deflate\nserver: a1 01 ff",
        "extensions: permessage-deflate\nserver: c1 01 ff",  # does not inflate
    ],
)
def test_not_where_it_may_mean_something_else(transcript: str) -> None:
    assert ids(transcript, "TX") == []


@pytest.mark.parametrize("cut", [0, 5])
def test_compressed_text_is_checked_once_inflated(cut: int) -> None:
    compressor = Compressor(True)
    good, bad = compressor("häh häh häh".encode()), compressor("häh häh ".encode() + b"\xe4h")
    lines = "\n".join(sent("server", build_frame(1, payload, rsv1=True)) for payload in (good, bad))
    (finding,) = judge(f"extensions: permessage-deflate\n{lines}", "TX")
    assert (finding.rule, finding.frame) == ("TX-001", 1)
    assert finding.found.startswith("68 in a code point begun with e4, ")
    assert "message byte 11" in finding.found
    assert cut in (0, 5)


def test_after_a_message_cut_inside_a_block_nothing_compressed_is_judged() -> None:
    compressor = Compressor(True)
    cut, good = compressor(b"the quick brown fox")[:-3], compressor(b"jumps over the quick brown fox")
    lines = "\n".join(sent("server", build_frame(1, payload, rsv1=True)) for payload in (cut, good))
    assert ids(f"extensions: permessage-deflate\n{lines}", "TX") == []
