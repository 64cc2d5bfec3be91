"""A TCP connection read as HTTP: where frames begin, which answer belongs to which request, what is ignored."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.http.connection import PATIENCE
from analyzer.http.exchange import State
from analyzer.model import Cut
from analyzer.settings import Settings
from tests.http.feeding import CLIENT, MASKED, PLAIN, REQUEST, RESPONSE, SERVER, UNMASKED, Talk

REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nnope"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def assert_switched(talk: Talk, client_from: int = len(REQUEST), server_from: int = len(RESPONSE)) -> None:
    connection = talk.connection
    assert connection.state is State.SWITCHED, connection.reason
    assert connection.frames_from == [client_from, server_from]
    assert connection.exchange is connection.exchanges[-1]
    assert connection.exchange is not None
    assert connection.exchange.accepted


def test_an_opening_and_its_answer() -> None:
    talk = Talk().client(REQUEST).server(RESPONSE)
    assert_switched(talk)
    (exchange,) = talk.connection.exchanges
    assert (exchange.connection, exchange.index, exchange.client_side) == (0, 0, CLIENT)
    assert exchange.intact_request
    assert exchange.intact_response
    assert talk.numbers == [0]
    assert exchange.answer_place is not None
    assert exchange.answer_place.packet == 2


def test_the_first_frames_in_the_segment_of_the_101() -> None:
    talk = Talk().client(REQUEST).server(RESPONSE + UNMASKED)
    assert_switched(talk)
    (chunk,) = talk.connection.leftover[SERVER]
    assert (chunk.data, chunk.offset) == (UNMASKED, len(RESPONSE))
    assert chunk.place.file_offset == 2000 + len(RESPONSE)


def test_frames_captured_before_the_101_are_kept() -> None:
    talk = Talk().client(REQUEST).client(MASKED, acked=len(RESPONSE)).server(RESPONSE)
    assert_switched(talk)
    assert talk.left(CLIENT) == MASKED


def test_frames_in_the_segment_of_the_request() -> None:
    talk = Talk().client(REQUEST + MASKED).server(RESPONSE)
    assert_switched(talk)
    assert talk.left(CLIENT) == MASKED


def test_keep_alive_exchanges_are_counted_and_skipped() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"
    head = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET "
    talk = Talk().client(PLAIN).server(OK).client(PLAIN).server(chunked).client(head).server(big)
    talk.client(post).server(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
    base = list(talk.sent)
    talk.client(REQUEST).server(RESPONSE)
    assert_switched(talk, base[0] + len(REQUEST), base[1] + len(RESPONSE))
    assert talk.connection.exchanges[0].plain_before == 4


def test_pipelined_requests_pair_in_order() -> None:
    talk = Talk().client(PLAIN + PLAIN + REQUEST).server(OK + OK + RESPONSE)
    assert_switched(talk, len(PLAIN) * 2 + len(REQUEST), len(OK) * 2 + len(RESPONSE))
    assert talk.connection.exchanges[0].plain_before == 2


def test_interim_answers_come_before_the_101() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    talk = Talk().client(REQUEST).server(interim + RESPONSE)
    assert_switched(talk, server_from=len(interim) + len(RESPONSE))
    assert [head.code for head in talk.connection.exchanges[0].interim] == [100, 103]


def test_a_refused_opening_and_a_good_one() -> None:
    talk = Talk().client(REQUEST).server(REFUSED).client(REQUEST).server(RESPONSE)
    assert_switched(talk, 2 * len(REQUEST), len(REFUSED) + len(RESPONSE))
    first, second = talk.connection.exchanges
    assert (first.accepted, first.index, second.accepted, second.index) == (False, 0, True, 1)
    assert first.connection == second.connection
    assert talk.numbers == [0]


def test_a_second_opening_captured_before_the_refusal_of_the_first() -> None:
    talk = Talk().client(REQUEST).client(REQUEST, acked=len(REFUSED)).server(REFUSED, acked=len(REQUEST))
    talk.server(RESPONSE)
    assert_switched(talk, 2 * len(REQUEST), len(REFUSED) + len(RESPONSE))


def test_connect_first() -> None:
    connect = b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n"
    granted = b"HTTP/1.1 200 Connection established\r\n\r\n"
    talk = Talk().client(connect).server(granted).client(REQUEST).server(RESPONSE)
    assert_switched(talk, len(connect) + len(REQUEST), len(granted) + len(RESPONSE))
    assert talk.connection.exchanges[0].connect_before


def test_a_tunnel_of_something_else_is_ignored() -> None:
    connect = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"
    talk = Talk().client(connect).server(b"HTTP/1.1 200 OK\r\n\r\n").client(bytes.fromhex("16030100a0010000"))
    assert (talk.connection.state, talk.connection.reason) == (State.IGNORE, "tls")


def test_content_of_an_opening_is_no_frame() -> None:
    request = REQUEST[:-2] + b"Content-Length: 4\r\n\r\n"
    talk = Talk().client(request + b"\x81\x85zz" + MASKED).server(RESPONSE)
    assert_switched(talk, len(request) + 4)
    assert talk.left(CLIENT) == MASKED


def test_hixie_76_has_content_of_its_own() -> None:
    request = b"GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key1: 1 2\r\nSec-WebSocket-Key2: 3 4\r\n\r\n"
    answer = b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\n\r\n"
    talk = Talk().client(request + b"8 bytes.").server(answer + b"16 bytes")
    assert talk.connection.state is State.HTTP
    talk.server(b" of MD5." + b"\x00hi\xff")
    assert_switched(talk, len(request) + 8, len(answer) + 16)
    (exchange,) = talk.connection.exchanges
    assert (exchange.request_content, exchange.response_content) == (b"8 bytes.", b"16 bytes of MD5.")


@pytest.mark.parametrize("how", [Cut.FIN, Cut.RST, Cut.END])
def test_a_hixie_76_answer_without_its_content_is_an_answer_all_the_same(how: Cut) -> None:
    request = b"GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key1: 1 2\r\nSec-WebSocket-Key2: 3 4\r\n\r\n"
    answer = b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\n\r\n"
    talk = Talk().client(request + b"8 bytes.").server(answer + b"16").end(SERVER, how)
    assert_switched(talk, len(request) + 8, len(answer) + 16)


def test_what_a_refusal_says_is_kept_in_part() -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n"
    talk = Talk().client(REQUEST).server(refusal + b"x" * 70)
    assert talk.connection.exchanges[0].response_content == b"x" * 64


def test_an_opening_never_answered() -> None:
    talk = Talk().client(REQUEST)
    assert talk.connection.exchanges == []
    (exchange,) = talk.finish()
    assert exchange.response is None
    assert exchange.ended is Cut.END


def test_a_half_closed_client_may_still_get_its_answer() -> None:
    talk = Talk().client(REQUEST).end(CLIENT, Cut.FIN).server(RESPONSE)
    assert_switched(talk)


def test_a_reset_ends_what_is_pending() -> None:
    talk = Talk().client(REQUEST).end(SERVER, Cut.RST)
    (exchange,) = talk.connection.exchanges
    assert exchange.ended is Cut.RST
    assert talk.connection.state is State.IGNORE


def test_an_answer_captured_before_its_request() -> None:
    talk = Talk().server(RESPONSE, acked=len(REQUEST))
    assert talk.connection.state is State.HTTP
    talk.client(REQUEST, acked=0)
    assert_switched(talk)
    assert talk.connection.exchanges[0].intact_request


def test_an_answer_captured_before_the_end_of_its_request() -> None:
    talk = Talk().client(REQUEST[:50]).server(RESPONSE, acked=len(REQUEST)).client(REQUEST[50:], acked=0)
    assert_switched(talk)


def test_an_answer_whose_request_was_never_captured() -> None:
    talk = Talk().server(RESPONSE, acked=-1).server(UNMASKED, acked=-1)
    assert_switched(talk, client_from=-1)
    assert talk.connection.exchanges[0].request is None


def test_one_direction_only_the_server() -> None:
    talk = Talk().server(RESPONSE, acked=len(REQUEST))
    for _ in range(PATIENCE):
        talk.server(UNMASKED, acked=len(REQUEST))
    assert_switched(talk, client_from=-1)
    assert talk.left(SERVER) == UNMASKED * PATIENCE


def test_one_direction_only_the_client() -> None:
    talk = Talk().client(REQUEST, acked=-1).client(MASKED, acked=-1)
    talk.finish()
    assert_switched(talk, server_from=-1)
    assert talk.left(CLIENT) == MASKED


def test_frames_without_any_answer_are_not_believed() -> None:
    talk = Talk().client(REQUEST)
    for _ in range(PATIENCE + 1):
        talk.client(MASKED, acked=0)
    (exchange,) = talk.finish()
    assert not exchange.accepted
    assert talk.connection.state is State.IGNORE


def test_a_lost_answer_before_frames() -> None:
    talk = Talk().client(REQUEST).lose(SERVER, len(RESPONSE))
    for _ in range(PATIENCE + 1):
        talk.client(MASKED)
    assert_switched(talk, server_from=-1)
    assert talk.connection.exchanges[0].response is None


def test_a_hole_in_the_request_makes_it_unjudgeable() -> None:
    talk = Talk().client(REQUEST[:60]).lose(CLIENT, 10).client(REQUEST[70:]).server(RESPONSE)
    assert_switched(talk)
    assert not talk.connection.exchanges[0].intact_request


def test_a_hole_at_the_end_of_the_request_hides_where_frames_begin() -> None:
    talk = Talk().client(REQUEST[:-10]).lose(CLIENT, 10).server(RESPONSE)
    assert_switched(talk, client_from=-1)
    assert not talk.connection.exchanges[0].intact_request


def test_a_hole_in_the_answer_makes_it_unjudgeable() -> None:
    talk = Talk().client(REQUEST).server(RESPONSE[:50]).lose(SERVER, 10).server(RESPONSE[60:] + UNMASKED)
    talk.client(MASKED)
    assert talk.connection.state is State.SWITCHED
    assert talk.connection.frames_from == [len(REQUEST), len(RESPONSE)]
    assert not talk.connection.exchanges[0].intact_response


def test_a_hole_in_content_of_known_length_is_fine() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    talk = Talk().client(PLAIN).server(head + bytes(100)).lose(SERVER, 800).server(bytes(100))
    base = list(talk.sent)
    talk.client(REQUEST).server(RESPONSE)
    assert_switched(talk, base[0] + len(REQUEST), base[1] + len(RESPONSE))


def test_an_answer_to_head_whose_request_was_not_captured_hides_no_opening() -> None:
    talk = Talk().server(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", acked=-1)
    assert talk.connection.skip(SERVER) == 9999
    base = list(talk.sent)
    talk.client(REQUEST)
    assert talk.connection.skip(SERVER) == 0
    talk.server(RESPONSE)
    assert_switched(talk, len(REQUEST), base[1] + len(RESPONSE))


def test_content_that_was_never_sent_hides_no_opening() -> None:
    post = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999\r\n\r\n"
    talk = Talk().client(post).server(REFUSED).client(REQUEST).server(RESPONSE)
    assert_switched(talk, len(post) + len(REQUEST), len(REFUSED) + len(RESPONSE))


def test_the_client_is_who_sends_the_request() -> None:
    talk = Talk().server(REQUEST).client(RESPONSE + UNMASKED)
    assert (talk.connection.state, talk.connection.client_side) == (State.SWITCHED, SERVER)
    assert talk.connection.frames_from == [len(RESPONSE), len(REQUEST)]
    assert talk.left(CLIENT) == UNMASKED


def test_content_may_be_skipped_by_the_caller() -> None:
    talk = Talk().client(PLAIN).server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    assert talk.connection.skip(SERVER) == 1000
    talk.sent[SERVER] += 1000
    base = list(talk.sent)
    talk.client(REQUEST).server(RESPONSE)
    assert_switched(talk, base[0] + len(REQUEST), base[1] + len(RESPONSE))


def test_after_a_loss_a_segment_that_begins_a_request_is_the_way_back() -> None:
    talk = Talk().lose(CLIENT, 500).client(b"rest of something").server(b"whatever", acked=-1)
    base = list(talk.sent)
    talk.client(REQUEST).lose(SERVER, 30).server(RESPONSE)
    assert_switched(talk, base[0] + len(REQUEST), base[1] + 30 + len(RESPONSE))
    assert talk.connection.exchanges[0].intact_request


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (bytes.fromhex("1603010200010001fc0303"), "tls"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"),
        (bytes(3000), "not-http"),
    ],
)
def test_what_is_no_http_is_ignored_at_once(first: bytes, reason: str) -> None:
    talk = Talk().client(first)
    assert (talk.connection.state, talk.connection.reason) == (State.IGNORE, reason)
    assert talk.numbers == []


def test_a_server_that_speaks_first_something_else() -> None:
    talk = Talk().server(b"220 mail.example ESMTP\r\n").client(b"EHLO a\r\n")
    assert talk.connection.state is State.IGNORE


def test_a_switch_to_another_protocol_the_request_listed() -> None:
    request = PLAIN[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    talk = Talk().client(request).server(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")
    assert (talk.connection.state, talk.connection.reason) == (State.IGNORE, "switched-elsewhere")
    assert talk.connection.exchanges == []


def test_an_unsolicited_switch_is_an_exchange() -> None:
    talk = Talk().client(PLAIN).server(RESPONSE)
    assert_switched(talk, client_from=len(PLAIN))


def test_after_a_101_without_upgrade_http_goes_on() -> None:
    bare = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"
    talk = Talk().client(REQUEST).server(bare)
    assert talk.connection.state is State.HTTP
    talk.client(REQUEST).server(RESPONSE)
    assert_switched(talk, 2 * len(REQUEST), len(bare) + len(RESPONSE))
    assert [exchange.accepted for exchange in talk.connection.exchanges] == [False, True]


def test_after_a_101_without_upgrade_frames_may_follow() -> None:
    bare = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"
    talk = Talk().client(REQUEST).server(bare).client(MASKED)
    assert talk.connection.state is State.SWITCHED
    assert talk.connection.frames_from == [len(REQUEST), len(bare)]
    assert talk.left(CLIENT) == MASKED


def test_an_answer_that_is_no_http() -> None:
    talk = Talk().client(REQUEST).server(b"SSH-2.0-OpenSSH\r\n")
    (exchange,) = talk.connection.exchanges
    assert exchange.response is not None
    assert [defect.kind for defect in exchange.response.defects] == ["not an HTTP status line"]


def test_an_empty_line_before_the_first_answer_is_a_defect_of_it() -> None:
    (exchange,) = Talk().client(REQUEST).server(b"\r\n" + RESPONSE).connection.exchanges
    assert exchange.response is not None
    assert exchange.response.offset == 2
    assert [(defect.offset, defect.kind) for defect in exchange.response.defects] == [
        (2, "empty line before the status line")
    ]


def test_a_tls_alert_is_no_http_answer_and_no_fault() -> None:
    talk = Talk().client(REQUEST)
    for byte in bytes.fromhex("15030100020246"):
        talk.server(bytes([byte]))
    (exchange,) = talk.finish()
    assert exchange.response is None
    assert exchange.alert


def test_a_head_beyond_the_limit_is_not_followed() -> None:
    talk = Talk(Settings(head_size=1000)).client(REQUEST[:-2] + b"X: " + b"y" * 1000)
    assert (talk.connection.state, talk.connection.limit) == (State.IGNORE, "head_size")


def test_frames_without_end_before_the_answer_are_not_kept() -> None:
    talk = Talk(Settings(head_size=1000)).client(REQUEST)
    for _ in range(1000):
        talk.client(MASKED, acked=0)
    assert (talk.connection.state, talk.connection.limit) == (State.IGNORE, "head_size")


def test_too_many_pipelined_requests_are_given_up() -> None:
    talk = Talk(Settings(pending_openings=4)).client(PLAIN * 5)
    assert (talk.connection.state, talk.connection.limit) == (State.IGNORE, "pending_openings")


def test_interim_answers_beyond_the_limit_are_read_and_counted() -> None:
    talk = Talk(Settings(interim_responses=2)).client(REQUEST).server(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3)
    assert (talk.connection.state, talk.connection.limit) == (State.HTTP, "interim_responses")
    (exchange,) = talk.server(RESPONSE).connection.exchanges
    assert len(exchange.interim) == 2
    assert exchange.accepted


def test_what_is_held_of_heads_is_told() -> None:
    talk = Talk()
    assert talk.connection.held == 0
    talk.client(REQUEST[:-2])
    assert talk.connection.held >= len(REQUEST) - 2
    talk.client(REQUEST[-2:] + MASKED, acked=0)
    assert talk.connection.held >= len(REQUEST) + len(MASKED)
    assert talk.connection.give_up("total_head_size") is State.IGNORE
    assert talk.connection.limit == "total_head_size"


def test_a_request_cut_by_its_senders_fin() -> None:
    talk = Talk().client(REQUEST[:-2]).end(CLIENT, Cut.FIN)
    (exchange,) = talk.finish()
    assert exchange.request is not None
    assert exchange.request.cut is Cut.FIN
    assert exchange.request.defects[-1].kind == "no empty line after the fields"
    assert not exchange.intact_request


def test_a_request_answered_before_its_empty_line() -> None:
    talk = Talk().client(REQUEST[:-2]).server(RESPONSE)
    assert talk.connection.state is State.SWITCHED
    request = talk.connection.exchanges[0].request
    assert request is not None
    assert request.intact
    assert request.defects[-1].kind == "no empty line after the fields"


# --- the same, however it is cut -------------------------------------------------------------------------

CHOPS = st.lists(st.integers(1, 60), min_size=1, max_size=30)
TEXTS = st.sampled_from([(REQUEST, RESPONSE), (b"\r\n" + REQUEST[:40] + b"\n" + REQUEST[42:], RESPONSE)])


@given(CHOPS, CHOPS, TEXTS)
def test_any_chopping_gives_the_same_heads(first: list[int], second: list[int], text: tuple[bytes, bytes]) -> None:
    whole = Talk().client(text[0]).server(text[1] + UNMASKED)
    cut = Talk()
    cut.say(CLIENT, text[0], pieces=itertools.cycle(first))
    cut.say(SERVER, text[1] + UNMASKED, pieces=itertools.cycle(second))
    assert cut.connection.state is whole.connection.state is State.SWITCHED
    assert cut.connection.frames_from == whole.connection.frames_from
    assert cut.left(SERVER) == whole.left(SERVER) == UNMASKED
    one, other = whole.connection.exchanges[0], cut.connection.exchanges[0]
    for ours, theirs in ((one.request, other.request), (one.response, other.response)):
        assert ours is not None
        assert theirs is not None
        assert ours.raw == theirs.raw
        assert ours.fields == theirs.fields
        assert ours.defects == theirs.defects
        assert (ours.offset, ours.end) == (theirs.offset, theirs.end)


PARTS = [
    *(REQUEST, RESPONSE, PLAIN, OK, REFUSED, MASKED, UNMASKED, b"\r\n", b"HTTP/1.1 101 X\r\n\r\n"),
    *(b"HTTP/1.1 100 C\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\x16\x03\x01"),
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nUpgrade: websocket\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["say", "say", "say", "say", "lose", "end"]),
        st.sampled_from([CLIENT, SERVER]),
        st.one_of(st.sampled_from(PARTS), st.binary(min_size=1, max_size=40)),
        st.integers(1, 200),
        st.sampled_from([None, -1, 0, 100, 1 << 31]),
    ),
    max_size=14,
)


@given(ACTIONS)
def test_nothing_that_peers_send_makes_it_raise(actions: list[tuple[str, int, bytes, int, int | None]]) -> None:
    talk = Talk()
    for action, side, data, size, acked in actions:
        if action == "say":
            talk.say(side, data, acked=acked, pieces=itertools.repeat(size))
        elif action == "lose":
            talk.lose(side, size)
        else:
            talk.end(side, [Cut.FIN, Cut.RST, Cut.END][size % 3])
        assert talk.connection.skip(side) >= 0
    talk.finish()
    connection = talk.connection
    assert connection.state is not State.HTTP
    assert (connection.exchange is not None) == (connection.state is State.SWITCHED)
    assert len(talk.numbers) == bool(connection.exchanges)
    assert [exchange.index for exchange in connection.exchanges] == list(range(len(connection.exchanges)))
    for exchange in connection.exchanges:
        assert exchange.request or exchange.response
