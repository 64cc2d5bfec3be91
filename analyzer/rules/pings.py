"""Which Pong answers which Ping (RFC 6455 5.5.2, 5.5.3), as they go by.

Theory of operation. A Pong repeats the payload of the Ping it answers, and one Pong may answer several Pings: only
the latest needs one. So what one side's Pings wait for is said by two numbers, how many were sent and up to which of
them nothing is owed any more. The latest Pings are remembered, answered or not, to tell an answer from a Pong nobody
asked for. Where payloads repeat, a Pong is taken for the answer to the latest Ping it could answer: that claims least.

Collected frames are gone through in one pass. Ping and Pong go to the memory of their connection; every other frame
matters only where a Ping of its peer waits, and a small filter by the connection's number tells that of nearly all
others. Connections may consist of little else than Pings and Pongs, a million of them: no Python code is run for those
without anything to notice, and no object made but one for each.

Compiled by Cython where a compiler is found, interpreted otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cython

from analyzer.frames.decode import NO_CLOSE, OPENING_SEEN, RESUMED, UNKNOWN_EXTENSION, FrameRows
from analyzer.frames.text import unmask
from analyzer.model import Cut, Opcode, Place
from analyzer.rules.dialogue import Act, Dialogue, Noted
from analyzer.settings import Settings
from analyzer.tcp.columns import column
from analyzer.wire import tables

if cython.compiled:
    Octets = cython.typedef(cython.uchar[::1])
    Column = cython.typedef(cython.longlong[::1])
else:
    Octets = memoryview
    Column = memoryview

OPCODE = cython.declare(Octets, memoryview(bytearray(tables.OPCODE.tobytes())))
HEADER = cython.declare(Octets, memoryview(bytearray(tables.HEADER.tobytes())))
PING = cython.declare(cython.int, int(Opcode.PING))
PONG = cython.declare(cython.int, int(Opcode.PONG))
CLOSE = cython.declare(cython.int, int(Opcode.CLOSE))
WHOLE = cython.declare(cython.longlong, int(Cut.WHOLE))
HTTP = cython.declare(cython.longlong, int(Cut.HTTP))
KNOWN = cython.declare(cython.longlong, OPENING_SEEN | RESUMED | UNKNOWN_EXTENSION)
SEEN = cython.declare(cython.longlong, OPENING_SEEN)
"""Of a frame's context these bits are SEEN where all that came before it is known, and what its payload means."""
_NO_CLOSE = cython.declare(cython.longlong, NO_CLOSE)

ENOUGH = 2
"""Frames after a Ping, without an answer to it, that show it was passed over (CT-003)."""
_COLUMNS = (
    "connection", "client", "index", "byte0", "byte1", "header", "length", "cut", "context", "key", "offset", "acked",
    "file", "packet", "ordinal", "time_ns", "last_time_ns", "file_offset", "control", "control_size", "closed",
    "peer_close", "before_from", "before_to",
)  # fmt: skip
EARLY = 16
"""Pongs that answered no Ping, kept in case the Ping was only captured later."""
FILTER = 1 << 12
"""Cells of the filter, a power of two: of as many connections in a row each has its own."""
_ENOUGH = cython.declare(cython.longlong, ENOUGH)
_FILTER = cython.declare(cython.Py_ssize_t, FILTER)


@cython.cclass
class Beat:
    """One Ping or Pong: what `Act` has, and the ``payload``; None where that is not known, or not whole.

    Of a Ping also whether it is ``echoed``, and how many frames the peer sent ``later``, in segments that acknowledge
    all of it: `ENOUGH` stands for more.
    """

    file = cython.declare(cython.longlong, visibility="public")
    packet = cython.declare(cython.longlong, visibility="public")
    ordinal = cython.declare(cython.longlong, visibility="public")
    time_ns = cython.declare(cython.longlong, visibility="public")
    file_offset = cython.declare(cython.longlong, visibility="public")
    known_ns = cython.declare(cython.longlong, visibility="public")
    frame = cython.declare(cython.longlong, visibility="public")
    offset = cython.declare(cython.longlong, visibility="public")
    end = cython.declare(cython.longlong, visibility="public")
    acked = cython.declare(cython.longlong, visibility="public")
    payload: Any = cython.declare(bytes, visibility="public")
    echoed = cython.declare(cython.bint, visibility="public")
    later = cython.declare(cython.longlong, visibility="public")

    @property
    def act(self) -> Act:
        """The frame, for what is told of it."""
        place = Place(self.file, self.packet, self.ordinal, self.time_ns, self.file_offset)
        return Act(place, self.known_ns, self.frame, self.offset, self.end, self.acked)


@cython.cclass
class Pings:
    """One side's Pings, and the other's Pongs.

    ``remembered`` are the latest Pings, ``forgotten`` so many before them, of which one that still waited makes it
    ``overflowed``. ``answered`` is the number of the first Ping that still needs a Pong, counting from 0.
    ``differing`` is a Pong that came where Ping ``open``, of ``number``, asked for another payload: it may yet turn out
    to be unasked for. ``early`` are the latest Pongs that answered no Ping: the capture may hold the Ping later.
    ``noted`` says what was noticed, by rule.
    """

    remembered: Any = cython.declare(list, visibility="public")
    forgotten = cython.declare(cython.longlong, visibility="public")
    overflowed = cython.declare(cython.bint, visibility="public")
    answered = cython.declare(cython.longlong, visibility="public")
    differing: Any = cython.declare(object, visibility="public")
    open: Any = cython.declare(object, visibility="public")
    number = cython.declare(cython.longlong, visibility="public")
    early: Any = cython.declare(list, visibility="public")
    noted: Any = cython.declare(dict, visibility="public")
    most = cython.declare(cython.Py_ssize_t)
    timeout = cython.declare(cython.longlong)
    step = cython.declare(cython.longlong)

    def __init__(self, settings: Settings) -> None:
        self.remembered = []
        self.forgotten = self.answered = self.number = 0
        self.overflowed = False
        self.differing = self.open = None
        self.early = []
        self.noted = {}
        self.most = settings.pings
        self.timeout = settings.pong_timeout
        self.step = settings.clock_step

    @property
    def waiting(self) -> list[Beat]:
        """Pings that still need a Pong, as far as they are remembered."""
        waiting: list[Beat] = self.remembered[max(0, self.answered - self.forgotten) :]
        return waiting

    @property
    def unanswered(self) -> int:
        """How many there are in all."""
        return int(self.left())

    @cython.cfunc
    @cython.exceptval(check=False)
    def left(self) -> cython.longlong:
        """`unanswered`."""
        return self.forgotten + len(self.remembered) - self.answered

    def note(self, rule: str, pong: Beat, detail: int = 0) -> None:
        """Something was noticed about a Pong."""
        seen = self.noted.get(rule)
        if seen is None:
            self.noted[rule] = Noted(pong.act, detail)
        else:
            seen.count += 1

    @cython.ccall
    @cython.locals(ping=Beat, oldest=Beat)
    def ping(self, ping: Beat) -> cython.bint:
        """A Ping was sent. Whether, for the first time, one that still waits had to be forgotten."""
        if self.differing is not None:
            self.expire(ping.time_ns)
        self.remembered.append(ping)
        if self.early or self.differing is not None:
            self.captured_late(ping)
        if len(self.remembered) <= self.most:
            return False
        del self.remembered[0]
        self.forgotten += 1
        if self.forgotten <= self.answered or self.overflowed:
            return False
        self.overflowed = True
        return True

    @cython.cfunc
    @cython.locals(pong=Beat, ping=Beat)
    def last(self, pong: Beat) -> Any:
        """The Ping that a Pong answers where one is open and it is that one, as nearly always; else None."""
        if self.left() != 1 or self.differing is not None or pong.payload is None:
            return None
        ping = self.remembered[len(self.remembered) - 1]
        if 0 <= pong.acked < ping.end or ping.payload is None or ping.payload != pong.payload:
            return None
        ping.echoed = True
        self.answered += 1
        return ping

    @cython.ccall
    @cython.locals(pong=Beat, ping=Beat)
    def pong(self, pong: Beat, sure: cython.bint) -> Any:
        """A Pong was sent; ``sure``: nothing was lost before. The Ping it answers, or None."""
        self.expire(pong.time_ns)
        ping = self.last(pong)
        if ping is not None:
            return ping
        match = self._match(pong)
        if match is None:
            if sure and pong.payload is not None:
                self._unmatched(pong)
            return None
        ping, number, alone = match
        if number < self.answered:
            if sure and alone and not ping.echoed:
                self.note("CT-008", pong)
            ping.echoed = True
            return None
        if sure and alone and number > self.answered >= self.forgotten:
            self.note("CT-006", pong, number + 1 - self.answered)
        if self.differing is not None and self.number <= number:
            self.differing = None
        ping.echoed = True
        self.answered = number + 1
        return ping

    def expire(self, now: int) -> None:
        """Time goes by: a Pong with another payload was the answer if no right one came in time."""
        if self.differing is not None and now - self.open.known_ns > self.timeout:
            self.note("CT-007", self.differing)
            self.open.echoed = True
            self.answered = max(self.answered, self.number + 1)
            self.differing = None

    def _match(self, pong: Beat) -> tuple[Beat, int, bool] | None:
        """The latest Ping that a Pong may answer, its number, and whether no other one has its payload."""
        found: tuple[Beat, int] | None = None
        repeated: tuple[Beat, int, bool] | None = None
        number = self.forgotten + len(self.remembered)
        for ping in reversed(self.remembered):
            number -= 1
            if 0 <= pong.acked < ping.end:
                if pong.payload and pong.payload == ping.payload and repeated is None:
                    repeated = ping, number, False  # who repeats it had it: the capture holds segments in a wrong order
                continue
            known = pong.payload is not None and ping.payload is not None
            if known and ping.payload != pong.payload:
                continue
            if found is not None:
                return *found, False
            if not known:  # it may be the answer, and that is all there is to say
                return ping, number, False
            found = ping, number
        return repeated if found is None else (*found, True)

    def finish(self, now: int) -> None:
        """Nothing more comes."""
        self.expire(now)
        for pong in self.early:
            self.note("CT-005", pong)
        self.early = []

    def captured_late(self, ping: Beat) -> None:
        """A Ping that a Pong seen before it acknowledges or repeats: the capture holds them in the wrong order.

        Nothing to repeat, and nothing acknowledged, prove no such thing. But where both came at about the same time it
        may be so, and then the Ping counts as answered as well, though the Pong as one that nobody asked for.
        """
        for number, pong in enumerate(self.early):
            sure = bool(pong.payload) or pong.acked >= ping.end
            if pong.payload == ping.payload and (sure or ping.known_ns - pong.time_ns < self.step):
                if sure:
                    del self.early[number]
                ping.echoed = True
                self.answered = self.forgotten + len(self.remembered)
                return
        differing = self.differing
        if differing is not None and differing.acked >= ping.end and differing.payload == ping.payload:
            self.differing = None
            ping.echoed = True
            self.answered = self.forgotten + len(self.remembered)

    def _unmatched(self, pong: Beat) -> None:
        if not self.left():
            self.early.append(pong)
            if len(self.early) > EARLY:
                self.note("CT-005", self.early.pop(0))
        elif self.left() == 1 and self.differing is None:
            for ping in self.waiting:
                if pong.acked >= ping.end:
                    self.differing, self.open, self.number = pong, ping, self.answered


@cython.cclass
class Talk:
    """A connection in which there were Pings or Pongs."""

    client: Any = cython.declare(Pings, visibility="public")
    server: Any = cython.declare(Pings, visibility="public")
    waits = cython.declare(cython.bint, visibility="public")

    def __init__(self) -> None:
        """``waits``: frames may still show something about a Ping."""
        self.client = self.server = None
        self.waits = False


@cython.cclass
class Heartbeats:
    """The Pings and Pongs of a run, by connection. ``limits``: how often each limit was reached."""

    limits: Any = cython.declare(dict, visibility="public")
    talks: Any = cython.declare(dict)
    # how many connections something waits in, in all and by cell of the filter
    waiting = cython.declare(cython.Py_ssize_t)
    waits = cython.declare(Column)
    plain = cython.declare(Octets)
    settings: Any = cython.declare(object)
    of: Any = cython.declare(object)
    lost: Any = cython.declare(object)
    answered: Any = cython.declare(object)
    late = cython.declare(cython.longlong)
    # the rows at hand and their columns
    rows: Any = cython.declare(object)
    arena = cython.declare(Octets)
    connection = cython.declare(Column, visibility="public")
    client = cython.declare(Column, visibility="public")
    index = cython.declare(Column, visibility="public")
    byte0 = cython.declare(Column, visibility="public")
    byte1 = cython.declare(Column, visibility="public")
    header = cython.declare(Column, visibility="public")
    length = cython.declare(Column, visibility="public")
    cut = cython.declare(Column, visibility="public")
    context = cython.declare(Column, visibility="public")
    key = cython.declare(Column, visibility="public")
    offset = cython.declare(Column, visibility="public")
    acked = cython.declare(Column, visibility="public")
    file = cython.declare(Column, visibility="public")
    packet = cython.declare(Column, visibility="public")
    ordinal = cython.declare(Column, visibility="public")
    time_ns = cython.declare(Column, visibility="public")
    last_time_ns = cython.declare(Column, visibility="public")
    file_offset = cython.declare(Column, visibility="public")
    control = cython.declare(Column, visibility="public")
    control_size = cython.declare(Column, visibility="public")
    closed = cython.declare(Column, visibility="public")
    peer_close = cython.declare(Column, visibility="public")
    before_from = cython.declare(Column, visibility="public")
    before_to = cython.declare(Column, visibility="public")

    def __init__(
        self,
        settings: Settings,
        of: Callable[[int], Dialogue],
        lost: Callable[[int, int], int],
        answered: Callable[[int, int, Beat, Beat], None],
    ) -> None:
        """``of`` gives a connection's dialogue, ``lost`` the ordinal from which bytes of a role are missing there.

        ``answered`` is told of Pongs with a payload that a side sends although it has sent a Close: the connection, the
        side's role, the Ping and the Pong.
        """
        self.settings = settings
        self.of = of
        self.lost = lost
        self.answered = answered
        self.late = settings.pong_late
        self.limits = {}
        self.talks = {}
        self.waits = column(FILTER)
        self.waiting = 0
        self.rows = None

    @cython.locals(talk=Talk)
    def forget(self, connection: int) -> None:
        """The connection is over."""
        talk = self.talks.pop(connection, None)
        if talk is not None:
            self._wait(connection, talk, False)

    @cython.cfunc
    @cython.locals(talk=Talk)
    @cython.exceptval(check=False)
    def _wait(self, connection: cython.longlong, talk: Talk, waits: cython.bint) -> cython.void:
        """From now on something waits in a connection, or nothing does any more."""
        if talk.waits != waits:
            talk.waits = waits
            self.waits[connection & (_FILTER - 1)] += 1 if waits else -1
            self.waiting += 1 if waits else -1

    def take(self, rows: FrameRows) -> None:
        """Frames were collected."""
        if self.rows is not rows:
            self.rows = rows
            self.arena = rows.arena
            self.plain = memoryview(bytearray(len(rows.arena)))
            for name in _COLUMNS:
                setattr(self, name, getattr(rows, name))
        said = self._payloads(rows.count)
        if said is not None or self.waiting:
            self._take(rows.count, said or b"")

    def _payloads(self, count: cython.Py_ssize_t) -> bytes | None:
        """What is kept of all Pings' and Pongs' payloads, unmasked, one after the other; None where there are none."""
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t
        start: cython.Py_ssize_t
        size: cython.Py_ssize_t
        at: cython.Py_ssize_t = 0
        opcode: cython.int
        found: cython.bint = False
        for i in range(count):
            opcode = OPCODE[self.byte0[i]]
            if opcode not in (PING, PONG):
                continue
            found = True
            start = self.control[i]
            size = self.control_size[i]
            if not cython.compiled:
                self.plain[at : at + size] = unmask(bytes(self.arena[start : start + size]), self.key[i], 0)
            else:
                for k in range(size):
                    self.plain[at + k] = self.arena[start + k] ^ ((self.key[i] >> (24 - 8 * (k & 3))) & 0xFF)
            at += size
        return bytes(self.plain[:at]) if found else None

    @cython.locals(talk=Talk)
    def _take(self, count: cython.Py_ssize_t, said: bytes) -> None:
        """Go through all frames; ``said`` are the payloads of the Pings and Pongs."""
        i: cython.Py_ssize_t
        opcode: cython.int
        at: cython.Py_ssize_t = 0
        size: cython.Py_ssize_t
        beats: cython.bint
        for i in range(count):
            opcode = OPCODE[self.byte0[i]]
            beats = opcode in (PING, PONG)
            size = 0
            if beats:
                size = self.control_size[i]
                at += size
            elif not self.waits[self.connection[i] & (_FILTER - 1)]:
                continue
            if self.byte1[i] < 0 or self.cut[i] == HTTP or self.header[i] != HEADER[self.byte1[i]]:
                continue
            talk = self.talks.get(self.connection[i])
            if beats and (self.context[i] & KNOWN) == SEEN:
                if talk is None:
                    talk = self.talks[self.connection[i]] = Talk()
                whole = self.cut[i] == WHOLE and size == self.length[i]
                self._beat(i, talk, said[at - size : at] if whole else None)
            if talk is not None and talk.waits and opcode != CLOSE and self.peer_close[i] == _NO_CLOSE:
                self._later(i, talk)

    @cython.cfunc
    @cython.locals(talk=Talk, pings=Pings, beat=Beat, ping=Beat)
    def _beat(self, i: cython.Py_ssize_t, talk: Talk, payload: bytes | None) -> None:
        """A Ping or a Pong."""
        asks: cython.bint = OPCODE[self.byte0[i]] == PING
        delay: cython.longlong
        beat = Beat.__new__(Beat)
        beat.file = self.file[i]
        beat.packet = self.packet[i]
        beat.ordinal = self.ordinal[i]
        beat.time_ns = self.time_ns[i]
        beat.file_offset = self.file_offset[i]
        beat.known_ns = self.last_time_ns[i]
        beat.frame = self.index[i]
        beat.offset = self.offset[i]
        beat.end = self.offset[i] + self.header[i] + self.length[i]
        beat.acked = self.acked[i]
        beat.payload = payload
        beat.echoed = False
        beat.later = 0
        client: cython.bint = (self.client[i] == 1) == asks  # the Pings are the client's
        pings = talk.client if client else talk.server
        if pings is None:
            pings = self._begin(self.connection[i], talk, client)
        if asks:
            if pings.ping(beat):
                self.limits["pings"] = self.limits.get("pings", 0) + 1
            self._wait(self.connection[i], talk, True)
            return
        ping = pings.last(beat)
        if ping is None:
            ping = pings.pong(beat, self._sure(self.connection[i], beat.ordinal))
            if ping is None:
                return
        delay = beat.time_ns - ping.known_ns
        if delay > self.late:
            if self.before_from[i] <= ping.known_ns < self.before_to[i]:  # a frame in progress kept it from answering
                delay -= self.before_to[i] - ping.known_ns
            if delay > self.late:
                pings.note("CT-004", beat, delay)
        if self.closed[i] and payload:
            self.answered(self.connection[i], 1 - self.client[i], ping, beat)

    def _begin(self, connection: int, talk: Talk, client: bool) -> Pings:
        """The memory of a side's Pings; it is part of the dialogue too."""
        pings = Pings(self.settings)
        self.of(connection).sides[0 if client else 1].pings = pings
        if client:
            talk.client = pings
        else:
            talk.server = pings
        return pings

    def _sure(self, connection: int, ordinal: int) -> bool:
        """Nothing was lost in a connection before the packet of that ordinal."""
        return bool(min(self.lost(connection, 0), self.lost(connection, 1)) > ordinal)

    @cython.cfunc
    @cython.locals(talk=Talk, pings=Pings, ping=Beat)
    def _later(self, i: cython.Py_ssize_t, talk: Talk) -> None:
        """A frame of a connection in which something waits: it may show that a Ping was passed over."""
        k: cython.Py_ssize_t
        pings = talk.server if self.client[i] else talk.client
        if pings is not None:
            for k in range(max(0, pings.answered - pings.forgotten), len(pings.remembered)):
                ping = pings.remembered[k]
                if ping.later < _ENOUGH and self.acked[i] >= ping.end:
                    ping.later += 1
        if not (self._waits(talk.client) or self._waits(talk.server)):
            self._wait(self.connection[i], talk, False)

    @cython.cfunc
    @cython.locals(pings=Pings, ping=Beat)
    def _waits(self, pings: Pings | None) -> cython.bint:
        """Whether frames of the peer may still show something about a side's Pings."""
        k: cython.Py_ssize_t
        if pings is not None:
            for k in range(max(0, pings.answered - pings.forgotten), len(pings.remembered)):
                ping = pings.remembered[k]
                if ping.later < _ENOUGH:
                    return True
        return False
