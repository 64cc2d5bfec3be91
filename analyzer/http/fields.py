"""The grammars of the fields an opening is made of: RFC 9110 5.6 and RFC 6455 4.3 and 9.1.

Everything here takes bytes as they stood on the wire, answers with values and positions, and never raises:
what does not follow a grammar is described, so that a rule can point at the offending byte. Offsets that go
in are stream offsets, and so are those that come out.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

from analyzer.model import Extension

WEBSOCKET = b"websocket"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""

TCHAR = rb"!#$%&'*+.^_`|~0-9A-Za-z-"
"""RFC 9110 5.6.2, the inside of a character class."""

_TOKEN = re.compile(rb"[" + TCHAR + rb"]+")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_VERSION = re.compile(rb"0|[1-9][0-9]{0,2}")
_REG_NAME = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_IP_FUTURE = re.compile(rb"v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+", re.IGNORECASE)
_ORIGIN = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")
_BLANKS = b" \t"

QUOTED_NOT_TOKEN = "quoted value is not a token"
"""Of the faults in an extension list the only one that leaves it readable."""

CANONICAL_LAST = b"AQgw"
"""The characters whose four low bits are zero: what 16 bytes leave in the 22nd base64 character (RFC 4648 3.5)."""


class Element(NamedTuple):
    """One element of a comma-separated list, without its blanks; empty ones are kept."""

    text: bytes
    offset: int


class Param(NamedTuple):
    """One parameter of an extension; ``value`` is None where there is no ``=``, and unquoted otherwise."""

    name: bytes
    value: bytes | None
    quoted: bool
    offset: int


class ExtensionUse(NamedTuple):
    """One element of Sec-WebSocket-Extensions as sent."""

    name: bytes
    params: list[Param]
    offset: int

    def plain(self) -> Extension:
        """The same for a record."""
        params = [(latin(param.name), None if param.value is None else latin(param.value)) for param in self.params]
        return Extension(latin(self.name), params)


class Fault(NamedTuple):
    """Where a value leaves its grammar, and how."""

    offset: int
    what: str


def latin(data: bytes) -> str:
    """Bytes as text, one character a byte."""
    return data.decode("latin-1")


def is_token(value: bytes) -> bool:
    """RFC 9110 5.6.2."""
    return _TOKEN.fullmatch(value) is not None


def split_list(value: bytes, offset: int, separator: int = ord(",")) -> list[Element]:
    """The elements of one field value; separators inside quoted strings do not count (RFC 9110 5.6.1, 5.6.4)."""
    if separator not in value:
        return [_trimmed(value, 0, len(value), offset)]
    elements: list[Element] = []
    start = 0
    quoted = escaped = False
    for index, byte in enumerate(value):
        if escaped:
            escaped = False
        elif quoted and byte == ord("\\"):
            escaped = True
        elif byte == ord('"'):
            quoted = not quoted
        elif byte == separator and not quoted:
            elements.append(_trimmed(value, start, index, offset))
            start = index + 1
    elements.append(_trimmed(value, start, len(value), offset))
    return elements


def _trimmed(value: bytes, start: int, end: int, offset: int) -> Element:
    piece = value[start:end]
    left = len(piece) - len(piece.lstrip(_BLANKS))
    return Element(piece.strip(_BLANKS), offset + start + left)


def protocol_name(element: bytes) -> bytes:
    """An element of Upgrade in lower case and without its ``/version`` (RFC 9110 7.8)."""
    return element.partition(b"/")[0].strip(_BLANKS).lower()


def lists_websocket(elements: Iterable[Element]) -> bool:
    """An Upgrade field names WebSocket among others."""
    return any(protocol_name(element.text) == WEBSOCKET for element in elements)


def resembles_websocket(name: bytes) -> bool:
    """A protocol name that is WebSocket misspelt ("web-socket", "websockets") rather than another protocol."""
    letters = re.sub(rb"[^a-z0-9]", b"", name.lower())
    return WEBSOCKET in letters or letters in (b"ws", b"wss", b"socket", b"websoket", b"websocet")


def parse_extensions(values: Iterable[tuple[bytes, int]]) -> tuple[list[ExtensionUse], list[Fault]]:
    """Read Sec-WebSocket-Extensions (RFC 6455 9.1), leniently.

    ``values`` are the field lines' values with their stream offsets, in order: together they are one list.
    What cannot be read is named in the second result, and the rest is still in the first.
    """
    uses: list[ExtensionUse] = []
    faults: list[Fault] = []
    start: int | None = None
    named = False
    for value, offset in values:
        start = offset if start is None else start
        for element in split_list(value, offset):
            if not element.text:
                continue  # RFC 9110 5.6.1.2: a recipient ignores empty elements
            named = True
            head, *rest = split_list(element.text, element.offset, ord(";"))
            if not is_token(head.text):
                faults.append(Fault(_first_not_token(head), "extension name is not a token"))
            params = [_param(part, faults) for part in rest]
            uses.append(ExtensionUse(head.text, params, head.offset))
    if start is not None and not named:
        faults.append(Fault(start, "no extension named"))
    return uses, faults


def _param(part: Element, faults: list[Fault]) -> Param:
    name, equals, raw = part.text.partition(b"=")
    at = part.offset + len(name) + 1
    stripped = name.rstrip(_BLANKS)
    if not is_token(stripped):
        faults.append(Fault(_first_not_token(Element(stripped, part.offset)), "parameter name is not a token"))
    if not equals:
        return Param(stripped, None, False, part.offset)
    if stripped != name or raw != raw.lstrip(_BLANKS):
        faults.append(Fault(part.offset + len(stripped), "blank beside ="))
    value = raw.strip(_BLANKS)
    if value[:1] != b'"':
        if not is_token(value):
            faults.append(Fault(_first_not_token(Element(value, at)), "parameter value is not a token"))
        return Param(stripped, value, False, part.offset)
    content = _unquote(value)
    if content is None:
        faults.append(Fault(at, "unbalanced quote"))
        content = value[1:]
    # RFC 6455 9.1: what the quotes hold must be a token all the same.
    elif not is_token(content):
        faults.append(Fault(at, QUOTED_NOT_TOKEN))
    return Param(stripped, content, True, part.offset)


def _unquote(value: bytes) -> bytes | None:
    match = re.fullmatch(rb'"((?:[^"\\]|\\.)*)"', value, re.DOTALL)
    return None if match is None else re.sub(rb"\\(.)", rb"\1", match[1], flags=re.DOTALL)


def _first_not_token(element: Element) -> int:
    match = _TOKEN.match(element.text)
    return element.offset + (0 if match is None else match.end())


def accept_for(key: bytes) -> bytes:
    """Sec-WebSocket-Accept for the text of a Sec-WebSocket-Key (RFC 6455 4.2.2 step 5.4)."""
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def key_is_16_bytes(value: bytes) -> bool:
    """RFC 6455 4.1 (7): the base64 form of 16 bytes."""
    return _KEY.fullmatch(value) is not None


def key_is_canonical(value: bytes) -> bool:
    """Of a key that is 16 bytes: its pad bits are zero."""
    return value[21] in CANONICAL_LAST


def version_number(value: bytes) -> int | None:
    """RFC 6455 4.3: a version is 0 to 255 without leading zeros; None for anything else."""
    if _VERSION.fullmatch(value) is None:
        return None
    number = int(value)
    return number if number <= 255 else None


def split_authority(value: bytes) -> tuple[bytes, bytes | None]:
    """Host in lower case and port of ``host[:port]``; the port is None where no colon introduces one."""
    if value[:1] == b"[" and b"]" in value:
        host, _, rest = value.partition(b"]")
        return (host + b"]").lower(), rest[1:] if rest[:1] == b":" else None
    host, colon, port = value.rpartition(b":")
    return (host.lower(), port) if colon else (value.lower(), None)


def authority_fault(value: bytes, offset: int) -> Fault | None:
    """What keeps ``value`` from being ``uri-host [":" port]`` (RFC 9110 7.2, RFC 3986 3.2.2), or None."""
    if not value:
        return Fault(offset, "empty")
    if b"@" in value:
        return Fault(offset + value.index(b"@"), "userinfo")
    host, port = split_authority(value)
    after = offset + len(host)
    if host[:1] == b"[":
        if host[-1:] != b"]" or not _is_ip_literal(host[1:-1]):
            return Fault(offset, "not an IPv6 address in brackets")
        if port is None and len(host) != len(value):
            return Fault(after, "text after the address")
    elif b":" in host:
        return Fault(offset + host.index(b":"), "more than one colon")
    elif not host:
        return Fault(offset, "no host")
    else:
        match = _REG_NAME.match(host)
        good = 0 if match is None else match.end()
        if good != len(host):
            return Fault(offset + good, "character not allowed in a host")
    if port and (not (port.isdigit() and port.isascii()) or int(port[:9]) > 65535):
        return Fault(after + 1, "port is not a number up to 65535")
    return None


def _is_ip_literal(inside: bytes) -> bool:
    if _IP_FUTURE.fullmatch(inside) is not None:
        return True
    try:
        # RFC 6874 writes the zone's % as %25; the zone itself is local to the sender.
        ipaddress.IPv6Address(latin(inside.partition(b"%")[0]))
    except ValueError:
        return False
    return True


def absolute_target(target: bytes) -> tuple[bytes, bytes] | None:
    """Scheme in lower case and authority of an absolute-form target; None for every other form."""
    match = _ABSOLUTE.match(target)
    return None if match is None else (match[1].lower(), match[2])


def origin_fault(value: bytes, offset: int) -> Fault | None:
    """What keeps ``value`` from being one serialized origin or ``null`` (RFC 6454 6.2), or None."""
    if value == b"null":
        return None
    match = _ORIGIN.fullmatch(value)
    if match is None:
        return Fault(offset, "not scheme://host[:port]")
    at = offset + match.start(2)
    rest = match[2]
    stop = re.search(rb"[/?# \t,]", rest)
    if stop is not None:
        what = {ord("/"): "path", ord("?"): "query", ord("#"): "fragment"}.get(stop[0][0], "more than one origin")
        return Fault(at + stop.start(), what)
    if not rest and match[1].lower() not in (b"http", b"https", b"ws", b"wss"):
        return None  # file:// and its like have no host
    return authority_fault(rest, at)
