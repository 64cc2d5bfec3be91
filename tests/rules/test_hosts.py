"""What is local, and which hosts are one site."""

from __future__ import annotations

import pytest

from analyzer.rules import hosts


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("[::ffff:10.0.0.1]", True),
        ("[fe80::1%25eth0]", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("192.0.2.1", False),
        ("0.0.0.0", True),
        ("backend", True),
        ("printer.local", True),
        ("shop.example", False),
        ("localhost.example", False),
        ("[2001:db8::1]", False),
    ],
)
def test_local_hosts(host: str, local: bool) -> None:
    assert hosts.is_local_host(host) is local


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.example", "a.example", True),
        ("www.site.example", "ws.site.example", True),
        ("site.example", "ws.site.example", True),
        ("site.example", "site.example.", True),
        ("evil.example", "a.example", False),
        ("a.co.uk", "b.co.uk", False),
        ("www.a.co.uk", "a.co.uk", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "a.example", False),
        ("localhost", "127.0.0.1", True),
        ("localhost", "[::1]", True),
        ("localhost", "a.example", False),
    ],
)
def test_hosts_of_one_site(one: str, other: str, same: bool) -> None:
    assert hosts.same_site(one, other) is same
    assert hosts.same_site(other, one) is same


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        (b"https://A.example:8443", ("https", "a.example")),
        (b"http://[::1]:80", ("http", "[::1]")),
        (b"null", None),
        (b"file://", None),
        (b"chrome-extension://abcdef", None),
        (b"https://a.example/page", None),
        (b"https://a.example, https://b.example", None),
    ],
)
def test_origins_of_websites(value: bytes, origin: tuple[str, str] | None) -> None:
    assert hosts.web_origin(value) == origin


def test_addresses() -> None:
    mapped = hosts.unpacked_address(bytes(10) + b"\xff\xff\x7f\0\0\1")
    assert str(mapped) == "127.0.0.1"
    assert hosts.is_loopback(mapped)
    assert hosts.is_private(None)
    assert not hosts.is_loopback(None)
    assert hosts.address_of("a.example") is None
