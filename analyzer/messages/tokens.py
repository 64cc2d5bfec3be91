"""A walk over the tokens of a DEFLATE stream: how far back its matches reach (RFC 1951).

Theory of operation. zlib inflates but does not say how far back it had to look, and a smaller window does not make it
refuse. So where a window was agreed on, or none over messages, the tokens are read once more, without making the
output: lengths and distances are enough. Bits are collected in a register; a token is taken only when all of its bits
are there, so that a run of payload may end anywhere and nothing but the register and the block's place has to be
kept. A code is found by counting through its lengths, as Mark Adler's puff does: no tables to build, which matters
where blocks are short.

The walk follows what zlib accepted. Should it meet something else it stops and claims nothing more.
"""

from __future__ import annotations

from typing import Any

import cython

if cython.compiled:
    Octets = cython.typedef(cython.uchar[::1])
    Numbers = cython.typedef(cython.int[::1])
else:
    Octets = memoryview
    Numbers = memoryview


def _numbers(values: list[int]) -> Any:
    """A typed view of ``values``."""
    view = memoryview(bytearray(4 * len(values))).cast("i")
    for index, value in enumerate(values):
        view[index] = value
    return view


HEADER, STORED, COPIED, COUNTS, ORDERED, LENGTHS, TOKENS, LOST = range(8)
"""Where in a block: its header; a stored block's length, its bytes; of a dynamic block the numbers of codes, the code
in which lengths are written, the lengths; the tokens. LOST: no DEFLATE."""
_HEADER = cython.declare(cython.int, HEADER)
_STORED = cython.declare(cython.int, STORED)
_COPIED = cython.declare(cython.int, COPIED)
_COUNTS = cython.declare(cython.int, COUNTS)
_ORDERED = cython.declare(cython.int, ORDERED)
_LENGTHS = cython.declare(cython.int, LENGTHS)
_TOKENS = cython.declare(cython.int, TOKENS)
_LOST = cython.declare(cython.int, LOST)

MORE = cython.declare(cython.int, -1)
WRONG = cython.declare(cython.int, -2)
"""Instead of a symbol: its bits have not all come; no symbol has such a code."""
END = cython.declare(cython.int, 256)
LONGEST = cython.declare(cython.int, 15)
"""Bits of a code, at most (RFC 1951 3.2.7)."""
FULL = cython.declare(cython.int, 56)
"""Bits in the register to which whole bytes are added: the longest token has 48."""

_order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
_length_extra = [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)] + [0]
_lengths = [3 + sum(1 << bits for bits in _length_extra[:code]) for code in range(28)] + [258]
_distance_extra = [0, 0, *(bits for bits in range(14) for _ in range(2))]
_distances = [1 + sum(1 << bits for bits in _distance_extra[:code]) for code in range(30)]
_fixed = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8
ORDER = cython.declare(Numbers, _numbers(_order))
LENGTH_EXTRA = cython.declare(Numbers, _numbers(_length_extra))
LENGTH = cython.declare(Numbers, _numbers(_lengths))
DISTANCE_EXTRA = cython.declare(Numbers, _numbers(_distance_extra))
DISTANCE = cython.declare(Numbers, _numbers(_distances))
LENGTH_CODES = cython.declare(cython.int, len(_lengths))
DISTANCE_CODES = cython.declare(cython.int, len(_distances))
FIXED = cython.declare(Numbers, _numbers(_fixed + [5] * 30))
FIXED_LITERALS = cython.declare(cython.int, len(_fixed))
ORDERS = cython.declare(cython.int, len(_order))


@cython.cclass
class Code:
    """A Huffman code, as how many codes there are of each length, and the symbols in the order of their codes."""

    count = cython.declare(Numbers)
    place = cython.declare(Numbers)
    symbols = cython.declare(Numbers)
    used = cython.declare(cython.int)

    def __init__(self, symbols: int) -> None:
        """Room for ``symbols``."""
        self.count = _numbers([0] * 16)
        self.place = _numbers([0] * 16)
        self.symbols = _numbers([0] * symbols)
        self.used = 0

    @cython.cfunc
    @cython.locals(lengths=Numbers)
    @cython.exceptval(check=False)
    def build(self, lengths: Any, start: cython.int, number: cython.int) -> cython.void:
        """The code with these lengths (RFC 1951 3.2.2); ``number`` of them, from ``start``."""
        size: cython.int
        symbol: cython.int
        for size in range(LONGEST + 1):
            self.count[size] = 0
        for symbol in range(number):
            self.count[lengths[start + symbol]] += 1
        self.count[0] = 0
        self.place[0] = 0
        for size in range(LONGEST):
            self.place[size + 1] = self.place[size] + self.count[size]
        for symbol in range(number):
            size = lengths[start + symbol]
            if size:
                self.symbols[self.place[size]] = symbol
                self.place[size] += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def symbol(self, bits: cython.ulonglong, have: cython.int) -> cython.int:
        """The symbol whose code ``bits`` begin with, of which ``have`` came; ``used``: its length. MORE, WRONG."""
        code: cython.int = 0
        first: cython.int = 0
        index: cython.int = 0
        size: cython.int
        number: cython.int
        for size in range(1, LONGEST + 1):
            if size > have:
                return MORE
            code |= bits & 1
            bits >>= 1
            number = self.count[size]
            if code - first < number:
                self.used = size
                return int(self.symbols[index + code - first])
            index += number
            first = (first + number) << 1
            code <<= 1
        return WRONG


@cython.cclass
class TokenWalk:
    """The walk through one direction's compressed messages: `begin` each, `feed` its payload."""

    farthest = cython.declare(cython.longlong, visibility="public")
    over = cython.declare(cython.longlong, visibility="public")
    far_at = cython.declare(cython.Py_ssize_t, visibility="public")
    over_at = cython.declare(cython.Py_ssize_t, visibility="public")
    window = cython.declare(cython.longlong)
    produced = cython.declare(cython.longlong)
    stage = cython.declare(cython.int)
    final = cython.declare(cython.int)
    hold = cython.declare(cython.ulonglong)
    bits = cython.declare(cython.int)
    left = cython.declare(cython.int)
    literals = cython.declare(cython.int)
    distances = cython.declare(cython.int)
    number = cython.declare(cython.int)
    lengths = cython.declare(Numbers)
    fixed = cython.declare(cython.bint)
    literal_code: Any = cython.declare(Code)
    distance_code: Any = cython.declare(Code)
    fixed_literals: Any = cython.declare(Code)
    fixed_distances: Any = cython.declare(Code)

    def __init__(self, window: int) -> None:
        """Matches may reach ``window`` bytes back.

        After `feed`: ``farthest`` distance in the message so far, and how far ``over`` its beginning a match reached
        (0: none did); ``far_at`` and ``over_at``: which byte of the run completed the first match that was too far
        or reached over, -1 where none did in that run.
        """
        self.window = window
        self.lengths = _numbers([0] * 320)
        self.literal_code, self.distance_code = Code(288), Code(32)
        self.fixed_literals, self.fixed_distances = Code(288), Code(32)
        self._fix(self.fixed_literals, self.fixed_distances)
        self.begin()

    @cython.locals(literals=Code, distances=Code)
    def _fix(self, literals: Any, distances: Any) -> None:
        literals.build(FIXED, 0, FIXED_LITERALS)
        distances.build(FIXED, FIXED_LITERALS, DISTANCE_CODES)

    def begin(self) -> None:
        """A message begins, with a block of its own (RFC 7692 7.2.1)."""
        self.farthest = self.over = self.produced = 0
        self.far_at = self.over_at = -1
        self.stage = HEADER
        self.hold = 0
        self.bits = self.final = 0
        self.fixed = False

    def feed(self, data: bytes) -> None:
        """Walk on through the next run of the message."""
        self.far_at = self.over_at = -1
        self._feed(memoryview(bytearray(data)))

    @cython.locals(data=Octets)
    def _feed(self, data: Any) -> None:
        at: cython.Py_ssize_t = 0
        end: cython.Py_ssize_t = len(data)
        byte: cython.ulonglong
        more: cython.bint = True
        while more:
            if self.stage == _COPIED:
                at = self.copied(at, end)
                more = self.stage != _COPIED
                continue
            while self.bits <= FULL and at < end:
                byte = data[at]
                self.hold |= byte << self.bits
                self.bits += 8
                at += 1
            if self.stage == _TOKENS:
                more = self.token(at)
            elif self.stage == _LENGTHS:
                more = self.length()
            elif self.stage == _ORDERED:
                more = self.ordered()
            elif self.stage == _COUNTS:
                more = self.counts()
            elif self.stage == _STORED:
                more = self.stored()
            elif self.stage == _HEADER:
                more = self.header()
            else:
                more = False

    # --- each of these takes one thing from the register, or says that bits are missing

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def drop(self, bits: cython.int) -> cython.void:
        """These were used."""
        self.hold >>= bits
        self.bits -= bits

    @cython.cfunc
    @cython.exceptval(check=False)
    def header(self) -> cython.bint:
        """Three bits begin a block (RFC 1951 3.2.3)."""
        if self.bits < 3:
            return False
        kind: cython.int = (self.hold >> 1) & 3
        self.final = self.hold & 1
        self.drop(3)
        if kind == 0:
            self.drop(self.bits & 7)
            self.stage = _STORED
        elif kind == 1:
            self.fixed = True
            self.stage = _TOKENS
        elif kind == 2:
            self.fixed = False
            self.stage = _COUNTS
        else:
            self.stage = _LOST
        return True

    @cython.cfunc
    @cython.exceptval(check=False)
    def over_with(self) -> cython.void:
        """The block is over. After a final one the next begins at a byte (RFC 7692 7.2.3.4)."""
        if self.final:
            self.drop(self.bits & 7)
        self.stage = _HEADER

    @cython.cfunc
    @cython.exceptval(check=False)
    def stored(self) -> cython.bint:
        """Length of a stored block, and its complement (RFC 1951 3.2.4)."""
        if self.bits < 32:
            return False
        self.left = self.hold & 0xFFFF
        self.drop(32)
        self.stage = _COPIED
        return True

    @cython.cfunc
    @cython.exceptval(check=False)
    def copied(self, at: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Bytes of a stored block; some may be in the register. Where it stopped."""
        taken: cython.Py_ssize_t
        while self.left and self.bits >= 8:
            self.drop(8)
            self.left -= 1
            self.produced += 1
        taken = end - at
        if taken > self.left:
            taken = self.left
        self.left -= taken
        self.produced += taken
        if self.left == 0:
            self.over_with()
        return at + taken

    @cython.cfunc
    @cython.exceptval(check=False)
    def counts(self) -> cython.bint:
        """How many codes a dynamic block has (RFC 1951 3.2.7)."""
        k: cython.int
        if self.bits < 14:
            return False
        self.literals = 257 + (self.hold & 31)
        self.distances = 1 + ((self.hold >> 5) & 31)
        self.left = 4 + ((self.hold >> 10) & 15)
        self.drop(14)
        for k in range(ORDERS):
            self.lengths[k] = 0
        self.number = 0
        self.stage = _ORDERED
        return True

    @cython.cfunc
    @cython.locals(code=Code)
    @cython.exceptval(check=False)
    def ordered(self) -> cython.bint:
        """One length of the code in which the lengths are written."""
        if self.bits < 3:
            return False
        self.lengths[ORDER[self.number]] = self.hold & 7
        self.drop(3)
        self.number += 1
        if self.number == self.left:
            code: Any = self.literal_code  # until the lengths are read it holds the code for them
            code.build(self.lengths, 0, ORDERS)
            self.number = 0
            self.stage = _LENGTHS
        return True

    @cython.cfunc
    @cython.locals(code=Code)
    @cython.exceptval(check=False)
    def length(self) -> cython.bint:
        """One symbol of the lengths: a length, or a repetition (RFC 1951 3.2.7)."""
        code: Any = self.literal_code
        symbol: cython.int = code.symbol(self.hold, self.bits)
        used: cython.int = code.used
        extra: cython.int = 0
        times: cython.int = 1
        value: cython.int = symbol
        all_of_them: cython.int = self.literals + self.distances
        k: cython.int
        if symbol == MORE:
            return False
        if symbol >= 16:
            extra = 2 if symbol == 16 else 3 if symbol == 17 else 7
            if self.bits < used + extra:
                return False
            times = (11 if symbol == 18 else 3) + ((self.hold >> used) & ((1 << extra) - 1))
            value = 0
            if symbol == 16 and self.number:
                value = self.lengths[self.number - 1]
        if symbol == WRONG or self.number + times > all_of_them or (symbol == 16 and self.number == 0):
            self.stage = _LOST
            return True
        self.drop(used + extra)
        for k in range(times):
            self.lengths[self.number + k] = value
        self.number += times
        if self.number == all_of_them:
            code.build(self.lengths, 0, self.literals)
            code = self.distance_code
            code.build(self.lengths, self.literals, self.distances)
            self.stage = _TOKENS
        return True

    @cython.cfunc
    @cython.locals(literals=Code, distances=Code)
    @cython.exceptval(check=False)
    def token(self, at: cython.Py_ssize_t) -> cython.bint:
        """A literal, a match, or the end of the block; ``at``: bytes of the run in the register or before it."""
        literals: Any = self.fixed_literals if self.fixed else self.literal_code
        distances: Any = self.fixed_distances if self.fixed else self.distance_code
        symbol: cython.int = literals.symbol(self.hold, self.bits)
        used: cython.int = literals.used
        extra: cython.int
        length: cython.int
        distance: cython.longlong
        if symbol == MORE:
            return False
        if symbol <= END and symbol >= 0:
            self.drop(used)
            if symbol == END:
                self.over_with()
            else:
                self.produced += 1
            return True
        symbol -= END + 1
        if symbol < 0 or symbol >= LENGTH_CODES:
            self.stage = _LOST
            return True
        extra = LENGTH_EXTRA[symbol]
        if self.bits < used + extra:
            return False
        length = LENGTH[symbol] + ((self.hold >> used) & ((1 << extra) - 1))
        used += extra
        symbol = distances.symbol(self.hold >> used, self.bits - used)
        if symbol == MORE:
            return False
        if symbol < 0 or symbol >= DISTANCE_CODES:
            self.stage = _LOST
            return True
        used += distances.used
        extra = DISTANCE_EXTRA[symbol]
        if self.bits < used + extra:
            return False
        distance = DISTANCE[symbol] + ((self.hold >> used) & ((1 << extra) - 1))
        self.drop(used + extra)
        if distance > self.farthest:
            if distance > self.window and self.farthest <= self.window:
                self.far_at = (8 * at - self.bits - 1) // 8
            self.farthest = distance
        if distance - self.produced > self.over:
            if self.over == 0:
                self.over_at = (8 * at - self.bits - 1) // 8
            self.over = distance - self.produced
        self.produced += length
        return True
