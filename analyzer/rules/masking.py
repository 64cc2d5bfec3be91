"""SEC-001 to SEC-006: masking keys that can be known in advance.

RFC 6455 5.3: the key must be unpredictable and derived from a strong source of entropy. Masking keeps a script in a
browser from choosing the bytes on the wire, which it could use to poison caches that take them for HTTP (10.3). It
keeps nothing secret, so these are warnings about the client's generator.

Nothing random is proof. Each rule states how likely uniform keys are to look the same, and stays silent where that is
not far from impossible. Of several explanations the simplest one is given (policy P2): zero, constant, a pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log

from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.key_patterns import KEYS
from analyzer.rules.key_table import LOG_REPEATS
from analyzer.rules.mask_keys import Mark, MaskKeys
from analyzer.rules.mt19937 import WORDS
from analyzer.rules.registry import rule

LN_10 = log(10)


@rule("SEC-001", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 6455 5.3, 10.3", role=Role.CLIENT)
def masking_key_zero(keys: MaskKeys) -> Iterator[Fault]:
    """The client masks with the key 00 00 00 00.

    XOR with zero changes nothing: the payload stands on the wire as the application gave it, which is what masking is
    there to prevent. Load generators and some embedded clients do this to save time. Draw four random bytes for every
    frame. One such key among others comes once in 4 294 967 296 frames by chance, and is told as information.

    Violates:
        client: 81 85 00 00 00 00 48 65 6c 6c 6f

        client: 81 85 00 00 00 00 48 65 6c 6c 6f
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        client: 81 85 00 00 00 00 48 65 6c 6c 6f

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    if keys.zeros >= 2 or (keys.zeros and not keys.pattern):
        alone = keys.frames == 1 and not keys.partial
        mark = keys.marks["zeros" if keys.zeros >= 2 else "zero"]
        found = f"00000000 in {keys.zeros} of {keys.frames} frames"
        severity = None if keys.zeros >= 2 or alone else Severity.INFO
        yield _fault(mark, "a random key", found, keys.zeros, severity)


@rule("SEC-002", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 6455 5.3, 10.3", role=Role.CLIENT)
def masking_key_constant(keys: MaskKeys) -> Iterator[Fault]:
    """The client uses one masking key for all frames.

    Whoever saw one frame can choose the bytes that the next one puts on the wire. Draw a new key for every frame.

    Violates:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58

    Conforms:
        client: 81 80 37 fa 21 3d
        client: 81 80 9c 0e 11 a2
        client: 81 80 5b 70 d4 e8
    """
    if keys.constant:
        found = f"{keys.constant:08x} in all {keys.frames} frames"
        yield _fault(keys.marks["constant"], "a new key for each frame", found, keys.frames)


@rule("SEC-003", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 6455 5.3, 10.3", role=Role.CLIENT)
def masking_key_reused(keys: MaskKeys) -> Iterator[Fault]:
    """Masking keys repeat more often than chance allows.

    Among n random keys about n * n / 2**33 repeat: one in 92 682 frames, none in a thousand. Where far more do, they
    come from a small pool or a short cycle. Use the operating system's random source.

    Violates:
        client: 81 80 a1 5b 00 9e
        client: 81 80 17 c2 f4 3d
        client: 81 80 17 c2 f4 3d
        client: 81 80 a1 5b 00 9e

    Conforms:
        client: 81 80 a1 5b 00 9e
        client: 81 80 17 c2 f4 3d
        client: 81 80 6c 90 25 b8
        client: 81 80 a1 5b 00 9e
    """
    if "repeats" not in keys.marks or keys.constant is not None or keys.pattern or _zeros_only(keys):
        return
    chance = _chance(min(keys.log_repeats, LOG_REPEATS))
    expected = keys.frames * (keys.frames - 1) / (2 * KEYS)
    yield _fault(
        keys.marks["repeats"],
        f"about {expected:.2g} repeats among {keys.frames} keys",
        f"at least {keys.repeats} (probability below {chance})",
        keys.repeats,
    )


@rule("SEC-004", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 6455 5.3, 10.3", role=Role.CLIENT)
def masking_key_predictable(keys: MaskKeys) -> Iterator[Fault]:
    """Masking keys follow a simple pattern.

    Each key follows from the one before, or from the time: a counter, a constant XOR, the state of a generator of
    which every textbook prints the constants. All keys of the connection fit. Use the operating system's random
    source.

    Violates:
        client: 81 80 00 00 00 01
        client: 81 80 00 00 00 02
        client: 81 80 00 00 00 03
        client: 81 80 00 00 00 04

    Conforms:
        client: 81 80 00 00 00 01
        client: 81 80 00 00 00 02
        client: 81 80 00 00 00 03
        client: 81 80 6c 90 25 b8
    """
    if keys.pattern and not _zeros_only(keys):
        name = "clock" if "clock of" in keys.pattern else "pattern"
        found = f"{keys.pattern} throughout {keys.frames} frames"
        yield _fault(keys.marks[name], "keys that do not follow from each other", found, keys.frames)


@rule("SEC-005", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 6455 5.3", role=Role.CLIENT)
def masking_key_mt19937(keys: MaskKeys) -> Iterator[Fault]:
    """Masking keys come from a Mersenne Twister.

    624 keys in a row give the whole state of MT19937, and the keys after them came out as computed from it. It is the
    default generator of many languages (Python's ``random`` is one) and not made for this. Use ``os.urandom``,
    ``secrets`` or what the language has in their place.

    Violates:
        repeat 140 client: 89 80 {mt19937} 89 80 {mt19937} 89 80 {mt19937} 89 80 {mt19937} 89 80 {mt19937}

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if "twister" in keys.marks and keys.constant is None and not keys.pattern:
        order = "little" if keys.little_twister else "big"
        found = f"MT19937, {order}-endian: {WORDS} keys foretell the next"
        yield _fault(keys.marks["twister"], "keys that nobody can compute", found, 1)


@rule("SEC-006", severity=Severity.WARNING, level=Level.MUST_NOT, rfc="RFC 6455 5.3", role=Role.CLIENT)
def masking_key_low_entropy(keys: MaskKeys) -> Iterator[Fault]:
    """Masking keys use few of the values they could have.

    All bytes are letters or digits, one byte stands four times, or some bits never change, as with a ``rand()`` of 15
    or 31 bits. That leaves fewer keys to guess. Fill all four bytes from the operating system's random source.

    Violates:
        client: 81 80 6a 6b 6c 6d
        client: 81 80 61 72 63 7a
        client: 81 80 7a 78 77 6e
        client: 81 80 65 71 68 6f
        client: 81 80 73 64 66 75
        client: 81 80 6e 6d 74 79
        client: 81 80 67 62 76 69
        client: 81 80 70 77 6b 61

    Conforms:
        client: 81 80 a1 5b 00 9e
        client: 81 80 17 c2 f4 3d
        client: 81 80 6c 90 25 b8
        client: 81 80 d3 0f 7a 41
        client: 81 80 e9 b6 8c 52
        client: 81 80 05 7d 9f c4
        client: 81 80 82 e1 36 0b
        client: 81 80 f8 4a d0 67
    """
    if keys.restricted and keys.constant is None and not keys.pattern:
        found = f"{keys.restricted} in {keys.frames} frames (probability below {_chance(keys.log_restricted)})"
        yield _fault(keys.marks["restricted"], "keys of 32 random bits", found, keys.frames)


def _zeros_only(keys: MaskKeys) -> bool:
    """The repeated key is the zero key (SEC-001)."""
    return keys.zeros >= 2 and keys.repeats <= keys.zeros - 1


def _fault(mark: Mark, expected: str, found: str, count: int, severity: Severity | None = None) -> Fault:
    return Fault(
        expected=expected,
        found=found,
        side="client",
        offset=mark.offset + mark.at,
        place=mark.place,
        count=count,
        severity=severity,
    )


def _chance(logarithm: float) -> str:
    """A probability given by its logarithm, rounded up to a power of ten where it is small."""
    power = int(-logarithm / LN_10)
    return f"1e-{power}" if power else f"{exp(logarithm):.2g}"
