"""Hosts and addresses: what is local, and which hosts belong to one site.

Who may read a connection, and which page reached which server, follows from the addresses and from the names in
Host and Origin. Names are not looked up. Which part of a name its owner registered takes the public suffix list to
say for sure; here it is the last two labels, or three below the second-level names under which many countries
register. Where that is wrong, two sites are taken for one, and nothing is said.
"""

from __future__ import annotations

import ipaddress
import re

from analyzer.http import fields as grammar
from analyzer.http.fields import latin

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # RFC 1918
        "169.254.0.0/16", "100.64.0.0/10",  # RFC 3927, RFC 6598
        "fc00::/7", "fe80::/10",  # RFC 4193, RFC 4291
    )
)  # fmt: skip
"""Networks nobody reaches from outside, other than a host's own (`is_loopback`)."""

LOCAL_NAMES = ("localhost", "local", "internal", "test", "invalid", "lan", "home", "corp", "intranet", "home.arpa")
"""Last labels of names that the public DNS does not hold (RFC 6761, RFC 6762, RFC 8375, and what people use)."""

_SECOND_LEVEL = frozenset(("ac", "co", "com", "edu", "gob", "gov", "gv", "mil", "ne", "net", "nom", "or", "org", "sch"))
_WEB_ORIGIN = re.compile(rb"(https?)://([^/?#\s,]+)", re.IGNORECASE)


def address_of(host: str) -> Address | None:
    """The address that ``host`` (without a port) is, if it is one."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def unpacked_address(packed: bytes) -> Address:
    """The address of 4 or 16 bytes; an IPv4 address mapped into IPv6 as what it is."""
    address = ipaddress.ip_address(packed)
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(address: Address | None) -> bool:
    """The host itself: nothing of it is on a network."""
    return address is not None and address.is_loopback


def is_private(address: Address | None) -> bool:
    """Loopback, or of a network that is not reached from outside; also where nobody said the address."""
    return address is None or address.is_loopback or any(address in network for network in PRIVATE)


def is_local_host(host: str) -> bool:
    """A name or address that means this host or a private network."""
    address = address_of(host)
    if address is not None:
        return is_private(address) or address.is_unspecified
    name = host.rstrip(".")
    return "." not in name or any(name.endswith(f".{label}") for label in LOCAL_NAMES)


def is_loopback_host(host: str) -> bool:
    """A name or address that means this host (RFC 6761 6.3)."""
    name = host.rstrip(".")
    return is_loopback(address_of(host)) or name == "localhost" or name.endswith(".localhost")


def host_of(authority: bytes) -> str:
    """The host of ``host[:port]``, in lower case."""
    host, _ = grammar.split_authority(authority.strip())
    return latin(host)


def web_origin(value: bytes) -> tuple[str, str] | None:
    """Scheme and host of an Origin that is a website's; None for null, and for what apps and extensions send."""
    match = _WEB_ORIGIN.fullmatch(value)
    return None if match is None else (latin(match[1]).lower(), host_of(match[2]))


def same_site(one: str, other: str) -> bool:
    """Whether two hosts may have one owner."""
    if one == other or (is_loopback_host(one) and is_loopback_host(other)):
        return True
    if address_of(one) is not None or address_of(other) is not None:
        return False
    return _registrable(one) == _registrable(other)


def _registrable(host: str) -> str:
    labels = host.rstrip(".").split(".")
    below = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if below else labels[-2:])
