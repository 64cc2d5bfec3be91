"""How reports call things."""

from __future__ import annotations

import msgspec

from analyzer.report.wording import ended, endpoint, requested, seconds
from tests.report import made


def test_addresses() -> None:
    assert endpoint(("192.0.2.1", 80)) == "192.0.2.1:80"
    assert endpoint(("2001:db8::1", 443)) == "[2001:db8::1]:443"


def test_requests() -> None:
    assert requested(made.handshake(0)) == "a.example/chat"
    assert requested(made.handshake(0, target="ws://b.example/x")) == "ws://b.example/x"
    assert requested(msgspec.structs.replace(made.handshake(0), request=None)) == "(request not captured)"


def test_ends() -> None:
    assert ended(made.connection(0)) == "closed 1000"
    assert ended(msgspec.structs.replace(made.connection(0), server_close_code=1002)) == "closed 1000/1002"
    assert ended(made.connection(0, state="closed-by-client")) == "closed by client"


def test_seconds_are_exact() -> None:
    assert seconds(1_700_000_000_123_456_789) == "1700000000.123456"
