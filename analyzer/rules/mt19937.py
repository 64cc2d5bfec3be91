"""MT19937, the Mersenne Twister (Matsumoto and Nishimura 1998), run backwards and then on.

Each 32-bit output is one word of the state, tempered by steps that can all be undone. 624 outputs in a row therefore
are the state, wherever in the generator's cycle they begin, and the outputs after them follow: word *i* + 624 comes
from the words *i*, *i* + 1 and *i* + 397.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

U32 = NDArray[np.uint32]

WORDS = 624
"""Words of state."""
_MIDDLE = 397
AT_ONCE = WORDS - _MIDDLE
"""Outputs after the known ones that depend on known ones alone."""
_TWIST = np.uint32(0x9908_B0DF)
_UPPER, _LOWER = np.uint32(0x8000_0000), np.uint32(0x7FFF_FFFF)
_MASK_B, _MASK_C = np.uint32(0x9D2C_5680), np.uint32(0xEFC6_0000)
_U, _S, _T, _L = (np.uint32(shift) for shift in (11, 7, 15, 18))
_ONE = np.uint32(1)


def temper(words: U32) -> U32:
    """Words of state as they are given out."""
    y = words ^ (words >> _U)
    y = y ^ ((y << _S) & _MASK_B)
    y = y ^ ((y << _T) & _MASK_C)
    return np.asarray(y ^ (y >> _L))


def untemper(outputs: U32) -> U32:
    """The words of state that were given out as ``outputs``."""
    y = outputs ^ (outputs >> _L)
    y = y ^ ((y << _T) & _MASK_C)
    known = y
    for _ in range(4):  # each round makes seven more bits right
        known = y ^ ((known << _S) & _MASK_B)
    y = known
    for _ in range(2):  # and here eleven
        known = y ^ (known >> _U)
    return np.asarray(known)


def predict(outputs: U32, count: int) -> U32:
    """The ``count`` outputs, `AT_ONCE` at most, that follow ``outputs``, the last `WORDS` of which are looked at."""
    state = untemper(outputs[-WORDS:])
    y = (state[:count] & _UPPER) | (state[1 : count + 1] & _LOWER)
    return temper(state[_MIDDLE : _MIDDLE + count] ^ (y >> _ONE) ^ ((y & _ONE) * _TWIST))
