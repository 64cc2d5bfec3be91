"""What an opening settles about the frames after it."""

from __future__ import annotations

import pytest

from analyzer.frames.decode import COMPRESSION, NAMED, OPENING_SEEN, ROLES_SURE, UNKNOWN_EXTENSION
from analyzer.messages.inflate import Compression
from analyzer.rules.negotiation import agreement
from tests.http.feeding import REQUEST, RESPONSE, SERVER, Talk

SEEN = OPENING_SEEN | ROLES_SURE | NAMED
DEFLATE = COMPRESSION | 4


def answer(*extensions: bytes) -> bytes:
    return RESPONSE[:-2] + b"".join(b"Sec-WebSocket-Extensions: " + value + b"\r\n" for value in extensions) + b"\r\n"


@pytest.mark.parametrize(
    ("extensions", "context", "client", "server"),
    [
        ([], SEEN, True, True),
        ([b"permessage-deflate"], SEEN | DEFLATE, True, True),
        ([b"PerMessage-Deflate; Server_No_Context_Takeover"], SEEN | DEFLATE, True, False),
        ([b"permessage-deflate; client_no_context_takeover; server_max_window_bits=10"], SEEN | DEFLATE, False, True),
        ([b"deflate-frame"], SEEN | 4, True, True),
        ([b"x-private; a=b"], SEEN | UNKNOWN_EXTENSION, True, True),
        ([b"permessage-deflate", b"x-private"], SEEN | DEFLATE | UNKNOWN_EXTENSION, True, True),
        ([b"bbf-usp-protocol"], SEEN, True, True),
    ],
)
def test_extensions_in_use_decide_about_reserved_bits(
    extensions: list[bytes], context: int, client: bool, server: bool
) -> None:
    talk = Talk().client(REQUEST).server(answer(*extensions))
    agreed = agreement(talk.connection.exchanges[0])
    assert agreed.context == context
    assert (agreed.client is not None) == bool(context & COMPRESSION)
    if agreed.client is not None and agreed.server is not None:
        assert (agreed.client.takeover, agreed.server.takeover) == (client, server)


def test_an_answer_with_a_hole_settles_nothing() -> None:
    whole = answer(b"permessage-deflate")
    talk = Talk().client(REQUEST).server(whole[:60]).lose(SERVER, 5).server(whole[65:])
    exchanges = talk.connection.exchanges
    if exchanges:
        assert agreement(exchanges[0]).context == ROLES_SURE | UNKNOWN_EXTENSION
    else:
        talk.finish()
        assert agreement(talk.connection.exchanges[0]).context == ROLES_SURE | UNKNOWN_EXTENSION


@pytest.mark.parametrize(
    ("params", "client", "server"),
    [
        (b"", (True, 15), (True, 15)),
        (b'; client_max_window_bits=9; server_max_window_bits="12"', (True, 9), (True, 12)),
        (b"; client_max_window_bits; server_max_window_bits=16", (True, 15), (True, 15)),
        (b"; client_no_context_takeover, permessage-deflate", (True, 15), (True, 15)),
    ],
)
def test_the_answer_binds_each_side(params: bytes, client: tuple[bool, int], server: tuple[bool, int]) -> None:
    """Where it is wrong or says two things, nobody is bound by it."""
    talk = Talk().client(REQUEST).server(answer(b"permessage-deflate" + params))
    agreed = agreement(talk.connection.exchanges[0])
    assert (agreed.client, agreed.server) == (Compression(*client), Compression(*server))


@pytest.mark.parametrize(
    ("extension", "unknown", "decodable"),
    [
        (b"permessage-deflate", (), True),
        (b"X-WebKit-Deflate-Frame", ("X-WebKit-Deflate-Frame",), True),
        (b"permessage-bzip2", ("permessage-bzip2",), True),
        (b"Deflate-Stream", ("Deflate-Stream",), False),
        (b"mux; quota=5", ("mux",), False),
    ],
)
def test_what_cannot_be_interpreted_is_named(extension: bytes, unknown: tuple[str, ...], decodable: bool) -> None:
    agreed = agreement(Talk().client(REQUEST).server(answer(extension)).connection.exchanges[0])
    assert (agreed.unknown, agreed.decodable) == (unknown, decodable)
