"""The stage between TCP and HTTP that turns TLS connections into plaintext, where there are keys.

A table of chunks goes in and one comes out, in which the rows of TLS connections are replaced by what they decrypt
to: stream offsets count decrypted bytes, places are those of the encrypted ones. Rows of other connections are copied
in whole columns; where none is TLS the table is handed on as it is. So nothing behind this stage need know of TLS but
the few rows that say so (`streams.TLS`).

What a connection is shows in its first bytes: a handshake record, or a CONNECT to a proxy, after which the client may
begin one at any time.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from analyzer.settings import Settings
from analyzer.tcp import streams
from analyzer.tcp.streams import CHUNK_COLUMNS, Chunks
from analyzer.tls.half import Out, Piece
from analyzer.tls.keylog import KeyLog, Resumption
from analyzer.tls.session import Reason, Session
from analyzer.wire import tls

_HANDSHAKE = bytes([tls.HANDSHAKE, tls.VERSION_MAJOR])
_RECORD = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")
_CONNECT = b"CONNECT "
_ENDS = (streams.FIN, streams.RST, streams.END)
TUNNEL_ROWS = 64
"""Segments after a CONNECT in which TLS may begin: a proxy asks for a password once or twice."""


class _Row(NamedTuple):
    """A row of a chunk table."""

    kind: int
    direction: int
    offset: int
    length: int
    start: int
    stored: int
    acked: int
    file: int
    packet: int
    time_ns: int
    file_offset: int
    ordinal: int

    @property
    def place(self) -> tuple[int, int, int, int, int]:
        """The last five."""
        return self[7], self[8], self[9], self[10], self[11]


def _append(ranges: list[tuple[int, int]], first: int, last: int) -> None:
    """Add the rows from ``first`` to before ``last``."""
    if ranges and ranges[-1][1] == first:
        ranges[-1] = ranges[-1][0], last
    elif first < last:
        ranges.append((first, last))


class _Start:
    """A connection of which it is not known yet whether it is TLS."""

    __slots__ = ("end", "rows", "side")

    def __init__(self) -> None:
        self.side = -1
        """Who sent a CONNECT."""
        self.end = [0, 0]
        """By side: stream offset up to which bytes came in the clear."""
        self.rows = 0


class Decryption:
    """All TLS connections of a run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.keylog = KeyLog()
        self.limits: dict[str, int] = {}
        """How often each limit was reached, by the name of the setting."""
        self._resumption = Resumption(settings.tls_sessions)
        self._watched = np.zeros(0, dtype=bool)
        """By direction: its rows go through Python."""
        self._sessions: dict[int, Session | _Start] = {}
        """By slot."""
        self._held: dict[int, int] = {}
        """Bytes that wait, by slot: the connection that has been quiet longest first."""
        self._held_total = 0
        self._learnt = 0
        self._out = Out()
        self._table = Chunks(0)

    def learn(self, secrets: list[bytes]) -> None:
        """Key logs that the captures hold, all so far."""
        for data in secrets[self._learnt :]:
            self.keylog.add(data)
        self._learnt = len(secrets)

    def drop(self, slot: int) -> None:
        """Nobody reads that connection any more."""
        if self._sessions.pop(slot, None) is not None:
            self._watched[2 * slot : 2 * slot + 2] = False
        self._held_total -= self._held.pop(slot, 0)

    def acknowledged(self, direction: int, offset: int) -> int:
        """What of a direction's bytes, as they come out, the peer has that acknowledges TCP's up to ``offset``."""
        session = self._sessions.get(direction >> 1)
        return session.halves[direction & 1].acknowledged(offset) if isinstance(session, Session) else offset

    def plain(self, chunks: Chunks, data: Any) -> Chunks:
        """What ``chunks`` come to; bytes not stored stand in ``data``. Valid until the next call."""
        count = chunks.count
        kinds = np.asarray(chunks.kind)[:count]
        directions = np.asarray(chunks.direction)[:count]
        opened = kinds == streams.OPEN
        new = directions[opened]
        if len(new):
            self._grow(int(new.max()) | 1)
            self._watched[new] = self._watched[new ^ 1] = True
        elif not self._sessions:
            return chunks
        in_range = (directions >= 0) & (directions < len(self._watched))
        rows = np.flatnonzero(in_range & self._watched[np.where(in_range, directions, 0)] & (kinds != streams.TICK))
        if not len(rows):
            return chunks
        return self._replaced(chunks, data, rows.tolist())

    def _grow(self, direction: int) -> None:
        if direction >= len(self._watched):
            watched = np.zeros(max(direction + 1, 2 * len(self._watched)), dtype=bool)
            watched[: len(self._watched)] = self._watched
            self._watched = watched

    def _replaced(self, chunks: Chunks, data: Any, rows: list[int]) -> Chunks:
        """The table with ``rows`` gone through one by one."""
        out = self._out
        out.rows, out.store = [], chunks.store
        count = chunks.count
        ranges: list[tuple[int, int]] = []
        """Of the rows of both tables, the old and the new: what comes after what."""
        done = made = 0
        columns = [np.asarray(getattr(chunks, name))[rows].tolist() for name in CHUNK_COLUMNS]
        for i, *values in zip(rows, *columns, strict=True):
            kept = self._row(chunks, i, _Row(*values), data)
            if kept and len(out.rows) == made:
                continue
            # what came of it goes before it, or in its place
            _append(ranges, done, i)
            _append(ranges, count + made, count + len(out.rows))
            made, done = len(out.rows), i if kept else i + 1
        for slot in {direction >> 1 for direction in columns[1]}:
            if slot not in self._sessions:
                self._watched[2 * slot : 2 * slot + 2] = False
        if not done and not made:
            return chunks
        _append(ranges, done, count)
        index = np.concatenate([np.arange(first, last) for first, last in ranges or [(0, 0)]])
        table = self._table
        table.clear()
        table.reserve(len(index))
        new = np.array(out.rows, dtype=np.int64).reshape(made, len(CHUNK_COLUMNS))
        for at, name in enumerate(CHUNK_COLUMNS):
            column = np.concatenate((np.asarray(getattr(chunks, name))[:count], new[:, at]))
            np.asarray(getattr(table, name))[: len(index)] = column[index]
        table.count = len(index)
        table.store = chunks.store
        chunks.clear()
        return table

    def _row(self, chunks: Chunks, i: int, row: _Row, data: Any) -> bool:
        """Go through row ``i``; whether it stays."""
        kind, slot, side = row.kind, row.direction >> 1, row.direction & 1
        if kind == streams.OPEN:
            self.drop(slot)
            self._sessions[slot] = _Start()
            self._watched[2 * slot : 2 * slot + 2] = True
            return True
        session = self._sessions.get(slot)
        if session is None:
            return True
        out = self._out
        out.place = row.place
        if isinstance(session, _Start):
            if kind == streams.END:
                self.drop(slot)
            if kind != streams.DATA:
                return True
            begun = self._start(session, row, chunks.store if row.stored else data)
            if begun is None:
                session.end[side] = row.offset + row.length
                return True
            session = begun
        stays = True
        if kind == streams.DATA:
            stays = False
            buffer = chunks.store if row.stored else data
            acked = session.halves[1 - side].acknowledged(row.acked)
            piece = Piece(row.offset, row.offset + row.length, acked, *row.place)
            session.data(side, bytes(memoryview(buffer)[row.start : row.start + row.length]), piece)
        elif kind == streams.GAP:
            stays = False
            session.lose(side, row.length)
        elif kind in _ENDS:
            if kind == streams.END:
                session.close()
            else:
                session.end(side)
            half, other = session.halves[side], session.halves[1 - side]
            chunks.offset[i] = half.plain
            chunks.start[i] = half.acknowledged(row.start)
            chunks.acked[i] = other.acknowledged(row.acked)
        if session.over or kind == streams.END:
            self.drop(slot)
            return stays
        held = session.held
        if held > self._settings.sealed_size:
            self._reached("sealed_size")
            session.fail(Reason.LIMIT if session.ready else Reason.NO_HANDSHAKE)
            self.drop(slot)
        elif held or slot in self._held:
            self._weigh(slot, held)
        return stays

    def _start(self, start: _Start, row: _Row, buffer: Any) -> Session | None:
        """Bytes of a connection that may be TLS; the session if it is, here and now."""
        slot, side = row.direction >> 1, row.direction & 1
        first = bytes(memoryview(buffer)[row.start : row.start + min(row.length, len(_CONNECT))])
        begins = _HANDSHAKE.startswith(first[: len(_HANDSHAKE)])
        if start.side < 0 and not begins and not _RECORD.match(first):
            if not _CONNECT.startswith(first):
                del self._sessions[slot]
                return None
            start.side = side
        elif start.side >= 0 and not (side == start.side and begins):
            start.rows += 1
            if start.rows > TUNNEL_ROWS:
                del self._sessions[slot]
            return None
        if not begins and not _RECORD.match(first):
            return None
        session = Session(slot, (start.end[0], start.end[1]), self.keylog, self._resumption, self._out)
        self._sessions[slot] = session
        return session

    def _weigh(self, slot: int, held: int) -> None:
        """Note what waits; give up others where too much does."""
        self._held_total += held - self._held.pop(slot, 0)
        if held:
            self._held[slot] = held
        while self._held_total > self._settings.total_sealed_size:
            oldest = next(iter(self._held))
            given_up = self._sessions[oldest]
            assert isinstance(given_up, Session), "what waits is a session"
            self._reached("total_sealed_size")
            given_up.fail(Reason.LIMIT)
            self.drop(oldest)

    def _reached(self, limit: str) -> None:
        self.limits[limit] = self.limits.get(limit, 0) + 1
