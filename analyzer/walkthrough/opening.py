"""The second stage: the opening handshake (RFC 6455 4), field by field, and the accept value computed in view."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator

from analyzer.http.fields import GUID
from analyzer.model import Direction, Finding, Handshake, HeadRecord, Severity
from analyzer.report.verdict import plural
from analyzer.walkthrough import checks
from analyzer.walkthrough.document import (
    Block,
    Drawing,
    Paragraph,
    Section,
    Terms,
    Words,
    code,
    paragraph,
    words,
)
from analyzer.walkthrough.fields import Place, meaning
from analyzer.walkthrough.gather import Gathered
from analyzer.walkthrough.moments import packets, sentence, since

KEY, ACCEPT = "sec-websocket-key", "sec-websocket-accept"
UPGRADING = frozenset(
    (
        "upgrade",
        "connection",
        KEY,
        ACCEPT,
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
    )
)
"""Fields that only an opening needs; a plain HTTP exchange would do without."""
FIELDS = 100
"""Fields of one head that are told."""
LEGACY = ("HS-501", "HS-502", "HS-503", "HS-504")
"""Openings of the drafts before RFC 6455."""
NONCE = 16
"""Bytes of a key (RFC 6455 4.1)."""
SWITCHING = 101
ASKED = (
    "method, what is asked for, and the version of HTTP: an ordinary GET, which any server and proxy can read"
    " (RFC 6455 4.1)"
)


def sections(gathered: Gathered, start_ns: int) -> Iterator[Section]:
    """One section for the stage, and one for each step."""
    every = [finding for finding in gathered.findings if finding.frame is None and _of_opening(finding)]
    if not gathered.openings:
        yield Section("The opening handshake", [paragraph(_unseen(gathered))])
        return
    *failed, last = gathered.openings
    blocks: list[Block] = [
        paragraph(
            "A WebSocket begins as HTTP, so that it can share ports, proxies and servers with it: the client asks to"
            " leave HTTP, and the server agrees with a 101 or does not."
        )
    ]
    heads = [None if head is None else head.stream_offset for head in (last.request, last.response)]
    findings = [finding for finding in every if finding.stream_offset in (None, *heads)]
    blocks += [_failed(opening) for opening in failed]
    earlier = [finding for finding in every if finding not in findings]
    if earlier:
        blocks.append(checks.told(earlier))
    other = _other_form(gathered, every)
    if other:
        blocks.append(paragraph(other))
    yield Section("The opening handshake", blocks)
    yield _request(last, findings, start_ns, judged=not other)
    yield _response(last, findings, start_ns, judged=not other)
    accept = _accept_blocks(last)
    if accept:
        yield Section("The accept value, step by step", accept, 2)


def _of_opening(finding: Finding) -> bool:
    return finding.rule.startswith(("HS-", "H2-", "EX-0", "EX-1", "TX-003"))


def _other_form(gathered: Gathered, findings: list[Finding]) -> str:
    """What this opening is, where it is not the one of RFC 6455 4, so that what that demands does not apply."""
    assert gathered.connection is not None
    if gathered.connection.transport == "h2":
        return (
            "It runs over HTTP/2: the opening is an extended CONNECT answered by 200, without key and accept value,"
            " and the connection is one stream among others (RFC 8441 4, 5)."
        )
    if any(finding.rule in LEGACY for finding in findings):
        return "This opening is of a draft from before RFC 6455, so it is not measured by what the RFC demands."
    return ""


def _unseen(gathered: Gathered) -> str:
    connection = gathered.connection
    assert connection is not None
    how = {
        "masks": "one side masks its frames, and only a client does that (RFC 6455 5.1)",
        "port": "the server's port was named with --decode-as",
        "opening": "a part of the opening was seen",
    }[connection.role_evidence]
    return (
        "The opening is not in the capture, which began later. So its fields, the subprotocol and the extensions are"
        f" not known, and what depends on them is not judged. Which side is the client is known because {how}. Stream"
        " bytes count from the first one captured. No byte says that a frame begins: the length of each leads to the"
        " next, so whoever loses count has lost the conversation."
    )


def _failed(opening: Handshake) -> Paragraph:
    status = "no answer" if opening.status is None else f"status {opening.status}"
    line = code(opening.request.line) if opening.request is not None else "a request that was not captured"
    return paragraph("Before the opening told here, one was tried on the same TCP connection: ", line, f", {status}.")


# --- the heads


def _request(opening: Handshake, findings: list[Finding], start_ns: int, *, judged: bool) -> Section:
    head = opening.request
    seen: frozenset[Direction] = frozenset() if head is None else frozenset({"client"})
    blocks: list[Block] = [
        paragraph("The request is not in the capture.")
        if head is None
        else paragraph(f"{_place(head, start_ns)}, {plural(_size(head), 'byte')}:")
    ]
    if head is not None:
        blocks.append(_terms(head, ASKED, "request"))
    if judged:
        blocks.append(paragraph("What the server has to check before it agrees (RFC 6455 4.2.1):"))
        wanted = tuple(check for check in checks.REQUEST if _applies(check, head))
        blocks.append(checks.judged(wanted, findings, seen))
    return Section("The client asks", [*blocks, *_rest(findings, "client", judged=judged)], 2)


def _response(opening: Handshake, findings: list[Finding], start_ns: int, *, judged: bool) -> Section:
    head, request = opening.response, opening.request
    blocks: list[Block] = []
    if head is None:
        blocks.append(
            paragraph("No answer is in the capture." if request is not None else "The answer is not in the capture.")
        )
        return Section("The server answers", [*blocks, *_rest(findings, "server", judged=False)], 2)
    blocks.append(paragraph(f"{_place(head, start_ns)}, {plural(_size(head), 'byte')}:"))
    blocks.append(_terms(head, _status_words(opening), "agreement" if agreed(opening) else "refusal"))
    if agreed(opening) and judged:
        blocks.append(paragraph("What the client has to check before it goes on (RFC 6455 4.1):"))
        seen: frozenset[Direction] = frozenset({"client", "server"})
        wanted = tuple(check for check in checks.RESPONSE if _applies(check, head))
        unknown = () if request is not None else checks.OF_REQUEST
        blocks.append(checks.judged(wanted, findings, seen, unknown=unknown))
    elif not agreed(opening):
        blocks.append(paragraph("No WebSocket came of it: whatever follows on this connection is HTTP."))
    return Section("The server answers", [*blocks, *_rest(findings, "server", judged=judged)], 2)


def agreed(opening: Handshake) -> bool:
    """The server switched, rightly or not."""
    return opening.accepted or opening.status == SWITCHING


def _applies(check: checks.Check, head: HeadRecord | None) -> bool:
    """Demands on fields that were not sent are left out, unless the field has to be there."""
    needs = {
        "HS-114": "sec-websocket-protocol",
        "HS-116": "origin",
        "EX-001": "sec-websocket-extensions",
        "HS-209": "sec-websocket-protocol",
        "EX-003": "sec-websocket-extensions",
        "EX-104": "sec-websocket-extensions",
    }.get(check.rules[0])
    return needs is None or head is None or bool(values(head, needs))


def _rest(findings: list[Finding], side: Direction, *, judged: bool) -> list[Block]:
    """Findings of a side: what was broken, and what no demand in the tables stands for."""
    tabled = {rule for check in checks.ALL for rule in check.rules} if judged else set()
    hits = [finding for finding in findings if finding.direction == side]
    shown = [finding for finding in hits if finding.severity is not Severity.INFO or finding.rule not in tabled]
    return [checks.told(shown)] if shown else []


def _place(head: HeadRecord, start_ns: int) -> str:
    return f"{sentence(packets(head.packet, head.last_packet))}, {since(head.time_ns, start_ns)}"


def _size(head: HeadRecord) -> int:
    return head.end_offset - head.stream_offset


def _status_words(opening: Handshake) -> str:
    if agreed(opening) and opening.status != SWITCHING:
        return "the server agrees (RFC 8441 5)"
    if agreed(opening):
        return "101 and nothing else means that the protocol changes with the byte after this head (RFC 6455 4.2.2)"
    return "not 101: the server does not switch, and this is an ordinary answer of HTTP (RFC 6455 4.1)"


def _terms(head: HeadRecord, first: str, place: Place) -> Terms:
    items: list[tuple[str, Words]] = [(head.line, words(f"byte {head.stream_offset}: {first}"))]
    for (name, value), offset in list(zip(head.headers, head.header_offsets, strict=False))[:FIELDS]:
        items.append((f"{name}: {value}", words(f"byte {offset}: {meaning(name, place)}")))
    if len(head.headers) > FIELDS:
        items.append((f"{len(head.headers) - FIELDS} more fields", words("not told here")))
    return Terms(items)


def values(head: HeadRecord | None, name: str) -> list[str]:
    """The values of every field of this name, in order."""
    return [] if head is None else [value for field, value in head.headers if field.lower() == name]


def plain_size(head: HeadRecord) -> int:
    """Bytes of the head without the fields that only an opening has."""
    extra = sum(len(name) + len(value) + len(": \r\n") for name, value in head.headers if name.lower() in UPGRADING)
    return max(0, _size(head) - extra)


# --- the key


def _accept_blocks(opening: Handshake) -> list[Block]:
    keys, sent = values(opening.request, KEY), values(opening.response, ACCEPT)
    if len(keys) != 1 or opening.status != SWITCHING:
        return []
    key = keys[0].strip()
    joined = key.encode("latin-1", "replace") + GUID
    digest = hashlib.sha1(joined, usedforsecurity=False).digest()
    accept = base64.b64encode(digest).decode()
    lines = [
        f"key, as sent    {key[:80]}",
        f"its bytes       {_nonce(key)}",
        f"the GUID        {GUID.decode()}",
        f"key and GUID    {key[:80]}{GUID.decode()}",
        f"SHA-1 of that   {digest.hex()}",
        f"base64 of that  {accept}",
        f"server sent     {', '.join(sent)[:80] or 'nothing'}  "
        f" {'equal' if [accept] == [each.strip() for each in sent] else 'NOT EQUAL'}",
    ]
    return [
        paragraph(
            "The value says nothing about who the server is, and keeps nothing secret. It shows that the server read"
            " this very request and knows WebSocket: a web server that was tricked into answering, or a cache with an"
            " old answer, does not come up with it. Anybody can compute it, from the key and a GUID that is the same on"
            " every connection (RFC 6455 1.3). What is joined to the GUID is the key's text, as it stands in the field,"
            " not the 16 bytes that it stands for:"
        ),
        Drawing(lines),
    ]


def _nonce(key: str) -> str:
    try:
        decoded = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return "not base64"
    count = "" if len(decoded) == NONCE else f"   {len(decoded)} instead of {NONCE}"
    return f"{decoded[:NONCE].hex(' ')}{count}"
