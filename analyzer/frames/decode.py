"""Byte chunks to frames: the incremental decoder of RFC 6455 5.2, for all directions at once.

Theory of operation. Each direction that carries frames has a `Decoder`, a small object with the half-read
header and the message in progress. One compiled pass walks the chunks in order, looks each header's two
fixed bytes up in the schema's tables (`analyzer.wire.tables`) and writes a row of `FrameRows` when a frame is
complete. What a stateful rule needs to know is written beside it: the state of that direction *before* the
frame. Payload is not copied: for what must be looked at (text, compressed messages, whatever was asked for)
the pass writes `PieceRows`, runs of payload in the buffer, which must be used before the buffer is.

Nothing is judged here. After a violation decoding goes on as policy P3 says: an orphan continuation opens
nothing, a new data frame replaces an unfinished message, reserved opcodes and fragmented control frames leave
the message in progress alone, and an impossible length stops the direction.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.model import Cut, Opcode, Place
from analyzer.tcp.columns import column, longer
from analyzer.tcp.streams import DATA, Chunks
from analyzer.wire import frame, tables

if cython.compiled:
    Octets = cython.typedef(cython.uchar[::1])
    Column = cython.typedef(cython.longlong[::1])
else:
    Octets = memoryview
    Column = memoryview

OPCODE = cython.declare(Octets, memoryview(bytearray(tables.OPCODE.tobytes())))
FINAL = cython.declare(Octets, memoryview(bytearray(tables.FIN.tobytes())))
RSV = cython.declare(Octets, memoryview(bytearray(tables.RSV.tobytes())))
MASKED = cython.declare(Octets, memoryview(bytearray(tables.MASKED.tobytes())))
LENGTH7 = cython.declare(Octets, memoryview(bytearray(tables.LENGTH7.tobytes())))
EXTENDED = cython.declare(Octets, memoryview(bytearray(tables.EXTENDED.tobytes())))
HEADER = cython.declare(Octets, memoryview(bytearray(tables.HEADER.tobytes())))
RSV1 = tables.RSV_BITS["RSV1"]
"""Of the reserved bits as one number, the one that permessage-deflate owns."""
_lone = (tables.FIN == 1) & np.isin(tables.OPCODE, (Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG))
PLAIN = cython.declare(Octets, memoryview(bytearray(_lone & (tables.RSV == 0))))
"""First bytes of messages of one frame, Pings and Pongs, with no reserved bit set."""
COMPRESSED = cython.declare(
    Octets, memoryview(bytearray(_lone & (tables.RSV == RSV1) & (tables.OPCODE < frame.CONTROL_BIT)))
)
"""First bytes of messages of one frame, compressed (RFC 7692 6)."""
SHORT_16 = cython.declare(cython.longlong, frame.LENGTH_16 - 1)
SHORT_64 = cython.declare(cython.longlong, (1 << 16) - 1)
"""The longest payloads that need no 16-bit and no 64-bit length."""
SUSPECT = cython.declare(Octets, memoryview(bytearray(chr(byte) in "CDGHLMOPTU" for byte in range(256))))
"""First letters of HTTP methods and of a status line. Read as a frame each sets a reserved bit or opcode."""

UPPER = cython.declare(
    Octets, memoryview(bytearray(chr(byte).isascii() and chr(byte).isupper() for byte in range(256)))
)
AFTER_TARGET = b" HTTP/1."
"""What stands between the target of a request line and its minor version (RFC 9112 3)."""
VERSION = cython.declare(Octets, memoryview(bytearray(AFTER_TARGET)))
_SPACE = cython.declare(cython.int, ord(" "))
_TILDE = cython.declare(cython.int, ord("~"))

NO_LINE, IN_METHOD, AT_TARGET, IN_TARGET = -1, 0, 17, 18
"""How far a payload spells an HTTP request line: not at all; so many letters of a method, at most 16; its target;
beyond that, so many characters of what stands after the target."""
SPELLED = IN_TARGET + len(AFTER_TARGET)
_NO_LINE = cython.declare(cython.Py_ssize_t, NO_LINE)
_IN_METHOD = cython.declare(cython.Py_ssize_t, IN_METHOD)
_AT_TARGET = cython.declare(cython.Py_ssize_t, AT_TARGET)
_IN_TARGET = cython.declare(cython.Py_ssize_t, IN_TARGET)
_SPELLED = cython.declare(cython.Py_ssize_t, SPELLED)

FIXED = cython.declare(cython.Py_ssize_t, frame.FIRST.sizeof() + frame.SECOND.sizeof())
KEY = cython.declare(cython.Py_ssize_t, frame.MASKING_KEY.sizeof())
CONTROL = cython.declare(cython.int, frame.CONTROL_BIT)
LONGEST = max(tables.HEADER.tolist())
_LONGEST = cython.declare(cython.Py_ssize_t, LONGEST)
_DATA = cython.declare(cython.longlong, DATA)

HTTP_PHASE, FRAMES_PHASE, IGNORED_PHASE, SUSPECT_PHASE = range(4)
"""What a direction carries: HTTP (handled in Python), frames, nothing we read, frames that may turn out HTTP."""
_FRAMES = cython.declare(cython.int, FRAMES_PHASE)
_IGNORED = cython.declare(cython.int, IGNORED_PHASE)

AT_HEADER, AT_PAYLOAD, STOPPED = range(3)
"""Stages of a decoder."""
_AT_HEADER = cython.declare(cython.int, AT_HEADER)
_AT_PAYLOAD = cython.declare(cython.int, AT_PAYLOAD)
_STOPPED = cython.declare(cython.int, STOPPED)

DONE, ATTENTION, FULL, SUSPICIOUS = range(4)
"""Why the pass stopped: no more chunks; a chunk for Python; a table is full; HTTP text may begin here."""
_DONE = cython.declare(cython.int, DONE)
_ATTENTION = cython.declare(cython.int, ATTENTION)
_FULL = cython.declare(cython.int, FULL)
_SUSPICIOUS = cython.declare(cython.int, SUSPICIOUS)

WHOLE = cython.declare(cython.longlong, int(Cut.WHOLE))
BY_HOLE = cython.declare(cython.longlong, int(Cut.HOLE))
BY_LENGTH = cython.declare(cython.longlong, int(Cut.LENGTH))

SPANS = 1 << 16
"""Parts of cut headers and control payloads that are remembered, about, before the rows are collected."""
ROOM = 4
"""Rows that `full` keeps free: an end or a gap cuts a frame short in each direction, and HTTP text takes a row too."""
_ROOM = cython.declare(cython.Py_ssize_t, ROOM)
IMPOSSIBLE = cython.declare(cython.ulonglong, 1 << 63)
TEXT = cython.declare(cython.int, 1)
BINARY = cython.declare(cython.int, 2)
CLOSE = cython.declare(cython.int, 8)

# Bits of a decoder's ``context``: what the opening settled. The lowest three are the RSV bits an extension owns.
COMPRESSION = 1 << 3
"""permessage-deflate is in use."""
UNKNOWN_EXTENSION = 1 << 4
"""An extension is in use that we cannot interpret, or the opening was not seen."""
ROLES_SURE = 1 << 5
"""Who is the client is known from the opening or the SYN, not guessed from the mask bits."""
OPENING_SEEN = 1 << 6
RESUMED = 1 << 7
"""A gap hid frames before; boundaries were found again."""
NAMED = 1 << 8
"""The answer named websocket, and nothing else, as what the connection switched to."""
REQUEST_LINE = 1 << 9
"""Of a frame: its payload begins, as it stands on the wire, with an HTTP request line."""
_REQUEST_LINE = cython.declare(cython.longlong, REQUEST_LINE)
_COMPRESSION = cython.declare(cython.longlong, COMPRESSION)
_UNKNOWN = cython.declare(cython.longlong, UNKNOWN_EXTENSION)
_SEEN = cython.declare(cython.longlong, OPENING_SEEN)
_RSV1 = cython.declare(cython.longlong, RSV1)
_DEFLATE = cython.declare(cython.longlong, COMPRESSION | RSV1)
"""What a context says where permessage-deflate owns its reserved bit."""

MISSING, DOUBT = 1, 2
"""Bits that say why a frame or message cannot be judged: bytes of it were not captured; nobody knows what it means."""
_DOUBT = cython.declare(cython.longlong, DOUBT)

NO_CLOSE, NO_CODE = -2, -1
"""In ``peer_close``: the peer had sent no Close that this side knew of; it had sent one without a code."""
_NO_CLOSE = cython.declare(cython.longlong, NO_CLOSE)
_NO_CODE = cython.declare(cython.longlong, NO_CODE)

FRAME_COLUMNS = (
    "connection", "client", "index", "file", "packet", "time_ns", "file_offset", "last_packet", "last_time_ns",
    "ordinal", "offset", "byte0", "byte1", "header", "length", "key", "present", "cut", "acked", "context",
    "closed", "peer_close", "open", "m_index", "m_bytes", "m_frames", "m_opcode", "m_compressed", "m_lost",
    "m_file", "m_packet", "m_time_ns", "m_empty", "p_compressed", "p_lost", "control", "control_size", "burst",
    "before_from", "before_to", "odd",
)  # fmt: skip
PIECE_COLUMNS = (
    "direction", "connection", "client", "start", "length", "key", "offset", "frame", "frame_offset",
    "stream_offset", "frame_start", "opcode", "compressed", "first", "final", "message", "file", "packet", "time_ns",
    "file_offset", "ordinal", "lost", "head", "announced",
)  # fmt: skip


@cython.cclass
class FrameRows:
    """Frames, a row each, in the order in which they were completed."""

    count = cython.declare(cython.Py_ssize_t, visibility="public")
    rows = cython.declare(cython.Py_ssize_t, visibility="public")
    arena = cython.declare(Octets, visibility="public")
    arena_size = cython.declare(cython.Py_ssize_t, visibility="public")
    spans = cython.declare(dict, visibility="public")
    span_count = cython.declare(cython.Py_ssize_t, visibility="public")
    connection = cython.declare(Column, visibility="public")
    client = cython.declare(Column, visibility="public")
    index = cython.declare(Column, visibility="public")
    file = cython.declare(Column, visibility="public")
    packet = cython.declare(Column, visibility="public")
    time_ns = cython.declare(Column, visibility="public")
    file_offset = cython.declare(Column, visibility="public")
    last_packet = cython.declare(Column, visibility="public")
    last_time_ns = cython.declare(Column, visibility="public")
    ordinal = cython.declare(Column, visibility="public")
    offset = cython.declare(Column, visibility="public")
    byte0 = cython.declare(Column, visibility="public")
    byte1 = cython.declare(Column, visibility="public")
    header = cython.declare(Column, visibility="public")
    length = cython.declare(Column, visibility="public")
    key = cython.declare(Column, visibility="public")
    present = cython.declare(Column, visibility="public")
    cut = cython.declare(Column, visibility="public")
    acked = cython.declare(Column, visibility="public")
    context = cython.declare(Column, visibility="public")
    closed = cython.declare(Column, visibility="public")
    peer_close = cython.declare(Column, visibility="public")
    open = cython.declare(Column, visibility="public")
    m_index = cython.declare(Column, visibility="public")
    m_bytes = cython.declare(Column, visibility="public")
    m_frames = cython.declare(Column, visibility="public")
    m_opcode = cython.declare(Column, visibility="public")
    m_compressed = cython.declare(Column, visibility="public")
    m_lost = cython.declare(Column, visibility="public")
    m_file = cython.declare(Column, visibility="public")
    m_packet = cython.declare(Column, visibility="public")
    m_time_ns = cython.declare(Column, visibility="public")
    m_empty = cython.declare(Column, visibility="public")
    p_compressed = cython.declare(Column, visibility="public")
    p_lost = cython.declare(Column, visibility="public")
    control = cython.declare(Column, visibility="public")
    control_size = cython.declare(Column, visibility="public")
    burst = cython.declare(Column, visibility="public")
    before_from = cython.declare(Column, visibility="public")
    before_to = cython.declare(Column, visibility="public")
    odd = cython.declare(Column, visibility="public")

    def __init__(self, rows: int, kept_bytes: int) -> None:
        """Room for ``rows`` frames, and in ``arena`` for ``kept_bytes`` of each one's payload. Columns: ``connection``
        number, ``client`` (1: it sent the frame), ``index``; the place of the first byte (``file``, ``packet``,
        ``time_ns``, ``file_offset``, stream ``offset``) and of the last; ``ordinal`` of the packet that completed it;
        ``byte0`` and ``byte1`` (-1 where the header ends before), ``header`` bytes, payload ``length`` (64 bits,
        unsigned), ``key``, payload bytes ``present``, ``cut`` (`Cut`), ``acked``: what the segment of the first byte
        acknowledged; the decoder's ``context``. Then the direction's state before the frame: Close sent (``closed``),
        ``peer_close`` code it knew of, and the message in progress (``open``, ``m_*``). Then, of the message the frame
        belongs to, whether it is compressed (``p_compressed``) and why it cannot be judged (``p_lost``: MISSING,
        DOUBT), and where what is kept of the payload stands in ``arena``, still masked.
        ``burst`` is 0 but for the control frame that is one too many: then it is how many came in so short a time.
        ``before_from`` and ``before_to`` are when the frame before it was captured, from its first to its last byte.
        ``odd`` is 0 where nothing is unusual about the frame, so that nobody who looks for what is wrong need look at
        it (`FrameDecoder.plain`).

        ``spans`` says of the few rows whose header or control payload is cut over several packets where each part was
        captured: by row, (byte of the frame, file, packet, nanoseconds, file offset) of all parts but the first.
        """
        self.count = 0
        self.rows = rows
        self.spans = {}
        self.span_count = 0
        self.arena = memoryview(bytearray(rows * kept_bytes + 1))
        self.arena_size = 0
        for name in FRAME_COLUMNS:
            setattr(self, name, column(rows))

    def clear(self) -> None:
        """Forget the rows."""
        self.count = 0
        self.arena_size = 0
        self.spans = {}
        self.span_count = 0


@cython.cclass
class PieceRows:
    """Runs of payload in the buffer at hand, a row each."""

    count = cython.declare(cython.Py_ssize_t, visibility="public")
    rows = cython.declare(cython.Py_ssize_t, visibility="public")
    direction = cython.declare(Column, visibility="public")
    connection = cython.declare(Column, visibility="public")
    client = cython.declare(Column, visibility="public")
    start = cython.declare(Column, visibility="public")
    length = cython.declare(Column, visibility="public")
    key = cython.declare(Column, visibility="public")
    offset = cython.declare(Column, visibility="public")
    frame = cython.declare(Column, visibility="public")
    frame_offset = cython.declare(Column, visibility="public")
    stream_offset = cython.declare(Column, visibility="public")
    frame_start = cython.declare(Column, visibility="public")
    opcode = cython.declare(Column, visibility="public")
    compressed = cython.declare(Column, visibility="public")
    first = cython.declare(Column, visibility="public")
    final = cython.declare(Column, visibility="public")
    message = cython.declare(Column, visibility="public")
    file = cython.declare(Column, visibility="public")
    packet = cython.declare(Column, visibility="public")
    time_ns = cython.declare(Column, visibility="public")
    file_offset = cython.declare(Column, visibility="public")
    ordinal = cython.declare(Column, visibility="public")
    lost = cython.declare(Column, visibility="public")
    head = cython.declare(Column, visibility="public")
    announced = cython.declare(Column, visibility="public")

    def __init__(self, rows: int) -> None:
        """Room for ``rows`` pieces.

        Columns: whose (``direction``, ``connection``, ``client``), ``start`` in the buffer and ``length``, masking
        ``key`` (0: none), ``offset`` in the message's payload as sent, ``frame`` index, ``frame_offset`` in that
        frame's payload, ``stream_offset`` and the one of its ``frame_start``, the message's
        ``opcode``, whether it is ``compressed``, whether the piece is its ``first`` and its ``final`` one, its index;
        then the place; why the message cannot be judged (``lost``: MISSING, DOUBT); and of the frame the first two
        bytes (``head``, as one number) and the payload length ``announced``.
        """
        self.count = 0
        self.rows = rows
        for name in PIECE_COLUMNS:
            setattr(self, name, column(rows))


@cython.cclass
class Decoder:
    """One direction's place in its stream of frames, and how much went by.

    That is ``whole`` frames, ``finished`` messages, and the ``size`` in bytes of all that was decoded. A direction
    whose ``stage`` is STOPPED says in ``stopped`` what stopped it (a `Cut`).
    """

    connection = cython.declare(cython.longlong, visibility="public")
    client = cython.declare(cython.longlong, visibility="public")
    context = cython.declare(cython.longlong, visibility="public")
    peer: Any = cython.declare(object, visibility="public")
    stage = cython.declare(cython.int, visibility="public")
    cleared = cython.declare(cython.bint, visibility="public")
    wanted = cython.declare(cython.bint, visibility="public")
    # the frame at hand
    head = cython.declare(Octets, visibility="public")
    have = cython.declare(cython.Py_ssize_t, visibility="public")
    offset = cython.declare(cython.longlong, visibility="public")
    file = cython.declare(cython.longlong, visibility="public")
    packet = cython.declare(cython.longlong, visibility="public")
    time_ns = cython.declare(cython.longlong, visibility="public")
    file_offset = cython.declare(cython.longlong, visibility="public")
    last_packet = cython.declare(cython.longlong, visibility="public")
    last_time_ns = cython.declare(cython.longlong, visibility="public")
    ordinal = cython.declare(cython.longlong, visibility="public")
    acked = cython.declare(cython.longlong, visibility="public")
    length = cython.declare(cython.longlong, visibility="public")
    key = cython.declare(cython.longlong, visibility="public")
    remaining = cython.declare(cython.longlong, visibility="public")
    present = cython.declare(cython.longlong, visibility="public")
    lost = cython.declare(cython.longlong, visibility="public")
    p_opcode = cython.declare(cython.longlong, visibility="public")
    p_message = cython.declare(cython.longlong, visibility="public")
    p_base = cython.declare(cython.longlong, visibility="public")
    p_compressed = cython.declare(cython.longlong, visibility="public")
    p_write = cython.declare(cython.bint, visibility="public")
    spelled = cython.declare(cython.Py_ssize_t, visibility="public")
    control = cython.declare(Octets, visibility="public")
    control_size = cython.declare(cython.Py_ssize_t, visibility="public")
    spans: Any = cython.declare(list, visibility="public")
    # the direction
    index = cython.declare(cython.longlong, visibility="public")
    stopped = cython.declare(cython.longlong, visibility="public")
    closed = cython.declare(cython.longlong, visibility="public")
    close_code = cython.declare(cython.longlong, visibility="public")
    close_end = cython.declare(cython.longlong, visibility="public")
    whole = cython.declare(cython.longlong, visibility="public")
    finished = cython.declare(cython.longlong, visibility="public")
    asked = cython.declare(cython.longlong, visibility="public")
    asked_ns = cython.declare(cython.longlong, visibility="public")
    size = cython.declare(cython.longlong, visibility="public")
    before_from = cython.declare(cython.longlong, visibility="public")
    before_to = cython.declare(cython.longlong, visibility="public")
    # the message in progress
    open = cython.declare(cython.longlong, visibility="public")
    m_index = cython.declare(cython.longlong, visibility="public")
    m_bytes = cython.declare(cython.longlong, visibility="public")
    m_frames = cython.declare(cython.longlong, visibility="public")
    m_opcode = cython.declare(cython.longlong, visibility="public")
    m_compressed = cython.declare(cython.longlong, visibility="public")
    m_lost = cython.declare(cython.longlong, visibility="public")
    m_file = cython.declare(cython.longlong, visibility="public")
    m_packet = cython.declare(cython.longlong, visibility="public")
    m_time_ns = cython.declare(cython.longlong, visibility="public")
    m_empty = cython.declare(cython.longlong, visibility="public")
    # control frames of the half period at hand and of the one before; the flood that they are part of was told
    c_begin = cython.declare(cython.longlong, visibility="public")
    c_now = cython.declare(cython.longlong, visibility="public")
    c_before = cython.declare(cython.longlong, visibility="public")
    c_told = cython.declare(cython.bint, visibility="public")

    def __init__(self, connection: int, client: bool, context: int, kept_bytes: int, wanted: bool) -> None:
        """``kept_bytes``: of a payload, at most.

        ``wanted``: write pieces for every data message, not only for text and what is compressed.
        """
        self.connection = connection
        self.client = 1 if client else 0
        self.context = context
        self.wanted = wanted
        self.peer = None
        self.stage = AT_HEADER
        self.cleared = False
        self.head = memoryview(bytearray(LONGEST))
        self.control = memoryview(bytearray(kept_bytes))
        self.close_code = NO_CLOSE
        self.asked = -1
        self.spans = None
        for name in (
            "have", "offset", "file", "packet", "time_ns", "file_offset", "last_packet", "last_time_ns", "ordinal",
            "acked", "length", "key", "remaining", "present", "lost", "p_opcode", "p_message", "p_base",
            "p_compressed", "p_write", "control_size", "index", "stopped", "closed", "close_end", "whole", "finished",
            "size", "asked_ns", "open", "m_index", "m_bytes", "m_frames", "m_opcode", "m_compressed", "m_lost",
            "m_file", "m_packet", "m_time_ns", "m_empty", "c_begin", "c_now", "c_before", "c_told",
            "spelled", "before_from", "before_to",
        ):  # fmt: skip
            setattr(self, name, 0)


@cython.cclass
class FrameDecoder:
    """The pass over chunks, with the tables it fills."""

    frames = cython.declare(FrameRows, visibility="public")
    pieces = cython.declare(PieceRows, visibility="public")
    decoders = cython.declare(list, visibility="public")
    closes = cython.declare(list, visibility="public")
    phase = cython.declare(Column, visibility="public")
    # the chunk at hand: what to add to a buffer index for a stream offset and for a file offset, and its place
    to_stream = cython.declare(cython.longlong)
    to_file = cython.declare(cython.longlong)
    file = cython.declare(cython.longlong)
    packet = cython.declare(cython.longlong)
    time_ns = cython.declare(cython.longlong)
    direction = cython.declare(cython.longlong)
    stop = cython.declare(cython.int, visibility="public")
    control_bytes = cython.declare(cython.Py_ssize_t)
    control_frames = cython.declare(cython.longlong)
    half_period = cython.declare(cython.longlong)
    data_bytes = cython.declare(cython.Py_ssize_t)
    large = cython.declare(cython.longlong)

    def __init__(
        self, rows: int, control_bytes: int, control_frames: int, control_period: int, large: int, data_bytes: int = 0
    ) -> None:
        """Tables of ``rows`` frames and pieces.

        Of each control frame's payload ``control_bytes`` are kept, of other frames' ``data_bytes``. More than
        ``control_frames`` of one direction within ``control_period`` nanoseconds are a burst. Frames of more than
        ``large`` bytes are odd.

        ``closes``: directions whose first Close came, for the caller to take away.
        """
        self.frames = FrameRows(rows, max(control_bytes, data_bytes))
        self.pieces = PieceRows(rows)
        self.decoders = []
        self.closes = []
        self.phase = column(0)
        self.stop = DONE
        self.control_bytes = control_bytes
        self.control_frames = control_frames
        self.half_period = control_period // 2
        self.data_bytes = data_bytes
        self.large = large

    def grow(self, directions: int) -> None:
        """Make room for ``directions``; new ones carry HTTP until told otherwise."""
        if directions <= len(self.decoders):
            return
        rows = max(directions, 2 * len(self.decoders))
        self.phase = longer(self.phase, rows)
        self.decoders += [None] * (rows - len(self.decoders))

    def full(self) -> bool:
        """Fewer rows are free than an end may need: the rows must be collected before anything else."""
        return bool(self.frames.count > self.frames.rows - ROOM or self.frames.span_count > SPANS)

    def decode(self, data: Any, chunks: Chunks, i: int, count: int, stored: int) -> int:
        """Decode chunks from ``i`` to ``count`` whose bytes stand in ``data`` (``stored`` tells which of the chunk
        table's two sources that is). The row it stopped at; ``stop`` says why. A chunk taken in part is cut to
        what is left of it.
        """
        return int(
            self._decode(
                memoryview(data),
                chunks.kind,
                chunks.direction,
                chunks.offset,
                chunks.length,
                chunks.start,
                chunks.stored,
                chunks.acked,
                chunks.file,
                chunks.packet,
                chunks.time_ns,
                chunks.file_offset,
                chunks.ordinal,
                i,
                count,
                stored,
            )
        )

    @cython.locals(
        data=Octets,
        kind=Column,
        direction=Column,
        offset=Column,
        length=Column,
        start=Column,
        stored=Column,
        acked=Column,
        file=Column,
        packet=Column,
        time_ns=Column,
        file_offset=Column,
        ordinal=Column,
        i=cython.Py_ssize_t,
        count=cython.Py_ssize_t,
        source=cython.longlong,
    )
    def _decode(
        self,
        data: Any,
        kind: Any,
        direction: Any,
        offset: Any,
        length: Any,
        start: Any,
        stored: Any,
        acked: Any,
        file: Any,
        packet: Any,
        time_ns: Any,
        file_offset: Any,
        ordinal: Any,
        i: int,
        count: int,
        source: int,
    ) -> int:
        d: cython.Py_ssize_t
        at: cython.Py_ssize_t
        end: cython.Py_ssize_t
        taken: cython.longlong
        dec: Decoder
        while i < count:
            d = direction[i]
            if kind[i] != _DATA or (self.phase[d] != _FRAMES and self.phase[d] != _IGNORED) or stored[i] != source:
                self.stop = _ATTENTION
                return i
            if self.phase[d] == _IGNORED:
                i += 1
                continue
            dec = self.decoders[d]
            if dec.stage == _STOPPED:
                i += 1
                continue
            at = start[i]
            end = at + length[i]
            dec.last_packet = packet[i]
            dec.last_time_ns = time_ns[i]
            dec.ordinal = ordinal[i]
            self.direction = d
            self.file = file[i]
            self.packet = packet[i]
            self.time_ns = time_ns[i]
            self.to_stream = offset[i] - at
            self.to_file = file_offset[i] - at
            self.stop = _DONE
            while at < end and dec.stage != _STOPPED:
                if self.frames.count > self.frames.rows - _ROOM or self.pieces.count >= self.pieces.rows:
                    self.stop = _FULL  # each step below may write one row of each
                    break
                if dec.stage == _AT_PAYLOAD:
                    at = self.payload(dec, data, at, end)
                elif dec.have:
                    at = self.header(dec, data, at, end)
                else:
                    if SUSPECT[data[at]] and not dec.cleared:
                        self.stop = _SUSPICIOUS
                        break
                    dec.cleared = False
                    dec.offset = self.to_stream + at
                    dec.file = file[i]
                    dec.packet = packet[i]
                    dec.time_ns = time_ns[i]
                    dec.file_offset = self.to_file + at
                    dec.acked = acked[i]
                    at = self.header(dec, data, at, end)
            if self.stop != _DONE:
                taken = at - start[i]
                start[i] = at
                length[i] -= taken
                offset[i] += taken
                file_offset[i] += taken
                return i
            i += 1
        self.stop = _DONE
        return i

    @cython.cfunc
    @cython.locals(dec=Decoder, data=Octets)
    @cython.exceptval(check=False)
    def header(self, dec: Decoder, data: Any, at: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Read header bytes; when it is whole, begin the frame. Where it stopped."""
        need: cython.Py_ssize_t
        if dec.have == 0 and end - at >= FIXED and end - at >= HEADER[data[at + 1]]:
            need = HEADER[data[at + 1]]
            dec.head[0] = data[at]
            dec.head[1] = data[at + 1]
            self.begin(dec, data, at)
            return at + need
        if dec.have:
            self.span(dec, dec.have, at)
        while at < end:
            dec.head[dec.have] = data[at]
            dec.have += 1
            at += 1
            if dec.have >= FIXED and dec.have == HEADER[dec.head[1]]:
                self.begin(dec, dec.head, 0)
                break
        return at

    @cython.cfunc
    @cython.locals(dec=Decoder, data=Octets)
    @cython.exceptval(check=False)
    def begin(self, dec: Decoder, data: Any, at: cython.Py_ssize_t) -> cython.void:
        """The header at ``at`` is whole: a frame begins."""
        first: cython.int = data[at]
        second: cython.int = data[at + 1]
        opcode: cython.int = OPCODE[first]
        extended: cython.Py_ssize_t = EXTENDED[second]
        size: cython.ulonglong = 0
        key: cython.longlong = 0
        k: cython.Py_ssize_t
        dec.have = HEADER[second]
        dec.key = 0
        dec.present = 0
        dec.lost = 0
        dec.control_size = 0
        dec.p_opcode = 0
        dec.p_write = False
        dec.spelled = _IN_METHOD if dec.client else _NO_LINE
        if MASKED[second]:
            for k in range(KEY):
                key = (key << 8) | data[at + FIXED + extended + k]
            dec.key = key
        dec.length = LENGTH7[second]
        if extended:
            for k in range(extended):
                size = (size << 8) | data[at + FIXED + k]
            if size >= IMPOSSIBLE:  # RFC 6455 5.2: the most significant bit must be 0
                dec.length = size if cython.compiled else size - (1 << 64)
                self.row(dec, BY_LENGTH)
                dec.stage = _STOPPED
                dec.stopped = BY_LENGTH
                return
            dec.length = size
        if 0 < opcode <= BINARY:  # text or binary
            dec.p_opcode = opcode
            dec.p_message = dec.m_index + 1 if dec.open else dec.m_index
            dec.p_base = 0
            dec.p_compressed = 1 if dec.context & _COMPRESSION and RSV[first] & _RSV1 else 0
            dec.lost = _DOUBT if self.doubtful(dec, first) else 0
            dec.p_write = dec.p_compressed != 0 or dec.lost == 0
        elif opcode == 0 and dec.open:
            dec.p_opcode = dec.m_opcode
            dec.p_message = dec.m_index
            dec.p_base = dec.m_bytes
            dec.p_compressed = dec.m_compressed
            dec.lost = dec.m_lost | (_DOUBT if self.doubtful(dec, first) else 0)
            dec.p_write = dec.lost == 0
        if not dec.wanted and dec.p_opcode != TEXT and not dec.p_compressed:
            dec.p_write = False
        dec.remaining = dec.length
        dec.stage = _AT_PAYLOAD
        if not dec.length:
            if dec.p_write:
                self.piece(dec, dec.offset + dec.have - self.to_stream, 0, dec.offset + dec.have)
            self.finish(dec)

    @cython.cfunc
    @cython.locals(dec=Decoder)
    @cython.exceptval(check=False)
    def doubtful(self, dec: Decoder, first: cython.int) -> cython.bint:
        """Whether nobody can say what this frame's payload means: an extension nobody knows is in use, or a reserved
        bit is set where permessage-deflate gives it no meaning (RFC 7692 6: only RSV1, and only on the first frame of
        a message). Where the opening was not seen, a payload without reserved bits is taken for what it is.
        """
        if dec.context & _UNKNOWN:
            return bool(dec.context & _SEEN != 0 or RSV[first] != 0)
        if RSV[first] == _RSV1 and dec.context & _COMPRESSION:
            return bool(OPCODE[first] == 0)
        return bool(RSV[first] != 0)

    @cython.cfunc
    @cython.locals(dec=Decoder, data=Octets)
    @cython.exceptval(check=False)
    def payload(self, dec: Decoder, data: Any, at: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Take payload bytes, to the end of the frame or of the chunk. Where it stopped."""
        taken: cython.longlong = end - at
        k: cython.Py_ssize_t
        keep: cython.Py_ssize_t
        if taken > dec.remaining:
            taken = dec.remaining
        keep = self.control_bytes if OPCODE[dec.head[0]] >= CONTROL else self.data_bytes
        keep -= dec.control_size
        if keep > 0 and not dec.lost:  # what follows a hole would stand in the wrong place
            if keep > taken:
                keep = taken
            if keep and OPCODE[dec.head[0]] >= CONTROL:
                self.span(dec, dec.have + dec.control_size, at)
            for k in range(keep):
                dec.control[dec.control_size + k] = data[at + k]
            dec.control_size += keep
        if dec.spelled != _NO_LINE and taken:
            self.spell(dec, data, at, at + taken)
        dec.remaining -= taken
        dec.present += taken
        if dec.p_write:
            self.piece(dec, at, taken, self.to_stream + at)
        at += taken
        if dec.remaining == 0:
            self.finish(dec)
        return at

    @cython.cfunc
    @cython.locals(dec=Decoder, data=Octets)
    @cython.exceptval(check=False)
    def spell(self, dec: Decoder, data: Any, at: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.void:
        """Read on in what may be METHOD SP target SP HTTP/1. (RFC 9112 3), as it stands on the wire."""
        byte: cython.int
        state: cython.Py_ssize_t = dec.spelled
        while at < end and 0 <= state < _SPELLED:
            byte = data[at]
            if state < _AT_TARGET:
                if UPPER[byte] and state < _AT_TARGET - 1:
                    state += 1
                else:
                    state = _AT_TARGET if byte == _SPACE and state >= 3 else _NO_LINE
            elif state == _AT_TARGET:
                state = _IN_TARGET if _SPACE < byte <= _TILDE else _NO_LINE
            elif byte == VERSION[state - _IN_TARGET]:
                state += 1
            elif state > _IN_TARGET or not _SPACE < byte <= _TILDE:
                state = _NO_LINE
            at += 1
        dec.spelled = state

    @cython.cfunc
    @cython.locals(dec=Decoder)
    @cython.exceptval(check=False)
    def span(self, dec: Decoder, byte: cython.Py_ssize_t, at: cython.Py_ssize_t) -> cython.void:
        """Byte ``byte`` of the frame at hand stands at ``at``: note it where another packet held the one before."""
        parts: Any = dec.spans
        if parts is None:
            if self.packet == dec.packet and self.file == dec.file:
                return
            parts = dec.spans = []
        elif self.packet == parts[-1][2] and self.file == parts[-1][1]:
            return
        parts.append((byte, self.file, self.packet, self.time_ns, self.to_file + at))

    @cython.cfunc
    @cython.locals(dec=Decoder, out=PieceRows)
    @cython.exceptval(check=False)
    def piece(
        self, dec: Decoder, at: cython.longlong, taken: cython.longlong, stream_offset: cython.longlong
    ) -> cython.void:
        """Write the run of payload at ``at``, the last of what the frame had so far."""
        out = self.pieces
        n: cython.Py_ssize_t = out.count
        before: cython.longlong = dec.present - taken
        out.direction[n] = self.direction
        out.connection[n] = dec.connection
        out.client[n] = dec.client
        out.start[n] = at
        out.length[n] = taken
        out.key[n] = dec.key
        out.offset[n] = dec.p_base + before
        out.frame[n] = dec.index
        out.frame_offset[n] = before
        out.stream_offset[n] = stream_offset
        out.frame_start[n] = dec.offset
        out.opcode[n] = dec.p_opcode
        out.compressed[n] = dec.p_compressed
        out.first[n] = 1 if before == 0 and OPCODE[dec.head[0]] else 0
        out.final[n] = 1 if dec.remaining == 0 and FINAL[dec.head[0]] else 0
        out.message[n] = dec.p_message
        out.file[n] = self.file
        out.packet[n] = self.packet
        out.time_ns[n] = self.time_ns
        out.file_offset[n] = self.to_file + at
        out.ordinal[n] = dec.ordinal
        out.lost[n] = dec.lost
        out.head[n] = (dec.head[0] << 8) | dec.head[1]
        out.announced[n] = dec.length
        out.count = n + 1

    @cython.cfunc
    @cython.locals(dec=Decoder, peer=Decoder)
    @cython.exceptval(check=False)
    def finish(self, dec: Decoder) -> cython.void:
        """The frame is complete: its row, then the state after it."""
        first: cython.int = dec.head[0]
        opcode: cython.int = OPCODE[first]
        gap: cython.bint = dec.present != dec.length
        self.row(dec, BY_HOLE if gap else WHOLE)
        if 0 < opcode <= BINARY:  # text or binary
            if dec.open:
                dec.m_index += 1
            dec.m_bytes = dec.length
            dec.m_frames = 1
            dec.m_empty = 0 if dec.length else 1
            dec.m_opcode = opcode
            dec.m_compressed = dec.p_compressed
            dec.m_lost = dec.lost
            dec.m_file = dec.file
            dec.m_packet = dec.packet
            dec.m_time_ns = dec.time_ns
            dec.open = 1
        elif opcode == 0 and dec.open:
            dec.m_bytes += dec.length
            dec.m_frames += 1
            if not dec.length:
                dec.m_empty += 1
            dec.m_lost |= dec.lost
        elif opcode == CLOSE and not dec.closed:
            dec.closed = 1
            dec.close_end = dec.offset + dec.have + dec.length
            dec.close_code = _NO_CODE
            if dec.control_size >= 2:
                dec.close_code = ((dec.control[0] << 8) | dec.control[1]) ^ (dec.key >> 16)
            if dec.peer is not None:
                peer = dec.peer
                if peer.open or peer.stage == _AT_PAYLOAD or peer.have:
                    peer.asked = peer.m_index
            self.closes.append(self.direction)
        if opcode < 3 and FINAL[first] and dec.open:
            if dec.m_index == dec.asked:
                dec.asked_ns = dec.last_time_ns
            dec.open = 0
            dec.m_index += 1
            dec.finished += 1
        if not gap:
            dec.whole += 1
        dec.index += 1
        dec.have = 0
        dec.p_opcode = 0
        dec.stage = _AT_HEADER

    @cython.cfunc
    @cython.locals(dec=Decoder, peer=Decoder, out=FrameRows)
    @cython.exceptval(check=False)
    def row(self, dec: Decoder, cut: cython.longlong) -> cython.void:
        """Write the frame at hand and the state before it."""
        out = self.frames
        n: cython.Py_ssize_t = out.count
        k: cython.Py_ssize_t
        dec.size += dec.have + dec.present
        out.connection[n] = dec.connection
        out.client[n] = dec.client
        out.index[n] = dec.index
        out.file[n] = dec.file
        out.packet[n] = dec.packet
        out.time_ns[n] = dec.time_ns
        out.file_offset[n] = dec.file_offset
        out.last_packet[n] = dec.last_packet
        out.last_time_ns[n] = dec.last_time_ns
        out.ordinal[n] = dec.ordinal
        out.offset[n] = dec.offset
        out.byte0[n] = dec.head[0]
        out.byte1[n] = dec.head[1] if dec.have > 1 else -1
        out.header[n] = dec.have
        out.length[n] = dec.length
        out.key[n] = dec.key
        out.present[n] = dec.present
        out.cut[n] = cut
        out.acked[n] = dec.acked
        out.context[n] = dec.context
        if dec.spelled == _SPELLED:
            out.context[n] |= _REQUEST_LINE
        out.closed[n] = dec.closed
        out.peer_close[n] = _NO_CLOSE
        if dec.peer is not None:
            peer = dec.peer
            if peer.closed and peer.close_end <= dec.acked:
                out.peer_close[n] = peer.close_code
        out.open[n] = dec.open
        out.m_index[n] = dec.m_index
        out.m_bytes[n] = dec.m_bytes
        out.m_frames[n] = dec.m_frames
        out.m_opcode[n] = dec.m_opcode
        out.m_compressed[n] = dec.m_compressed
        out.m_lost[n] = dec.m_lost
        out.m_file[n] = dec.m_file
        out.m_packet[n] = dec.m_packet
        out.m_time_ns[n] = dec.m_time_ns
        out.m_empty[n] = dec.m_empty
        out.p_compressed[n] = dec.p_compressed
        out.p_lost[n] = dec.lost
        out.control[n] = out.arena_size
        out.control_size[n] = dec.control_size
        out.burst[n] = 0
        if cut == WHOLE and OPCODE[dec.head[0]] >= CONTROL:
            out.burst[n] = self.burst(dec)
        out.before_from[n] = dec.before_from
        out.before_to[n] = dec.before_to
        dec.before_from = dec.time_ns
        dec.before_to = dec.last_time_ns
        out.odd[n] = 1
        if cut == WHOLE and not out.burst[n] and out.peer_close[n] == _NO_CLOSE and self.plain(dec):
            out.odd[n] = 0
        for k in range(dec.control_size):
            out.arena[out.arena_size + k] = dec.control[k]
        out.arena_size += dec.control_size
        if dec.spans is not None:
            out.spans[n] = dec.spans
            out.span_count += len(dec.spans)
            dec.spans = None
        out.count = n + 1

    @cython.cfunc
    @cython.locals(dec=Decoder)
    @cython.exceptval(check=False)
    def plain(self, dec: Decoder) -> cython.bint:
        """Whether nothing is unusual about the frame at hand, which is whole, but perhaps its masking key or payload.

        It is a message of its own, a Ping or a Pong, with the mask its sender should set, the shortest form of length
        (RFC 6455 5.2), and no reserved bit but that of a compressed message; no message is in progress and no Close was
        sent. Nearly all frames are plain, and the rules about frames find nothing in them (a test compares).
        """
        first: cython.int = dec.head[0]
        second: cython.int = dec.head[1]
        extended: cython.int = EXTENDED[second]
        if not PLAIN[first] and not (COMPRESSED[first] and (dec.context & _DEFLATE) == _DEFLATE):
            return False
        if dec.open or dec.closed or dec.spelled == _SPELLED or MASKED[second] != dec.client:
            return False
        if dec.length > self.large:
            return False
        if not extended:
            return True
        return OPCODE[first] < CONTROL and dec.length > (SHORT_16 if extended == 2 else SHORT_64)

    @cython.cfunc
    @cython.locals(dec=Decoder)
    @cython.exceptval(check=False)
    def burst(self, dec: Decoder) -> cython.longlong:
        """Count a control frame. How many came in the period, where this is the first one too many; else 0.

        The period is the half at hand and the one before, counted from a frame after a silence: between half a period
        and a whole one, so a burst is never made of frames that lie further apart. It is told once, until a silence.
        """
        age: cython.longlong = dec.time_ns - dec.c_begin
        if age >= 2 * self.half_period:
            dec.c_begin = dec.time_ns
            dec.c_now = dec.c_before = 0
            dec.c_told = False
        elif age >= self.half_period:
            dec.c_begin += self.half_period
            dec.c_before = dec.c_now
            dec.c_now = 0
        dec.c_now += 1
        if dec.c_told or dec.c_now + dec.c_before <= self.control_frames:
            return 0
        dec.c_told = True
        return dec.c_now + dec.c_before

    # --- what is rare, called from Python

    def gap(self, d: int, length: int) -> bool:
        """``length`` bytes of direction ``d`` are missing. Whether the frame boundaries are still known.

        A gap inside a payload of known length keeps them; one that hides a header loses them, and the direction stops
        until `resume`.
        """
        dec = self.decoders[d]
        if dec.stage == STOPPED:
            return True
        self.direction = d
        if dec.stage == AT_PAYLOAD and length <= dec.remaining:
            dec.remaining -= length
            dec.lost |= MISSING
            if dec.spelled < SPELLED:
                dec.spelled = NO_LINE
            dec.p_write = False
            if dec.remaining == 0:
                self._finish(dec)
            return True
        self.flush(d, Cut.GAP)
        dec.stage = STOPPED
        dec.stopped = Cut.GAP
        return False

    def resume(self, d: int) -> None:
        """A frame begins for sure in direction ``d``, which a gap stopped. What was open before is unknown."""
        dec = self.decoders[d]
        dec.context |= RESUMED
        if dec.open:
            dec.open = 0
            dec.m_index += 1
        dec.have = 0
        dec.stopped = 0
        dec.stage = AT_HEADER

    @cython.locals(dec=Decoder)
    def _finish(self, dec: Decoder) -> None:
        self.finish(dec)

    @cython.locals(dec=Decoder)
    def flush(self, d: int, cut: int) -> bool:
        """No more bytes of direction ``d`` will come. Whether that cut a frame, which then has a row."""
        dec = self.decoders[d]
        if dec.stage == STOPPED or (dec.stage == AT_HEADER and dec.have == 0):
            return False
        if dec.stage == AT_HEADER:  # nothing of this header counts but the bytes that came
            dec.length = dec.key = dec.present = dec.control_size = 0
            dec.p_compressed = 0
            dec.spelled = NO_LINE
        dec.lost |= MISSING
        self.row(dec, cut)
        dec.index += 1
        dec.stage = STOPPED
        dec.stopped = cut
        return True

    @cython.locals(dec=Decoder)
    def http(self, d: int, offset: int, acked: int, place: Place) -> None:
        """HTTP text stands at stream ``offset`` where a frame should begin: a row says so, and the direction stops."""
        dec = self.decoders[d]
        dec.offset = offset
        dec.acked = acked
        dec.file = place.file
        dec.packet = dec.last_packet = place.packet
        dec.time_ns = dec.last_time_ns = place.time_ns
        dec.file_offset = place.file_offset
        dec.ordinal = place.ordinal
        dec.have = 0
        dec.length = dec.key = dec.present = dec.control_size = 0
        dec.spelled = NO_LINE
        dec.lost = MISSING
        self.row(dec, int(Cut.HTTP))
        dec.stage = STOPPED
        dec.stopped = Cut.HTTP
