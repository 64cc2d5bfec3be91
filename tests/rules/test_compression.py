"""EX-201 to EX-208, ST-017, SEC-020: which byte of which frame, and what must be left in peace."""

from __future__ import annotations

import random
import zlib

import pytest

from analyzer.model import Finding, Severity
from analyzer.wire.frame import build_frame
from tests.messages.deflate import TAIL, Compressor, final_block
from tests.rules.judging import at, ids, judge, sent

KEY = bytes.fromhex("37fa213d")
FAMILIES = ("EX-2", "ST-017", "ST-013", "SEC-020", "TX", "FR")
NOISE = random.Random(7).randbytes(2000)


def talk(*payloads: bytes, agreed: str = "", side: str = "client", opcode: int = 2) -> str:
    """Compressed messages of one side, a segment each."""
    frames = (build_frame(opcode, payload, KEY if side == "client" else None, rsv1=True) for payload in payloads)
    return "\n".join((f"extensions: permessage-deflate{agreed}", *(sent(side, frame) for frame in frames)))


def found(*payloads: bytes, agreed: str = "", side: str = "client", opcode: int = 2) -> list[str]:
    return ids(talk(*payloads, agreed=agreed, side=side, opcode=opcode), *FAMILIES)


def one(transcript: str, rule: str) -> Finding:
    (finding,) = judge(transcript, rule)
    return finding


# --- frames


@pytest.mark.parametrize("first", ["c9", "c8", "ca", "cb"])
def test_the_bit_on_control_frames(first: str) -> None:
    line = f"server: {first} 02 03 e8"
    assert "EX-201" in ids(f"extensions: permessage-deflate\n{line}", "EX", "FR-001")
    assert ids(line, "EX", "FR-001") == ["FR-001"]
    assert ids(f"extensions: permessage-deflate, x-private\n{line}", "EX-2", "FR-001") == []


def test_other_reserved_bits_are_nobodys() -> None:
    assert ids("extensions: permessage-deflate\nserver: e9 00\nserver: 99 00", "EX-2", "FR-001") == [
        "FR-001",
        "EX-201",
        "FR-001",
    ]


def test_the_bit_on_a_continuation_makes_the_message_doubtful() -> None:
    whole = Compressor(True)(b"whole message")
    parts = build_frame(1, whole[:3], fin=False, rsv1=True) + build_frame(0, whole[3:], rsv1=True)
    assert ids(f"extensions: permessage-deflate\n{sent('server', parts)}", *FAMILIES) == ["EX-202"]


# --- EX-203


@pytest.mark.parametrize("size", [0, 1, 20, 20_000, 200_000])
@pytest.mark.parametrize("agreed", ["", "; server_no_context_takeover; server_max_window_bits=9"])
def test_the_byte_that_is_no_deflate(size: int, agreed: str) -> None:
    """Wherever it stands, also behind more than is kept; the first bits of a byte with value 7 are a reserved block."""
    good = Compressor(True)(random.Random(size).randbytes(size // 2) + bytes(size // 2)) + TAIL if size else b""
    payload = good + b"\x07" + b"and more of it"
    data = build_frame(2, payload[: size // 2], fin=False, rsv1=True) + build_frame(0, payload[size // 2 :])
    finding = one(f"extensions: permessage-deflate{agreed}\n{sent('server', data)}", "EX-203")
    head = finding.byte_offset - 150 if finding.byte_offset else 0
    assert head >= 0
    assert finding.found.endswith(f"at compressed byte {len(good)}")
    assert finding.evidence is not None
    start = finding.evidence.mark[0]
    assert bytes.fromhex(finding.evidence.hex)[start] == 7


def test_what_failed_ends_a_kept_context_and_only_that() -> None:
    compressor = Compressor(True)
    good = [compressor(text) for text in (b"good", b"good again", b"and good again")]
    assert found(good[0], b"\x07", good[1], good[2]) == ["EX-203", "ST-017"]
    assert found(b"\x07", Compressor(True)(b"x"), b"\x07", agreed="; client_no_context_takeover") == ["EX-203"] * 2
    transcript = talk(good[0], b"\x07", good[1]) + "\n" + sent("client", build_frame(1, b"\xff", KEY))
    assert ids(transcript, *FAMILIES) == ["EX-203", "ST-017", "TX-001"], "uncompressed messages stay judged"


# --- EX-204 and EX-205


def test_a_message_cut_inside_a_block() -> None:
    payload = Compressor(True)(b"a message")
    finding = one(talk(payload[:-2], side="server"), "EX-204")
    assert at(finding) == 2 + len(payload) - 3
    assert found(payload[:-2], Compressor(True)(b"x")) == ["EX-204", "ST-017"]


def test_no_bytes_at_all() -> None:
    """Counts as empty; a peer that forgets each message is not put out of step by it."""
    compressor = Compressor(True)
    first, second = compressor(b"some words"), compressor(b"some words")
    assert found(first, b"", second) == ["EX-204"]
    assert one(talk(first, b"", second), "EX-204").severity is Severity.ERROR
    assert one(talk(b"", agreed="; client_no_context_takeover"), "EX-204").severity is Severity.WARNING
    assert one(talk(b"", agreed="; server_no_context_takeover"), "EX-204").severity is Severity.ERROR
    fragments = build_frame(1, b"", fin=False, rsv1=True) + build_frame(0, b"")
    assert ids(f"extensions: permessage-deflate\n{sent('server', fragments)}", *FAMILIES) == ["EX-204"]


def test_the_tail_kept_is_told_instead_of_a_cut() -> None:
    compressor = Compressor(True)
    texts = (b"words", b"words and words", b"words")
    kept = [compressor(text) + TAIL for text in texts]
    assert found(*kept) == ["EX-205"] * 3, "they can be read all the same"
    assert one(talk(kept[0], side="server"), "EX-205").byte_offset is not None
    assert found(final_block(b"text") + b"\x01" + TAIL) == ["EX-205", "EX-208"]


@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH])
def test_flushes_inside_a_message_are_normal(flush: int) -> None:
    stream = zlib.compressobj(wbits=-15)
    payload = b"".join(stream.compress(part) + stream.flush(flush) for part in (b"one", b"", b"two", TAIL * 3, b"x"))
    assert found(payload[:-4]) == []
    data = b"".join(
        build_frame(0 if at else 2, payload[:-4][at : at + 5], fin=at + 5 >= len(payload) - 4, rsv1=at == 0)
        for at in range(0, len(payload) - 4, 5)
    )
    assert ids(f"extensions: permessage-deflate\n{sent('server', data)}", *FAMILIES) == []


def test_stored_bytes_that_look_like_the_tail() -> None:
    stream = zlib.compressobj(0, wbits=-15)
    payload = stream.compress(b"ends with " + TAIL) + stream.flush(zlib.Z_SYNC_FLUSH)
    assert found(payload[:-4]) == []


# --- EX-206


def test_a_reference_to_an_earlier_message() -> None:
    compressor = Compressor(True)
    first, second = compressor(NOISE), compressor(b"new" + NOISE[:500])
    bound = talk(first, second, agreed="; client_no_context_takeover")
    finding = one(bound, "EX-2")
    assert (finding.rule, finding.frame) == ("EX-206", 1)
    assert finding.found.startswith("one to 1999 bytes before it")
    assert found(first, second) == []
    assert found(first, second, agreed="; server_no_context_takeover") == []
    assert found(first, second, agreed="; server_no_context_takeover", side="server") == ["EX-206"]


def test_messages_that_happen_not_to_refer_back_are_right() -> None:
    compressor = Compressor(True)
    sent_so = [compressor(part) for part in (NOISE[:300], NOISE[300:600] * 2, b"\x00\x01")]
    assert found(*sent_so, agreed="; client_no_context_takeover; server_no_context_takeover") == []


def test_beyond_all_that_is_known_it_is_no_deflate() -> None:
    compressor = Compressor(True)
    compressor(b"never sent, never sent")
    assert found(compressor(b"never sent"), agreed="; client_no_context_takeover") == ["EX-203"]


def test_after_a_loss_each_message_of_its_own_is_read() -> None:
    agreed, lost = "; client_no_context_takeover", build_frame(2, Compressor(True)(NOISE[:50]), KEY, rsv1=True)
    after = build_frame(2, Compressor(True)(b"x" * 50), KEY, rsv1=True)
    lines = (sent("client", lost[:20]), f"gap client {len(lost) - 20}", sent("client", after), "+5s")
    start = f"extensions: permessage-deflate{agreed}"
    assert ids("\n".join((start, *lines, sent("client", after))), *FAMILIES) == []
    start = "extensions: permessage-deflate"
    assert ids("\n".join((start, *lines, sent("client", after))), *FAMILIES) == ["ST-017"]


# --- EX-207


@pytest.mark.parametrize("bits", range(10, 16))
@pytest.mark.parametrize("side", ["client", "server"])
def test_a_window_larger_than_agreed(bits: int, side: str) -> None:
    data = random.Random(bits).randbytes((1 << bits) - 300)
    stream = zlib.compressobj(wbits=-bits)
    payload = (stream.compress(data * 2) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert found(payload, agreed=f"; {side}_max_window_bits={bits}", side=side) == []
    smaller = one(talk(payload, agreed=f"; {side}_max_window_bits={bits - 1}", side=side), "EX-2")
    assert smaller.rule == "EX-207"
    assert smaller.expected == f"at most {1 << bits - 1} bytes back"
    assert smaller.found.startswith(f"{len(data)}, ")
    assert found(payload, side=side) == []


def test_a_window_of_eight_bits() -> None:
    """The smallest compressor of zlib stays within it, though nine is asked for."""
    stream = zlib.compressobj(wbits=-9)
    payload = (stream.compress(NOISE[:240] * 9) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert found(payload, agreed="; client_max_window_bits=8") == []


def test_a_reference_over_messages_counts_too() -> None:
    compressor = Compressor(True)
    payloads = [compressor(NOISE[:400]), compressor(NOISE[:50])]
    assert found(*payloads, agreed="; client_max_window_bits=9") == []
    assert one(talk(*payloads, agreed="; client_max_window_bits=8"), "EX-207").frame == 1


# --- EX-208


def test_a_final_block_is_told_once_a_message() -> None:
    payload = final_block(b"one") + final_block(b"two") + b"\x00"
    assert found(payload, b"\x00", final_block(b"three") + b"\x00") == ["EX-208", "EX-208"]
    assert at(one(talk(payload, side="server"), "EX-208")) == 2 + len(final_block(b"one")) - 1


# --- SEC-020 and the limits


def test_a_bomb() -> None:
    compressor = Compressor(True)
    payloads = [compressor(bytes(3 << 20)), compressor(b"and on")]
    finding = one(talk(*payloads), "SEC-020")
    assert finding.found == f"{len(payloads[0])} bytes that inflate to {3 << 20}"
    assert found(*payloads) == ["SEC-020"]
    assert found(Compressor(True)(bytes(1 << 20))) == []
    assert found(Compressor(True)(NOISE * 100)) == []


def test_a_bomb_that_reaches_the_limit() -> None:
    bomb = Compressor(True)(bytes(70 << 20))
    assert len(bomb) < 100_000
    data = sent("server", build_frame(1, bomb, rsv1=True) + build_frame(1, b"\x00", rsv1=True))
    findings = judge(f"extensions: permessage-deflate\n{data}", *FAMILIES)
    assert [finding.rule for finding in findings] == ["SEC-020", "ST-017", "ST-013"]
    assert findings[0].found.endswith(" or more")


# --- ST-017


def test_the_loss_of_the_context_is_told_once() -> None:
    compressor = Compressor(True)
    frames = [build_frame(1, compressor(b"some words %d" % n), KEY, rsv1=True) for n in range(6)]
    lines = ["extensions: permessage-deflate", sent("client", frames[0]), f"gap client {len(frames[1])}"]
    lines += [line for frame in frames[2:] for line in (sent("client", frame), "+3s")]
    assert ids("\n".join(lines), *FAMILIES) == ["ST-017"]


def test_each_direction_has_its_own_context() -> None:
    transcript = talk(b"\x07", b"\x00") + "\n" + sent("server", build_frame(1, Compressor(True)(b"x"), rsv1=True))
    found = judge(transcript, "EX-2", "ST-017")
    assert [(finding.rule, finding.direction) for finding in found] == [("EX-203", "client"), ("ST-017", "client")]


def test_nothing_is_said_where_another_extension_may_have_changed_it() -> None:
    transcript = "extensions: permessage-deflate, x-private\nserver: c1 01 07\nserver: c1 01 07"
    assert ids(transcript, "EX-2", "ST-017") == []
