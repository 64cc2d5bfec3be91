"""Is this HTTP? Answers from the first few bytes of a message or of a segment.

Each probe answers True, False, or None for "too early to tell", so that heads that arrive byte by byte are
not given up. The methods listed only serve to believe in a request line whose version is missing.
"""

from __future__ import annotations

import re

from analyzer.http.fields import TCHAR

LINE_ENDS = b"\r\n"
LONGEST_METHOD = 32
"""Longer tokens at the start of a message are some other protocol's text."""

_METHOD = re.compile(rb"[A-Za-z][" + TCHAR + rb"]*")
_KNOWN = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH)[ \t]")
_HTTP_VERSION = re.compile(rb"[ \t]HTTP/[^ \t]*[ \t\r]*$", re.IGNORECASE)
_OTHER_VERSION = re.compile(rb"[ \t](?!HTTP/)[A-Z]+/[0-9.]+[ \t\r]*$")
_REQUEST_LINE = re.compile(rb"[A-Z]{3,16} [^ \r\n]+ HTTP/1\.[01]\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-5][0-9]{2}[ \r\n]")
_STATUS_START = b"HTTP/"

H2_METHOD = b"PRI"
"""The connection preface of HTTP/2 reads as a request with this method (RFC 9113 3.4)."""
_TLS = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")
"""A TLS record of any type (RFC 8446 5.1)."""
_TLS_TYPES = b"\x14\x15\x16\x17"
_TLS_STARTS = tuple(bytes([kind]) for kind in _TLS_TYPES)
_TLS_PROOF = 3
"""Bytes that tell a TLS record from something else."""


def begins_request(data: bytes) -> bool | None:
    """``data`` is the start of a message that could be a request. Quick: decides at the first line's end."""
    match = _METHOD.match(data)
    if match is None or match.end() > LONGEST_METHOD:
        return False if data else None
    if match.end() == len(data):
        return None
    if data[match.end()] not in b" \t":
        return False
    stop = data.find(b"\n")
    if stop < 0:
        return None
    line = data[:stop]
    if _HTTP_VERSION.search(line[-64:]):
        return True
    return _KNOWN.match(line) is not None and not _OTHER_VERSION.search(line[-64:])


def begins_response(data: bytes) -> bool | None:
    """``data`` is the start of a message that could be a response."""
    if len(data) < _TLS_PROOF and data[:1] and data[0] in _TLS_TYPES:
        return None
    if len(data) < len(_STATUS_START):
        return None if _STATUS_START.startswith(data) else False
    return data.startswith(_STATUS_START)


def begins_line(data: bytes, *, request: bool, response: bool) -> bool:
    """A segment begins with a whole request or status line: sure enough to find the way back after a loss."""
    return bool((request and _REQUEST_LINE.match(data)) or (response and _STATUS_LINE.match(data)))


def is_tls(data: bytes) -> bool:
    """A TLS record begins here."""
    return _TLS.match(data) is not None


_TEXT = re.compile(rb"[\t\r\n -~]{1,64}")


def is_text(data: bytes) -> bool:
    """A segment begins as one inside a head would: with ASCII (RFC 9110 5.5 calls anything else obsolete)."""
    match = _TEXT.match(data)
    return match is not None and match.end() == min(len(data), 64)


def may_be_tls(data: bytes) -> bool:
    """A TLS record begins here, or may turn out to."""
    return is_tls(data) or (len(data) < _TLS_PROOF and data[:1] in (b"", *_TLS_STARTS))


_FRAME_REQUEST = re.compile(rb"[A-Z]{3,16} [!-~]+ HTTP/1\.")
_FRAME_REQUEST_START = re.compile(rb"[A-Z]{1,16}(?: (?:[!-~]+(?: (?:H(?:T(?:T(?:P(?:/1?)?)?)?)?)?)?)?)?")


def frame_is_http(data: bytes, longest: int) -> bool | None:
    """HTTP text where a frame should begin: sure only with the version, so that no frame is taken for it.

    A first line of ``longest`` bytes or more is not waited for.
    """
    status = b"HTTP/1."
    if data.startswith(status) or _FRAME_REQUEST.match(data):
        return True
    if status.startswith(data) or (len(data) < longest and _FRAME_REQUEST_START.fullmatch(data)):
        return None
    return False
