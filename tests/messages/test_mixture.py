"""When a direction's compressed messages mix secrets with the peer's words, and when not."""

from __future__ import annotations

import pytest

from analyzer.messages.mixture import STRETCH, Mixture

WORDS = b"the words of an attacker, repeated"
TOKEN = b'{"csrf_token":"c2VjcmV0IHNlY3JldCBzZWNyZXQ"}'


def pair(*, compressed: bool = True) -> tuple[Mixture, Mixture]:
    """Client and server; the server's messages share a window where ``compressed``."""
    client, server = Mixture(compressed=True), Mixture(compressed=compressed)
    client.peer, server.peer = server, client
    return client, server


def say(side: Mixture, text: bytes, *, compressed: bool = True, size: int = 7) -> bool:
    side.begin()
    for start in range(0, len(text), size):
        side.feed(text[start : start + size])
    return side.finish(compressed=compressed)


@pytest.mark.parametrize("order", [(TOKEN, b'{"echo":"%s"}' % WORDS), (b'{"echo":"%s"}' % WORDS, TOKEN)])
def test_told_once_when_both_were_sent(order: tuple[bytes, bytes]) -> None:
    client, server = pair()
    say(client, b'{"say":"%s"}' % WORDS)
    assert [say(server, text) for text in (*order, TOKEN, WORDS)] == [False, True, False, False]


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (WORDS, [TOKEN]),
        (WORDS, [WORDS]),
        (b"x" * (STRETCH - 1), [TOKEN, b"x" * (STRETCH - 1)]),
        (WORDS, [b'{"token":"short"}', WORDS]),
        (WORDS, [TOKEN, b"y" * 5000 + WORDS]),
    ],
)
def test_not_told(said: bytes, answers: list[bytes]) -> None:
    client, server = pair()
    say(client, said)
    assert not any(say(server, text) for text in answers)


def test_only_what_shares_a_window_counts() -> None:
    client, server = pair(compressed=False)
    say(client, WORDS)
    assert not say(server, TOKEN + WORDS)
    client, server = pair()
    say(client, WORDS, compressed=False)
    assert not say(server, TOKEN + WORDS, compressed=False)
    assert say(server, TOKEN + WORDS)


def test_the_peer_s_words_come_before() -> None:
    client, server = pair()
    assert not say(server, TOKEN + WORDS)
    say(client, WORDS)
    assert say(server, WORDS)
