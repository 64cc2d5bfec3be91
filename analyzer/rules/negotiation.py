"""What an opening settled about the frames after it: which extensions are in use, and what they own.

The answer decides, not the offer (RFC 6455 9.1): an extension is in use where the server named it. permessage-deflate
is read with its parameters; of others it matters only what they may change: one bit, the frames, or the framing itself.
An answer that was not captured whole may have named any extension.
"""

from __future__ import annotations

import msgspec

from analyzer.frames.decode import COMPRESSION, NAMED, OPENING_SEEN, ROLES_SURE, RSV1, UNKNOWN_EXTENSION
from analyzer.http.exchange import Exchange, names_only_websocket
from analyzer.http.fields import latin, parse_extensions
from analyzer.messages.inflate import Compression
from analyzer.rules.deflate_terms import (
    CLIENT_BITS,
    CLIENT_FRESH,
    LARGEST,
    SERVER_BITS,
    SERVER_FRESH,
    Terms,
    is_deflate,
    read_terms,
)
from analyzer.rules.opening import Opening

PER_MESSAGE = b"permessage-"
"""Names of compression message by message begin so (RFC 7692 5); all of them mark messages with RSV1."""
DEFLATE_FRAME = frozenset((b"deflate-frame", b"x-webkit-deflate-frame", b"perframe-deflate", b"perframe-compress"))
"""Compression frame by frame, as old browsers did: RSV1 marks each compressed frame."""
REFRAMING = frozenset((b"deflate-stream", b"mux", b"x-google-mux"))
"""Drafts that change the framing itself: the byte stream is compressed, or carries frames of several connections."""
HARMLESS = frozenset((b"bbf-usp-protocol",))
"""Extensions that change no frame."""


class Agreement(msgspec.Struct, frozen=True):
    """What holds for the frames of a connection."""

    context: int
    """Bits for the decoders: reserved bits owned, and what is known."""
    client: Compression | None = None
    """permessage-deflate is in use, and on these terms for that side."""
    server: Compression | None = None
    seen: bool = True
    """The answer was captured whole."""
    unknown: tuple[str, ...] = ()
    """Extensions in use that cannot be interpreted."""
    decodable: bool = True
    """What follows are frames of RFC 6455."""
    legacy: str = ""
    """The earlier protocol that was agreed on, where it frames differently."""


def agreement(exchange: Exchange) -> Agreement:
    """What ``exchange``, an accepted opening, settled."""
    context = ROLES_SURE
    response = exchange.response
    legacy = Opening(exchange).foreign
    if legacy:
        return Agreement(context | UNKNOWN_EXTENSION, seen=exchange.intact_response, decodable=False, legacy=legacy)
    if response is None or not exchange.intact_response:
        return Agreement(context | UNKNOWN_EXTENSION, seen=False)
    context |= OPENING_SEEN | (NAMED if names_only_websocket(response) else 0)
    fields = response.named(b"sec-websocket-extensions")
    uses, _ = parse_extensions((field.value, field.value_offset) for field in fields)
    terms = []
    unknown = []
    for use in uses:
        name = use.name.lower()
        if is_deflate(use):
            context |= RSV1 | COMPRESSION
            terms.append(read_terms(use, offer=False))
        elif name in DEFLATE_FRAME:
            context |= RSV1
            unknown.append(latin(use.name))
        elif name not in HARMLESS:
            context |= UNKNOWN_EXTENSION
            unknown.append(latin(use.name))
    return Agreement(
        context,
        _terms(terms, CLIENT_FRESH, CLIENT_BITS),
        _terms(terms, SERVER_FRESH, SERVER_BITS),
        unknown=tuple(unknown),
        decodable=not any(use.name.lower() in REFRAMING for use in uses),
    )


def _terms(accepted: list[Terms], fresh: bytes, bits: bytes) -> Compression | None:
    """What holds for one side; of several answers, which there must not be (EX-005), what all of them rule out."""
    if not accepted:
        return None
    return Compression(
        takeover=not all(fresh in terms.params for terms in accepted),
        bits=max(terms.bits(bits) or LARGEST for terms in accepted),
    )
