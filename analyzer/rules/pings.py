"""Which Pong answers which Ping (RFC 6455 5.5.2, 5.5.3), as they go by.

Theory of operation. A Pong repeats the payload of the Ping it answers, and one Pong may answer several Pings: only
the latest needs one. So what one side's Pings wait for is said by two numbers, how many were sent and up to which of
them nothing is owed any more. Payloads of the latest Pings are remembered, answered or not, to tell an answer from a
Pong nobody asked for. Where payloads repeat, a Pong is taken for the answer to the latest Ping it could answer: that
claims least. Exchanges without anything to notice, each Ping followed by its own Pong, are only counted (`Pings.fold`)
and become Pings again where something else comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from analyzer.rules.dialogue import Act
    from analyzer.settings import Settings


EARLY = 16
"""Pongs that answered no Ping, kept in case the Ping was only captured later."""


class Ping(msgspec.Struct, gc=False):
    """One Ping."""

    act: Act
    payload: bytes | None
    """None: not known, or not whole."""
    echoed: bool = False
    later: int = 0
    """Frames the peer sent in segments that acknowledge all of it; 2 stands for more."""


class Noted(msgspec.Struct):
    """Something that was noticed once or more often: the first time, and how often."""

    act: Act
    detail: int = 0
    """Nanoseconds or a number, as the rule says."""
    count: int = 1


class Differing(msgspec.Struct):
    """A Pong that came where another payload was asked for."""

    ping: Ping
    number: int
    act: Act
    payload: bytes


class Pings(msgspec.Struct):
    """One side's Pings, and the other's Pongs."""

    remembered: list[Ping] = []
    folded: list[tuple[int, Callable[[], list[Ping]]]] = []
    """After those remembered: how many Pings that were answered at once, and what makes the latest of them."""
    forgotten: int = 0
    """Pings before the first one remembered."""
    overflowed: bool = False
    """A Ping that still waited had to be forgotten."""
    answered: int = 0
    """Number of the first Ping that still needs a Pong, counting from 0."""
    differing: Differing | None = None
    """It may yet turn out to be unasked for."""
    early: list[tuple[Act, bytes]] = []
    """The latest Pongs that answered no Ping; the capture may hold the Ping later."""
    noted: dict[str, Noted] = {}
    """What was noticed, by rule."""

    @property
    def waiting(self) -> list[Ping]:
        """Pings that still need a Pong, as far as they are remembered."""
        return self.remembered[max(0, self.answered - self.forgotten) :]

    @property
    def unanswered(self) -> int:
        """How many there are in all."""
        return self.forgotten + len(self.remembered) + sum(count for count, _ in self.folded) - self.answered

    @property
    def settled(self) -> bool:
        """Nothing waits, and nothing may yet turn out to be something else."""
        return not (self.unanswered or self.early or self.differing is not None)

    def fold(self, count: int, make: Callable[[], list[Ping]], settings: Settings) -> None:
        """``count`` Pings came, each followed by its Pong, while all was settled; ``make`` gives the latest of them."""
        self.folded.append((count, make))
        self.answered += count
        if sum(each for each, _ in self.folded[1:]) >= settings.pings:
            self.forgotten += len(self.remembered) + self.folded.pop(0)[0]
            self.remembered = []

    def _unfold(self, settings: Settings) -> None:
        """Remember one by one what was only counted."""
        for count, make in self.folded:
            made = make()
            if len(made) < count:
                self.forgotten += len(self.remembered) + count - len(made)
                self.remembered = []
            self.remembered += made
        self.folded = []
        excess = len(self.remembered) - settings.pings
        if excess > 0:
            self.forgotten += excess
            del self.remembered[:excess]

    def note(self, rule: str, act: Act, detail: int = 0) -> None:
        """Something was noticed about a Pong."""
        seen = self.noted.get(rule)
        if seen is None:
            self.noted[rule] = Noted(act, detail)
        else:
            seen.count += 1

    def ping(self, act: Act, payload: bytes | None, settings: Settings) -> bool:
        """A Ping was sent. Whether, for the first time, one that still waits had to be forgotten."""
        if self.folded:
            self._unfold(settings)
        self.expire(act.place.time_ns, settings)
        self.remembered.append(Ping(act, payload))
        if self.early or self.differing is not None:
            self._captured_late(act, payload)
        if len(self.remembered) <= settings.pings:
            return False
        del self.remembered[0]
        self.forgotten += 1
        first = self.forgotten > self.answered and not self.overflowed
        self.overflowed = self.overflowed or first
        return first

    def pong(self, act: Act, payload: bytes | None, settings: Settings, *, sure: bool) -> tuple[Ping, int] | None:
        """A Pong was sent; ``sure``: nothing was lost before. The Ping it answers, if one, and the delay."""
        if self.folded:
            self._unfold(settings)
        self.expire(act.place.time_ns, settings)
        match = self._match(act, payload)
        if match is None:
            if sure and payload is not None:
                self._unmatched(act, payload)
            return None
        ping, number, alone = match
        if number < self.answered:
            if sure and alone and not ping.echoed:
                self.note("CT-008", act)
            ping.echoed = True
            return None
        if sure and alone and number > self.answered >= self.forgotten:
            self.note("CT-006", act, number + 1 - self.answered)
        if self.differing is not None and self.differing.number <= number:
            self.differing = None
        ping.echoed = True
        self.answered = number + 1
        return ping, act.place.time_ns - ping.act.known_ns

    def expire(self, now: int, settings: Settings) -> None:
        """Time goes by: a Pong with another payload was the answer if no right one came in time."""
        differing = self.differing
        if differing is not None and now - differing.ping.act.known_ns > settings.pong_timeout:
            self.note("CT-007", differing.act)
            differing.ping.echoed = True
            self.answered = max(self.answered, differing.number + 1)
            self.differing = None

    def _match(self, act: Act, payload: bytes | None) -> tuple[Ping, int, bool] | None:
        """The latest Ping that a Pong may answer, its number, and whether no other one has its payload."""
        found: tuple[Ping, int] | None = None
        number = self.forgotten + len(self.remembered)
        if self.unanswered == 1 and payload is not None:  # nearly always; then it does not matter what came before
            ping = self.remembered[-1]
            if ping.payload == payload and not 0 <= act.acked < ping.act.end:
                return ping, number - 1, False
        for ping in reversed(self.remembered):
            number -= 1
            if 0 <= act.acked < ping.act.end:
                continue
            known = payload is not None and ping.payload is not None
            if known and ping.payload != payload:
                continue
            if found is not None:
                return *found, False
            if not known:  # it may be the answer, and that is all there is to say
                return ping, number, False
            found = ping, number
        return None if found is None else (*found, True)

    def finish(self, now: int, settings: Settings) -> None:
        """Nothing more comes."""
        self.expire(now, settings)
        for act, _ in self.early:
            self.note("CT-005", act)
        self.early = []

    def _captured_late(self, act: Act, payload: bytes | None) -> None:
        """A Ping that a Pong seen before it acknowledges or repeats: the capture holds them in the wrong order."""
        for number, (pong, said) in enumerate(self.early):
            if said == payload and (said or pong.acked >= act.end):
                del self.early[number]
                self.remembered[-1].echoed = True
                self.answered = self.forgotten + len(self.remembered)
                return
        differing = self.differing
        if differing is not None and differing.act.acked >= act.end and differing.payload == payload:
            self.differing = None
            self.remembered[-1].echoed = True
            self.answered = self.forgotten + len(self.remembered)

    def _unmatched(self, act: Act, payload: bytes) -> None:
        if not self.unanswered:
            self.early.append((act, payload))
            if len(self.early) > EARLY:
                self.note("CT-005", self.early.pop(0)[0])
        elif self.unanswered == 1 and self.differing is None:
            for ping in self.waiting:
                if act.acked >= ping.act.end:
                    self.differing = Differing(ping, self.answered, act, payload)
