"""EX-111 to EX-118: the answer that accepts permessage-deflate, and whether it fits an offer (RFC 7692 7.1).

A client may make several offers, and the answer does not say which it takes. So it is compared with each valid one
and is right if it fits any. Where it fits none, what is wrong is told by the offer it comes nearest to: first one that
permits the parameters it sets, then the one with the fewest errors, then the first. Where an offer does not follow the
grammar it might have meant anything, and nothing is compared.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Callable, Iterator

from analyzer.http.fields import Param
from analyzer.model import Level, Role, Severity
from analyzer.rules.deflate_offer import at_params
from analyzer.rules.deflate_terms import (
    CLIENT_BITS,
    LARGEST,
    SERVER_BITS,
    SERVER_FRESH,
    Terms,
    all_terms,
)
from analyzer.rules.faults import Fault
from analyzer.rules.opening import EXTENSIONS, Opening
from analyzer.rules.registry import rule

UNSOLICITED = "EX-114"
HINT = "EX-118"


@rule("EX-111", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 7692 7", role=Role.SERVER, fail_required=True)
def pmd_response_unknown_param(opening: Opening) -> Iterator[Fault]:
    """The answer for permessage-deflate has a parameter that is not defined.

    The client must fail the connection: it cannot know what the server means to do. Only the two window sizes and the
    two no_context_takeover flags exist.

    Violates:
        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; level=6

    Conforms:
        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover
    """
    yield from _answers(opening, lambda terms: terms.unknown, "a parameter that RFC 7692 defines")


@rule(
    "EX-112",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 7692 7, 7.1.1, 7.1.2",
    role=Role.SERVER,
    fail_required=True,
)
def pmd_response_bad_value(opening: Opening) -> Iterator[Fault]:
    """The answer for permessage-deflate has a parameter with a value it must not have.

    In an answer both window sizes have a value, 8 to 15 without a leading zero; the no_context_takeover flags have
    none. The client must fail the connection. Usual cause: client_max_window_bits sent back as it was offered, without
    a value.

    Violates:
        extensions: permessage-deflate; client_max_window_bits
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits

        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16

        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover=1

    Conforms:
        extensions: permessage-deflate; client_max_window_bits
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15
    """
    yield from _answers(opening, lambda terms: terms.bad, "window bits from 8 to 15; flags without a value")


@rule("EX-113", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 7692 7", role=Role.SERVER, fail_required=True)
def pmd_response_duplicate_param(opening: Opening) -> Iterator[Fault]:
    """The answer for permessage-deflate has the same parameter twice.

    The client must fail the connection, since it cannot know which of the two holds.

    Violates:
        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_no_context_takeover

    Conforms:
        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover
    """
    yield from _answers(opening, lambda terms: terms.repeated, "each parameter once")


@rule(
    "EX-114",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 7692 7.1.2.2",
    role=Role.SERVER,
    fail_required=True,
)
def pmd_client_window_unsolicited(opening: Opening) -> Iterator[Fault]:
    """The answer sets client_max_window_bits though no offer had it.

    By leaving it out the client said that it cannot make its window smaller, so it must fail the connection. The other
    three parameters a server may set unasked.

    Violates:
        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10

    Conforms:
        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover

        extensions: permessage-deflate; server_no_context_takeover, permessage-deflate; client_max_window_bits
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10
    """
    yield from _misfit(opening, UNSOLICITED)


@rule(
    "EX-115",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 7692 7.1.2.1",
    role=Role.SERVER,
    fail_required=True,
)
def pmd_server_window_too_large(opening: Opening) -> Iterator[Fault]:
    """The answer's server_max_window_bits exceeds what was offered.

    The client has no room for a larger window and must fail the connection. A server that cannot do with as little has
    to decline.

    Violates:
        extensions: permessage-deflate; server_max_window_bits=10
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12

    Conforms:
        extensions: permessage-deflate; server_max_window_bits=10
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9

        extensions: permessage-deflate; server_max_window_bits=10, permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12
    """
    yield from _misfit(opening, "EX-115")


@rule("EX-116", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 7692 7.1.2.1", role=Role.SERVER, fail_required=True)
def pmd_server_window_dropped(opening: Opening) -> Iterator[Fault]:
    """The answer leaves out server_max_window_bits that the offer demanded.

    Without it the window is 32 KiB, and the client has no room for that. A server that cannot limit its window has to
    decline.

    Violates:
        extensions: permessage-deflate; server_max_window_bits=10
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate

    Conforms:
        extensions: permessage-deflate; server_max_window_bits=10, permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate

        extensions: permessage-deflate; server_max_window_bits=15
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate
    """
    yield from _misfit(opening, "EX-116")


@rule("EX-117", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 7692 7.1.1.1", role=Role.SERVER, fail_required=True)
def pmd_server_takeover_dropped(opening: Opening) -> Iterator[Fault]:
    """The answer leaves out server_no_context_takeover that the offer demanded.

    The client will forget each message once it is inflated; where the server refers to an earlier one it cannot be
    read. A server that cannot do without has to decline.

    Violates:
        extensions: permessage-deflate; server_no_context_takeover
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate

    Conforms:
        extensions: permessage-deflate; client_no_context_takeover
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate

        extensions: permessage-deflate; server_no_context_takeover
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover
    """
    yield from _misfit(opening, "EX-117")


@rule("EX-118", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 7692 7.1.2.2", role=Role.SERVER)
def pmd_client_window_above_hint(opening: Opening) -> Iterator[Fault]:
    """The answer's client_max_window_bits exceeds what was offered.

    The client said that it will not use a larger window, so the value says nothing. A server may ignore the hint or
    name an equal or smaller one.

    Violates:
        extensions: permessage-deflate; client_max_window_bits=10
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=14

    Conforms:
        extensions: permessage-deflate; client_max_window_bits=10
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate

        extensions: permessage-deflate; client_max_window_bits
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=14
    """
    yield from _misfit(opening, HINT)


def _answers(opening: Opening, wrong: Callable[[Terms], list[Param]], expected: str) -> Iterator[Fault]:
    if opening.switching:
        for terms in all_terms(opening.extensions_accepted[0], offer=False):
            yield from at_params(wrong(terms), expected)


def _misfit(opening: Opening, rule_id: str) -> Iterator[Fault]:
    """What ``rule_id`` finds in the first answer, compared with the offer it comes nearest to."""
    if not opening.switching or not opening.judge_request:
        return
    offers = all_terms(opening.extensions_offered[0], offer=True)
    answers = all_terms(opening.extensions_accepted[0], offer=False)
    if not answers or not all(terms.readable for terms in offers):
        return
    wrong = [misfits(terms, answers[0]) for terms in offers if terms.valid]
    if wrong:
        nearest = min(wrong, key=lambda faults: (UNSOLICITED in faults, len(faults.keys() - {HINT}), len(faults)))
        if rule_id in nearest:
            yield nearest[rule_id]


def misfits(offer: Terms, answer: Terms) -> dict[str, Fault]:
    """Why ``answer`` does not fit ``offer``, by rule."""
    faults = {}
    if answer.states(CLIENT_BITS):
        hint = offer.bits(CLIENT_BITS)
        if not offer.states(CLIENT_BITS):
            faults["EX-114"] = _at(answer, CLIENT_BITS, "no client_max_window_bits: none was offered")
        elif hint is not None and (answer.bits(CLIENT_BITS) or 0) > hint:
            faults["EX-118"] = _at(answer, CLIENT_BITS, f"at most {hint}, or none")
    demanded, granted = offer.bits(SERVER_BITS), answer.bits(SERVER_BITS)
    if demanded is not None and granted is not None and granted > demanded:
        faults["EX-115"] = _at(answer, SERVER_BITS, f"at most {demanded}")
    if demanded is not None and demanded < LARGEST and SERVER_BITS not in answer.params:
        faults["EX-116"] = _absent(answer, f"server_max_window_bits of at most {demanded}")
    if offer.states(SERVER_FRESH) and SERVER_FRESH not in answer.params:
        faults["EX-117"] = _absent(answer, "server_no_context_takeover")
    return faults


def _at(answer: Terms, name: bytes, expected: str) -> Fault:
    (fault,) = at_params([answer.params[name]], expected)
    return fault


def _absent(answer: Terms, expected: str) -> Fault:
    use = answer.use
    return Fault(expected=expected, found="none", offset=use.offset, length=len(use.name), header=EXTENSIONS)
