"""The secrets of a key log, by label and client random.

One secret a line: label, the client's random value, the secret, in hex (draft-ietf-tls-keylogfile, known as the NSS
key log format). Lines that are something else are passed over: such logs are appended to by many programs at once.

A resumed session of TLS 1.2 may have no line of its own: some libraries write one only when a master secret is made.
So the master secret of each session seen is remembered by its id and its ticket (`Resumption`).

Of TLS 1.2 there may be premaster secrets instead of master secrets: by the client random, or, as NSS wrote before 2010,
by the first bytes of what RSA encrypted.
"""

from __future__ import annotations

from collections.abc import Iterable

MASTER = "CLIENT_RANDOM"
"""The master secret of TLS 1.2; with an extended master secret (RFC 7627) too it is the final one."""
EARLY = "CLIENT_EARLY_TRAFFIC_SECRET"
HANDSHAKE = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
APPLICATION = ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0")
"""TLS 1.3, by role."""
PREMASTER = "PMS_CLIENT_RANDOM"
"""The premaster secret of TLS 1.2, by client random."""
RSA = "RSA"
"""The same by the first bytes of what RSA encrypted: what NSS wrote before it knew CLIENT_RANDOM."""
RSA_NAME = 8
"""Bytes of that."""
LABELS = frozenset(label.encode() for label in (MASTER, EARLY, PREMASTER, RSA, *HANDSHAKE, *APPLICATION))


class KeyLog:
    """All secrets there are. Empty: none were given."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[str, bytes], bytes] = {}
        self.given = False
        """A key log was given, whatever it holds."""
        self.premasters = False
        """It holds premaster secrets."""

    def add(self, data: bytes) -> None:
        """Read a key log's bytes."""
        self.given = True
        for line in data.splitlines():
            words = line.split()
            if len(words) != 3 or words[0] not in LABELS:
                continue
            try:
                random, secret = bytes.fromhex(words[1].decode("ascii")), bytes.fromhex(words[2].decode("ascii"))
            except ValueError:
                continue
            label = words[0].decode("ascii")
            self._secrets[label, random] = secret
            self.premasters = self.premasters or label in (PREMASTER, RSA)

    def find(self, label: str, random: bytes) -> bytes | None:
        """The secret of that label of the connection with that client random."""
        return self._secrets.get((label, random))


class Resumption:
    """Master secrets of TLS 1.2 sessions by what resumes them, the latest ``limit``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._masters: dict[bytes, bytes] = {}

    def remember(self, name: bytes, master: bytes) -> None:
        """A session id or ticket that stands for a session."""
        if name:
            self._masters.pop(name, None)
            self._masters[name] = master
            if len(self._masters) > self._limit:
                del self._masters[next(iter(self._masters))]

    def find(self, names: Iterable[bytes]) -> bytes | None:
        """The master secret of the first that is known."""
        return next((self._masters[name] for name in names if name in self._masters), None)
