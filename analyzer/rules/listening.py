"""Frames into dialogues: who said what, as the frames are collected.

Theory of operation. Of all frames only Ping, Pong and Close are taken one by one, and what a side sends between the
peer's Close and its own. Data frames matter only where something waits for an answer: those connections are
*watched*, and the frames of a watched connection are looked at until the answer came. Nothing here judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from analyzer.frames.columns import I64, FrameColumns
from analyzer.frames.decode import NO_CLOSE
from analyzer.model import Cut, Opcode, Place
from analyzer.rules.dialogue import NEVER, Act, Dialogue, Side, Wrong
from analyzer.rules.pings import Ping, Pings
from analyzer.settings import Settings

ENOUGH = 2
"""Frames after a Ping, without an answer to it, that show it was passed over (CT-003)."""
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

    def act(self, code: int = -1) -> Act:
        place = Place(self.file, self.packet, self.ordinal, self.time_ns, self.file_offset)
        return Act(place, self.last_time_ns, self.frame, self.offset, self.end, self.acked, code)


class Listener:
    """Takes the frames of a run, and tells each connection's dialogue what matters to it."""

    def __init__(self, settings: Settings, of: Callable[[int], Dialogue], lost: Callable[[int, int], int]) -> None:
        """``of`` gives a connection's dialogue, ``lost`` the ordinal from which bytes of a role are missing there."""
        self._settings = settings
        self._of = of
        self._lost = lost
        self._watched: set[int] = set()
        self.limits: dict[str, int] = {}

    def watch(self, connection: int) -> None:
        """Something waits for an answer there."""
        self._watched.add(connection)

    def forget(self, connection: int) -> None:
        """The connection is over."""
        self._watched.discard(connection)

    def frames(self, frames: FrameColumns) -> None:
        """Frames were collected, and what is wrong with them is known."""
        opcode = frames.opcode
        for row in np.flatnonzero((frames.cut == Cut.LENGTH) | (frames.cut == Cut.HTTP)).tolist():
            self._of(int(frames.connection[row])).sides[1 - int(frames.client[row])].stopped = True
        previous = _Previous(frames)
        heartbeat = ((opcode == Opcode.PING) | (opcode == Opcode.PONG)) & frames.opening_seen
        self._heartbeat(frames, np.flatnonzero(heartbeat & frames.whole & ~frames.unknown_extension), previous)
        asked = (frames.peer_close > NO_CLOSE) & (frames.closed == 0) & (opcode != Opcode.CLOSE)
        self._asked(frames, np.flatnonzero(asked & frames.whole))
        if self._watched:
            self._watch(frames, previous)

    def close(self, frames: FrameColumns, row: int, code: int | None) -> None:
        """A side's first Close is in ``row``."""
        (one,) = _rows(frames, np.array([row]))
        self._of(one.connection).sides[one.role].close = one.act(-1 if code is None else code)

    # --- Ping and Pong

    def _heartbeat(self, frames: FrameColumns, rows: I64, previous: _Previous) -> None:
        rows = self._fold(frames, rows)
        if not len(rows):
            return
        payloads = frames.control_payloads(rows)
        whole = (frames.complete & (frames.control_size == frames.length))[rows].tolist()
        settings = self._settings
        for number, one in enumerate(_rows(frames, rows)):
            dialogue = self._of(one.connection)
            payload = payloads[number] if whole[number] else None
            if one.opcode == Opcode.PING:
                side = dialogue.sides[one.role]
                if side.pings is None:
                    side.pings = Pings()
                if side.pings.ping(one.act(), payload, settings):
                    self.limits["pings"] = self.limits.get("pings", 0) + 1
                self._watched.add(one.connection)
                continue
            me, peer = dialogue.sides[one.role], dialogue.sides[1 - one.role]
            if peer.pings is None:
                peer.pings = Pings()
            act = one.act()
            lost = min(self._lost(one.connection, 0), self._lost(one.connection, 1))
            answered = peer.pings.pong(act, payload, settings, sure=lost > one.ordinal)
            if answered is None:
                continue
            ping, delay = answered
            if delay > settings.pong_late:
                delay -= _busy(ping, me, previous.of(int(rows[number])), one.frame)
                if delay > settings.pong_late:
                    peer.pings.note("CT-004", act, delay)
            if payload and me.close is not None and me.close.code in FAILING:
                _processed(me, peer, ping, act)

    def _fold(self, frames: FrameColumns, rows: I64) -> I64:
        """Count the exchanges without anything to notice, and give the rows of the others.

        Of connections where one side sends Pings, each followed by a Pong with its payload that acknowledges it, in
        time: nearly all do nothing else. Told by NumPy, which makes a million frames with 125 000 of Ping and Pong
        twice as fast as looking at each.
        """
        if len(rows) < 2:
            return rows
        order = rows[np.argsort(frames.connection[rows], kind="stable")]
        connection = frames.connection[order]
        starts = np.flatnonzero(np.concatenate(([True], connection[1:] != connection[:-1])))
        sizes = np.diff(np.append(starts, len(order)))
        answer = ((np.arange(len(order)) - np.repeat(starts, sizes)) & 1).astype(np.bool_)
        client, size = frames.client[order], frames.control_size[order]
        fits = frames.complete[order] & (size == frames.length[order])
        fits &= (frames.opcode[order] == Opcode.PONG) == answer
        fits &= (client == np.repeat(client[starts], sizes)) != answer
        pongs = np.flatnonzero(answer)
        pings = pongs - 1
        end = (frames.offset + frames.header + frames.length)[order]
        delay = frames.time_ns[order][pongs] - frames.last_time_ns[order][pings]
        fits[pongs] &= (size[pongs] == size[pings]) & (frames.acked[order][pongs] >= end[pings])
        fits[pongs] &= delay <= self._settings.pong_late
        plain = np.flatnonzero(np.logical_and.reduceat(fits, starts) & (sizes % 2 == 0))
        if not len(plain):
            return rows
        payloads = frames.control_payloads(order)
        table = np.stack([column[order] for column in _columns(frames)], axis=1)
        left = np.ones(len(order), dtype=np.bool_)
        for start, stop in zip(starts[plain].tolist(), (starts + sizes)[plain].tolist(), strict=True):
            said = payloads[start:stop:2]
            if said == payloads[start + 1 : stop : 2]:
                left[start:stop] = not self._folded(
                    int(connection[start]), 1 - int(client[start]), table[start:stop:2], said
                )
        return np.sort(order[left])

    def _folded(self, connection: int, role: int, table: I64, payloads: list[bytes]) -> bool:
        """Count Pings of ``role`` that were answered; whether there is really nothing else to them."""
        dialogue = self._of(connection)
        asking, answering = dialogue.sides[role], dialogue.sides[1 - role]
        if asking.pings is None:
            asking.pings = Pings()
        if answering.close is not None or not asking.pings.settled:
            return False
        latest, said = table[-self._settings.pings :].copy(), payloads[-self._settings.pings :]
        asking.pings.fold(len(payloads), lambda: _answered(latest, said), self._settings)
        return True

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

    def _watch(self, frames: FrameColumns, previous: _Previous) -> None:
        present = [number for number in np.unique(frames.connection).tolist() if number in self._watched]
        unfinished = set()
        for number in present:
            for role, me, _ in self._of(number).pairs():
                if any(wrong.end < 0 for wrong in _wrongs(me)):
                    unfinished.add(_key(number, role))
        if unfinished:
            final = (frames.opcode <= Opcode.BINARY) & frames.fin & frames.complete
            for one in _rows(frames, np.flatnonzero(final & np.isin(previous.keys, list(unfinished)))):
                _finishes(self._of(one.connection).sides[one.role], one)
        awaited = {
            _key(number, role): _awaited(peer)
            for number in present
            for role, _, peer in self._of(number).pairs()
            if _waits(peer)
        }
        if awaited:
            for one in _rows(frames, _knowing(frames, previous.keys, awaited)):
                key = _key(one.connection, one.role)
                if key in awaited:
                    peer = self._of(one.connection).sides[1 - one.role]
                    _answers(peer, one)
                    if not _waits(peer):
                        del awaited[key]
        for number in present:
            waits = False
            for role, me, peer in self._of(number).pairs():
                waits = waits or _waits(peer)
                if peer.pings is not None and peer.pings.unanswered:
                    waits = True
                    me.latest = previous.latest(_key(number, role)) or me.latest
            if not waits:
                self._watched.discard(number)


class _Previous:
    """The frame before each in its direction, as far as it was collected with it; found when first asked."""

    def __init__(self, frames: FrameColumns) -> None:
        self._frames = frames
        self._order: I64 | None = None

    @property
    def keys(self) -> I64:
        """By row: connection and role as one number."""
        return np.asarray(self._frames.connection * 2 + 1 - self._frames.client)

    def _sort(self) -> None:
        keys = self.keys
        self._order = order = np.argsort(keys, kind="stable")
        self._sorted = keys[order]
        self._rank = np.empty(len(order), dtype=np.int64)
        self._rank[order] = np.arange(len(order))

    def of(self, row: int) -> tuple[int, int, int] | None:
        """Number, first and last nanosecond of the frame before the one in ``row``."""
        if self._order is None:
            self._sort()
        rank = int(self._rank[row]) - 1
        return self._told(rank) if rank >= 0 and self._sorted[rank] == self._sorted[rank + 1] else None

    def latest(self, key: int) -> tuple[int, int, int] | None:
        """The same of the last frame of a role."""
        if self._order is None:
            self._sort()
        rank = int(np.searchsorted(self._sorted, key, side="right")) - 1
        return self._told(rank) if rank >= 0 and self._sorted[rank] == key else None

    def _told(self, rank: int) -> tuple[int, int, int]:
        assert self._order is not None, "not sorted"
        frames, row = self._frames, int(self._order[rank])
        return int(frames.index[row]), int(frames.time_ns[row]), int(frames.last_time_ns[row])


def _key(connection: int, role: int) -> int:
    return connection * 2 + role


def _columns(frames: FrameColumns) -> Iterator[I64]:
    """What `_Row` is made of."""
    for name in _COLUMNS:
        yield frames.offset + frames.header + frames.length if name == "end" else getattr(frames, name)


def _rows(frames: FrameColumns, rows: I64) -> Iterator[_Row]:
    return map(_Row, *(column[rows].tolist() for column in _columns(frames)))


def _answered(table: I64, payloads: list[bytes]) -> list[Ping]:
    """Pings that were answered, by the rows of a table."""
    return [Ping(_Row(*row).act(), said, echoed=True) for row, said in zip(table.tolist(), payloads, strict=True)]


def _wrongs(side: Side) -> list[Wrong]:
    """Violations of ``side`` that nobody has answered yet."""
    return [wrong for wrong in (side.wrong, side.must) if wrong is not None and wrong.answer is None]


def _waits(side: Side) -> bool:
    """Whether frames of the peer of ``side`` may still be answers, or show that there is none."""
    if _wrongs(side):
        return True
    return side.pings is not None and any(ping.later < ENOUGH for ping in side.pings.waiting)


def _awaited(side: Side) -> int:
    """The least that a frame of the peer of ``side`` acknowledges that is an answer, or shows that there is none."""
    ends = [wrong.end for wrong in _wrongs(side) if wrong.end >= 0]
    if side.pings is not None:
        ends += [ping.act.end for ping in side.pings.waiting if ping.later < ENOUGH]
    return min(ends, default=NEVER)


def _knowing(frames: FrameColumns, keys: I64, awaited: dict[int, int]) -> I64:
    """Rows of frames, by key in ``awaited``, that acknowledge as much as that."""
    wanted = np.array(sorted(awaited), dtype=np.int64)
    least = np.array([awaited[key] for key in wanted.tolist()], dtype=np.int64)
    at = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
    return np.flatnonzero(frames.whole & (wanted[at] == keys) & (frames.acked >= least[at]))


def _finishes(side: Side, one: _Row) -> None:
    """The message that a violation of ``side`` is about is finished, so that the peer must see it (RFC 6455 8.1)."""
    for wrong in _wrongs(side):
        if wrong.end < 0 and one.offset >= wrong.offset:
            wrong.end, wrong.known_ns = one.end, max(wrong.known_ns, one.last_time_ns)


def _answers(side: Side, one: _Row) -> None:
    """The peer of ``side`` sent a frame."""
    if one.opcode < Opcode.CLOSE or one.opcode == Opcode.PONG:
        for wrong in _wrongs(side):
            if 0 <= wrong.end <= one.acked:
                wrong.answer = one.act()
    if side.pings is not None and one.opcode != Opcode.CLOSE and one.peer_close == NO_CLOSE:
        for ping in side.pings.waiting:
            if ping.later < ENOUGH and one.acked >= ping.act.end:
                ping.later += 1


def _busy(ping: Ping, me: Side, before: tuple[int, int, int] | None, index: int) -> int:
    """How long a frame in progress kept ``me`` from answering ``ping`` with its frame ``index``, in nanoseconds."""
    number, began, ended = before or me.latest
    if number != index - 1 or began > ping.act.known_ns:
        return 0
    return max(0, ended - ping.act.known_ns)


def _processed(me: Side, peer: Side, ping: Ping, act: Act) -> None:
    """``me`` answered a Ping: perhaps one that came after it had failed the connection."""
    close, wrong = me.close, peer.wrong
    assert close is not None, "asked about a side that has not closed"
    if act.offset <= close.offset or me.processed is not None or peer.pings is None:
        return
    if sum(other.payload == ping.payload for other in peer.pings.remembered) > 1:
        return
    failed_over = wrong is not None and close.knows(wrong.byte + 1)
    after = ping.act.offset > wrong.offset if wrong is not None and failed_over else ping.act.offset >= close.acked >= 0
    if after:
        me.processed = act
