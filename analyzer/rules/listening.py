"""Frames into dialogues: who said what, as the frames are collected.

Theory of operation. Ping and Pong have a pass of their own (`analyzer.rules.pings`). Of all other frames only Close is
taken one by one, and what a side sends between the peer's Close and its own. Data frames matter only where a violation
waits for an answer: those connections are *watched*, and the frames of a watched connection are looked at until the
answer came. Nothing here judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from analyzer.frames.columns import I64, FrameColumns
from analyzer.frames.decode import NO_CLOSE
from analyzer.model import Cut, Opcode, Place
from analyzer.rules.dialogue import NEVER, Act, Dialogue, Side, Wrong
from analyzer.rules.pings import Beat, Heartbeats
from analyzer.settings import Settings

FAILING = frozenset((1002, 1003, 1007, 1009, 1010))
"""Codes of a Close after which its sender is to process nothing more (RFC 6455 7.1.7)."""

_COLUMNS = (
    "connection", "client", "index", "opcode", "offset", "end", "acked", "file", "packet", "time_ns", "file_offset",
    "last_time_ns", "ordinal", "peer_close",
)  # fmt: skip


class _Row(NamedTuple):
    """One frame."""

    connection: int
    client: int
    frame: int
    opcode: int
    offset: int
    end: int
    acked: int
    file: int
    packet: int
    time_ns: int
    file_offset: int
    last_time_ns: int
    ordinal: int
    peer_close: int

    @property
    def role(self) -> int:
        return 1 - self.client

    @property
    def key(self) -> int:
        return 2 * self.connection + self.role

    def act(self, code: int = -1) -> Act:
        place = Place(self.file, self.packet, self.ordinal, self.time_ns, self.file_offset)
        return Act(place, self.last_time_ns, self.frame, self.offset, self.end, self.acked, code)


class Listener:
    """Takes the frames of a run, and tells each connection's dialogue what matters to it."""

    def __init__(self, settings: Settings, of: Callable[[int], Dialogue], lost: Callable[[int, int], int]) -> None:
        """``of`` gives a connection's dialogue, ``lost`` the ordinal from which bytes of a role are missing there."""
        self._settings = settings
        self._of = of
        self._watched: set[int] = set()
        self._heartbeats = Heartbeats(settings, of, lost, self._processed)

    @property
    def limits(self) -> dict[str, int]:
        """How often each limit was reached."""
        limits: dict[str, int] = self._heartbeats.limits
        return limits

    def watch(self, connection: int) -> None:
        """Something waits for an answer there."""
        self._watched.add(connection)

    def forget(self, connection: int) -> None:
        """The connection is over."""
        self._watched.discard(connection)
        self._heartbeats.forget(connection)

    def frames(self, frames: FrameColumns) -> None:
        """Frames were collected, and what is wrong with them is known."""
        self._heartbeats.take(frames.rows)
        odd = frames.unusual
        for row in np.flatnonzero((odd.cut == Cut.LENGTH) | (odd.cut == Cut.HTTP)).tolist():
            self._of(int(odd.connection[row])).sides[1 - int(odd.client[row])].stopped = True
        asked = (odd.peer_close > NO_CLOSE) & (odd.closed == 0) & (odd.opcode != Opcode.CLOSE)
        self._asked(odd, np.flatnonzero(asked & odd.whole))
        if self._watched:
            self._watch(frames)

    def close(self, frames: FrameColumns, row: int, code: int | None) -> None:
        """A side's first Close is in ``row``."""
        (one,) = _rows(frames, np.array([row]))
        self._of(one.connection).sides[one.role].close = one.act(-1 if code is None else code)

    def _processed(self, connection: int, role: int, ping: Beat, pong: Beat) -> None:
        """A side answered a Ping after it had closed: perhaps one that came after it had failed the connection."""
        sides = self._of(connection).sides
        me, peer = sides[role], sides[1 - role]
        close, wrong = me.close, peer.wrong
        if close is None or close.code not in FAILING or me.processed is not None or peer.pings is None:
            return
        if sum(other.payload == ping.payload for other in peer.pings.remembered) > 1:
            return
        if wrong is not None and close.knows(wrong.byte + 1):
            after = ping.offset > wrong.offset
        else:
            after = ping.offset >= close.acked >= 0
        if after:
            me.processed = pong.act

    # --- what a side sends although the peer has closed

    def _asked(self, frames: FrameColumns, rows: I64) -> None:
        if not len(rows):
            return
        begins = ((frames.opcode == Opcode.TEXT) | (frames.opcode == Opcode.BINARY)) & (frames.open == 0)
        first = begins[rows].tolist()
        for number, one in enumerate(_rows(frames, rows)):
            dialogue = self._of(one.connection)
            me, peer = dialogue.sides[one.role], dialogue.sides[1 - one.role]
            if me.heard_ns < 0:
                me.heard_ns = one.time_ns
            since = me.heard_ns if peer.close_acked_ns < 0 else min(me.heard_ns, peer.close_acked_ns)
            if first[number] and one.time_ns - since > self._settings.message_late:
                me.begun = one.act()
                me.begun_count += 1

    # --- answers that are waited for

    def _watch(self, frames: FrameColumns) -> None:
        """Frames of connections in which a violation waits for an answer."""
        present = [number for number in np.unique(frames.connection).tolist() if number in self._watched]
        wrongs = {
            number * 2 + role: _wrongs(side)
            for number in present
            for role, side in enumerate(self._of(number).sides)
            if _wrongs(side)
        }
        self._watched.difference_update(number for number in present if not {2 * number, 2 * number + 1} & set(wrongs))
        if not wrongs:
            return
        keys = np.asarray(frames.connection * 2 + 1 - frames.client)
        unfinished = [key for key, each in wrongs.items() if any(wrong.end < 0 for wrong in each)]
        if unfinished:
            final = (frames.opcode <= Opcode.BINARY) & frames.fin & frames.complete
            for one in _rows(frames, np.flatnonzero(final & np.isin(keys, unfinished))):
                _finish(wrongs[one.key], one)
        answers = frames.whole & ((frames.opcode < Opcode.CLOSE) | (frames.opcode == Opcode.PONG))
        for key, each in wrongs.items():
            least = min((wrong.end for wrong in each if wrong.end >= 0), default=NEVER)
            rows = np.flatnonzero(answers & (keys == key ^ 1) & (frames.acked >= least))
            for wrong in each:
                if wrong.end >= 0:
                    knowing = rows[frames.acked[rows] >= wrong.end]
                    wrong.answer = next((one.act() for one in _rows(frames, knowing[:1])), None)


def _columns(frames: FrameColumns) -> Iterator[I64]:
    """What `_Row` is made of."""
    for name in _COLUMNS:
        yield frames.offset + frames.header + frames.length if name == "end" else getattr(frames, name)


def _rows(frames: FrameColumns, rows: I64) -> Iterator[_Row]:
    return map(_Row, *(column[rows].tolist() for column in _columns(frames)))


def _wrongs(side: Side) -> list[Wrong]:
    """Violations of ``side`` that nobody has answered yet."""
    return [wrong for wrong in (side.wrong, side.must) if wrong is not None and wrong.answer is None]


def _finish(wrongs: list[Wrong], one: _Row) -> None:
    """The message that a violation is about is finished, so that the peer must see it (RFC 6455 8.1)."""
    for wrong in wrongs:
        if wrong.end < 0 and one.offset >= wrong.offset:
            wrong.end, wrong.known_ns = one.end, max(wrong.known_ns, one.last_time_ns)
