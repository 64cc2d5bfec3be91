"""The nouns of the opening: a chunk of stream, an exchange, and what a connection is to be treated as.

And the questions that decide what a head is: an opening, an answer that switches, to WebSocket or to something else, in
which of its protocols. They are asked leniently: a head that is meant as an opening is one, whatever is wrong with it.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from analyzer.http.fields import Element, lists_websocket, protocol_name, resembles_websocket, split_list
from analyzer.http.head import Head, moved
from analyzer.model import Cut, Place

SWITCHING = 101


class State(Enum):
    """What the bytes of a TCP connection are to be given to."""

    HTTP = "http"
    """Keep feeding the `HttpConnection`."""
    SWITCHED = "switched"
    """Frames follow, from `HttpConnection.frames_from` on."""
    IGNORE = "ignore"
    """Not WebSocket, and not going to be: feed no more."""


class Chunk(msgspec.Struct, frozen=True):
    """Bytes of one direction that stood side by side in one packet."""

    data: bytes
    offset: int
    """Stream offset of the first byte."""
    place: Place
    acked: int
    """Bytes of the other side's stream that the segment acknowledges; -1 where unknown."""

    @property
    def end(self) -> int:
        """Stream offset one past the last byte."""
        return self.offset + len(self.data)

    def after(self, count: int) -> Chunk:
        """The same without its first ``count`` bytes."""
        return Chunk(self.data[count:], self.offset + count, moved(self.place, count), self.acked)


class Exchange(msgspec.Struct, kw_only=True):
    """One opening request and what came of it."""

    connection: int
    """Number of the WebSocket connection; the openings of one TCP connection share it."""
    index: int
    """0-based among the openings of this TCP connection."""
    client_side: int
    """The endpoint (0 or 1) that sent the request."""
    request: Head | None = None
    response: Head | None = None
    """The final one."""
    interim: list[Head] = []
    """100, 102, 103 and their like, before the final response; the first few."""
    accepted: bool = False
    """The answer is 101 and lists websocket; or frames followed an answer that was lost."""
    plain_before: int = 0
    """Complete exchanges on this TCP connection that were no openings."""
    connect_before: bool = False
    """A CONNECT was granted first: the opening runs inside the tunnel."""
    ended: Cut | None = None
    """What ended the exchange, where no final response did."""
    ended_by: int = -1
    """The endpoint that ended it, where one did."""
    unanswered: bool = False
    """It ended, and surely not a byte of a final response was lost."""
    request_content: bytes = b""
    response_content: bytes = b""
    """The first bytes of what followed the heads and belongs to them, as far as they came in time to be looked at."""
    alert: bool = False
    """A TLS record came instead of a response."""
    answer_acked: int = -1
    """Bytes of the client's stream that the segment with the answer's first byte acknowledges; -1 where unknown."""
    spoke_first: Place | None = None
    """Of the server's first byte, where its segment acknowledges nothing of the client's stream."""
    endpoints: tuple[tuple[bytes, int], tuple[bytes, int]] | None = None
    """Packed address and port of either endpoint, by side; None where nobody said."""
    tls: bool = False
    """The bytes were decrypted: nobody else could read them."""
    nameless: Place | None = None
    """Of the ClientHello, where it names no server."""
    raised_before: set[str] = msgspec.field(default_factory=set)
    """Ids of the rules already raised for this TCP connection's openings: one set, shared by its exchanges."""

    @property
    def intact_request(self) -> bool:
        """The request head is here without a hole, to its end."""
        return self.request is not None and self.request.intact

    @property
    def intact_response(self) -> bool:
        """The final response head is here without a hole, to its end."""
        return self.response is not None and self.response.intact

    @property
    def answer_place(self) -> Place | None:
        """The last byte of the final response head: from there on the answer was known."""
        return None if self.response is None else self.response.place(last_byte(self.response))

    def __str__(self) -> str:
        answer = "no answer" if self.response is None else str(self.response)
        return f"exchange {self.index} of connection {self.connection}: {self.request}, {answer}"


HIXIE76_REQUEST, HIXIE76_RESPONSE = 8, 16
"""Bytes after the heads of hixie-76 (draft-ietf-hybi-thewebsocketprotocol-00 1.3): a third key, and the answer."""

KEPT = 64
"""Bytes of content that are kept: what an error page begins with; hixie-76 needs 8 and 16."""


def last_byte(head: Head) -> int:
    """Stream offset of the last byte of the head that is known."""
    return max(head.offset, head.stream_offset(len(head.raw) - 1))


def upgrades(head: Head) -> list[Element]:
    """The elements of all Upgrade fields, empty ones left out."""
    lists = [split_list(field.value, field.value_offset) for field in head.named(b"upgrade")]
    return [element for elements in lists for element in elements if element.text]


def speaks_websocket(head: Head) -> bool:
    """Some Sec-WebSocket-* field is there."""
    return any(field.name.lower().startswith(b"sec-websocket-") for field in head.fields)


def is_opening(head: Head) -> bool:
    """A request meant to open a WebSocket connection: Upgrade lists websocket, or a field only openings have.

    CONNECT asks a proxy for a tunnel: the opening comes later, inside it.
    """
    if head.method == b"CONNECT":
        return False
    return lists_websocket(upgrades(head)) or any(
        head.named(name) for name in (b"sec-websocket-key", b"sec-websocket-key1", b"sec-websocket-version")
    )


def switches(response: Head) -> bool:
    """A 101 that lists websocket in Upgrade."""
    return response.code == SWITCHING and lists_websocket(upgrades(response))


def names_only_websocket(response: Head) -> bool:
    """A 101 whose Upgrade is websocket and nothing else, however often repeated."""
    names = {element.text.lower() for element in upgrades(response)}
    return response.code == SWITCHING and names == {b"websocket"}


def switched_elsewhere(request: Head, response: Head) -> bool:
    """A 101 to another protocol that the request listed (ST-016), so no answer to an opening.

    Where the request itself misspelt websocket, its echo is a wrong answer to an opening, not another protocol.
    """
    named = [protocol_name(element.text) for element in upgrades(response)]
    if response.code != SWITCHING or not named or lists_websocket(upgrades(response)):
        return False
    listed = {protocol_name(element.text) for element in upgrades(request)}
    return all(name in listed and not resembles_websocket(name) for name in named)


def is_hixie76(request: Head) -> bool:
    """Sec-WebSocket-Key1 and -Key2 mark the draft whose heads are followed by 8 and 16 bytes of content."""
    return bool(
        request.named(b"sec-websocket-key1")
        and request.named(b"sec-websocket-key2")
        and not request.named(b"sec-websocket-key")
        and not any(field.value == b"13" for field in request.named(b"sec-websocket-version"))
    )
