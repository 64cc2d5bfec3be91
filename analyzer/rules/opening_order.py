"""HS-401, HS-402, HS-404, SEC-025: who spoke when it was not its turn.

The client asks, waits, and reads the answer before it sends anything else; the server says nothing before it is asked
(RFC 6455 4.1). What a segment acknowledges tells whether its sender had read.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http.exchange import SWITCHING
from analyzer.model import Level, Opcode, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.registry import rule
from analyzer.rules.sequel import Sequel
from analyzer.rules.transport import Transport

FAILING = (1002, 1003, 1007, 1008, 1009, 1010, 1011)
"""Close codes with which a client may turn a wrong answer down: protocol error and extension missing fit best, but a
client that fails the connection chooses the code (RFC 6455 7.1.7); 1000 and 1001 are those of one that used it.
"""


@rule("HS-401", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 6455 4.1", role=Role.CLIENT)
def client_data_before_response(sequel: Sequel) -> Iterator[Fault]:
    """Client sent data before it had the server's answer.

    Until the answer is there nobody knows whether the other side speaks WebSocket, so frames sent early may reach an
    HTTP server, or a proxy that takes them for the next request. What the early segment acknowledges shows that its
    sender had not read the answer. An HTTP request before a refusal is pipelining, and only a remark; where the answer
    accepts, it stands where a frame should, which is FR-008.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}

        unacked
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58

        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13 | Content-Length: 4
        client: 61 62 63 64
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    """
    if sequel.first and sequel.early and not (sequel.http and sequel.frame is not None):
        answer = sequel.answer
        had = max(0, sequel.acked - answer.offset)
        what = "an HTTP request" if sequel.http else "data"
        yield Fault(
            expected="the answer acknowledged first",
            found=f"{what}, with {had} of the answer's {answer.end - answer.offset} bytes acknowledged",
            severity=Severity.INFO if sequel.http else None,
        )


@rule("HS-402", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 4.1", role=Role.CLIENT)
def client_used_invalid_response(sequel: Sequel) -> Iterator[Fault]:
    """Client went on although the 101 was invalid.

    The client must check the answer and fail the connection if it is wrong: it may come from a cache, or from a server
    that does not speak WebSocket or not the agreed subprotocol or extension. This client had the whole answer and sent
    a frame all the same. Closing TCP, or a Close with 1002 or 1010, would have been right.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=
        client: FIN

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=
        client: 88 82 37 fa 21 3d 34 10
    """
    if not sequel.informed or sequel.opcode < 0 or not sequel.answer.wrong:
        return
    if sequel.opcode == Opcode.CLOSE and sequel.code in FAILING:
        return
    name = next((kind.name.capitalize() for kind in Opcode if kind == sequel.opcode), f"opcode {sequel.opcode:#x}")
    yield Fault(
        expected="the connection failed",
        found=f"a frame ({name}) in spite of {', '.join(sequel.answer.wrong)}",
    )


@rule("HS-404", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 4.2.1", role=Role.SERVER)
def server_spoke_first(transport: Transport) -> Iterator[Fault]:
    """Server sent bytes before any request.

    An HTTP server speaks when it is asked. The server's first bytes acknowledge nothing of the client, and yet an
    opening follows: another protocol's greeting on this port, or an answer made up in advance.

    Violates:
        server: raw 48 54 54 50 2f 31 2e 31 20 34 30 38 20 54 0d 0a 43 6f 6e 74 65 6e 74 2d 4c 65 6e 67 74 68 3a 20 30 0d 0a 0d 0a
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    Conforms:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
        server: 81 05 48 65 6c 6c 6f
    """
    if transport.spoke_first is not None and transport.synced:
        yield Fault(
            side="server",
            expected="a request first",
            found="bytes that acknowledge nothing of the client",
            offset=0,
            place=transport.spoke_first,
        )


@rule("SEC-025", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 4.1", role=Role.CLIENT)
def smuggled_after_refusal(sequel: Sequel) -> Iterator[Fault]:
    """Client sends raw data after a refused opening.

    It knew the refusal and sent what is neither an HTTP request nor TLS. That is how requests are smuggled through a
    proxy that goes by the request's Upgrade and not by the answer's status: it passes on everything from then on
    unseen. A proxy must tunnel after a 101 only.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 1337
        server: http HTTP/1.1 426 Upgrade Required | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Version: 13 | Content-Length: 0
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 401 Unauthorized | WWW-Authenticate: Basic realm="x" | Content-Length: 0
        client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade | Authorization: Basic eDp5 | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    """
    if sequel.answer.status != SWITCHING and sequel.first and sequel.informed and not sequel.http:
        shown = sequel.data[:8].hex(" ")
        yield Fault(expected="an HTTP request, or nothing", found=f"{shown} after {sequel.answer.status}")
