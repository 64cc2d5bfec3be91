"""Frames as NumPy columns: what the frame rules look at, and what a frame record is made of.

The facts of a frame's first two bytes are not stored; they are looked up in the schema's tables by those two
bytes, for all rows at once, when a rule first asks.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from analyzer.frames.decode import (
    COMPRESSION,
    FRAME_COLUMNS,
    NAMED,
    OPENING_SEEN,
    REQUEST_LINE,
    RESUMED,
    ROLES_SURE,
    UNKNOWN_EXTENSION,
    FrameRows,
)
from analyzer.frames.text import unmask
from analyzer.model import Cut, Direction, Frame, Opcode, Place
from analyzer.settings import Settings
from analyzer.wire import frame, tables

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

DEFAULTS = Settings()

FIXED = frame.FIRST.sizeof() + frame.SECOND.sizeof()
"""Bytes of a header that are always there."""


BODIES = 1 << 8
"""Payloads of Close frames remembered: several rules read each, and most connections end in the same way."""
HEADERS = 1 << 12
"""Headers remembered: building one takes the schema fifty times as long as looking it up, and few kinds occur."""


def header_bytes(byte0: int, byte1: int, length: int, key: int) -> bytes:
    """A whole header as it stood on the wire, built anew by the schema.

    ``byte0`` and ``byte1`` are its first two bytes, ``length`` (unsigned) and ``key`` what it announced after them.
    """
    built, masked = _header(byte0, byte1, length)
    return built + key.to_bytes(frame.MASKING_KEY.sizeof(), "big") if masked else built


@lru_cache(maxsize=HEADERS)
def _header(byte0: int, byte1: int, length: int) -> tuple[bytes, bool]:
    """A header without its masking key, which comes last (RFC 6455 5.2), and whether it has one."""
    second = frame.SECOND.parse(bytes([byte1]))
    built: bytes = frame.HEADER.build(
        {
            "first": _first(byte0),
            "second": second,
            "extended": length if second.length7 in frame.EXTENDED else None,
            "masking_key": bytes(frame.MASKING_KEY.sizeof()) if second.masked else None,
        }
    )
    return (built[: -frame.MASKING_KEY.sizeof()] if second.masked else built), bool(second.masked)


@lru_cache(maxsize=1 << 8)
def _first(byte0: int) -> Any:
    """The fields of a first byte; not to be changed."""
    return frame.FIRST.parse(bytes([byte0]))


@lru_cache(maxsize=BODIES)
def _close_body(payload: bytes) -> tuple[int | None, bytes]:
    """`FrameColumns.close_body` of a payload."""
    body = frame.CLOSE_BODY.parse(payload)
    return (None, b"") if body is None else (body.code, body.reason)


class FrameColumns:
    """The frames of ``rows``, one element of each column a frame. Columns named as in `FrameRows` come from there."""

    def __init__(self, rows: FrameRows, chosen: I64 | None = None, settings: Settings = DEFAULTS) -> None:
        """All of ``rows``, or the ``chosen`` ones; ``settings`` for the rules whose thresholds stand there."""
        self.settings = settings
        self.rows = rows
        self._chosen = chosen
        self.count = rows.count if chosen is None else len(chosen)

    def only(self, opcode: int) -> FrameColumns:
        """The frames with that opcode."""
        return self._those(self.opcode == opcode)

    @cached_property
    def unusual(self) -> FrameColumns:
        """The frames that something is unusual about, in which alone there can be anything wrong (`FrameRows.odd`)."""
        return self._those(self.odd != 0)

    def _those(self, which: Mask) -> FrameColumns:
        chosen = np.flatnonzero(which)
        return FrameColumns(self.rows, chosen if self._chosen is None else self._chosen[chosen], self.settings)

    def __getattr__(self, name: str) -> Any:
        if name not in FRAME_COLUMNS:
            raise AttributeError(name)
        column = np.asarray(getattr(self.rows, name))
        column = column[: self.count] if self._chosen is None else column[self._chosen]
        self.__dict__[name] = column
        return column

    def __len__(self) -> int:
        return self.count

    # --- the header

    @cached_property
    def _second(self) -> I64:
        """The second byte; 0, which claims nothing, where it did not come."""
        return np.asarray(np.maximum(self.byte1, 0))

    @cached_property
    def whole(self) -> Mask:
        """The header is complete, so the frame can be judged, even where its payload is not."""
        known = (self.byte1 >= 0) & (self.cut != Cut.HTTP)
        return np.asarray(known & (self.header == tables.HEADER[self._second]))

    @cached_property
    def complete(self) -> Mask:
        """Every byte of the frame was captured."""
        return np.asarray(self.cut == Cut.WHOLE)

    @cached_property
    def fin(self) -> Mask:
        """FIN is set."""
        return np.asarray(tables.FIN[self.byte0].astype(np.bool_))

    @cached_property
    def rsv(self) -> NDArray[np.uint8]:
        """The reserved bits as one number (`analyzer.wire.tables.RSV_BITS`)."""
        return np.asarray(tables.RSV[self.byte0])

    @cached_property
    def opcode(self) -> NDArray[np.uint8]:
        """The opcode."""
        return np.asarray(tables.OPCODE[self.byte0])

    @cached_property
    def control_frame(self) -> Mask:
        """The opcode is that of a control frame (RFC 6455 5.5), registered or reserved."""
        return np.asarray(self.opcode >= frame.CONTROL_BIT)

    @cached_property
    def masked(self) -> Mask:
        """MASK is set."""
        return np.asarray(tables.MASKED[self._second].astype(np.bool_))

    @cached_property
    def length7(self) -> NDArray[np.uint8]:
        """The 7-bit payload length."""
        return np.asarray(tables.LENGTH7[self._second])

    @cached_property
    def payload_length(self) -> NDArray[np.uint64]:
        """The announced payload length."""
        return np.asarray(self.length.view(np.uint64))

    # --- whose, and what was agreed

    @cached_property
    def from_client(self) -> Mask:
        """The client sent it."""
        return np.asarray(self.client == 1)

    @cached_property
    def roles_sure(self) -> Mask:
        """Who is the client is known otherwise than from the mask bits."""
        return np.asarray((self.context & ROLES_SURE) != 0)

    @cached_property
    def opening_seen(self) -> Mask:
        """The opening handshake was captured, and every frame since: the extensions in use and all that came before."""
        return np.asarray((self.context & (OPENING_SEEN | RESUMED)) == OPENING_SEEN)

    @cached_property
    def named(self) -> Mask:
        """The answer named websocket, and nothing else, as what the connection switched to."""
        return np.asarray((self.context & NAMED) != 0)

    @cached_property
    def request_line(self) -> Mask:
        """The client's payload begins, as it stands on the wire, with an HTTP request line up to ``HTTP/1.``."""
        return np.asarray((self.context & REQUEST_LINE) != 0)

    @cached_property
    def unknown_extension(self) -> Mask:
        """An extension that cannot be interpreted is or may be in use (ST-014)."""
        return np.asarray((self.context & UNKNOWN_EXTENSION) != 0)

    @cached_property
    def compression(self) -> Mask:
        """permessage-deflate is in use."""
        return np.asarray((self.context & COMPRESSION) != 0)

    @cached_property
    def rsv_owned(self) -> NDArray[np.int64]:
        """Reserved bits that an extension in use defines, as in ``rsv``."""
        return np.asarray(self.context & sum(tables.RSV_BITS.values()))

    # --- Close frames

    @cached_property
    def close_code(self) -> I64:
        """Close code; -1 where the frame is no complete Close or has none."""
        codes = np.full(self.count, -1, dtype=np.int64)
        for row in np.flatnonzero((self.opcode == Opcode.CLOSE) & self.complete & self.whole):
            code, _ = self.close_body(int(row))
            if code is not None:
                codes[row] = code
        return codes

    def close_body(self, row: int) -> tuple[int | None, bytes]:
        """Code and reason of a Close frame; None and nothing where the payload is too short for a code."""
        return _close_body(self.control_payload(row))

    def control_payload(self, row: int) -> bytes:
        """The unmasked payload of a control frame, as far as it was kept."""
        start, size = int(self.control[row]), int(self.control_size[row])
        return unmask(bytes(self.rows.arena[start : start + size]), int(self.key[row]), 0)

    # --- one row

    def _row(self, row: int) -> int:
        """Its number in the rows."""
        return row if self._chosen is None else int(self._chosen[row])

    def direction(self, row: int) -> Direction:
        """Who sent it."""
        return "client" if self.client[row] else "server"

    def place(self, row: int, at: int = 0) -> Place:
        """Where byte ``at`` of the frame, of its header or a control frame's payload, was captured."""
        for byte, file, packet, time_ns, file_offset in reversed(self.rows.spans.get(self._row(row), ())):
            if byte <= at:
                return Place(file, packet, int(self.ordinal[row]), time_ns, file_offset + at - byte)
        return Place(
            int(self.file[row]),
            int(self.packet[row]),
            int(self.ordinal[row]),
            int(self.time_ns[row]),
            int(self.file_offset[row]) + at,
        )

    def header_bytes(self, row: int) -> bytes:
        """The header as it stood on the wire, built anew from the row by the schema; what came of it, if cut."""
        byte1 = int(self.byte1[row])
        if byte1 < 0:
            return bytes([int(self.byte0[row])])[: int(self.header[row])]
        built = header_bytes(int(self.byte0[row]), byte1, int(self.payload_length[row]), int(self.key[row]))
        return built if self.whole[row] else built[:FIXED]

    def head_bytes(self, row: int) -> bytes:
        """Header, and the payload too where it is a control frame's, as on the wire."""
        control = self.opcode[row] >= frame.CONTROL_BIT
        return self.header_bytes(row) + (self._kept(row) if control else b"")

    def _kept(self, row: int) -> bytes:
        """What is kept of the payload, as on the wire."""
        start, size = int(self.control[row]), int(self.control_size[row])
        return bytes(self.rows.arena[start : start + size])

    def record(self, row: int, files: list[str], *, first_bytes: bool = False) -> Frame:
        """The frame as a record; ``files`` are the run's inputs. ``first_bytes``: with what is kept of its bytes."""
        first = _first(int(self.byte0[row]))
        masked = bool(self.masked[row]) and bool(self.whole[row])
        code: int | None = None
        reason: str | None = None
        if first.opcode == Opcode.CLOSE and self.whole[row] and self.complete[row]:
            code, raw = self.close_body(row)
            reason = None if code is None else raw.decode(errors="replace")
        return Frame(
            connection=int(self.connection[row]),
            direction=self.direction(row),
            index=int(self.index[row]),
            packet=int(self.packet[row]),
            last_packet=int(self.last_packet[row]),
            file=files[int(self.file[row])],
            time_ns=int(self.time_ns[row]),
            stream_offset=int(self.offset[row]),
            fin=first.fin,
            rsv1=first.rsv1,
            rsv2=first.rsv2,
            rsv3=first.rsv3,
            opcode=first.opcode,
            masked=bool(self.masked[row]),
            masking_key=int(self.key[row]).to_bytes(4, "big").hex() if masked else None,
            header_length=int(self.header[row]),
            payload_length=int(self.payload_length[row]),
            complete=bool(self.complete[row]),
            close_code=code,
            close_reason=reason,
            bytes=(self.header_bytes(row) + self._kept(row)).hex() if first_bytes else msgspec.UNSET,
        )
