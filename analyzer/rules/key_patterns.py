"""What makes masking keys weak, as arithmetic on arrays of keys; nothing here knows of frames or connections.

Keys are 32-bit numbers, the first byte on the wire the most significant. Three kinds of weakness are told apart:

- *Patterns*: each key follows from the one before. A pattern has at most one parameter, which the first two keys
  give, so four keys confirm it twice or more: one chance in 2**64 under uniform keys, for each pattern.
- *Clocks*: each key is the time of sending, up to a constant. The capture's times are compared, which come later and
  not quite evenly, so a tolerance is needed; a key fits by chance once in 2**32 / (2 * tolerance + 1).
- *Alphabets*: only some values occur, because bits never change or because all bytes are of a kind.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from math import comb, lgamma, log

import msgspec
import numpy as np
from numpy.typing import NDArray

U32 = NDArray[np.uint32]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

KEYS = 1 << 32
"""Masking keys there are (RFC 6455 5.3)."""
MS = 1_000_000
"""Nanoseconds."""


def swapped(keys: U32) -> U32:
    """The same keys, read with the least significant byte first."""
    return keys.byteswap()


# --- patterns


class Pattern(msgspec.Struct, frozen=True):
    """A way in which a key may follow from the one before."""

    name: str
    step: Callable[[U32, U32], U32]
    """From keys and the parameter to the keys that follow."""
    parameter: Callable[[U32, U32], U32]
    """From the first two keys."""
    little: bool = False
    """The keys are little-endian numbers."""

    def fits(self, keys: U32) -> Mask:
        """Which rows of ``keys``, (rows, keys in order), are such a sequence."""
        first, second = keys[:, :1], keys[:, 1:2]
        return np.asarray(self.follows(keys[:, :-1], keys[:, 1:], first, second).all(axis=1))

    def follows(self, before: U32, keys: U32, first: U32, second: U32) -> Mask:
        """Which of ``keys`` follow those ``before``, in sequences with those ``first`` and ``second`` keys."""
        if self.little:
            before, keys, first, second = swapped(before), swapped(keys), swapped(first), swapped(second)
        return np.asarray(self.step(before, self.parameter(first, second)) == keys)


def _none(first: U32, second: U32) -> U32:
    return np.zeros_like(first)


def _bytewise(keys: U32, other: U32, sign: int) -> U32:
    """Add or subtract each byte by itself, without carry."""
    total = np.zeros(np.broadcast(keys, other).shape, dtype=np.uint32)
    for shift in (0, 8, 16, 24):
        byte = (keys >> np.uint32(shift)).astype(np.int64) + sign * (other >> np.uint32(shift)).astype(np.int64)
        total |= (byte & 255).astype(np.uint32) << np.uint32(shift)
    return total


def _linear(factor: int, increment: int, modulus: int) -> Callable[[U32, U32], U32]:
    """A linear congruential generator that gives out its whole state."""

    def step(keys: U32, _: U32) -> U32:
        product = keys.astype(np.uint64) * np.uint64(factor) + np.uint64(increment)
        return np.asarray((product % np.uint64(modulus)).astype(np.uint32))

    return step


def _xorshift(keys: U32, _: U32) -> U32:
    """Marsaglia's xorshift32 with the shifts everybody copies."""
    keys = keys ^ (keys << np.uint32(13))
    keys = keys ^ (keys >> np.uint32(17))
    return np.asarray(keys ^ (keys << np.uint32(5)))


GENERATORS = (
    ("rand() of ANSI C, 1103515245 * x + 12345 modulo 2**31", _linear(1103515245, 12345, 1 << 31)),
    ("rand() of ANSI C, 1103515245 * x + 12345 modulo 2**32", _linear(1103515245, 12345, 1 << 32)),
    ("rand() of MSVC, 214013 * x + 2531011 modulo 2**32", _linear(214013, 2531011, 1 << 32)),
    ("MINSTD, 16807 * x modulo 2**31 - 1", _linear(16807, 0, (1 << 31) - 1)),
    ("MINSTD, 48271 * x modulo 2**31 - 1", _linear(48271, 0, (1 << 31) - 1)),
    ("Numerical Recipes, 1664525 * x + 1013904223 modulo 2**32", _linear(1664525, 1013904223, 1 << 32)),
    ("Borland, 22695477 * x + 1 modulo 2**32", _linear(22695477, 1, 1 << 32)),
    ("xorshift32", _xorshift),
)

CONSTANT = 1
"""Bit of the pattern that all keys are the same."""
PATTERNS: tuple[Pattern, ...] = (
    Pattern("the same key", lambda keys, _: keys, _none),
    Pattern("a constant difference", lambda keys, d: keys + d, lambda a, b: b - a),
    Pattern("a constant difference", lambda keys, d: keys + d, lambda a, b: b - a, little=True),
    Pattern("a constant XOR", lambda keys, d: keys ^ d, lambda a, b: a ^ b),
    Pattern(
        "a constant difference byte by byte",
        lambda keys, d: _bytewise(keys, d, 1),
        lambda a, b: _bytewise(b, a, -1),
    ),
    *(Pattern(f"the generator {name}", step, _none, little) for name, step in GENERATORS for little in (False, True)),
)


def patterns_of(keys: U32) -> U32:
    """For each row of ``keys``, (rows, keys in order), the patterns that fit, a bit each."""
    bits = np.zeros(len(keys), dtype=np.uint32)
    for number, pattern in enumerate(PATTERNS):
        bits |= pattern.fits(keys).astype(np.uint32) << np.uint32(number)
    return bits


# --- clocks

JITTER_NS = 50 * MS
"""How much later than its neighbours a frame may be captured after its key was made."""


TICKS, RUN_NS = 4, 20 * JITTER_NS
"""How far a clock must run, in ticks and in time, before few bits that change can be told from it."""


class Clock(msgspec.Struct, frozen=True):
    """A unit of time that keys may count."""

    name: str
    unit_ns: int
    frames: int
    """Frames that make a chance fit unlikely enough: below 1e-9 over all clocks."""
    little: bool = False

    def ran(self, passed_ns: int) -> bool:
        """Time enough passed to know it by."""
        return passed_ns >= max(RUN_NS, TICKS * self.unit_ns)


_UNITS = (("seconds", 1000 * MS, 4), ("milliseconds", MS, 4), ("microseconds", 1000, 4), ("nanoseconds", 1, 9))
CLOCKS = tuple(Clock(name, unit, frames, little) for name, unit, frames in _UNITS for little in (False, True))
EVERY_CLOCK = (1 << len(CLOCKS)) - 1


def clocks_of(first: U32, first_ns: I64, keys: U32, time_ns: I64) -> NDArray[np.uint8]:
    """The clocks, a bit each, by which ``keys`` come as much after the ``first`` ones as the frames do."""
    bits = np.zeros(len(keys), dtype=np.uint8)
    for number, clock in enumerate(CLOCKS):
        since = (swapped(keys) - swapped(first)) if clock.little else (keys - first)
        passed = time_ns // clock.unit_ns - first_ns // clock.unit_ns
        apart = (since.astype(np.int64) - passed + (KEYS >> 1)) % KEYS - (KEYS >> 1)
        bits |= (np.abs(apart) <= JITTER_NS // clock.unit_ns + 1).astype(np.uint8) << np.uint8(number)
    return bits


# --- alphabets


class Alphabet(msgspec.Struct, frozen=True):
    """Byte values that all belong to one kind."""

    name: str
    values: frozenset[int]


def _alphabet(name: str, characters: str) -> Alphabet:
    return Alphabet(name, frozenset(characters.encode()))


ALPHABETS = (
    _alphabet("decimal digits", string.digits),
    _alphabet("lower-case hex digits", string.digits + "abcdef"),
    _alphabet("upper-case hex digits", string.digits + "ABCDEF"),
    _alphabet("lower-case letters", string.ascii_lowercase),
    _alphabet("upper-case letters", string.ascii_uppercase),
    _alphabet("letters", string.ascii_letters),
    _alphabet("letters and digits", string.ascii_letters + string.digits),
    _alphabet("base64 characters", string.ascii_letters + string.digits + "+/-_="),
    Alphabet("printable ASCII", frozenset(range(0x20, 0x7F))),
    Alphabet("digit values below 10", frozenset(range(10))),
    Alphabet("values below 16", frozenset(range(16))),
)
ONE_BYTE = len(ALPHABETS)
"""Bit of keys whose four bytes are the same."""
_MEMBER = np.array(
    [sum(1 << number for number, alphabet in enumerate(ALPHABETS) if byte in alphabet.values) for byte in range(256)],
    dtype=np.uint16,
)
HYPOTHESES = len(ALPHABETS) + 2
"""Ways of being restricted that are tried: the alphabets, one repeated byte, bits that never change."""
ALL_BITS = np.uint32(KEYS - 1)


def alphabets_of(keys: U32) -> NDArray[np.uint16]:
    """The alphabets, a bit each, that hold all four bytes of each key; and `ONE_BYTE`."""
    octets = np.ascontiguousarray(keys)[..., None].view(np.uint8)
    bits = np.bitwise_and.reduce(_MEMBER[octets], axis=-1)
    repeated = (octets == octets[..., :1]).all(axis=-1)
    return np.asarray(bits | (repeated.astype(np.uint16) << np.uint16(ONE_BYTE)))


class Restriction(msgspec.Struct, frozen=True):
    """What all keys of a direction have in common."""

    what: str
    log_probability: float
    """Natural logarithm of the chance that uniform keys have any of the `HYPOTHESES` that much in common."""


def restriction(distinct: int, alphabets: int, ones: int, either: int) -> Restriction | None:
    """The least likely thing that ``distinct`` different keys have in common, given the bits of `alphabets_of`, the AND
    (``ones``) and the OR (``either``) of them all; None if nothing.
    """
    found: list[Restriction] = []
    for number, alphabet in enumerate(ALPHABETS):
        if alphabets >> number & 1:
            chance = 4 * distinct * log(len(alphabet.values) / 256)
            found.append(Restriction(f"all bytes are {alphabet.name}", chance))
    if alphabets >> ONE_BYTE & 1:
        found.append(Restriction("one byte four times", distinct * log(2.0**-24)))
    fixed = ones | ~either & (KEYS - 1)
    count = fixed.bit_count()
    if count:
        # any `count` of 32 bits, each the same in every key
        chance = log(comb(32, count)) + count * log(2) - count * distinct * log(2)
        what = f"{count} bits never change (mask {fixed:08x}, value {ones:08x})"
        found.append(Restriction(what, min(0.0, chance)))
    if not found:
        return None
    least = min(found, key=lambda each: each.log_probability)
    return Restriction(least.what, least.log_probability + log(HYPOTHESES))


# --- repeats


def log_repeat_bound(repeats: int, compared: int) -> float:
    """Logarithm of a bound on the chance that ``repeats`` of some uniform keys equal an earlier one, after ``compared``
    pairs were looked at: m**r / r! with m the repeats to be expected, for the r-th repeat comes to C(m, r) at most.
    """
    expected = compared / KEYS
    return repeats * log(expected) - lgamma(repeats + 1) if expected else 0.0
