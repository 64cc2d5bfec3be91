"""Which page opened a connection: near misses, proxies, and programs that are no browsers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.test_exposure import brief, told

CHROME = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
EVIL = "Origin: https://evil.example"


def of(rule: str, path: Path, *fields: str, **rest: object) -> list[str]:
    """Severities of that rule's findings."""
    return [severity for found, severity in brief(told(path, *fields, **rest)) if found == rule]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "client", "expected"),
    [
        ((CHROME, "Sec-Fetch-Mode: websocket"), "192.0.2.1", ["warning"]),
        ((CHROME, "Accept-Language: en-US,en;q=0.9"), "192.0.2.1", ["warning"]),
        ((CHROME, "Accept-Language: en-US,en;q=0.9", "Via: 1.1 a"), "192.0.2.1", ["info"]),
        ((CHROME, "Accept-Language: en-US,en;q=0.9"), "10.0.0.1", ["info"]),
        ((CHROME, "Accept-Language: en-US,en;q=0.9"), "127.0.0.1", ["info"]),
        ((CHROME,), "192.0.2.1", []),
        (("User-Agent: node", "Sec-Fetch-Mode: websocket", "Accept-Language: *"), "192.0.2.1", []),
        ((CHROME, "Sec-Fetch-Mode: websocket", "Accept-Language: *"), "192.0.2.1", []),
        (("User-Agent: Mozilla/5.0 (linux) jsdom/20.0", "Accept-Language: en"), "192.0.2.1", []),
        (("Accept-Language: en", "Sec-Fetch-Mode: websocket"), "192.0.2.1", []),
        ((CHROME, "Accept-Language: en", "Origin: null"), "192.0.2.1", []),
        ((CHROME, "Accept-Language: en", "Sec-WebSocket-Origin: http://a.example"), "192.0.2.1", []),
    ],
)
def test_browsers_without_origin(tmp_path: Path, fields: tuple[str, ...], client: str, expected: list[str]) -> None:
    assert of("SEC-014", tmp_path, *fields, client=client) == expected


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ((EVIL,), 1),
        ((EVIL, "Cookie: sid=1"), 1),
        (("Origin: https://server.example:8443",), 0),
        (("Origin: https://www.server.example",), 0),
        (("Origin: null",), 0),
        (("Origin: chrome-extension://abcdef",), 0),
        ((EVIL, "Origin: https://b.example"), 0),
        ((EVIL, "X-Forwarded-Host: evil.example"), 0),
        ((EVIL, "X-Forwarded-Host: a.example"), 1),
        ((EVIL, "X-Forwarded-For: 192.0.2.7"), 0),
    ],
)
def test_foreign_origins(tmp_path: Path, fields: tuple[str, ...], count: int) -> None:
    found = [each for each in told(tmp_path, *fields) if each.rule == "SEC-015"]
    assert [each.severity.value for each in found] == ["info"] * count
    if count:
        assert found[0].direction == "server"
        assert ("cookies" in found[0].found) == any(field.startswith("Cookie") for field in fields)


@pytest.mark.parametrize(
    ("answer", "fields", "count"),
    [
        (("Access-Control-Allow-Origin: https://evil.example", "Access-Control-Allow-Credentials: true"), (EVIL,), 1),
        (("Access-Control-Allow-Origin: https://evil.example",), (EVIL,), 0),
        (("Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true"), (EVIL,), 0),
        (("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true"), (EVIL,), 0),
        (("Access-Control-Allow-Origin: https://evil.example", "Access-Control-Allow-Credentials: true"), (), 0),
    ],
)
def test_reflected_origins(tmp_path: Path, answer: tuple[str, ...], fields: tuple[str, ...], count: int) -> None:
    assert of("SEC-017", tmp_path, *fields, answer=answer) == ["info"] * count


@pytest.mark.parametrize(
    ("fields", "server", "found"),
    [
        ((EVIL,), "127.0.0.1", ['"https://evil.example", to 127.0.0.1']),
        ((EVIL,), "::1", ['"https://evil.example", to ::1']),
        ((EVIL,), "192.168.0.9", ['"https://evil.example", to 192.168.0.9']),
        (
            ("Origin: http://server.example",),
            "10.0.0.5",
            ['"http://server.example", which Host names too, to 10.0.0.5'],
        ),
        ((EVIL,), "192.0.2.80", []),
        ((EVIL, "X-Forwarded-For: 192.0.2.7"), "10.0.0.5", []),
        (("Origin: http://localhost:3000",), "127.0.0.1", []),
        (("Origin: http://nas.local",), "192.168.0.9", []),
        (("Origin: null",), "127.0.0.1", []),
        (("Origin: chrome-extension://abcdef",), "127.0.0.1", []),
        ((), "127.0.0.1", []),
    ],
)
def test_public_pages_and_local_servers(tmp_path: Path, fields: tuple[str, ...], server: str, found: list[str]) -> None:
    assert [each.found for each in told(tmp_path, *fields, server=server) if each.rule == "SEC-027"] == found
