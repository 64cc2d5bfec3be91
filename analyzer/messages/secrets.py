"""Text that looks like a credential: a JSON member whose name says so, or the head of a private key.

A message goes by in runs, and a pattern may be cut between two of them, so the end of each run is kept for the next.
Patterns are shorter than what is kept: where a message is cut changes nothing. Values are not kept.
"""

from __future__ import annotations

import re

KEPT = 128
"""Bytes of a run that are looked at again with the next; more than any pattern takes."""

_PATTERN = re.compile(
    rb'"((?:[a-z]{0,12}[_-]?)(?:password|passwd|token|secret|authorization|api[_-]?key)|jwt|bearer|passphrase)"'
    rb'[ \t\r\n]{0,8}:[ \t\r\n]{0,8}"(?=[^"])'
    rb"|-----BEGIN ([A-Z0-9 ]{0,24}PRIVATE KEY)-----",
    re.IGNORECASE,
)
_OTHER = re.compile(rb"[cx]srf|page|next|continuation|sync|resume|cancel", re.IGNORECASE)
"""Tokens that open nothing."""


class Search:
    """One message, searched as it comes."""

    __slots__ = ("_end", "found")

    def __init__(self) -> None:
        self._end = b""
        self.found = ""
        """The name of the first that was found."""

    def feed(self, text: bytes) -> None:
        """The next bytes of the message."""
        if self.found:
            return
        text = self._end + text
        for match in _PATTERN.finditer(text):
            name = match[1] or match[2]
            if _OTHER.search(name) is None:
                self.found = name.decode("ascii")
                self._end = b""
                return
        self._end = text[-KEPT:]
