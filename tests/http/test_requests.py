"""Which request a response answers, and how openings are counted."""

from __future__ import annotations

import pytest

from analyzer.http.exchange import is_opening
from analyzer.http.head import Head, parse_head
from analyzer.http.requests import Pending, Requests, waits
from analyzer.model import Place
from tests.http.feeding import PLAIN, REQUEST, RESPONSE

PLACE = Place(file=0, packet=1, ordinal=0, time_ns=0, file_offset=0)


def head(raw: bytes, offset: int = 0) -> Head:
    return parse_head(raw, [(0, offset, PLACE)], is_request=not raw.startswith(b"HTTP/"))


OK = head(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def queue(*raws: bytes) -> Requests:
    """Requests that stand one behind the other in the stream, the openings among them as such."""
    requests, offset = Requests(lambda: 7), 0
    for raw in raws:
        request = head(raw, offset)
        requests.add(request, requests.opening(request, 0) if is_opening(request) else None)
        offset += len(raw)
    return requests


def test_the_oldest_request_is_answered_first() -> None:
    requests = queue(PLAIN, REQUEST)
    oldest = requests.first
    assert requests.take(OK, -1) is oldest
    assert [pending.exchange for pending in requests.waiting] == requests.openings


def test_a_switch_answers_the_opening_wherever_it_stands() -> None:
    requests = queue(PLAIN, REQUEST, PLAIN)
    answered = requests.take(head(RESPONSE), -1)
    assert answered is not None
    assert answered.exchange is not None
    assert [pending.exchange for pending in requests.waiting] == [None, None]


def test_what_acknowledges_nothing_of_the_opening_does_not_answer_it() -> None:
    requests = Requests(lambda: 7)
    request = head(REQUEST, offset=100)
    requests.add(request, requests.opening(request, 0))
    assert requests.take(OK, 100) is None
    assert requests.take(OK, 101) is not None


def test_openings_of_one_connection_share_its_number_and_are_counted() -> None:
    requests = queue(REQUEST, REQUEST)
    requests.tunnel = True
    openings = [*requests.openings, requests.opening(None, 1)]
    assert [(each.connection, each.index, each.client_side) for each in openings] == [(7, 0, 0), (7, 1, 0), (7, 2, 1)]
    assert [each.connect_before for each in openings] == [False, False, True]


def test_after_a_loss_only_openings_are_waited_for() -> None:
    requests = queue(PLAIN, REQUEST, PLAIN)
    requests.keep_openings()
    assert [pending.exchange is not None for pending in requests.waiting] == [True]
    assert requests.held == len(REQUEST)


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: a\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\n\r\n", False),
    ],
)
def test_a_client_waits_after_what_may_change_the_protocol(raw: bytes, answer: bool) -> None:
    request = head(raw)
    assert not is_opening(request)
    assert waits(Pending(request, None)) is answer
