"""HS-601 and its caveats: an address needs no name, and nothing is said where nobody can tell."""

from __future__ import annotations

import pytest

from tests.rules.judging import ids, judge

REQUEST = (
    "client: http GET /chat HTTP/1.1 | {host}Upgrade: websocket | Connection: Upgrade"
    " | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13"
)


def test_it_points_at_the_client_hello() -> None:
    (finding,) = judge("tls: no-sni\nclient: 81 80 37 fa 21 3d", "HS-601")
    assert finding.packet == 4
    assert finding.expected == 'server_name "server.example" in the ClientHello'


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("Host: a.example:8443 | ", ["HS-601"]),
        ("Host: [2001:db8::1] | ", []),
        ("Host: 192.0.2.7:8443 | ", []),
        ("", []),
        ("Host: a.example | Host: b.example | ", []),
    ],
)
def test_hosts(host: str, said: list[str]) -> None:
    assert ids("tls: no-sni\n" + REQUEST.format(host=host), "HS-601") == said


def test_other_rules_know_that_it_is_tls() -> None:
    """Mixed content, and credentials that everybody could read."""
    text = REQUEST.format(host="Host: a.example | Origin: https://a.example | Cookie: sid=0123456789abcdef | ")
    in_clear, over_tls = set(ids(text)), set(ids("tls\n" + text))
    assert over_tls <= in_clear
    assert {"SEC-011", "SEC-018"} <= in_clear - over_tls
