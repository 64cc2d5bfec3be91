"""What an opening settles about the frames after it."""

from __future__ import annotations

import pytest

from analyzer.frames.decode import COMPRESSION, OPENING_SEEN, ROLES_SURE, UNKNOWN_EXTENSION
from analyzer.rules.negotiation import agreement
from tests.http.feeding import REQUEST, RESPONSE, SERVER, Talk

SEEN = OPENING_SEEN | ROLES_SURE
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
    assert agreed.compression == bool(context & COMPRESSION)
    if agreed.compression:
        assert (agreed.client_takeover, agreed.server_takeover) == (client, server)


def test_an_answer_with_a_hole_settles_nothing() -> None:
    whole = answer(b"permessage-deflate")
    talk = Talk().client(REQUEST).server(whole[:60]).lose(SERVER, 5).server(whole[65:])
    exchanges = talk.connection.exchanges
    if exchanges:
        assert agreement(exchanges[0]).context == ROLES_SURE | UNKNOWN_EXTENSION
    else:
        talk.finish()
        assert agreement(talk.connection.exchanges[0]).context == ROLES_SURE | UNKNOWN_EXTENSION
