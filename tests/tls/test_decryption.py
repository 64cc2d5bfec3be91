"""The stage between TCP and HTTP: what it replaces, what it leaves alone, and what it says of the rest."""

from __future__ import annotations

import random

import pytest

from analyzer.settings import Settings
from analyzer.tcp import streams
from analyzer.tcp.streams import Chunks
from analyzer.tls.decryption import TUNNEL_ROWS, Decryption
from analyzer.tls.session import Reason
from tests.tls.feeding import Feed


def test_a_connection_comes_out_decrypted() -> None:
    feed = Feed(name="a.example")
    feed.handshake()
    feed.say(0, b"hello")
    feed.say(1, b"world" * 4000)
    feed.feed(streams.FIN, 1)
    feed.feed(streams.END, 1)
    assert feed.said(streams.SECURED) == [1]
    assert feed.plain(0) == [(0, b"hello")]
    assert b"".join(data for _, data in feed.plain(1)) == b"world" * 4000
    assert [row.kind for row in feed.rows[-2:]] == [streams.FIN, streams.END]
    assert feed.said(streams.FAILED) == []


def test_other_connections_are_handed_on_as_they_are() -> None:
    feed = Feed()
    feed.data(0, b"GET / HTTP/1.1\r\n")
    feed.data(1, b"HTTP/1.1 200\r\n")
    assert feed.plain(0) == [(0, b"GET / HTTP/1.1\r\n")]
    table = Chunks(1)
    table.kind[0], table.direction[0], table.count = streams.DATA, 0, 1
    assert feed.decryption.plain(table, bytearray()) is table


def test_a_tunnel_through_a_proxy() -> None:
    feed = Feed()
    feed.data(0, b"CONNECT a.example:443 HTTP/1.1\r\n\r\n")
    feed.data(1, b"HTTP/1.1 200 OK\r\n\r\n")
    feed.handshake()
    feed.say(0, b"inside")
    feed.say(1, b"too")
    assert feed.plain(0) == [(0, b"CONNECT a.example:443 HTTP/1.1\r\n\r\n"), (34, b"inside")]
    assert feed.plain(1)[-1] == (19, b"too")


def test_a_tunnel_that_never_speaks_tls() -> None:
    feed = Feed()
    feed.data(0, b"CONNECT a.example:80 HTTP/1.1\r\n\r\n")
    for _ in range(TUNNEL_ROWS + 2):
        feed.data(1, b"x")
    assert len(feed.plain(1)) == TUNNEL_ROWS + 2
    assert not feed.decryption._sessions


@pytest.mark.parametrize(("keys", "reason"), [(True, Reason.NO_HANDSHAKE), (False, Reason.NO_SECRET)])
def test_why_not(keys: bool, reason: Reason) -> None:
    feed = Feed(keys=keys)
    flights = feed.tls.handshake()
    feed.data(0, flights[0][1])
    if not keys:
        feed.data(1, flights[1][1])
    feed.feed(streams.END, 0)
    assert feed.said(streams.FAILED) == [reason]


def test_another_s_secret_is_told_once() -> None:
    feed = Feed(keys=False)
    wrong = feed.tls.keylog().split()
    wrong[2::3] = ["00" * 32] * 4
    feed.decryption.keylog.add("\n".join(" ".join(wrong[i : i + 3]) for i in range(0, len(wrong), 3)).encode())
    feed.handshake()
    for _ in range(40):
        feed.say(0, b"hello")
    feed.feed(streams.END, 0)
    assert feed.said(streams.FAILED) == [Reason.WRONG_SECRET]
    assert feed.said(streams.UNREADABLE) == []


def test_a_lost_hello_is_the_end_of_it() -> None:
    feed = Feed()
    feed.data(0, feed.tls.handshake()[0][1])
    feed.gap(1, 500)
    feed.data(1, b"\x17\x03\x03\x00\x20" + bytes(32))
    assert feed.said(streams.FAILED) == [Reason.NO_HANDSHAKE]


def test_what_waits_is_bounded() -> None:
    settings = Settings(sealed_size=1000)
    feed = Feed(settings)
    feed.data(0, feed.tls.handshake()[0][1])
    for _ in range(3):
        feed.data(0, b"\x17\x03\x03\x01\x00" + bytes(256))
    assert feed.said(streams.FAILED) == []
    feed.data(0, b"\x17\x03\x03\x02\x00" + bytes(512))
    assert feed.said(streams.FAILED) == [Reason.NO_HANDSHAKE]
    assert feed.decryption.limits == {"sealed_size": 1}


def test_all_that_waits_is_bounded() -> None:
    """Of many connections the one that has been quiet longest is given up."""
    feed = Feed(Settings(total_sealed_size=1000))
    for slot in range(5):
        feed.feed(streams.OPEN, 2 * slot)
        feed.feed(streams.DATA, 2 * slot, b"\x16\x03\x01\x40\x00" + bytes(300))
    assert [row.direction for row in feed.of(streams.TLS)] == [0, 2]
    assert feed.decryption.limits == {"total_sealed_size": 2}


def test_any_bytes_in_no_exception_out() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        feed = Feed()
        flights = [(int(side == "server"), data) for side, data in feed.tls.handshake()]
        flights += [(side, feed.sealed(side, bytes(chance.randrange(1, 50)))) for side in (0, 1, 0, 1)]
        for side, flight in flights:
            data = bytearray(flight)
            for _ in range(chance.randrange(3)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            if chance.random() < 0.2:
                data = data[: chance.randrange(len(data))]
            if chance.random() < 0.2:
                feed.gap(side, chance.randrange(1, 100))
            if data:
                feed.data(side, bytes(data))
        feed.feed(streams.RST, 0)
        feed.feed(streams.END, 1)
        assert not feed.decryption._sessions
        assert not feed.decryption._held_total


def test_secrets_are_learnt_as_they_come() -> None:
    decryption = Decryption(Settings())
    assert not decryption.keylog.given
    secrets = [b"CLIENT_RANDOM 00 11\n"]
    decryption.learn(secrets)
    secrets.append(b"CLIENT_RANDOM 01 12\n")
    decryption.learn(secrets)
    assert decryption.keylog.find("CLIENT_RANDOM", b"\1") == b"\x12"
