"""The connections that a report in memory lists, and what each asked for.

The first ones up to the limit; what comes after them is counted. On a TCP connection with several openings the request
that was accepted is the connection's, or the first where none was.
"""

from __future__ import annotations

from analyzer.model import Connection, Handshake
from analyzer.report.wording import requested


class Listed:
    """Connections and requests by connection number."""

    def __init__(self, most: int) -> None:
        """``most``: how many connections are kept (the setting ``kept_connections``)."""
        self._most = most
        self.connections: dict[int, Connection] = {}
        self.requests: dict[int, str] = {}
        self.dropped = 0
        """Connections beyond them."""

    def add(self, record: Connection | Handshake) -> None:
        """Take the record in, or count it."""
        if isinstance(record, Handshake):
            known = record.connection in self.requests
            if record.accepted if known else len(self.requests) < self._most:
                self.requests[record.connection] = requested(record)
        elif len(self.connections) < self._most:
            self.connections[record.connection] = record
        else:
            self.dropped += 1
