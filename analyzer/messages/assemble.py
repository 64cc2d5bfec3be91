"""Frames and runs of payload to messages.

Theory of operation. A message's row follows from its frames: the frame that finishes it carries, in the state
before it, what came before. So the rows of messages nobody needs to read are computed from the frame columns,
for all at once. Text is checked in passing, by the scanner, without copying. Only what must be read is handled
here run by run: compressed messages (their text has to be checked too) and, where hashes or payloads were
asked for, all of them. What a direction remembers is one small object: the message being read and the inflater.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np

from analyzer.frames.columns import FrameColumns
from analyzer.frames.decode import Decoder, PieceRows
from analyzer.frames.text import TextScanner, unmask
from analyzer.messages.columns import ENDED, FINISHED, INVALID, MessageColumns, Row, Status
from analyzer.messages.inflate import InflateError, Inflater
from analyzer.model import Cut, Opcode
from analyzer.settings import Settings

CONTEXT = 8
"""Bytes before the bad one that are shown with it."""


class Reading(msgspec.Struct):
    """One direction's message while it is read."""

    inflater: Inflater | None
    index: int = -1
    raw: int = 0
    size: int = 0
    status: Status = Status.KNOWN
    hash: Any = None
    parts: list[bytes] | None = None


class Messages:
    """All messages of a run. Feed it pieces as they come and frames as they are collected."""

    def __init__(self, settings: Settings, *, rows: int) -> None:
        """``rows``: the most pieces that come at once."""
        self._settings = settings
        self.scanner = TextScanner(rows)
        self._small = TextScanner(1)
        self._one = PieceRows(1)
        self._reading: dict[int, Reading] = {}
        """By direction number."""
        self._read: dict[tuple[int, int, int], Row] = {}
        """Finished and read messages that wait for their frames, by connection, client and index."""
        self._rows: list[Row] = []
        self.limits: dict[str, int] = {}
        self.hashing = settings.payloads or "messages" in settings.records

    def grow(self, directions: int) -> None:
        """Make room for ``directions``."""
        self.scanner.grow(directions)
        self._small.grow(directions)

    def begin(self, direction: int, takeover: bool | None) -> None:
        """A direction carries frames from now on; ``takeover`` is None where nothing is compressed."""
        inflater = None if takeover is None else Inflater(takeover)
        self._reading[direction] = Reading(inflater)

    def pieces(self, data: Any, pieces: PieceRows) -> None:
        """Take the payload runs of a decoding pass, which stand in ``data``."""
        if not pieces.count:
            return
        for hit in range(self.scanner.scan(data, pieces)):
            at, reason = self.scanner.hit_at[hit], self.scanner.hit_reason[hit]
            self._rows.append(self._invalid(data, pieces, self.scanner.hit_row[hit], at, reason))
        if self.hashing:
            wanted = range(pieces.count)
        else:
            wanted = np.flatnonzero(np.asarray(pieces.compressed)[: pieces.count]).tolist()
        for i in wanted:
            self._piece(data, pieces, i)
        pieces.count = 0

    def _invalid(self, data: Any, pieces: PieceRows, i: int, at: int, reason: int) -> Row:
        start, key, frame_offset = pieces.start[i], pieces.key[i], pieces.frame_offset[i]
        shown = min(at + 1, pieces.length[i])
        begin = max(0, at - CONTEXT)
        wire = bytes(memoryview(data)[start + begin : start + shown])
        return Row(
            event=INVALID,
            connection=pieces.connection[i],
            client=pieces.client[i],
            index=pieces.message[i],
            opcode=pieces.opcode[i],
            compressed=0,
            ordinal=pieces.ordinal[i],
            offset=pieces.frame_start[i],
            frame=pieces.frame[i],
            reason=reason,
            bad_offset=pieces.offset[i] + at,
            bad_in_frame=frame_offset + at,
            bad_stream_offset=pieces.stream_offset[i] + at,
            bad_file=pieces.file[i],
            bad_packet=pieces.packet[i],
            bad_time_ns=pieces.time_ns[i],
            bad_file_offset=pieces.file_offset[i] + at,
            context=unmask(wire, key, frame_offset + begin),
            wire=wire,
        )

    def _piece(self, data: Any, pieces: PieceRows, i: int) -> None:
        """Read one run: inflate it, check it, hash it, keep it."""
        d, index = pieces.direction[i], pieces.message[i]
        reading = self._reading[d]
        compressed = bool(pieces.compressed[i])
        if pieces.first[i] or index != reading.index:
            self._start(reading, index, compressed)
        if pieces.offset[i] != reading.raw:
            reading.status = Status.UNKNOWN
        start, length = pieces.start[i], pieces.length[i]
        reading.raw = pieces.offset[i] + length
        payload = b""
        if reading.status is Status.KNOWN:
            payload = unmask(bytes(memoryview(data)[start : start + length]), pieces.key[i], pieces.frame_offset[i])
            if compressed and reading.inflater is not None:
                payload = self._inflate(reading, reading.inflater, payload, bool(pieces.final[i]))
        if reading.status is Status.KNOWN:
            if compressed and pieces.opcode[i] == Opcode.TEXT:
                self._check(payload, pieces, i, reading)
            reading.size += len(payload)
            if reading.size > self._settings.message_size:
                self._limit(reading, "message_size")
            elif reading.hash is not None:
                reading.hash.update(payload)
                if reading.parts is not None:
                    reading.parts.append(payload)
        if pieces.final[i]:
            self._finish(reading, pieces, i, compressed)

    def _start(self, reading: Reading, index: int, compressed: bool) -> None:
        reading.index, reading.raw, reading.size, reading.status = index, 0, 0, Status.KNOWN
        reading.hash = hashlib.sha256() if self.hashing else None
        reading.parts = [] if self._settings.payloads else None
        if compressed and reading.inflater is not None:
            reading.inflater.begin()
            if reading.inflater.broken:
                reading.status = Status.UNKNOWN
            reading.inflater.lose()  # until its end was seen

    def _inflate(self, reading: Reading, inflater: Inflater, payload: bytes, final: bool) -> bytes:
        limit = min(self._settings.message_size - reading.size, self._settings.inflate_ratio * (reading.raw + 64))
        try:
            out = inflater.feed(payload, limit)
            if final and len(out) <= limit:
                out += inflater.end(limit - len(out))
        except InflateError:
            reading.status = Status.FAILED
            return b""
        if len(out) > limit:
            self._limit(
                reading, "message_size" if limit + reading.size == self._settings.message_size else "inflate_ratio"
            )
        elif final:
            inflater.broken = False
        return out

    def _limit(self, reading: Reading, name: str) -> None:
        self.limits[name] = self.limits.get(name, 0) + 1
        reading.status = Status.LIMITED
        reading.parts = None

    def _check(self, payload: bytes, pieces: PieceRows, i: int, reading: Reading) -> None:
        """Check inflated text, at the run of compressed payload that brought it forth."""
        one = self._one
        padded = payload + bytes(-len(payload) % 8)
        one.direction[0], one.opcode[0], one.compressed[0] = pieces.direction[i], Opcode.TEXT, 0
        one.start[0], one.length[0], one.key[0], one.frame_offset[0] = 0, len(payload), 0, 0
        one.first[0], one.final[0] = int(reading.size == 0 and pieces.offset[i] == 0), pieces.final[i]
        one.count = 1
        if not self._small.scan(padded, one):
            return
        at, reason = self._small.hit_at[0], self._small.hit_reason[0]
        row = self._invalid(b"", pieces, i, 0, reason)
        row.compressed = 1
        row.bad_offset = reading.size + at
        row.bad_in_frame = -1
        row.wire = b""
        row.context = payload[max(0, at - CONTEXT) : at + 1]
        self._rows.append(row)

    def lose(self, direction: int) -> None:
        """Bytes of a compressed message were lost: later ones that refer to it cannot be inflated."""
        reading = self._reading.get(direction)
        if reading is not None and reading.inflater is not None:
            reading.inflater.lose()

    def _finish(self, reading: Reading, pieces: PieceRows, i: int, compressed: bool) -> None:
        known = reading.status is Status.KNOWN
        row = Row(
            event=FINISHED,
            connection=pieces.connection[i],
            client=pieces.client[i],
            index=reading.index,
            opcode=pieces.opcode[i],
            compressed=int(compressed),
            status=reading.status,
            length=reading.size if known else -1,
            sha256=reading.hash.hexdigest() if known and reading.hash is not None else None,
            payload=b"".join(reading.parts) if known and reading.parts is not None else None,
        )
        reading.parts = None
        self._read[(row.connection, row.client, row.index)] = row

    def end(self, direction: int, decoder: Decoder, cut: Cut) -> None:
        """No more frames come in a direction: a message in progress ends unfinished."""
        self._reading.pop(direction, None)
        started = decoder.stage != 0 and decoder.p_opcode and not decoder.open
        if not decoder.open and not started:
            return
        frames = decoder.m_frames if decoder.open else 0
        self._rows.append(
            Row(
                event=ENDED,
                connection=decoder.connection,
                client=decoder.client,
                index=decoder.m_index,
                opcode=decoder.m_opcode if decoder.open else decoder.p_opcode,
                compressed=decoder.m_compressed if decoder.open else decoder.p_compressed,
                lost=1,
                frames=frames,
                raw=decoder.m_bytes if decoder.open else decoder.present,
                file=decoder.m_file if decoder.open else decoder.file,
                packet=decoder.m_packet if decoder.open else decoder.packet,
                time_ns=decoder.m_time_ns if decoder.open else decoder.time_ns,
                last_packet=decoder.last_packet,
                ordinal=decoder.ordinal,
                cut=cut,
                closed=decoder.closed,
                peer_closed=decoder.peer.closed if decoder.peer is not None else 0,
                offset=decoder.offset,
                frame=decoder.index,
            )
        )

    def collect(self, frames: FrameColumns) -> MessageColumns:
        """The messages that ``frames`` finished or replaced, and all that was noticed since the last call."""
        opcode, opened = frames.opcode, frames.open == 1
        starts = ((opcode == Opcode.TEXT) | (opcode == Opcode.BINARY)) & frames.whole
        for row in np.flatnonzero(starts & opened & (frames.cut != Cut.LENGTH)).tolist():
            self._rows.append(_replaced(frames, row))
        done = (starts | ((opcode == Opcode.CONTINUATION) & opened & frames.whole)) & frames.fin
        done &= (frames.cut == Cut.WHOLE) | (frames.cut == Cut.HOLE)
        columns = _finished(frames, np.flatnonzero(done))
        rows, self._rows = self._rows, []
        if self._read:
            kept, read = _split(columns, self._read)
            columns = kept
            rows = read + rows
            self._read = {}
        return MessageColumns(columns, rows)


def _replaced(frames: FrameColumns, row: int) -> Row:
    """The unfinished message that the frame in ``row`` put an end to (policy P3)."""
    return Row(
        event=ENDED,
        connection=int(frames.connection[row]),
        client=int(frames.client[row]),
        index=int(frames.m_index[row]),
        opcode=int(frames.m_opcode[row]),
        compressed=int(frames.m_compressed[row]),
        lost=1,
        frames=int(frames.m_frames[row]),
        raw=int(frames.m_bytes[row]),
        file=int(frames.m_file[row]),
        packet=int(frames.m_packet[row]),
        time_ns=int(frames.m_time_ns[row]),
        last_packet=int(frames.packet[row]),
        ordinal=int(frames.ordinal[row]),
        closed=int(frames.closed[row]),
        offset=int(frames.offset[row]),
        frame=int(frames.index[row]),
    )


def _finished(frames: FrameColumns, rows: Any) -> dict[str, Any]:
    """Columns of the messages whose final frames are ``rows``."""
    fresh = frames.opcode[rows] != Opcode.CONTINUATION
    opened = frames.open[rows] == 1

    def either(new: Any, old: Any) -> Any:
        return np.where(fresh, new, old)

    raw = frames.length[rows] + either(0, frames.m_bytes[rows])
    lost = frames.p_lost[rows] | either(0, frames.m_lost[rows]) | (frames.cut[rows] != Cut.WHOLE)
    return {
        "event": np.full(len(rows), FINISHED, dtype=np.int64),
        "connection": frames.connection[rows],
        "client": frames.client[rows],
        "index": frames.m_index[rows] + (fresh & opened),
        "opcode": either(frames.opcode[rows], frames.m_opcode[rows]).astype(np.int64),
        "compressed": frames.p_compressed[rows],
        "lost": lost.astype(np.int64),
        "frames": 1 + either(0, frames.m_frames[rows]),
        "raw": raw,
        "length": np.where(frames.p_compressed[rows] == 1, -1, raw),
        "file": either(frames.file[rows], frames.m_file[rows]),
        "packet": either(frames.packet[rows], frames.m_packet[rows]),
        "time_ns": either(frames.time_ns[rows], frames.m_time_ns[rows]),
        "last_packet": frames.last_packet[rows],
        "ordinal": frames.ordinal[rows],
        "closed": frames.closed[rows],
        "offset": frames.offset[rows],
        "frame": frames.index[rows],
    }


def _split(columns: dict[str, Any], read: dict[tuple[int, int, int], Row]) -> tuple[dict[str, Any], list[Row]]:
    """Put what was read into its rows; the columns of the rest."""
    size = len(columns["event"])
    keep = np.ones(size, dtype=np.bool_)
    rows = []
    keys = zip(columns["connection"].tolist(), columns["client"].tolist(), columns["index"].tolist(), strict=True)
    for i, key in enumerate(keys):
        row = read.get(key)
        if row is None:
            continue
        keep[i] = False
        for name, column in columns.items():
            if name not in ("event", "length", "compressed"):
                setattr(row, name, int(column[i]))
        if row.lost:
            row.sha256 = row.payload = None
            row.status = Status.UNKNOWN
        rows.append(row)
    return {name: column[keep] for name, column in columns.items()}, rows
