"""A conversation over TLS as the rows that TCP gives, and what the decryption makes of them."""

from __future__ import annotations

import msgspec

from analyzer.settings import Settings
from analyzer.tcp import streams
from analyzer.tcp.streams import CHUNK_COLUMNS, Chunks
from analyzer.tls.decryption import Decryption
from samples.tls import Tls

NUMBER = 7
"""Of the connection whose secrets are made up."""


class Row(msgspec.Struct, frozen=True):
    """One row of a chunk table, with its bytes."""

    kind: int
    direction: int
    offset: int
    data: bytes
    length: int
    start: int
    acked: int
    packet: int
    file_offset: int
    ordinal: int


class Feed:
    """One connection in slot 0; the client has direction 0."""

    def __init__(self, settings: Settings | None = None, *, keys: bool = True, name: str | None = None) -> None:
        self.decryption = Decryption(settings or Settings())
        self.tls = Tls(NUMBER, name)
        self.decryption.keylog.add(self.tls.keylog().encode() if keys else b"")
        self.packet = 0
        self.sent = [0, 0]
        self.rows: list[Row] = []
        """All that came out."""
        self.feed(streams.OPEN, 0)

    def handshake(self, early: bytes = b"", *, accepted: bool = True) -> None:
        """As `samples.tls` does it."""
        for side, flight in self.tls.handshake(early, accepted=accepted):
            self.data(side == "server", flight)

    def say(self, side: int, data: bytes) -> None:
        """Application data, in one segment."""
        self.data(side, self.sealed(side, data))

    def sealed(self, side: int, data: bytes) -> bytes:
        """Application data as records."""
        return self.tls.seal("server" if side else "client", data)

    def data(self, side: int, data: bytes, direction: int | None = None) -> None:
        """One segment."""
        offset = self.sent[side]
        self.sent[side] += len(data)
        self.feed(streams.DATA, side if direction is None else direction, data, offset, acked=self.sent[1 - side])

    def gap(self, side: int, length: int) -> None:
        """Bytes that were not captured."""
        self.sent[side] += length
        self.feed(streams.GAP, side, b"", self.sent[side] - length, length)

    def feed(
        self, kind: int, d: int, data: bytes = b"", offset: int = 0, length: int | None = None, acked: int = -1
    ) -> None:
        """One row through the stage."""
        self.packet += 1
        chunks = Chunks(1)
        length = len(data) if length is None else length
        values = (kind, d, offset, length, 0, 0, acked, 0, self.packet, 0, 1000 * self.packet, self.packet)
        for name, value in zip(CHUNK_COLUMNS, values, strict=True):
            getattr(chunks, name)[0] = value
        chunks.count = 1
        out = self.decryption.plain(chunks, bytearray(data))
        for i in range(out.count):
            source = out.store if out.stored[i] else data
            here = bytes(source[out.start[i] : out.start[i] + out.length[i]]) if out.kind[i] == streams.DATA else b""
            self.rows.append(
                Row(
                    out.kind[i], out.direction[i], out.offset[i], here, out.length[i], out.start[i], out.acked[i],
                    out.packet[i], out.file_offset[i], out.ordinal[i],
                )
            )  # fmt: skip

    def plain(self, side: int) -> list[tuple[int, bytes]]:
        """Offset and bytes of the data rows of one side."""
        return [(row.offset, row.data) for row in self.rows if row.kind == streams.DATA and row.direction == side]

    def of(self, kind: int) -> list[Row]:
        """Rows of one kind."""
        return [row for row in self.rows if row.kind == kind]

    def said(self, event: int) -> list[int]:
        """The detail of each TLS row that says ``event``."""
        return [row.start for row in self.of(streams.TLS) if row.length == event]
