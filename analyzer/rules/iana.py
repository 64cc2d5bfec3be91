"""The IANA WebSocket registries, as far as rules need them (policy P8). They grow; these are of 2026-11."""

from __future__ import annotations

ASSIGNED = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
"""Close codes of the protocol that may stand in a Close frame (RFC 6455 7.4.1, 11.7)."""
REGISTERED = frozenset((3000, 3003, 3008))
"""Close codes 3000 to 3999 that libraries and frameworks registered: Unauthorized, Forbidden, Timeout."""
FAILURES = frozenset((1002, 1003, 1007, 1008, 1009, 1010, 1011))
"""Close codes by which an endpoint says that it fails the connection over what the peer did, or over a fault."""
SERVER_CODES = frozenset((1012, 1013, 1014))
"""Service restart, try again later, bad gateway: said by servers."""

EXTENSIONS = frozenset(("permessage-deflate", "bbf-usp-protocol"))
"""Registered extension names."""
