"""The walk over DEFLATE tokens against a reader that goes bit by bit, and against what zlib's compressor can do."""

from __future__ import annotations

import random
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.messages.tokens import TokenWalk
from tests.messages.deflate import final_block, matches

PARTS = st.lists(
    st.one_of(st.binary(max_size=30), st.sampled_from([b"a" * 300, b"some words, some words ", bytes(range(256)) * 3])),
    max_size=30,
).map(b"".join)
STRATEGIES = [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FILTERED]


def compressed(data: bytes, bits: int, level: int = 9, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    stream = zlib.compressobj(level, zlib.DEFLATED, -bits, 9, strategy)
    half = len(data) // 2
    first = stream.compress(data[:half]) + stream.flush(zlib.Z_SYNC_FLUSH)
    return first + stream.compress(data[half:]) + stream.flush(zlib.Z_SYNC_FLUSH)


def walked(walk: TokenWalk, data: bytes, cuts: list[int]) -> tuple[int, int, int, int]:
    """``farthest``, ``over``, and where in ``data`` the first of either was."""
    walk.begin()
    far = over = -1
    for start, end in pairwise(sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})):
        walk.feed(data[start:end])
        far = start + walk.far_at if walk.far_at >= 0 else far
        over = start + walk.over_at if walk.over_at >= 0 else over
    return walk.farthest, walk.over, far, over


CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@given(PARTS, st.integers(9, 15), st.integers(0, 9), st.sampled_from(STRATEGIES), CUTS)
def test_the_largest_distance(data: bytes, bits: int, level: int, strategy: int, cuts: list[int]) -> None:
    payload = compressed(data, bits, level, strategy)
    found, produced = matches(payload)
    assert produced == len(data)
    farthest, over, far, _ = walked(TokenWalk(100), payload, cuts)
    assert farthest == max((distance for distance, _ in found), default=0) <= 1 << bits
    assert over == 0
    assert (far >= 0) == (farthest > 100)


@given(PARTS, PARTS, CUTS)
def test_how_far_a_match_reaches_before_the_start(earlier: bytes, data: bytes, cuts: list[int]) -> None:
    stream = zlib.compressobj(9, wbits=-15)
    stream.compress(earlier)
    stream.flush(zlib.Z_SYNC_FLUSH)
    payload = stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
    found, _ = matches(payload)
    _, over, _, at = walked(TokenWalk(1 << 15), payload, cuts)
    assert over == max([0, *(distance - before for distance, before in found)])
    assert (at >= 0) == (over > 0)
    assert over <= len(earlier)
    alone = zlib.decompressobj(-15)
    if over:
        with pytest.raises(zlib.error):
            alone.decompress(payload)
        zlib.decompressobj(-15).decompress(payload[:at])
        with pytest.raises(zlib.error):
            zlib.decompressobj(-15).decompress(payload[: at + 1])
    else:
        assert alone.decompress(payload) == data


@pytest.mark.parametrize("bits", range(9, 16))
def test_a_smaller_window_is_kept_and_a_larger_one_shows(bits: int) -> None:
    """Window 8 is special: zlib takes it for 9, and stays within 256 bytes all the same."""
    data = random.Random(bits).randbytes(300) * 3 + random.Random(1).randbytes(40_000) + bytes(range(256)) * 300
    data += data[:4000]
    payload = compressed(data, bits)
    reach = (1 << bits) - 262
    farthest = walked(TokenWalk(1 << bits), payload, [])[0]
    assert farthest <= reach
    assert walked(TokenWalk(farthest - 1), payload, [])[2] >= 0
    assert walked(TokenWalk(farthest), payload, [])[2] == -1
    if bits == 9:
        assert farthest <= 1 << 8


@given(st.binary(max_size=300), CUTS)
def test_any_bytes_in(data: bytes, cuts: list[int]) -> None:
    walk = TokenWalk(256)
    whole = walked(walk, data, [])
    assert walked(walk, data, cuts) == whole, "wherever it is cut"
    assert walk.farthest <= 1 << 15


@given(st.binary(max_size=200), st.data())
def test_what_zlib_refuses_later_was_the_same_before(data: bytes, draw: st.DataObject) -> None:
    """Bytes that went wrong: up to there the walk saw what the other reader saw."""
    payload = bytearray(compressed(data * 3, 12))
    payload[draw.draw(st.integers(0, len(payload) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    stream = zlib.decompressobj(-15)
    good = 0
    try:
        while good < len(payload):
            stream.decompress(bytes(payload[good : good + 1]))
            good += 1
            if stream.eof:
                break
    except zlib.error:
        pass
    walk = TokenWalk(256)
    walk.begin()
    walk.feed(bytes(payload[:good]))
    found, _ = matches(bytes(payload[:good]))
    assert walk.farthest == max((distance for distance, _ in found), default=0)


def test_blocks_after_a_final_one_are_walked() -> None:
    data = random.Random(5).randbytes(600)
    both = final_block(data) + final_block(data * 2) + b"\x00"
    assert walked(TokenWalk(256), both, [])[0] == 600


def test_a_block_of_a_reserved_type_ends_the_walk() -> None:
    walk = TokenWalk(256)
    assert walked(walk, b"\x07" + final_block(b"abc" * 500), []) == (0, 0, -1, -1)
