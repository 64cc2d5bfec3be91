"""Keys that are published or structured, and keys that are none."""

from __future__ import annotations

import base64

import pytest

from samples import opening
from tests.rules.judging import ids, judge


def opened(key: str) -> str:
    return "client: http " + " | ".join(opening.request(key))


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("dGhlIHNhbXBsZSBub25jZQ==", "the sample of RFC 6455 1.3"),
        ("x3JJHMbDL1EzLkh9GBhXDw==", "a sample in many articles"),
        ("AQIDBAUGBwgJCgsMDQ4PEA==", "bytes that count"),
        ("AQIDBAUGBwgJCgsMDQ4PEC==", "bytes that count"),
        (base64.b64encode(bytes(range(255, 239, -1))).decode(), "bytes that count"),
        (base64.b64encode(b"\xff" * 16).decode(), "ff sixteen times"),
        (base64.b64encode(b"1234567890abcdef").decode(), "printable text"),
    ],
)
def test_keys_with_a_pattern(key: str, found: str) -> None:
    (finding,) = judge(opened(key), "SEC-008")
    assert finding.found == f'"{key}", {found}'
    assert finding.header == "Sec-WebSocket-Key"


@pytest.mark.parametrize("number", range(20))
def test_random_keys(number: int) -> None:
    assert ids(opened(opening.key_for(number)), "SEC-008") == []


def test_what_is_no_key_is_another_rules() -> None:
    assert ids(opened(base64.b64encode(b"a" * 15).decode()), "SEC-008", "HS-108") == ["HS-108"]


def test_the_drafts_before_had_other_keys() -> None:
    head = "client: http GET / HTTP/1.1 | Host: a | Upgrade: WebSocket | Connection: Upgrade"
    assert ids(f"{head} | Sec-WebSocket-Key1: 1 2 | Sec-WebSocket-Key2: 3 4", "SEC-008") == []
