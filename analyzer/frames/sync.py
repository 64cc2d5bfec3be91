"""Where frames may begin, told from the bytes alone.

Without the opening nothing says where the first captured frame begins. Segments usually begin with a frame, since
peers send a message at a time; but one may as well begin inside a long payload. A segment is believed where every
header in it makes sense and the last frame ends where the segment does. Arbitrary bytes hardly ever do that, and text
still less: a printable byte never sets FIN and nearly always a reserved bit.
"""

from __future__ import annotations

from analyzer.model import Opcode
from analyzer.wire import frame, tables

_FIXED = frame.FIRST.sizeof() + frame.SECOND.sizeof()
_RSV1 = 4


def begins_frames(data: bytes, *, client: bool, exactly: bool = False) -> bool:
    """Whether ``data``, one segment of a side, begins with a frame.

    ``client``: the client sends it, so that frames are masked (RFC 6455 5.1). Frames that fill the segment exactly may
    break that rule. A long frame may go on beyond it. ``exactly``: only frames that fill the segment and keep the rule
    count, because the segment may as well lie inside a long payload.
    """
    at = 0
    obedient = True
    while at < len(data):
        if len(data) - at < _FIXED:
            return False
        first, second = data[at], data[at + 1]
        size = int(tables.HEADER[second])
        extended = int(tables.EXTENDED[second])
        if not _sensible(first) or len(data) - at < size:
            return False
        if at == 0 and tables.OPCODE[first] == Opcode.CONTINUATION:
            return False  # so would any run of zeros
        length = int(tables.LENGTH7[second])
        if extended:
            length = int.from_bytes(data[at + _FIXED : at + _FIXED + extended], "big")
            if length >= 1 << 63 or frame.length_form(length) != tables.LENGTH7[second]:
                return False
        if tables.OPCODE[first] >= frame.CONTROL_BIT and length > frame.CONTROL_LIMIT:
            return False
        obedient = obedient and bool(tables.MASKED[second]) == client
        at += size + length
        if at > len(data):
            return obedient and extended > 0 and not exactly
    return at > 0 and (obedient or not exactly)


def _sensible(first: int) -> bool:
    """The first byte of a frame that breaks no rule, whichever extension is in use."""
    opcode, reserved = int(tables.OPCODE[first]), int(tables.RSV[first])
    if opcode not in _OPCODES or reserved not in (0, _RSV1):
        return False
    if opcode >= frame.CONTROL_BIT:
        return bool(tables.FIN[first]) and not reserved
    return not reserved or opcode != Opcode.CONTINUATION


_OPCODES = frozenset(int(opcode) for opcode in Opcode)
