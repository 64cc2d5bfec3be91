"""What each header field of an opening is for, and what the other side does with it.

The same field means different things in the request, in the answer that agrees and in one that refuses; what is no part
of WebSocket is explained by `analyzer.report.glossary`.
"""

from __future__ import annotations

from typing import Literal

from analyzer.report import glossary

Place = Literal["request", "agreement", "refusal"]

MEANINGS: dict[Place, dict[str, str]] = {
    "request": {
        "host": "whom the request is meant for; a server may serve several names (RFC 6455 4.1)",
        "upgrade": "the protocol to change to; the server looks for the word websocket, in any case (RFC 6455 4.2.1)",
        "connection": (
            "names Upgrade as meant for the next machine only, so a proxy that knows nothing of it drops both; the"
            " server looks for that word (RFC 6455 4.2.1)"
        ),
        "origin": (
            "whose page asks, as the browser saw it; the server decides whom it serves, since no same-origin policy"
            " keeps other sites' pages from connecting (RFC 6455 10.2)"
        ),
        "sec-websocket-key": (
            "base64 of 16 random bytes, new for each connection; the server proves with its answer that it has read"
            " them (RFC 6455 4.1)"
        ),
        "sec-websocket-version": "a server that lacks this version refuses with 426 and names its own (RFC 6455 4.4)",
        "sec-websocket-protocol": (
            "what the messages could mean, the preferred first; the server chooses one of these or none (RFC 6455 4.1)"
        ),
        "sec-websocket-extensions": "what the client can do beyond the RFC; an offer, nothing more (RFC 6455 9.1)",
    },
    "agreement": {
        "upgrade": "the protocol changed to; anything but websocket, and the client gives up (RFC 6455 4.1)",
        "connection": "without the word Upgrade the client gives up (RFC 6455 4.1)",
        "sec-websocket-accept": (
            "the proof, computed from the key as shown below; the client computes it too and gives up where they differ"
            " (RFC 6455 4.1)"
        ),
        "sec-websocket-protocol": (
            "the subprotocol chosen; if the client did not offer it, it gives up (RFC 6455 4.1)"
        ),
        "sec-websocket-extensions": (
            "what is in use from here on; if the client did not offer it, it gives up (RFC 6455 4.1, 9.1)"
        ),
    },
    "refusal": {
        "connection": "what becomes of the TCP connection after this answer (RFC 9110 7.6.1)",
        "upgrade": "protocols the server could switch to (RFC 9110 7.8)",
        "content-length": "bytes of content after the head (RFC 9110 8.6)",
        "sec-websocket-version": "the versions that the server speaks, to try again with (RFC 6455 4.4)",
    },
}
KNOWN = frozenset(name.lower() for name in glossary.HEADERS)
OTHER = "no part of the WebSocket handshake; other fields of HTTP may be there (RFC 6455 4.1)"


def meaning(name: str, place: Place) -> str:
    """What the field ``name`` of a head of this kind is for."""
    told = MEANINGS[place].get(name.lower())
    if told is not None:
        return told
    known = glossary.look_up(name) if name.lower() in KNOWN else None
    return known.partition(": ")[2] if known else OTHER
