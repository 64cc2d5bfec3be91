"""Messages as NumPy columns: what the message rules look at, and what a message record is made of.

A message has a row when its final frame is complete (FINISHED), when it is found invalid, even if it goes on
(INVALID), when something is wrong with its compression (DEFLATED), and when it ends without having been finished
(ENDED): replaced by a new one, or cut off with its connection.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from analyzer.frames.decode import DOUBT, MISSING
from analyzer.model import Cut, Direction, Message, Payload, Place

FINISHED, INVALID, ENDED, DEFLATED = range(4)


class Status(IntEnum):
    """What came of a message's payload."""

    UNREAD = 0
    """Nobody asked."""
    KNOWN = 1
    UNKNOWN = 2
    """Bytes were lost, or its meaning is in doubt."""
    FAILED = 3
    """It did not inflate."""
    LIMITED = 4
    """It grew past a limit."""
    INCOMPLETE = 5
    """It ends inside a DEFLATE block."""


class Row(msgspec.Struct, kw_only=True):
    """One message at one of its events."""

    event: int
    connection: int
    client: int
    index: int
    opcode: int
    compressed: int
    lost: int = 0
    """Why its payload cannot be judged: MISSING and DOUBT of `analyzer.frames.decode`."""
    frames: int = 0
    raw: int = 0
    """Payload bytes as sent."""
    length: int = -1
    """Of the application payload; -1 unknown."""
    status: int = Status.UNREAD
    file: int = 0
    packet: int = 0
    """Of the first byte of the first frame."""
    time_ns: int = 0
    last_packet: int = 0
    ordinal: int = 0
    cut: int = Cut.WHOLE
    torn: int = 0
    """It ended inside a frame."""
    closed: int = 0
    """That side had sent a Close."""
    peer_closed: int = 0
    """The other side had."""
    offset: int = -1
    """Stream offset of the frame at fault (INVALID), or of the last one."""
    frame: int = -1
    reason: int = 0
    """Why the text is invalid, as in `analyzer.frames.text`; or what is wrong with the compression (`Defect`)."""
    lead: int = 0
    """First byte of the code point that the bad byte should go on; 0: none."""
    takeover: int = 1
    """Of a DEFLATED row: later messages may refer to it. Then what was agreed about the distance, and the distance."""
    allowed: int = 0
    distance: int = 0
    detail: str = ""
    """What zlib said; what a credential found in the text is called."""
    secret: int = 0
    """A credential was found in the text."""
    mixed: int = 0
    """With it, this side's compressed messages hold both a secret and what the peer sent."""
    bad_offset: int = -1
    """The first bad byte: in the application payload, in its frame's payload, in the stream (where the text was
    compressed: of the payload of its frame)."""
    bad_in_frame: int = -1
    bad_stream_offset: int = -1
    bad_file: int = 0
    bad_packet: int = 0
    bad_time_ns: int = 0
    bad_file_offset: int = 0
    context: bytes = b""
    """Unmasked bytes up to and including the bad one, the last few."""
    wire: bytes = b""
    """The same as they stood on the wire; none where the text was compressed."""
    wire_from: int = -1
    """Where ``wire`` starts in its frame's payload, which turns the masking key; -1: no wire."""
    header: bytes = b""
    """The header of that frame, as on the wire."""
    key: int = 0
    """The masking key in it, 0 where there is none: `analyzer.frames.text.unmask` takes it."""
    sha256: str | None = None
    payload: bytes | None = None
    inflated: bytes | None = None
    """The first bytes of the application payload, where it was compressed."""

    def _length(self) -> int | None:
        """Of the application payload, as far as it is known."""
        if self.lost & DOUBT or (self.compressed and self.length < 0):
            return None
        return self.raw if self.length < 0 else self.length

    def record(self, files: list[str]) -> Message:
        """As a record; ``files`` are the run's inputs."""
        return Message(
            connection=self.connection,
            direction="client" if self.client else "server",
            index=self.index,
            opcode=self.opcode,
            length=self._length(),
            sha256=self.sha256,
            compressed=bool(self.compressed),
            frames=self.frames,
            first_packet=self.packet,
            last_packet=self.last_packet,
            file=files[self.file],
            time_ns=self.time_ns,
            complete=self.event == FINISHED and not self.lost & MISSING,
            payload=msgspec.UNSET if self.payload is None else _payload(self.payload, self.opcode),
            inflated=msgspec.UNSET if self.inflated is None else self.inflated.hex(),
        )


def _payload(data: bytes, opcode: int) -> Payload:
    if opcode == 1:
        try:
            return Payload(text=data.decode())
        except UnicodeDecodeError:
            pass
    return Payload(base64=base64.b64encode(data).decode())


COLUMNS = tuple(name for name, kind in Row.__annotations__.items() if kind == "int")
"""The numbers of a row: each is a column."""


class MessageColumns:
    """Messages, one element of each column (COLUMNS) a row."""

    def __init__(self, finished: dict[str, NDArray[np.int64]], rows: Sequence[Row]) -> None:
        """``finished``: columns of messages that went by unread (one not given is the default); ``rows``: the rest."""
        self._finished = finished
        self._size = len(next(iter(finished.values()))) if finished else 0
        self._rows = rows

    def __len__(self) -> int:
        return self._size + len(self._rows)

    def __getattr__(self, name: str) -> Any:
        if name not in COLUMNS:
            raise AttributeError(name)
        head = self._finished.get(name)
        if head is None:
            head = np.full(self._size, _DEFAULTS.get(name, 0), dtype=np.int64)
        tail = np.fromiter((getattr(row, name) for row in self._rows), dtype=np.int64, count=len(self._rows))
        column = np.concatenate((head, tail))
        self.__dict__[name] = column
        return column

    def row(self, index: int) -> Row:
        """One row as a struct."""
        if index >= self._size:
            return self._rows[index - self._size]
        values: dict[str, Any] = {name: int(column[index]) for name, column in self._finished.items()}
        return Row(**values)

    def direction(self, row: int) -> Direction:
        """Who sent it."""
        return "client" if self.client[row] else "server"

    def bad_place(self, row: int) -> Place:
        """Where the first bad byte was captured."""
        r = self.row(row)
        return Place(r.bad_file, r.bad_packet, r.ordinal, r.bad_time_ns, r.bad_file_offset)


_DEFAULTS = {field.name: int(field.default) for field in msgspec.structs.fields(Row) if isinstance(field.default, int)}
