"""What is watched after an opening: the first frame, and the first that acknowledges a wrong answer."""

from __future__ import annotations

from analyzer.model import Cut
from analyzer.rules.opening import Opening
from analyzer.rules.sequel import Watch, after_refusal, answer_to
from tests.http.feeding import CLIENT, MASKED, PLAIN, REQUEST, RESPONSE, SERVER, Talk

REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


def opening(talk: Talk) -> Opening:
    return Opening(talk.connection.exchanges[0])


def test_the_answer_is_remembered_by_its_bytes() -> None:
    answer = answer_to(opening(Talk().client(REQUEST).server(RESPONSE)))
    assert answer is not None
    assert (answer.status, answer.offset, answer.end, answer.wrong) == (101, 0, len(RESPONSE), ())


def test_what_was_not_captured_whole_or_is_older_tells_nothing() -> None:
    cut = Talk().client(REQUEST).server(RESPONSE[:40]).lose(SERVER, 5).server(RESPONSE[45:])
    old = Talk().client(REQUEST.replace(b"Version: 13", b"Version: 5")).server(RESPONSE)
    silent = Talk().client(REQUEST).end(SERVER, Cut.RST)
    assert [answer_to(opening(talk)) for talk in (cut, old, silent)] == [None] * 3


def test_after_a_refusal_the_first_bytes_are_handed_on() -> None:
    for data, http in ((MASKED, False), (PLAIN, True)):
        talk = Talk().client(REQUEST).server(REFUSED).client(data).client(data)
        ((exchange, chunk, is_http),) = talk.connection.sequels
        sequel = after_refusal(Opening(exchange), chunk, http=is_http)
        assert sequel is not None
        assert (sequel.offset, sequel.acked, sequel.http) == (len(REQUEST), len(REFUSED), http)
        assert sequel.informed
        assert not sequel.early


def test_the_line_ends_before_a_request_are_not_what_follows() -> None:
    talk = Talk().client(REQUEST).server(REFUSED).client(b"\r\n").client(PLAIN)
    ((_, chunk, http),) = talk.connection.sequels
    assert (chunk.offset, http) == (len(REQUEST) + 2, True)


def test_what_may_be_tls_or_comes_after_a_hole_is_not_handed_on() -> None:
    for data in (b"\x16", b"\x16\x03\x01\x00\x05"):
        assert Talk().client(REQUEST).server(REFUSED).client(data).connection.sequels == []
    assert Talk().client(REQUEST).server(REFUSED).lose(CLIENT, 5).client(MASKED).connection.sequels == []


def test_what_a_client_sent_before_the_refusal_is_early() -> None:
    talk = Talk().client(REQUEST).client(MASKED, acked=0).server(REFUSED)
    ((exchange, chunk, http),) = talk.connection.sequels
    sequel = after_refusal(Opening(exchange), chunk, http=http)
    assert sequel is not None
    assert sequel.early


def test_nothing_is_kept_of_a_connection_that_is_over() -> None:
    watch = Watch()
    watch.begin(opening(Talk().client(REQUEST).server(RESPONSE)))
    watch.end(0)
    watch.end(0)
    assert not watch._silent
