"""Which connections are listed, and under which request."""

from __future__ import annotations

from analyzer.model import Connection, Handshake
from analyzer.report.listed import Listed
from tests.running import ANSWER, REQUEST, played

FIRST, SECOND = (REQUEST.replace("/chat", path) for path in ("/first", "/second"))
REFUSED = "server: http HTTP/1.1 403 Forbidden | Content-Length: 0"


def listed(*stories: str, most: int) -> Listed:
    """What is listed of connections with these stories."""
    result = Listed(most)
    for record in played("\n".join(f"connection {number}:\n{story}" for number, story in enumerate(stories, 1))):
        if isinstance(record, Connection | Handshake):
            result.add(record)
    return result


def test_what_is_beyond_the_limit_is_counted() -> None:
    result = listed(*["client: 81 80 37 fa 21 3d"] * 3, most=2)
    assert (sorted(result.connections), sorted(result.requests), result.dropped) == ([0, 1], [0, 1], 1)


def test_the_accepted_request_is_the_connections() -> None:
    result = listed(f"{FIRST}\n{REFUSED}\n{SECOND}\n{ANSWER}", most=1)
    assert "/second" in result.requests[0]


def test_of_refused_requests_the_first_is() -> None:
    result = listed(f"{FIRST}\n{REFUSED}\n{SECOND}\n{REFUSED}", most=1)
    assert "/first" in result.requests[0]
