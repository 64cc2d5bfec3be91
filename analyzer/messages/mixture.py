"""Secrets and what the peer said, in one DEFLATE window: what an attacker who sees only lengths can tell apart.

With context takeover the messages of a direction share a window, so a message that repeats the peer's words is
shorter where they occur next to a secret as well (RFC 7692 8, RFC 7457 2.6). Here the text of each message is looked
at, its beginning only: does it hold what looks like a token, and does it repeat a longer stretch of what the peer
sent before? Both must be seen in compressed messages of one direction.
"""

from __future__ import annotations

import re
from collections import deque

LOOKED = 4096
"""Bytes of a message that are looked at."""
STRETCH = 24
"""Characters that both sides send by chance or as part of their protocol are fewer."""
KEPT = 16
"""Stretches of a side that are remembered, the latest."""

_TOKEN = re.compile(
    rb'"[a-z_-]{0,16}(?:token|secret|csrf|xsrf|session[_-]?id|password|api[_-]?key)"[ \t\r\n]{0,8}:'
    rb'[ \t\r\n]{0,8}"[^"\\ ]{16}',
    re.IGNORECASE,
)
_STRETCH = re.compile(rb'[^"\\{}\[\]\x00-\x1f]{%d,64}' % STRETCH)


class Mixture:
    """One direction of a connection; ``compressed``: on terms that let its messages share a window."""

    __slots__ = ("_compressed", "_reflected", "_stretches", "_text", "_token", "peer")

    def __init__(self, *, compressed: bool) -> None:
        self.peer: Mixture | None = None
        self._compressed = compressed
        self._text = b""
        self._stretches: deque[bytes] = deque(maxlen=KEPT)
        self._token = False
        self._reflected = False

    def begin(self) -> None:
        """A text message begins."""
        self._text = b""

    def feed(self, text: bytes) -> None:
        """The next bytes of the message."""
        if len(self._text) < LOOKED:
            self._text += text[: LOOKED - len(self._text)]

    def finish(self, *, compressed: bool) -> bool:
        """The message is over. Whether it is the one that makes the mixture complete."""
        text, self._text = self._text, b""
        before = self._token and self._reflected
        if self._compressed and compressed and not before:
            self._token = self._token or _TOKEN.search(text) is not None
            said = () if self.peer is None else self.peer._stretches
            self._reflected = self._reflected or any(stretch in text for stretch in said)
        for match in _STRETCH.finditer(text):
            self._stretches.append(match[0])
        return self._token and self._reflected and not before
