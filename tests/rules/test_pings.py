"""Which Pong answers which Ping."""

from __future__ import annotations

from analyzer.rules.pings import EARLY, Beat, Pings
from analyzer.settings import SECOND, Settings

SETTINGS = Settings(pings=4)


class Talk:
    """Pings and Pongs in the order in which they were captured."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.pings, self.sent, self.now, self.forgot = Pings(settings), 0, 0, 0

    def beat(self, payload: bytes | None, end: int, acked: int) -> Beat:
        beat = Beat()
        beat.file, beat.packet, beat.ordinal, beat.file_offset = 0, self.now + 1, self.now, 0
        beat.time_ns = beat.known_ns = self.now * SECOND
        beat.frame, beat.offset, beat.end, beat.acked = self.now, end - 5, end, acked
        beat.payload, beat.echoed, beat.later = payload, False, 0
        return beat

    def ping(self, payload: bytes | None, wait: int = 0) -> Talk:
        self.now += 1 + wait
        self.sent += 5
        self.forgot += self.pings.ping(self.beat(payload, self.sent, 0))
        return self

    def pong(self, payload: bytes | None, wait: int = 0, acked: int | None = None, sure: bool = True) -> Talk:
        self.now += 1 + wait
        self.pings.pong(self.beat(payload, 0, self.sent if acked is None else acked), sure)
        return self

    def noted(self, wait: int = 0) -> dict[str, int]:
        self.pings.finish((self.now + wait) * SECOND)
        return {rule: noted.count for rule, noted in self.pings.noted.items()}


def test_a_pong_answers_its_ping_and_all_before_it() -> None:
    talk = Talk().ping(b"a").ping(b"b").ping(b"c").pong(b"b")
    assert [ping.payload for ping in talk.pings.waiting] == [b"c"]
    assert talk.noted() == {"CT-006": 1}


def test_a_pong_after_a_later_one() -> None:
    assert Talk().ping(b"a").ping(b"b").pong(b"b").pong(b"a").noted() == {"CT-006": 1, "CT-008": 1}
    assert Talk().ping(b"a").ping(b"b").pong(b"a").pong(b"b").noted() == {}


def test_where_payloads_repeat_little_is_claimed() -> None:
    talk = Talk().ping(b"").ping(b"").ping(b"").pong(b"").pong(b"").pong(b"")
    assert talk.noted() == {}
    assert talk.pings.unanswered == 0


def test_a_pong_answers_no_ping_its_sender_did_not_have() -> None:
    talk = Talk().ping(b"a").ping(b"a")
    talk.pong(b"a", acked=5)
    assert talk.pings.unanswered == 1


def test_pongs_nobody_asked_for() -> None:
    assert Talk().pong(b"x").pong(b"y").noted() == {"CT-005": 2}
    assert Talk().pong(b"x", sure=False).noted() == {}
    talk = Talk()
    for _ in range(EARLY + 5):
        talk.pong(b"x")
    assert talk.noted() == {"CT-005": EARLY + 5}
    assert not talk.pings.early


def test_a_ping_captured_after_its_pong() -> None:
    talk = Talk().pong(b"a", acked=5).ping(b"a")
    assert talk.pings.unanswered == 0
    assert talk.noted() == {}
    talk = Talk().ping(b"a").pong(b"b", acked=10).ping(b"b")
    assert talk.pings.unanswered == 0
    assert talk.noted(wait=30) == {}


def test_another_payload() -> None:
    assert Talk().ping(b"a").pong(b"x").noted() == {}
    assert Talk().ping(b"a").pong(b"x").noted(wait=30) == {"CT-007": 1}
    assert Talk().ping(b"a").pong(b"x").pong(b"a").noted(wait=30) == {}
    assert Talk().ping(b"a").pong(b"x").pong(b"a", wait=30).noted() == {"CT-007": 1}
    assert Talk().ping(b"a").ping(b"b").pong(b"x").noted(wait=30) == {}, "two are open"
    assert Talk().ping(b"a").pong(b"x", acked=0).noted(wait=30) == {}, "it did not have the Ping"
    assert Talk().ping(b"a").pong(b"x").ping(b"b", wait=30).pong(b"x").noted(wait=30) == {"CT-007": 2}


def test_an_unknown_payload_may_be_anything() -> None:
    talk = Talk().ping(None).pong(b"x")
    assert talk.pings.unanswered == 0
    talk = Talk().ping(b"a").ping(b"b").pong(None)
    assert talk.pings.unanswered == 0
    assert talk.noted(wait=30) == {}


def test_the_memory_is_bounded_and_counts_on() -> None:
    talk = Talk()
    for number in range(10):
        talk.ping(bytes([number]))
    assert len(talk.pings.remembered) == 4
    assert (talk.pings.unanswered, talk.forgot) == (10, 1)
    talk.pong(bytes([9]))
    assert talk.pings.unanswered == 0
    assert talk.ping(b"n").forgot == 1, "nothing that still waits was forgotten"


def test_a_pong_that_repeats_what_it_does_not_acknowledge() -> None:
    """Its segment was captured too early, or the Ping's: it cannot have guessed. An empty one proves nothing."""
    assert Talk().ping(b"a").pong(b"a", acked=0).pings.unanswered == 0
    assert Talk().ping(b"").pong(b"", acked=0).pings.unanswered == 1
    talk = Talk().ping(b"a").ping(b"a").pong(b"a", acked=5)
    assert (talk.pings.unanswered, talk.noted()) == (1, {}), "the one that it had comes first"
