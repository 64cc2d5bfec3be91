"""Takes the secrets out of a result, so that it can be given to others: ``--redact``, for every format alike.

Gone are cookies, credentials in fields, tokens in request targets and subprotocols, and every payload: messages with
their digests, frames, reasons of Close frames, and the payload bytes that findings show. Kept are names, lengths
of frames, offsets, packets, and the bytes of headers. The openings say where the secrets stand, so a finding about
an opening that was not seen, or was one too many to remember, loses its bytes altogether. Formats that copy packets
cut them themselves (`analyzer.report.shorten`).
"""

from __future__ import annotations

import re

import msgspec

from analyzer.model import Connection, Evidence, Finding, Frame, Handshake, HeadRecord, Message, Opcode, Payload, Record
from analyzer.rules import credentials
from analyzer.wire import frame as wire

GONE = "***"
"""Stands for a secret in text."""
BLANK = ord("*")
"""Stands for a byte of one."""
COOKIES = frozenset(("cookie", "set-cookie"))
SHORTEST = 4
"""Characters of a secret whose beginning in a finding's words is taken for it: words may be cut short."""
CLOSE_CODE = wire.CLOSE_CODE.sizeof()

_QUERY_VALUE = re.compile(r"(?<=[?&;])([^=&;?#\s]+)=([^&;#\s]*)")
_USER = re.compile(r"(?<=://)[^/@\s?#]+(?=@)")
_SEGMENT = re.compile(r"[^/?#\s]+")
_PAIR = re.compile(r"(=\s*)([^;]*)")
_ELEMENT = re.compile(r"[^,\s]+")
_LOOSE = re.compile(
    r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=-]+"
)
_NOT_PLAIN = re.compile(rb"[^a-z0-9]")
_REASON = re.compile(r"(\b[0-9]{1,5}: ).*", re.DOTALL)

Ranges = list[tuple[int, int]]


class _Known(msgspec.Struct):
    """What an opening told: secrets, and by direction where they stand in the stream."""

    words: set[str]
    ranges: dict[str, Ranges]


class Redactor:
    """Follows a run's records, and gives each without its secrets."""

    def __init__(self, limit: int) -> None:
        """Remember the openings of ``limit`` connections."""
        self._limit = limit
        self._known: dict[int, _Known] = {}

    def see(self, record: Record) -> Record:
        """The record as it may be shown."""
        match record:
            case Handshake():
                return self._handshake(record)
            case Finding():
                return self._finding(record)
            case Connection():
                return msgspec.structs.replace(
                    record,
                    client_close_reason=record.client_close_reason and GONE,
                    server_close_reason=record.server_close_reason and GONE,
                )
            case Frame():
                shown = record.bytes if isinstance(record.bytes, msgspec.UnsetType) else _frame_hex(record.bytes)
                return msgspec.structs.replace(record, bytes=shown, close_reason=record.close_reason and GONE)
            case Message():
                payload = record.payload if isinstance(record.payload, msgspec.UnsetType) else Payload(text=GONE)
                shown = record.inflated
                if not isinstance(shown, msgspec.UnsetType):
                    shown = (b"%c" % BLANK * (len(shown) // 2)).hex()
                return msgspec.structs.replace(record, payload=payload, sha256=None, inflated=shown)
        return record

    # --- openings

    def _handshake(self, handshake: Handshake) -> Handshake:
        known = self._known.get(handshake.connection)
        if known is None:
            known = _Known(set(), {})
            if len(self._known) < self._limit:
                self._known[handshake.connection] = known
        heads = {}
        for side, head in (("client", handshake.request), ("server", handshake.response)):
            heads[side] = None if head is None else _head(head, known.words, known.ranges.setdefault(side, []))
        subprotocol = handshake.subprotocol and _protocols(handshake.subprotocol, known.words)
        return msgspec.structs.replace(
            handshake, request=heads["client"], response=heads["server"], subprotocol=subprotocol
        )

    # --- findings

    def _finding(self, finding: Finding) -> Finding:
        known = None if finding.connection is None else self._known.get(finding.connection)
        evidence = finding.evidence
        if evidence is not None:
            evidence = msgspec.structs.replace(evidence, hex=_evidence(finding, evidence, known))
        return msgspec.structs.replace(
            finding,
            text=_scrubbed(finding.text, known),
            expected=_scrubbed(finding.expected, known),
            found=_found(finding, known),
            evidence=evidence,
        )


def _head(head: HeadRecord, secrets: set[str], ranges: Ranges) -> HeadRecord:
    """The head with its secrets out; they, and where they stand, are added to ``secrets`` and ``ranges``."""
    line, at = _target(head.line, secrets)
    ranges += [(head.stream_offset + start, length) for start, length in at]
    headers = []
    ends = [*head.header_offsets[1:], head.end_offset]
    for (name, value), start, end in zip(head.headers, head.header_offsets, ends, strict=False):
        shown = _field(name, value, secrets)
        headers.append((name, shown))
        if shown != value:
            ranges.append((start + len(name) + 1, end - start - len(name) - 1))
    return msgspec.structs.replace(head, line=line, headers=headers)


def _target(line: str, secrets: set[str]) -> tuple[str, Ranges]:
    """A request line without the secrets in its target, and index and length of each."""
    found: Ranges = []
    for match in _QUERY_VALUE.finditer(line):
        value = match[2].encode("latin-1", "replace")
        name = _NOT_PLAIN.sub(b"", match[1].lower().encode("latin-1", "replace"))
        if value and (credentials.is_secret_parameter(name, value) or credentials.is_token_like(value)):
            found.append((match.start(2), len(match[2])))
    found += [(match.start(), len(match[0])) for match in _USER.finditer(line)]
    for match in _SEGMENT.finditer(line):
        if credentials.is_jwt(match[0].encode("latin-1", "replace")):
            found.append((match.start(), len(match[0])))
    secrets.update(line[start : start + length] for start, length in found)
    for start, length in sorted(found, reverse=True):
        line = line[:start] + GONE + line[start + length :]
    return line, found


def _field(name: str, value: str, secrets: set[str]) -> str:
    lower = name.lower()
    if lower in COOKIES:
        first, semicolon, rest = value.partition(";") if lower == "set-cookie" else (value, "", "")
        secrets.update(match[2] for match in _PAIR.finditer(first))
        return _PAIR.sub(rf"\1{GONE}", first) + semicolon + rest
    if lower == "sec-websocket-protocol":
        return _protocols(value, secrets)
    if lower in ("authorization", "proxy-authorization") or credentials.is_credential_field(
        lower.encode("latin-1", "replace")
    ):
        scheme, blank, rest = value.partition(" ")
        secrets.add(rest if blank else value)
        return f"{scheme} {GONE}" if blank and scheme.isalpha() else GONE
    if lower in ("referer", "location"):
        return _target(value, secrets)[0]
    return value


def _protocols(value: str, secrets: set[str]) -> str:
    """Subprotocols, those that may be tokens taken out."""

    def shown(match: re.Match[str]) -> str:
        word = match[0].encode("latin-1", "replace")
        last = (
            max(word.rpartition(b".")[2], word.rpartition(b"-")[2], key=len) if not credentials.is_jwt(word) else word
        )
        if not credentials.is_token_like(word) and not credentials.is_token_like(last):
            return match[0]
        secrets.add(match[0])
        return GONE

    return _ELEMENT.sub(shown, value)


def _found(finding: Finding, known: _Known | None) -> str:
    text = finding.found
    if finding.frame is not None:
        return _REASON.sub(rf"\1{GONE}", text)
    if finding.header is not None and _field(finding.header, text, set()) != text:
        return GONE
    return _scrubbed(text, known)


def _scrubbed(text: str, known: _Known | None) -> str:
    """``text`` without the secrets of its connection, and without what looks like one anywhere."""
    for secret in sorted(known.words, key=len, reverse=True) if known is not None else ():
        start = secret[:SHORTEST]
        if len(secret) < SHORTEST:
            continue
        at = text.find(start)
        while at >= 0:
            end = at
            while end < len(text) and end - at < len(secret) and text[end] == secret[end - at]:
                end += 1
            if end - at == len(secret) or text[end:].startswith(("...", '"...')):
                text = text[:at] + GONE + text[end:]
            at = text.find(start, at + len(GONE))
    return _LOOSE.sub(GONE, text)


def _evidence(finding: Finding, evidence: Evidence, known: _Known | None) -> str:
    data = bytearray(bytes.fromhex(evidence.hex))
    mark = range(evidence.mark[0], evidence.mark[0] + evidence.mark[1])
    if finding.frame is not None:
        if evidence.stream_offset == finding.stream_offset:
            return _frame_hex(evidence.hex, mark)
        return bytes(byte if at in mark else BLANK for at, byte in enumerate(data)).hex()
    if known is None:
        return bytes(byte if at in mark else BLANK for at, byte in enumerate(data)).hex()
    for start, length in known.ranges.get(finding.direction or "", ()):
        first = max(0, start - evidence.stream_offset)
        last = min(len(data), start + length - evidence.stream_offset)
        for at in range(first, last):
            if data[at] not in b"\r\n":
                data[at] = BLANK
    return data.hex()


def _frame_hex(text: str, mark: range = range(0)) -> str:
    """A frame's bytes, its payload blank: asterisks once the mask is off. The code of a Close stays."""
    data = bytes.fromhex(text)
    fields = wire.spans(data)
    if len(data) < 2:
        return text
    header = -(-(fields[-1].bit + fields[-1].width) // 8)
    masked = bool(wire.SECOND.parse(data[1:2]).masked)
    opcode = wire.FIRST.parse(data[:1]).opcode
    kept = header + (CLOSE_CODE if opcode == Opcode.CLOSE else 0)
    payload = bytes([BLANK]) * max(0, len(data) - header)
    if masked:
        payload = wire.mask(payload, data[header - wire.MASKING_KEY.sizeof() : header])
    blank = data[:header] + payload
    return bytes(data[at] if at < kept or at in mark else blank[at] for at in range(len(data))).hex()
