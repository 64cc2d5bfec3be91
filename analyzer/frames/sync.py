"""Where frames may begin, told from the bytes alone.

Without the opening, or after a gap that hides a header, nothing says where the next captured frame begins. Segments
usually begin with a frame, since peers send a message at a time; but one may as well begin inside a long payload. So a
segment is tried: it is read as frames, and so is what follows, as long as every header makes sense and says the same
about masking. Each thing that would hardly have come about by chance adds to how sure that is (`Walk.bits`): a byte
that is a sensible first byte, a frame that ends where a segment does, a text that is UTF-8 once it is unmasked. A
`Search` keeps the segments until they can be believed.
"""

from __future__ import annotations

from analyzer.frames.text import unmask
from analyzer.http.exchange import Chunk
from analyzer.model import Opcode
from analyzer.wire import frame, tables

_FIXED = frame.FIRST.sizeof() + frame.SECOND.sizeof()
_RSV1 = tables.RSV_BITS["RSV1"]
_KEY = frame.MASKING_KEY.sizeof()
_LONGEST = max(tables.HEADER.tolist())
_CODE = 2
"""Bytes of a Close frame's code (RFC 6455 5.5.1)."""
_CODES = range(1000, 5000)

# How many bits of chance each coincidence is worth, rounded down: 13 of 256 first bytes make sense, and one of the two
# mask bits; one of 128 short lengths ends where the segment does; the upper half of a 64-bit length is zero.
HEADER_BITS = 5
END_BITS = 7
LONG_BITS = 24
CODE_BITS = 4
TEXT_BITS = 12
"""A random byte is ASCII, or goes well with its neighbours, hardly more often than every second time: a bit for each
byte of a text, and no more than this for all."""

SURE = 16
"""Bits after which a direction that is known to carry frames is read on."""

OVERHEAD = 256
"""What a kept segment counts beside its bytes."""


class Walk:
    """One direction, read as frames from the start of a segment on."""

    __slots__ = ("bits", "frames", "head", "key", "left", "masked", "open", "reserved", "varied")

    def __init__(self, masked: bool | None, *, reserved: bool) -> None:
        """``masked``: what the mask bit has to be; None: what it is first. ``reserved``: RSV1 may be set."""
        self.masked = masked
        self.reserved = reserved
        self.bits = 0
        self.frames = 0
        """Headers read."""
        self.varied = False
        """Masking keys differed."""
        self.key: bytes | None = None
        """The last masking key."""
        self.head = b""
        """A header of which more has to come."""
        self.left = 0
        """Payload bytes of the frame at hand that have to come."""
        self.open: bool | None = None
        """A fragmented message is in progress; None: not known yet."""

    def take(self, data: bytes) -> bool:
        """Read on. False: these are no frames."""
        at = 0
        while at < len(data):
            if self.left:
                taken = min(self.left, len(data) - at)
                self.left -= taken
                at += taken
                continue
            begun = len(self.head)
            header = self.head + data[at : at + _LONGEST - begun]
            size = self._header(header)
            if size < 0:
                return False
            if size == 0:
                self.head = header
                return True
            self.head = b""
            at += size - begun
            if self.left <= len(data) - at and not self._payload(header[0], data[at : at + self.left]):
                return False
        if not self.left:
            self.bits += END_BITS
        return True

    def lose(self, length: int) -> bool:
        """Bytes are missing. False: one of them may begin a frame."""
        if length > self.left:
            return False
        self.left -= length
        if not self.left:
            self.bits += END_BITS
        return True

    def _header(self, header: bytes) -> int:
        """Size of the header that begins here; 0 where more of it has to come, -1 where it makes no sense."""
        first = header[0]
        opcode = int(tables.OPCODE[first])
        control = opcode >= frame.CONTROL_BIT
        if not _sensible(first) or (tables.RSV[first] and not self.reserved) or not self._in_order(opcode, control):
            return -1
        if len(header) < _FIXED:
            return 0
        second = header[1]
        masked = bool(tables.MASKED[second])
        if self.masked is None:
            self.masked = masked
        length, size = int(tables.LENGTH7[second]), int(tables.HEADER[second])
        if masked != self.masked or (control and length > frame.CONTROL_LIMIT):
            return -1
        if len(header) < size:
            return 0
        extended = int(tables.EXTENDED[second])
        if extended:
            length = int.from_bytes(header[_FIXED : _FIXED + extended], "big")
            if length >= 1 << 63 or frame.length_form(length) != tables.LENGTH7[second]:
                return -1
        self.bits += HEADER_BITS + (LONG_BITS if 1 << 16 <= length < 1 << 40 else 0)
        self.frames += 1
        self.left = length
        if masked:
            key = header[size - _KEY : size]
            self.varied = self.varied or (self.key is not None and self.key != key)
            self.key = key
        if not control:
            self.open = not tables.FIN[first]
        return size

    def _in_order(self, opcode: int, control: bool) -> bool:
        """No message begins inside another, and none goes on that did not begin (RFC 6455 5.4)."""
        if control:
            return True
        if opcode == Opcode.CONTINUATION:
            return self.open is not False and self.frames > 0  # at the very start so would any run of zeros
        return not self.open

    def _payload(self, first: int, data: bytes) -> bool:
        """A whole payload: whether it is what its frame says."""
        opcode = int(tables.OPCODE[first])
        if tables.RSV[first] or not tables.FIN[first] or not data or opcode not in (Opcode.TEXT, Opcode.CLOSE):
            return True
        plain = unmask(data, int.from_bytes(self.key, "big"), 0) if self.masked and self.key else data
        if opcode == Opcode.CLOSE:
            if len(plain) < _CODE or int.from_bytes(plain[:_CODE], "big") not in _CODES:
                return False
            self.bits += CODE_BITS
            plain = plain[_CODE:]
        try:
            plain.decode()
        except UnicodeDecodeError:
            return False
        self.bits += min(len(plain), TEXT_BITS)
        return True


class Search:
    """One direction in which frames may begin: its segments, from the one where they seem to."""

    __slots__ = ("_before", "_walk", "chunks", "masked", "misses", "reserved", "size")

    def __init__(self, masked: bool | None, *, reserved: bool) -> None:
        """As for `Walk`."""
        self.masked = masked
        self.reserved = reserved
        self.chunks: list[Chunk] = []
        """What was read as frames. A jump in their offsets is a gap."""
        self.size = 0
        """Bytes of memory they stand for."""
        self.misses = 0
        """Segments that are no frames."""
        self._walk: Walk | None = None
        self._before: Walk | None = None
        """What went well until a gap hid a header."""

    @property
    def walk(self) -> Walk | None:
        """What tells that ``chunks`` are frames."""
        return self._walk or self._before

    @property
    def bits(self) -> int:
        """How sure that is."""
        return 0 if self.walk is None else self.walk.bits

    def add(self, chunk: Chunk) -> None:
        """The next segment."""
        if self._walk is None or not self._walk.take(chunk.data):
            if self._walk is not None:
                self.drop()
            before = self._before
            walk = Walk(self.masked if before is None else before.masked, reserved=self.reserved)
            if not walk.take(chunk.data):
                self.misses += 1
                return
            if before is not None:
                walk.bits += before.bits
                walk.frames += before.frames
                walk.varied = walk.varied or before.varied or walk.key != before.key
            self._walk, self._before = walk, None
        self.chunks.append(chunk)
        self.size += len(chunk.data) + OVERHEAD

    def lose(self, length: int) -> None:
        """Bytes are missing."""
        if self._walk is None or self._walk.lose(length):
            return
        if self._walk.bits < SURE:
            self.drop()
        else:
            self._walk, self._before = None, self._walk

    def drop(self) -> None:
        """What seemed to be frames was none, or cannot be kept."""
        self._walk = self._before = None
        self.chunks = []
        self.size = 0


def begins_frames(data: bytes, *, client: bool) -> bool:
    """Whether ``data``, one segment of a side that is said to carry frames, seems to begin with one.

    ``client``: the client sends it, so that frames are masked (RFC 6455 5.1). Frames that fill the segment exactly may
    break that rule. A long frame may go on beyond it.
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
            return obedient and extended > 0
    return at > 0


def _sensible(first: int) -> bool:
    """The first byte of a frame that breaks no rule, whichever extension is in use."""
    opcode, reserved = int(tables.OPCODE[first]), int(tables.RSV[first])
    if opcode not in _OPCODES or reserved not in (0, _RSV1):
        return False
    if opcode >= frame.CONTROL_BIT:
        return bool(tables.FIN[first]) and not reserved
    return not reserved or opcode != Opcode.CONTINUATION


_OPCODES = frozenset(int(opcode) for opcode in Opcode)
