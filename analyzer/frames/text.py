"""Unmasking, and the search for the first byte that makes a text message invalid (RFC 6455 5.3, 5.6, 8.1).

Theory of operation. UTF-8 is checked as a stream: a direction's state is what may follow (how many
continuation bytes, and in which range the next one must lie), so a code point may be cut anywhere, by a
fragment, a segment or a batch. The bytes are unmasked in a register, never copied. ASCII, which most text is,
goes by eight bytes at a time: a word holds none but ASCII if no byte of it has its high bit set after the key.

A byte is the *first bad* one where Python's incremental decoder gives up: no valid text begins with the bytes up
to and including it (Table 3-7 of Unicode 15), but a surrogate is named only with its third byte, though its second
already rules everything else out.

Interpreted, Python's own decoder does the bulk and the state machine only the bytes at the edges.
"""

from __future__ import annotations

import sys
from typing import Any

import cython
import numpy as np

from analyzer.frames.decode import PieceRows
from analyzer.tcp.columns import column, longer
from analyzer.wire import frame

if cython.compiled:
    Octets = cython.typedef(cython.uchar[::1])
    Words = cython.typedef(cython.ulonglong[::1])
    Column = cython.typedef(cython.longlong[::1])
else:
    Octets = memoryview
    Words = memoryview
    Column = memoryview

VALID, STRAY, MISSING, OVERLONG, SURROGATE, ABOVE, NEVER, TRUNCATED = range(8)
"""Why a byte is bad; TRUNCATED: the message ended inside a code point."""
REASONS = (
    "valid",
    "stray continuation byte",
    "continuation byte missing",
    "overlong form",
    "surrogate",
    "above U+10FFFF",
    "byte that never occurs in UTF-8",
    "code point cut off by the end of the message",
)
_STRAY = cython.declare(cython.longlong, STRAY)
_MISSING = cython.declare(cython.longlong, MISSING)
_OVERLONG = cython.declare(cython.longlong, OVERLONG)
_SURROGATE = cython.declare(cython.longlong, SURROGATE)
_ABOVE = cython.declare(cython.longlong, ABOVE)
_NEVER = cython.declare(cython.longlong, NEVER)
_TRUNCATED = cython.declare(cython.longlong, TRUNCATED)

LOW = cython.declare(cython.longlong, 0x80)
HIGH = cython.declare(cython.longlong, 0xBF)
"""The range of a continuation byte."""
TEXT = cython.declare(cython.longlong, 1)
NOTHING = cython.declare(cython.longlong, 0x100)
"""A lower bound no byte reaches: what may follow the first two bytes of a surrogate."""
SURROGATE_LEAD = cython.declare(cython.longlong, 0xED)
SURROGATES_FROM = cython.declare(cython.longlong, 0xA0)
"""After this lead, second bytes from here on make a surrogate (RFC 3629 3)."""
KEY_BITS = cython.declare(cython.ulonglong, 0xFFFF_FFFF)
HIGH_BITS = cython.declare(cython.ulonglong, 0x8080_8080_8080_8080)
WORD = cython.declare(cython.Py_ssize_t, 8)
BIG_ENDIAN = cython.declare(cython.bint, sys.byteorder == "big")


def _lead(byte: int) -> tuple[int, int, int, int]:
    """What may follow a byte that starts a code point: continuation bytes, the range of the first, or the reason."""
    if byte < 0x80:
        return 0, 0, 0, VALID
    if byte < 0xC0:
        return 0, 0, 0, STRAY
    if byte < 0xC2:
        return 0, 0, 0, OVERLONG
    if byte < 0xE0:
        return 1, 0x80, 0xBF, VALID
    if byte < 0xF0:
        return 2, 0xA0 if byte == 0xE0 else 0x80, 0xBF, VALID
    if byte < 0xF5:
        return 3, 0x90 if byte == 0xF0 else 0x80, 0x8F if byte == 0xF4 else 0xBF, VALID
    return 0, 0, 0, ABOVE if byte < 0xF8 else NEVER


_leads = [_lead(byte) for byte in range(256)]
FOLLOW = cython.declare(Octets, memoryview(bytearray(lead[0] for lead in _leads)))
FROM = cython.declare(Octets, memoryview(bytearray(lead[1] for lead in _leads)))
UP_TO = cython.declare(Octets, memoryview(bytearray(lead[2] for lead in _leads)))
BAD_LEAD = cython.declare(Octets, memoryview(bytearray(lead[3] for lead in _leads)))


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _reason(lead: cython.longlong, byte: cython.longlong, low: cython.longlong) -> cython.longlong:
    """Why ``byte`` may not follow after ``lead``, where no byte below ``low`` may."""
    if byte < LOW or byte > HIGH:
        return _MISSING
    if low == NOTHING:
        return _SURROGATE
    return _ABOVE if lead == 0xF4 else _OVERLONG


@cython.cclass
class TextScanner:
    """Where every direction's text message stands."""

    follow = cython.declare(Column)
    low = cython.declare(Column)
    high = cython.declare(Column)
    lead = cython.declare(Column)
    bad = cython.declare(Column)
    hits = cython.declare(cython.Py_ssize_t, visibility="public")
    hit_row = cython.declare(Column, visibility="public")
    hit_at = cython.declare(Column, visibility="public")
    hit_reason = cython.declare(Column, visibility="public")
    hit_lead = cython.declare(Column, visibility="public")
    # what check() leaves behind
    at = cython.declare(cython.Py_ssize_t)

    def __init__(self, rows: int) -> None:
        """Up to ``rows`` pieces in one scan.

        After it ``hits`` rows of ``hit_row`` (the piece), ``hit_at`` (the bad byte, counted in the piece; the byte
        after its last where the message ends too early), ``hit_reason`` and ``hit_lead`` (the first byte of the code
        point that the bad one should go on; 0 where it stands by itself) say which messages became invalid.
        """
        self.hits = 0
        self.hit_row = column(rows)
        self.hit_at = column(rows)
        self.hit_reason = column(rows)
        self.hit_lead = column(rows)
        self.follow = column(0)
        self.low = column(0)
        self.high = column(0)
        self.lead = column(0)
        self.bad = column(0)

    def grow(self, directions: int) -> None:
        """Make room for ``directions``."""
        if directions <= len(self.bad):
            return
        rows = max(directions, 2 * len(self.bad))
        # a state that matters is that of an open message, so growing must keep it
        self.follow = longer(self.follow, rows)
        self.low = longer(self.low, rows)
        self.high = longer(self.high, rows)
        self.lead = longer(self.lead, rows)
        self.bad = longer(self.bad, rows)

    def scan(self, data: Any, pieces: PieceRows) -> int:
        """Check the uncompressed text among ``pieces``, which stand in ``data``. The number of messages found invalid.

        ``data`` is a bytearray; what lies behind its last multiple of 8 is read byte by byte.
        """
        view = memoryview(data)
        words = view[: len(view) // 8 * 8].cast("Q")
        self._scan(
            view,
            words,
            pieces.direction,
            pieces.start,
            pieces.length,
            pieces.key,
            pieces.frame_offset,
            pieces.opcode,
            pieces.compressed,
            pieces.first,
            pieces.final,
            pieces.count,
        )
        return int(self.hits)

    @cython.locals(
        data=Octets,
        words=Words,
        direction=Column,
        start=Column,
        length=Column,
        keys=Column,
        frame_offset=Column,
        opcode=Column,
        compressed=Column,
        first=Column,
        final=Column,
        count=cython.Py_ssize_t,
    )
    def _scan(
        self,
        data: Any,
        words: Any,
        direction: Any,
        start: Any,
        length: Any,
        keys: Any,
        frame_offset: Any,
        opcode: Any,
        compressed: Any,
        first: Any,
        final: Any,
        count: int,
    ) -> None:
        i: cython.Py_ssize_t
        key: cython.ulonglong
        reason: cython.longlong
        self.hits = 0
        for i in range(count):
            if opcode[i] != TEXT or compressed[i]:
                continue
            key = keys[i]
            for _ in range(frame_offset[i] & 3):
                key = ((key << 8) | (key >> 24)) & KEY_BITS
            reason = self.judge(data, words, start[i], start[i] + length[i], key, direction[i], first[i], final[i])
            if reason:
                self.hit_row[self.hits] = i
                self.hit_at[self.hits] = self.at - start[i]
                self.hit_reason[self.hits] = reason
                self.hit_lead[self.hits] = self.inside(direction[i])
                self.hits += 1

    def one(self, data: bytearray, direction: int, *, first: bool, final: bool) -> tuple[int, int, int]:
        """Check all of ``data``, unmasked text of ``direction``'s message. The bad byte, the reason (VALID: none), and
        the first byte of the code point that the bad one should go on, or 0.
        """
        view = memoryview(data)
        words = view[: len(view) // 8 * 8].cast("Q")
        return self._one(view, words, direction, first, final)

    @cython.locals(data=Octets, words=Words, d=cython.Py_ssize_t, first=cython.bint, final=cython.bint)
    def _one(self, data: Any, words: Any, d: int, first: bool, final: bool) -> tuple[int, int, int]:
        reason: cython.longlong = self.judge(data, words, 0, len(data), 0, d, first, final)
        return int(self.at), int(reason), int(self.inside(d))

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def inside(self, d: cython.Py_ssize_t) -> cython.longlong:
        """The first byte of the code point that direction ``d`` is inside of; 0: between two."""
        return int(self.lead[d]) if self.follow[d] else 0

    @cython.cfunc
    @cython.locals(data=Octets, words=Words)
    @cython.exceptval(check=False)
    def judge(
        self,
        data: Any,
        words: Any,
        at: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        key: cython.ulonglong,
        d: cython.Py_ssize_t,
        first: cython.bint,
        final: cython.bint,
    ) -> cython.longlong:
        """One run of text: the reason why its message is invalid, if that shows here, and ``at``, where."""
        reason: cython.longlong = 0
        if first:
            self.follow[d] = 0
            self.bad[d] = 0
        if self.bad[d]:
            return 0
        self.at = end
        if at < end:
            reason = self.check(data, words, at, end, key, d)
        if reason == 0 and final and self.follow[d]:
            reason = _TRUNCATED
        if reason:
            self.bad[d] = 1
        return reason

    @cython.cfunc
    @cython.locals(data=Octets, words=Words)
    @cython.exceptval(check=False)
    def check(
        self,
        data: Any,
        words: Any,
        at: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        key: cython.ulonglong,
        d: cython.Py_ssize_t,
    ) -> cython.longlong:
        """Check data[at:end]; ``key`` is turned so that its highest byte masks the first. A reason, and ``at``."""
        byte: cython.longlong
        follow: cython.longlong = self.follow[d]
        word: cython.ulonglong
        last: cython.Py_ssize_t = words.shape[0] * WORD
        if end < last:
            last = end
        while at < end:
            if follow == 0 and at % WORD == 0 and at + WORD <= last:
                word = _word(key)
                while at + WORD <= last and not (words[at // WORD] ^ word) & HIGH_BITS:
                    at += WORD
                if at >= end:
                    break
            byte = data[at] ^ (key >> 24)
            key = ((key << 8) | (key >> 24)) & KEY_BITS
            if follow == 0:
                if byte >= LOW:
                    if BAD_LEAD[byte]:
                        self.at = at
                        self.follow[d] = 0
                        return int(BAD_LEAD[byte])
                    follow = FOLLOW[byte]
                    self.low[d] = FROM[byte]
                    self.high[d] = UP_TO[byte]
                    self.lead[d] = byte
            elif byte < self.low[d] or byte > self.high[d]:
                self.at = at
                self.follow[d] = follow
                return _reason(self.lead[d], byte, self.low[d])
            else:
                if self.lead[d] == SURROGATE_LEAD and follow == 2 and byte >= SURROGATES_FROM:
                    self.low[d] = NOTHING
                else:
                    self.low[d] = LOW
                self.high[d] = HIGH
                follow -= 1
            at += 1
        self.follow[d] = follow
        self.at = at
        return 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _word(key: cython.ulonglong) -> cython.ulonglong:
    """The key twice, as a word in memory that starts with the key's highest byte."""
    if not BIG_ENDIAN:
        key = (key >> 24) | ((key >> 8) & 0xFF00) | ((key & 0xFF00) << 8) | ((key & 0xFF) << 24)
    return (key << 32) | key


if not cython.compiled:

    def _check(self: Any, data: Any, words: Any, at: int, end: int, key: int, d: int) -> int:
        """The same, leaving the bulk to Python's decoder."""
        masking = key.to_bytes(4, "big")
        text = frame.mask(bytes(data[at:end]), masking) if key else bytes(data[at:end])
        begin = at
        follow = self.follow[d]
        while at < end:
            if follow == 0:
                try:
                    text[at - begin :].decode()
                    at = end
                    break
                except UnicodeDecodeError as error:
                    at += error.start
            byte = text[at - begin]
            if follow == 0:
                if BAD_LEAD[byte]:
                    self.at, self.follow[d] = at, 0
                    return int(BAD_LEAD[byte])
                follow = FOLLOW[byte]
                self.low[d], self.high[d], self.lead[d] = FROM[byte], UP_TO[byte], byte
            elif byte < self.low[d] or byte > self.high[d]:
                self.at, self.follow[d] = at, follow
                return int(_reason(self.lead[d], byte, self.low[d]))
            else:
                surrogate = self.lead[d] == SURROGATE_LEAD and follow == 2 and byte >= SURROGATES_FROM
                self.low[d], self.high[d] = NOTHING if surrogate else LOW, HIGH
                follow -= 1
            at += 1
        self.follow[d] = follow
        self.at = at
        return 0

    TextScanner.check = _check  # type: ignore[method-assign]


def unmask(payload: bytes, key: int, frame_offset: int) -> bytes:
    """``payload`` as the application meant it: masked with ``key``, ``frame_offset`` bytes into its frame."""
    if not key or not payload:
        return payload
    turned = key.to_bytes(4, "big")
    turn = frame_offset % 4
    turned = turned[turn:] + turned[:turn]
    if len(payload) < 256:
        return frame.mask(payload, turned)
    pad = np.resize(np.frombuffer(turned, dtype=np.uint8), len(payload))
    return bytes(np.bitwise_xor(np.frombuffer(payload, dtype=np.uint8), pad))
