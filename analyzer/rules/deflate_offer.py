"""EX-101 to EX-104: offers of permessage-deflate that the server has to decline (RFC 7692 7).

Each offer is judged by itself: one that is wrong leaves the others in the list as they are.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Callable, Iterator

from analyzer.http.fields import Param, latin
from analyzer.model import Level, Role, Severity
from analyzer.rules.deflate_terms import Terms, all_terms
from analyzer.rules.faults import Fault
from analyzer.rules.opening import EXTENSIONS, Opening
from analyzer.rules.opening_faults import SHOWN
from analyzer.rules.registry import rule


@rule("EX-101", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 7692 7, 7.1", role=Role.CLIENT)
def pmd_offer_unknown_param(opening: Opening) -> Iterator[Fault]:
    """An offer of permessage-deflate has a parameter that is not defined.

    A server must decline such an offer, so nothing is compressed, or another offer of the list is taken. Only the two
    window sizes and the two no_context_takeover flags exist; levels and memory are each side's own affair.

    Violates:
        extensions: permessage-deflate; mem_level=8
        client: 81 80 37 fa 21 3d

    Conforms:
        extensions: permessage-deflate; client_max_window_bits
        client: 81 80 37 fa 21 3d

        extensions: permessage-deflate; Client_Max_Window_Bits
        client: 81 80 37 fa 21 3d
    """
    yield from _offers(opening, lambda terms: terms.unknown, "a parameter that RFC 7692 defines")


@rule("EX-102", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 7692 7.1.1, 7.1.2", role=Role.CLIENT)
def pmd_offer_bad_value(opening: Opening) -> Iterator[Fault]:
    """An offer of permessage-deflate has a parameter with a value it must not have.

    Window sizes are 8 to 15, written without a leading zero; client_max_window_bits may stand without one, and the
    no_context_takeover flags never have one. A server must decline such an offer.

    Violates:
        extensions: permessage-deflate; server_max_window_bits=16
        client: 81 80 37 fa 21 3d

        extensions: permessage-deflate; server_max_window_bits
        client: 81 80 37 fa 21 3d

        extensions: permessage-deflate; client_max_window_bits=08
        client: 81 80 37 fa 21 3d

        extensions: permessage-deflate; client_no_context_takeover=true
        client: 81 80 37 fa 21 3d

    Conforms:
        extensions: permessage-deflate; client_max_window_bits; server_max_window_bits="8"
        client: 81 80 37 fa 21 3d
    """
    yield from _offers(opening, lambda terms: terms.bad, "window bits from 8 to 15; flags without a value")


@rule("EX-103", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 7692 7", role=Role.CLIENT)
def pmd_offer_duplicate_param(opening: Opening) -> Iterator[Fault]:
    """An offer of permessage-deflate has the same parameter twice.

    A server must decline it. To offer a choice of values, repeat the extension, not the parameter.

    Violates:
        extensions: permessage-deflate; client_max_window_bits; client_max_window_bits=10
        client: 81 80 37 fa 21 3d

    Conforms:
        extensions: permessage-deflate; server_max_window_bits=10, permessage-deflate; server_max_window_bits=11
        client: 81 80 37 fa 21 3d
    """
    yield from _offers(opening, lambda terms: terms.repeated, "each parameter once")


@rule("EX-104", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 7692 7", role=Role.SERVER)
def pmd_accepted_invalid_offer(opening: Opening) -> Iterator[Fault]:
    """Server accepted permessage-deflate although every offer of it had to be declined.

    What the client meant is unclear, so the two sides may compress by different terms. A server that finds a parameter
    it does not know, or a value that is not allowed, has to go on without compression.

    Violates:
        extensions: permessage-deflate; server_max_window_bits=99
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate

    Conforms:
        extensions: permessage-deflate; server_max_window_bits=99, permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate

        extensions: permessage-deflate; server_max_window_bits=99
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept}
    """
    if not opening.switching or not opening.judge_request:
        return
    offers = all_terms(opening.extensions_offered[0], offer=True)
    answers = all_terms(opening.extensions_accepted[0], offer=False)
    if offers and answers and all(not terms.valid for terms in offers):
        yield Fault(
            expected="permessage-deflate declined",
            found="accepted",
            offset=answers[0].use.offset,
            length=len(answers[0].use.name),
            header=EXTENSIONS,
        )


def _offers(opening: Opening, wrong: Callable[[Terms], list[Param]], expected: str) -> Iterator[Fault]:
    if opening.judge_request:
        for terms in all_terms(opening.extensions_offered[0], offer=True):
            yield from at_params(wrong(terms), expected)


def at_params(params: list[Param], expected: str) -> Iterator[Fault]:
    """One fault for all of ``params``, at the first."""
    if params:
        first = params[0]
        text = latin(first.name) + ("" if first.value is None else f"={latin(first.value)}")
        found = text if len(text) <= SHOWN else text[:SHOWN] + "…"
        yield Fault(
            expected=expected,
            found=found + (f", and {len(params) - 1} more" if len(params) > 1 else ""),
            offset=first.offset,
            length=len(text) + 2 * first.quoted,
            header=EXTENSIONS,
        )
