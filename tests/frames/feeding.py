"""One connection's two directions, fed by hand: what stands between the byte streams and the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from analyzer.frames.columns import FrameColumns
from analyzer.frames.decode import (
    AT_PAYLOAD,
    ATTENTION,
    COMPRESSION,
    FRAME_COLUMNS,
    FRAMES_PHASE,
    FULL,
    OPENING_SEEN,
    ROLES_SURE,
    SUSPICIOUS,
    Decoder,
    FrameDecoder,
)
from analyzer.messages.assemble import Messages
from analyzer.messages.columns import COLUMNS, MessageColumns, Row
from analyzer.messages.inflate import Compression
from analyzer.model import Cut
from analyzer.settings import Settings
from analyzer.tcp.streams import DATA, Chunks

CLIENT, SERVER = 0, 1
PLAIN = OPENING_SEEN | ROLES_SURE
DEFLATE = PLAIN | COMPRESSION | 4
HASHED = Settings(records=frozenset({"messages"}), payloads=True)
UNREAD = Settings()


class Line:
    """Both directions of ``connections`` connections; direction numbers are 2 * connection + CLIENT or SERVER."""

    def __init__(
        self,
        *,
        context: int = PLAIN,
        takeover: bool = True,
        rows: int = 64,
        settings: Settings = HASHED,
        connections: int = 1,
    ) -> None:
        self.decoder = FrameDecoder(
            rows,
            settings.control_bytes,
            settings.flood_control_frames,
            settings.flood_control_period,
            settings.large_message,
        )
        self.messages = Messages(settings, rows=rows)
        directions = 2 * connections
        self.decoder.grow(directions)
        self.messages.grow(directions)
        self.frames: list[dict[str, int]] = []
        self.controls: list[bytes] = []
        """Control payload of each frame, unmasked, as far as it was kept."""
        self.rows: list[Row] = []
        self.packets = 0
        self.full = 0
        """How often a table was full."""
        self.sent = [0] * directions
        for d in range(directions):
            decoder = Decoder(d >> 1, d & 1 == CLIENT, context, settings.control_bytes, self.messages.hashing)
            self.decoder.decoders[d] = decoder
            self.decoder.phase[d] = FRAMES_PHASE
            self.messages.begin(d, Compression(takeover) if context & COMPRESSION else None)
        for d in range(directions):
            self.decoder.decoders[d].peer = self.decoder.decoders[d ^ 1]

    def feed(self, d: int, *parts: bytes, acked: int = -1, before: int = 0) -> Line:
        """Segments of one direction, all in one buffer, ``before`` bytes into it."""
        return self.batch([(d, part) for part in parts], acked=acked, before=before)

    def batch(self, parts: Iterable[tuple[int, bytes]], *, acked: int = -1, before: int = 0) -> Line:
        """Segments of several directions, all in one buffer."""
        chunks = Chunks(1)
        buffer = bytearray(before)
        for d, part in parts:
            n = chunks.count
            chunks.reserve(1)
            chunks.kind[n], chunks.direction[n], chunks.offset[n] = DATA, d, self.sent[d]
            chunks.start[n], chunks.length[n], chunks.acked[n] = len(buffer), len(part), acked
            chunks.packet[n], chunks.time_ns[n] = self.packets + 1, 1000 * self.packets
            chunks.ordinal[n], chunks.file_offset[n] = self.packets, 1_000_000 * (d + 1) + self.sent[d]
            chunks.count = n + 1
            self.packets += 1
            self.sent[d] += len(part)
            buffer += part
        i = 0
        while i < chunks.count:
            i = self.decoder.decode(buffer, chunks, i, chunks.count, 0)
            self.messages.pieces(buffer, self.decoder.pieces)
            assert self.decoder.stop != ATTENTION
            self.full += self.decoder.stop == FULL
            if self.decoder.full():
                self.collect()
            if self.decoder.stop == SUSPICIOUS:
                self.decoder.decoders[chunks.direction[i]].cleared = True
        return self

    def gap(self, d: int, length: int) -> bool:
        """``length`` bytes are missing. Whether the frame boundaries are still known."""
        decoder = self.decoder.decoders[d]
        if decoder.stage == AT_PAYLOAD and decoder.p_compressed:
            self.messages.lose(d)
        self.sent[d] += length
        kept = self.decoder.gap(d, length)
        self._room()
        return kept

    def end(self, d: int, cut: Cut) -> Line:
        """No more bytes come."""
        self.messages.end(d, self.decoder.decoders[d], cut)
        self.decoder.flush(d, cut)
        self._room()
        return self

    def done(self) -> Line:
        """Collect what is left."""
        self.collect()
        return self

    def _room(self) -> None:
        if self.decoder.full():
            self.collect()

    def collect(self) -> None:
        """Take the rows out of the tables, as the rules' turn would."""
        columns = FrameColumns(self.decoder.frames)
        for row in range(len(columns)):
            self.frames.append({name: int(getattr(columns, name)[row]) for name in FRAME_COLUMNS})
            self.controls.append(columns.control_payload(row))
        messages = self.messages.collect(columns)
        self.rows += rows_of(messages)
        self.decoder.frames.clear()


def rows_of(messages: MessageColumns) -> list[Row]:
    """All rows, made sure to be what the columns say."""
    rows = [messages.row(index) for index in range(len(messages))]
    for name in COLUMNS:
        assert [getattr(row, name) for row in rows] == np.asarray(getattr(messages, name)).tolist(), name
    return rows


def chop(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """``data`` cut at these places, which may lie anywhere."""
    places = sorted({0, len(data), *(cut for cut in cuts if 0 < cut < len(data))})
    return [data[a:b] for a, b in pairwise(places)]


def only(rows: list[Row], chosen: Callable[[Row], bool] = lambda row: True) -> Row:
    """The one row chosen."""
    (row,) = [row for row in rows if chosen(row)]
    return row


def told(row: Row, *names: str) -> dict[str, Any]:
    """Some fields of a row."""
    return {name: getattr(row, name) for name in names}
