"""The inflater against zlib's compressor and websockets' decoder."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from analyzer.messages.inflate import STEP, Compression, Defect, IncompleteError, InflateError, Inflater, RestartError
from tests.messages.deflate import TAIL, Compressor, final_block

KEPT, FRESH = Compression(True), Compression(False)
MESSAGES = st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"abc" * 50, b"", bytes(5000)])), max_size=6)


def inflate(inflater: Inflater, *runs: bytes) -> bytes:
    assert inflater.begin()
    out = b"".join(block for run in runs for block in inflater.feed(run))
    inflater.end()
    return out


@given(MESSAGES, st.booleans(), st.integers(0, 60), st.sampled_from([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
def test_what_was_compressed_comes_back(messages: list[bytes], takeover: bool, cut: int, flush: int) -> None:
    compressor, inflater = Compressor(takeover, flush=flush), Inflater(Compression(takeover), 8)
    for message in messages:
        sent = compressor(message)
        assert inflate(inflater, sent[:cut], sent[cut:]) == message
        assert not inflater.broken


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=4), st.booleans())
def test_any_bytes_give_what_websockets_gives_or_an_error(runs: list[bytes], takeover: bool) -> None:
    """Up to the first error of either. Ours may be the stricter at the end of a message: theirs does not look."""
    theirs = PerMessageDeflate(not takeover, not takeover, 15, 15)
    ours = Inflater(Compression(takeover), 8)
    for run in runs:
        try:
            expected = bytes(theirs.decode(Frame(Opcode.BINARY, run, rsv1=True)).data)
        except ProtocolError:
            with pytest.raises((InflateError, IncompleteError, RestartError)):
                inflate(ours, run)
            return
        try:
            got = inflate(ours, run)
        except (InflateError, IncompleteError, RestartError):
            return
        alone = zlib.decompressobj(-zlib.MAX_WBITS)
        if theirs.decoder.eof if takeover else alone.decompress(run + TAIL) is not None and alone.eof:
            assert got.startswith(expected), "theirs stops at BFINAL"
            return
        assert got == expected


def test_a_byte_of_zero_is_the_empty_message() -> None:
    inflater = Inflater(KEPT, 8)
    assert inflate(inflater, b"\x00") == b""
    assert inflate(inflater, Compressor(True)(b"next")) == b"next"


def test_no_bytes_count_as_empty_and_leave_the_context() -> None:
    compressor, inflater = Compressor(True), Inflater(KEPT, 8)
    assert inflate(inflater, compressor(b"context context")) == b"context context"
    assert inflate(inflater) == b""
    assert inflate(inflater, compressor(b"context")) == b"context"


def test_a_stored_block_and_several_blocks() -> None:
    stored = b"\x00\x05\x00\xfa\xffHello\x00"  # RFC 7692 7.2.3.3
    two = bytes.fromhex("f248050000 00ffff cac9c90700".replace(" ", ""))  # 7.2.3.5
    assert inflate(Inflater(KEPT, 8), stored) == b"Hello"
    assert inflate(Inflater(KEPT, 8), two) == b"Hello"


def test_blocks_with_bfinal_go_on_with_the_window() -> None:
    rfc = bytes.fromhex("f348cdc9c9070000")  # RFC 7692 7.2.3.4
    inflater = Inflater(KEPT, 8)
    assert inflate(inflater, rfc) == b"Hello"
    assert inflate(inflater, bytes.fromhex("f200110000")) == b"Hello"  # 7.2.3.2: refers to the message before
    first, second = final_block(b"one and "), final_block(b"two")
    assert inflate(inflater, first + second + b"\x00") == b"one and two"
    assert inflate(inflater, first + second) == b"one and two", "without the empty block, too"


@pytest.mark.parametrize("size", [40_000, 32_768 * 5, 400_000])
def test_a_reference_over_blocks_with_bfinal_and_messages(size: int) -> None:
    """The farthest reference there is, into what streams before brought forth."""
    history = random.Random(size).randbytes(size)
    compressor = zlib.compressobj(wbits=-15, zdict=history[-32768:])
    repeated = history[-32_500:-32_200]
    again = compressor.compress(repeated) + compressor.flush(zlib.Z_FINISH)
    assert len(again) < 100
    inflater = Inflater(KEPT, 8)
    assert inflate(inflater, Compressor(True)(history)) == history
    assert inflate(inflater, final_block(b"") + b"\x00") == b""
    assert inflate(inflater, again) == repeated


@pytest.mark.parametrize("takeover", [True, False])
def test_a_message_cut_anywhere_is_incomplete(takeover: bool) -> None:
    sent = Compressor(takeover)(b"a sentence that says a sentence again")
    for size in range(1, len(sent)):
        inflater = Inflater(Compression(takeover), 8)
        with pytest.raises(IncompleteError):
            inflate(inflater, sent[:size])
        assert inflater.broken
        assert inflater.begin() == (not takeover), "a kept context is lost for good, else the next is read"


def test_the_removed_tail_sent_is_told_and_the_context_goes_on() -> None:
    compressor, inflater = Compressor(True), Inflater(KEPT, 8)
    for message in (b"text text", b"text again", b""):
        assert inflater.begin()
        assert b"".join(inflater.feed(compressor(message) + (TAIL if message else b""))) == message
        assert inflater.end() == bool(message)
    inner = compressor(b"one") + TAIL + compressor(b"two")
    assert inflater.begin()
    assert b"".join(inflater.feed(inner)) == b"onetwo"
    assert not inflater.end(), "inside a message it is normal"


@pytest.mark.parametrize("bad", ["07", "00 05 00 00 00", "05 ff ff ff ff"])
def test_what_is_no_deflate_is_an_error(bad: str) -> None:
    inflater = Inflater(KEPT, 8)
    with pytest.raises(InflateError):
        inflate(inflater, bytes.fromhex(bad))
    assert inflater.broken
    assert not inflater.begin()


def test_a_reference_before_anything_known_is_an_error() -> None:
    compressor = Compressor(True)
    compressor(b"never captured, never captured")
    with pytest.raises(InflateError):
        inflate(Inflater(KEPT, 8), compressor(b"never captured, never captured"))


def test_what_was_lost_is_lost_until_no_takeover_is_needed() -> None:
    kept, fresh = Inflater(KEPT, 8), Inflater(FRESH, 8)
    for inflater in (kept, fresh):
        inflater.begin()
        inflater.lose()
    assert not kept.begin()
    assert inflate(fresh, Compressor(False)(b"x")) == b"x"


def test_output_comes_in_steps_and_stops_with_the_caller() -> None:
    sent = Compressor(True)(bytes(50 << 20))
    inflater = Inflater(KEPT, 8)
    assert inflater.begin()
    blocks = inflater.feed(sent)
    assert all(0 < len(next(blocks)) <= STEP for _ in range(20))
    blocks.close()
    assert inflater.broken


@pytest.mark.parametrize("size", [STEP, 2 * STEP])
def test_what_zlib_holds_back_comes_out(size: int) -> None:
    """The input may be used up while output is still to come: at the end of a step, and so of a message."""
    for more in range(-300, 300, 7):
        message = bytes(size + more)
        assert inflate(Inflater(KEPT, 8), Compressor(True)(message)) == message


@given(st.binary(min_size=1, max_size=60), st.integers(0, 2000), st.integers(0, 100_000), st.randoms())
def test_an_error_is_found_at_its_byte(end: bytes, cut: int, size: int, rng: random.Random) -> None:
    """The byte without which zlib goes on; wherever runs end, and behind more than is kept."""
    payload = (Compressor(True)(rng.randbytes(size // 2) + bytes(size // 2)) + TAIL) * 2 + b"\x07" + end
    inflater = Inflater(KEPT, 8)
    assert inflater.begin()
    assert wrong_byte(inflater, payload[:cut], payload[cut:]) == len(payload) - len(end) - 1


def wrong_byte(inflater: Inflater, *runs: bytes) -> int:
    before = 0
    for run in runs:
        try:
            list(inflater.feed(run))
        except InflateError as error:
            return before + error.at
        before += len(run)
    return -1


def test_what_a_run_shows_is_told_with_its_byte() -> None:
    inflater = Inflater(Compression(takeover=False, bits=8), 8)
    words = random.Random(2).randbytes(200)
    first = final_block(words) + b"\x00"
    assert inflate(inflater, first[:50], first[50:]) == words
    assert inflater.noticed == [(Defect.FINAL_BLOCK, len(first) - 50 - 2)]
    stream = zlib.compressobj(wbits=-15, zdict=words)
    again = (stream.compress(words[:30] + bytes(300) + words[:30]) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert inflate(inflater, again) == words[:30] + bytes(300) + words[:30], "read with what came before all the same"
    assert [defect for defect, _ in inflater.noticed] == [Defect.REACHED_BACK, Defect.TOO_FAR]
    assert (inflater.over, inflater.farthest) == (199, 330)
    inflater.begin()
    inflater.lose()
    with pytest.raises(InflateError):
        inflate(inflater, again)


def test_restarts_are_bounded() -> None:
    inflater = Inflater(KEPT, 8)
    assert inflate(inflater, b"\x03\x00" * 9 + b"\x03\x00"[:0]) == b""
    inflater = Inflater(KEPT, 8)
    inflater.begin()
    with pytest.raises(RestartError):
        list(inflater.feed(b"\x03\x00" * 100_000))
