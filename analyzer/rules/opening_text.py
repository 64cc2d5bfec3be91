"""TX-003: bytes of an opening's head that are no UTF-8 (RFC 6455 8.1).

RFC 6455 wants UTF-8 of text messages, not of heads, where RFC 9110 5.5 lets any byte above 7F pass; so it is remarked
on and no more. Both heads are looked at, and of the request its target too.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http.fields import latin
from analyzer.http.head import Head
from analyzer.model import Direction, Level, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening
from analyzer.rules.opening_faults import quoted
from analyzer.rules.registry import rule


@rule("TX-003", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 8.1", role=Role.BOTH)
def handshake_value_not_utf8(opening: Opening) -> Iterator[Fault]:
    r"""Handshake field holds bytes that are not UTF-8.

    HTTP lets such bytes pass; programs that read header values as UTF-8 replace them or fail. Encode values
    that are not ASCII.

    Violates:
        client: http GET /chat HTTP/1.1 | Host: a.example | X-Name: caf\xe9 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | X-Name: \xff
    Conforms:
        client: http GET /chat HTTP/1.1 | Host: a.example | X-Name: caf\xc3\xa9 | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13
    """
    if opening.judge_request and opening.request is not None:
        at = _first_not_utf8(opening.request.target)
        if at >= 0:
            target = opening.request.target
            yield Fault(
                expected="UTF-8", found=quoted(target[at:]), side="client", offset=opening.request.target_offset + at
            )
        yield from _values_not_utf8(opening.request, "client")
    if opening.judge_response and opening.response is not None:
        yield from _values_not_utf8(opening.response, "server")


def _values_not_utf8(head: Head, side: Direction) -> Iterator[Fault]:
    for field in head.fields:
        at = _first_not_utf8(field.value)
        if at >= 0:
            yield Fault(
                expected="UTF-8",
                found=quoted(field.value[at:]),
                side=side,
                offset=field.value_offset + at,
                header=latin(field.name),
            )


def _first_not_utf8(value: bytes) -> int:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return error.start
    return -1
