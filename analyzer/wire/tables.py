"""What the schemas say about each first and each second byte of a frame, looked up instead of parsed.

``FIRST[b]`` and ``SECOND[b]`` hold the schema's answer for byte ``b``; the named columns are the same answers
as arrays, for the bulk decoder (through ``memoryview``) and for NumPy (by indexing with a column of bytes).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyzer.wire import frame

U8 = NDArray[np.uint8]

_firsts = [frame.FIRST.parse(bytes([byte])) for byte in range(256)]
_seconds = [frame.SECOND.parse(bytes([byte])) for byte in range(256)]


def _column(values: list[int]) -> U8:
    column = np.array(values, dtype=np.uint8)
    column.flags.writeable = False
    return column


FIN: U8 = _column([first.fin for first in _firsts])
RSV1: U8 = _column([first.rsv1 for first in _firsts])
RSV2: U8 = _column([first.rsv2 for first in _firsts])
RSV3: U8 = _column([first.rsv3 for first in _firsts])
RSV_BITS = {"RSV1": 4, "RSV2": 2, "RSV3": 1}
"""The reserved bits in one number."""
RSV: U8 = _column([sum(bit for name, bit in RSV_BITS.items() if first[name.lower()]) for first in _firsts])
"""The reserved bits that are set, as `RSV_BITS` numbers them."""
OPCODE: U8 = _column([first.opcode for first in _firsts])

MASKED: U8 = _column([second.masked for second in _seconds])
LENGTH7: U8 = _column([second.length7 for second in _seconds])
EXTENDED: U8 = _column([frame.EXTENDED[s.length7].sizeof() if s.length7 in frame.EXTENDED else 0 for s in _seconds])
"""Bytes of extended payload length: 0, 2 or 8."""
HEADER: U8 = _column(
    [
        frame.FIRST.sizeof()
        + frame.SECOND.sizeof()
        + int(EXTENDED[byte])
        + (frame.MASKING_KEY.sizeof() if second.masked else 0)
        for byte, second in enumerate(_seconds)
    ]
)
"""Bytes before the payload: 2 to 14."""
