"""What an opening settled about the frames after it: which extensions are in use, and what they own."""

from __future__ import annotations

import msgspec

from analyzer.frames.decode import COMPRESSION, OPENING_SEEN, ROLES_SURE, UNKNOWN_EXTENSION
from analyzer.http.exchange import Exchange, is_hixie76
from analyzer.http.record import extensions

RSV1 = 4
DEFLATE = "permessage-deflate"
DEFLATE_FRAME = frozenset(("deflate-frame", "x-webkit-deflate-frame", "perframe-deflate", "perframe-compress"))
"""Compression frame by frame, as old browsers did: RSV1 marks each compressed frame."""
HARMLESS = frozenset(("bbf-usp-protocol",))
"""Extensions that change no frame."""


class Agreement(msgspec.Struct, frozen=True):
    """What holds for the frames of a connection."""

    context: int
    """Bits for the decoders: reserved bits owned, and what is known."""
    compression: bool = False
    """permessage-deflate is in use."""
    client_takeover: bool = True
    server_takeover: bool = True
    """Later messages of that side may refer to earlier ones."""
    seen: bool = True
    """The answer was captured whole."""
    unknown: tuple[str, ...] = ()
    """Extensions in use that cannot be interpreted."""
    decodable: bool = True
    """What follows are frames of RFC 6455; hixie-76, which some servers still accept, frames differently."""


def agreement(exchange: Exchange) -> Agreement:
    """What ``exchange``, an accepted opening, settled."""
    context = ROLES_SURE
    response = exchange.response
    if exchange.request is not None and is_hixie76(exchange.request):
        return Agreement(context | UNKNOWN_EXTENSION, seen=exchange.intact_response, decodable=False)
    if response is None or not exchange.intact_response:
        return Agreement(context | UNKNOWN_EXTENSION, seen=False)
    context |= OPENING_SEEN
    compression = client = server = False
    unknown = []
    for extension in extensions(response):
        name = extension.name.lower()
        if name == DEFLATE:
            context |= RSV1 | COMPRESSION
            compression = True
            params = {key.lower() for key, _ in extension.params}
            client = client or "client_no_context_takeover" in params
            server = server or "server_no_context_takeover" in params
        elif name in DEFLATE_FRAME:
            context |= RSV1
        elif name not in HARMLESS:
            context |= UNKNOWN_EXTENSION
            unknown.append(extension.name)
    return Agreement(context, compression, not client, not server, unknown=tuple(unknown))
