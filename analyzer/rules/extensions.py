"""EX-001 to EX-007, EX-301 and EX-302: extensions offered, accepted, and what kind they are (RFC 6455 9).

Names compare without regard to case: they are tokens that HTTP compares so, and peers do. What leaves the grammar is
EX-001 and nothing else; the rest of the list is judged all the same.
"""

# ruff: noqa: E501 - an example's head stands on one line, as the language of the examples has it

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.http.fields import QUOTED_NOT_TOKEN, ExtensionUse, is_token, latin
from analyzer.http.fields import Fault as Slip
from analyzer.model import Direction, Level, Role, Severity
from analyzer.rules import iana
from analyzer.rules.deflate_terms import is_deflate
from analyzer.rules.faults import Fault
from analyzer.rules.negotiation import DEFLATE_FRAME, HARMLESS, PER_MESSAGE
from analyzer.rules.opening import EXTENSIONS, Opening
from analyzer.rules.opening_faults import SHOWN, at_field
from analyzer.rules.registry import rule

SIDES: tuple[Direction, Direction] = ("client", "server")


@rule("EX-001", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 9.1, 4.3", role=Role.BOTH, fail_required=True)
def extensions_header_syntax(opening: Opening) -> Iterator[Fault]:
    """Sec-WebSocket-Extensions breaks its grammar.

    The field is a list of extension names, each with parameters after semicolons. A peer that cannot read it must
    fail the connection, or refuse it. Usual causes: a value with blanks or a comma that was not quoted, or a list put
    together from empty strings.

    Violates:
        extensions: permessage-deflate; =10
        client: 81 80 37 fa 21 3d

        extensions: foo; x="a
        client: 81 80 37 fa 21 3d

        extensions: foo bar
        client: 81 80 37 fa 21 3d

        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=

    Conforms:
        extensions: permessage-deflate; server_max_window_bits="10" , foo
        client: 81 80 37 fa 21 3d

        extensions: a, ,b; x="c, d",
        client: 81 80 37 fa 21 3d
    """
    for side, _, slips in _lists(opening):
        broken = [slip for slip in slips if slip.what != QUOTED_NOT_TOKEN]
        yield from _slip(side, broken, "extension *( ; name [ = token or quoted token ] ), separated by commas")


@rule("EX-002", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 6455 9.1, 4.3", role=Role.BOTH)
def extension_quoted_not_token(opening: Opening) -> Iterator[Fault]:
    """Quoted extension parameter value is not a token once unquoted.

    RFC 6455 lets values be quoted, but what the quotes hold must be a token all the same: no blanks, no separators,
    not empty. Some registered extensions do otherwise and an erratum disputes the rule, so peers differ.

    Violates:
        extensions: foo; x="a b"
        client: 81 80 37 fa 21 3d

        extensions: foo; x=""
        client: 81 80 37 fa 21 3d

    Conforms:
        extensions: foo; x="ab"
        client: 81 80 37 fa 21 3d
    """
    for side, _, slips in _lists(opening):
        quoted = [slip for slip in slips if slip.what == QUOTED_NOT_TOKEN]
        yield from _slip(side, quoted, "a token between the quotes")


@rule(
    "EX-003",
    severity=Severity.ERROR,
    level=Level.MUST_NOT,
    rfc="RFC 6455 9, 9.1, 4.1 (resp 5)",
    role=Role.SERVER,
    fail_required=True,
)
def extension_not_offered(opening: Opening) -> Iterator[Fault]:
    """Server accepted an extension the client did not offer.

    The client does not know that its peer will use the extension, so it must fail the connection. Usual causes: a
    server that always answers with its own list, or a proxy that took the client's field out.

    Violates:
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate

        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate, foo

    Conforms:
        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: PerMessage-Deflate

        extensions: foo, bar
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: bar
    """
    if not opening.switching or not opening.exchange.intact_request:
        return
    offered = {use.name.lower() for use in opening.extensions_offered[0]}
    uses = [use for use in _named(opening.extensions_accepted[0]) if use.name.lower() not in offered]
    expected = f"one of {_names(opening.extensions_offered[0])}" if offered else "none: none was offered"
    yield from _uses("server", uses, expected)


@rule("EX-004", severity=Severity.INFO, level=Level.MUST, rfc="RFC 6455 9.1", role=Role.BOTH)
def extension_unregistered(opening: Opening) -> Iterator[Fault]:
    """Extension name is not registered with IANA.

    Private and older names are common and harm nobody, as long as both sides mean the same by them.

    Violates:
        extensions: x-webkit-deflate-frame
        client: 81 80 37 fa 21 3d

    Conforms:
        extensions: permessage-deflate
        client: 81 80 37 fa 21 3d
    """
    for side, uses, _ in _lists(opening):
        private = [use for use in _named(uses) if latin(use.name).lower() not in iana.EXTENSIONS]
        yield from _uses(side, private, "a registered name")


@rule("EX-005", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 7692 5", role=Role.SERVER, fail_required=True)
def extension_accepted_twice(opening: Opening) -> Iterator[Fault]:
    """Server accepted the same extension more than once.

    An offer may name an extension several times, with other parameters each time; the answer chooses one of them. Of
    an answer that names two nobody knows which holds. A compression extension cannot be applied twice; others might
    define it, so for them this is a warning.

    Violates:
        extensions: permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate; server_no_context_takeover

    Conforms:
        extensions: permessage-deflate; server_no_context_takeover, permessage-deflate
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover
    """
    if not opening.switching:
        return
    seen: set[bytes] = set()
    again = []
    for use in _named(opening.extensions_accepted[0]):
        if use.name.lower() in seen:
            again.append(use)
        seen.add(use.name.lower())
    sure = any(use.name.lower().startswith(PER_MESSAGE) for use in again)
    yield from _uses("server", again, "each extension once", None if sure else Severity.WARNING)


@rule("EX-006", severity=Severity.ERROR, level=Level.MUST_NOT, rfc="RFC 7692 6", role=Role.SERVER, fail_required=True)
def extensions_conflict_rsv1(opening: Opening) -> Iterator[Fault]:
    """Server accepted two extensions that both claim RSV1.

    The bit can mean one thing only, so a receiver cannot tell by which of them a frame was compressed. A server has to
    choose one of the compressions offered.

    Violates:
        extensions: permessage-deflate, x-webkit-deflate-frame
        client: 81 80 37 fa 21 3d

    Conforms:
        extensions: permessage-deflate, bbf-usp-protocol
        client: 81 80 37 fa 21 3d
    """
    if not opening.switching:
        return
    uses = opening.extensions_accepted[0]
    if any(is_deflate(use) for use in uses):
        others = [use for use in _named(uses) if not is_deflate(use) and _claims_rsv1(use)]
        yield from _uses("server", others, "no other extension that uses RSV1 beside permessage-deflate")


@rule("EX-007", severity=Severity.INFO, level=Level.MAY, rfc="RFC 6455 4.2.2 (5.6)", role=Role.SERVER)
def extensions_header_repeated(opening: Opening) -> Iterator[Fault]:
    """Response has several Sec-WebSocket-Extensions lines.

    They count as one list, and an erratum to RFC 6455 permits them; its text as printed did not, and some clients
    refuse. One line with commas is safer.

    Violates:
        extensions: foo, bar
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: foo | Sec-WebSocket-Extensions: bar

    Conforms:
        extensions: foo, bar
        server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {accept} | Sec-WebSocket-Extensions: foo, bar
    """
    fields = opening.field("server", EXTENSIONS) if opening.switching else []
    if len(fields) > 1:
        yield at_field(fields[1], "one Sec-WebSocket-Extensions line", f"{len(fields)} lines")


@rule(
    "EX-301",
    severity=Severity.INFO,
    level=Level.OBSERVATION,
    rfc="draft-tyoshino-hybi-websocket-perframe-deflate",
    role=Role.BOTH,
)
def legacy_deflate_frame(opening: Opening) -> Iterator[Fault]:
    """Per-frame compression of old WebKit is in use.

    It came before permessage-deflate and marks each compressed data frame with RSV1. Such frames are not inflated, so
    nothing is said about what they hold. Use permessage-deflate.

    Violates:
        extensions: x-webkit-deflate-frame
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21

    Conforms:
        extensions: permessage-deflate
        client: c1 87 37 fa 21 3d c5 b2 ec f4 fe fd 21
    """
    uses = [use for use in _in_use(opening) if use.name.lower() in DEFLATE_FRAME]
    yield from _uses("server", uses, "permessage-deflate, or no compression")


@rule("EX-302", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 5.8", role=Role.BOTH)
def undecodable_extension(opening: Opening) -> Iterator[Fault]:
    """An extension is in use that is not decoded.

    It may give reserved bits and opcodes a meaning and change payloads, so nothing is said about them. Where it changes
    the framing itself (deflate-stream, mux), no frames are read.

    Violates:
        extensions: permessage-bzip2
        client: 81 80 37 fa 21 3d

        extensions: deflate-stream
        client: f2 48 cd c9 c9 07 00 00 00 ff ff

    Conforms:
        extensions: bbf-usp-protocol; eid=x
        client: 81 80 37 fa 21 3d
    """
    known = (*DEFLATE_FRAME, *HARMLESS)
    uses = [use for use in _in_use(opening) if not is_deflate(use) and use.name.lower() not in known]
    yield from _uses("server", uses, "an extension whose frames can be read")


def _lists(opening: Opening) -> Iterator[tuple[Direction, list[ExtensionUse], list[Slip]]]:
    """The extensions of each head that can be judged, with the slips in their grammar."""
    if opening.judge_request:
        yield ("client", *opening.extensions_offered)
    if opening.switching:
        yield ("server", *opening.extensions_accepted)


def _in_use(opening: Opening) -> list[ExtensionUse]:
    return _named(opening.extensions_accepted[0]) if opening.switching and opening.exchange.accepted else []


def _named(uses: Iterable[ExtensionUse]) -> list[ExtensionUse]:
    return [use for use in uses if is_token(use.name)]


def _claims_rsv1(use: ExtensionUse) -> bool:
    return use.name.lower().startswith(PER_MESSAGE) or use.name.lower() in DEFLATE_FRAME


def _slip(side: Direction, slips: list[Slip], expected: str) -> Iterator[Fault]:
    if slips:
        more = f", and {len(slips) - 1} more" if len(slips) > 1 else ""
        yield Fault(side=side, expected=expected, found=slips[0].what + more, offset=slips[0].offset, header=EXTENSIONS)


def _uses(
    side: Direction, uses: list[ExtensionUse], expected: str, severity: Severity | None = None
) -> Iterator[Fault]:
    """One fault for all of ``uses``, at the first."""
    if uses:
        yield Fault(
            side=side,
            expected=expected,
            found=_names(uses),
            offset=uses[0].offset,
            length=max(1, len(uses[0].name)),
            header=EXTENSIONS,
            severity=severity,
        )


def _names(uses: Iterable[ExtensionUse]) -> str:
    text = ", ".join(dict.fromkeys(latin(use.name) for use in uses))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
