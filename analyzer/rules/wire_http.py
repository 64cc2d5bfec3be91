"""SEC-024: what masking is there to prevent, a client's payload that reads as an HTTP request on the wire.

A page can make a browser send any text it likes. Masked with a key that nobody can guess, the text is noise to whatever
stands between (RFC 6455 10.3); unmasked, or under a key that is known beforehand, it is what an old proxy may take for
the next request. So the bytes are looked at as they stand on the wire, before unmasking.
"""

from __future__ import annotations

from analyzer.frames.columns import FrameColumns
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Hits
from analyzer.rules.registry import rule


@rule("SEC-024", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 10.3", role=Role.CLIENT)
def http_request_in_wire_bytes(frames: FrameColumns) -> Hits:
    """Client payload looks like an HTTP request on the wire.

    A proxy in between that does not know WebSocket may answer it, and keep the answer for others: cache poisoning is
    why clients mask. Somebody can only bring it about where frames are unmasked or their keys can be guessed (MK-001,
    SEC-001 to SEC-004); with random keys it is chance.

    Violates:
        client: 81 15 47 45 54 20 2f 61 2e 6a 73 20 48 54 54 50 2f 31 2e 31 0d 0a 0d

        client: 82 95 00 00 00 00 47 45 54 20 2f 61 2e 6a 73 20 48 54
        client: 54 50 2f 31 2e 31 0d 0a 0d
    Conforms:
        client: 81 95 37 fa 21 3d 70 bf 75 1d 18 9b 0f 57 44 da 69 69 63 aa 0e 0c 19 cb 2c 37 3a

        server: 81 15 47 45 54 20 2f 61 2e 6a 73 20 48 54 54 50 2f 31 2e 31 0d 0a 0d

        client: 81 05 47 45 54 20 2f
    """
    return Hits(
        rows=frames.request_line & frames.from_client & frames.roles_sure,
        expected="payload that does not begin as a request",
        found="METHOD target HTTP/1. at the start of the payload, before unmasking",
        at=lambda row: int(frames.header[row]),
    )
