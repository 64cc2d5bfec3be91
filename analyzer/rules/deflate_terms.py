"""What an element of Sec-WebSocket-Extensions says about permessage-deflate (RFC 7692 7.1).

An offer and an answer have the same four parameters, with other meanings. ``server_*`` in an offer is a demand:
the answer must grant it. ``client_*`` in an offer is a hint and a permission: the answer need not take it up, but
``client_max_window_bits`` may stand in the answer only where the offer has it. In the answer all four bind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from analyzer.http.fields import ExtensionUse, Param, is_token

DEFLATE = b"permessage-deflate"
CLIENT_BITS, SERVER_BITS = b"client_max_window_bits", b"server_max_window_bits"
CLIENT_FRESH, SERVER_FRESH = b"client_no_context_takeover", b"server_no_context_takeover"
DEFINED = frozenset((CLIENT_BITS, SERVER_BITS, CLIENT_FRESH, SERVER_FRESH))
LARGEST = 15
"""Window bits where none are named (RFC 7692 7.1.2)."""

_BITS = re.compile(rb"[89]|1[0-5]")


class Terms(msgspec.Struct, frozen=True):
    """One offer of permessage-deflate, or the answer to it."""

    use: ExtensionUse
    params: dict[bytes, Param]
    """The first of each name, in lower case."""
    unknown: list[Param]
    bad: list[Param]
    """Of a defined name, with a value it must not have."""
    repeated: list[Param]
    """The second of each name that stands more than once; such a name is in neither of the other lists."""
    readable: bool
    """All of it follows the grammar."""

    @property
    def valid(self) -> bool:
        """Nothing in it obliges the receiver to decline."""
        return not self.unknown and not self.bad and not self.repeated

    def states(self, name: bytes) -> bool:
        """The parameter is there, once and with a value it may have."""
        wrong = (*self.bad, *self.repeated)
        return name in self.params and name not in {param.name.lower() for param in wrong}

    def bits(self, name: bytes) -> int | None:
        """Window bits that the parameter names; None where it does not."""
        param = self.params.get(name)
        if param is None or param.value is None or not self.states(name):
            return None
        return int(param.value) if _BITS.fullmatch(param.value) else None


def is_deflate(use: ExtensionUse) -> bool:
    """The element names permessage-deflate."""
    return use.name.lower() == DEFLATE


def read_terms(use: ExtensionUse, *, offer: bool) -> Terms:
    """The terms of ``use``, an element that names permessage-deflate. What is no parameter by its grammar is passed
    over: that is EX-001.
    """
    params: dict[bytes, Param] = {}
    again: dict[bytes, Param] = {}
    readable = True
    for param in use.params:
        if not _grammatical(param):
            readable = False
            continue
        name = param.name.lower()
        if name in params:
            again.setdefault(name, param)
        else:
            params[name] = param
    once = {name: param for name, param in params.items() if name not in again}
    return Terms(
        use=use,
        params=params,
        unknown=[param for name, param in once.items() if name not in DEFINED],
        bad=[param for name, param in once.items() if name in DEFINED and not _may_be(name, param.value, offer=offer)],
        repeated=list(again.values()),
        readable=readable,
    )


def all_terms(uses: Iterable[ExtensionUse], *, offer: bool) -> list[Terms]:
    """The terms of each element that names permessage-deflate, in order of preference."""
    return [read_terms(use, offer=offer) for use in uses if is_deflate(use)]


def _grammatical(param: Param) -> bool:
    return is_token(param.name) and (param.value is None or param.quoted or is_token(param.value))


def _may_be(name: bytes, value: bytes | None, *, offer: bool) -> bool:
    if name in (CLIENT_FRESH, SERVER_FRESH):
        return value is None  # RFC 7692 7.1.1
    if value is None:
        return offer and name == CLIENT_BITS  # RFC 7692 7.1.2.2
    return _BITS.fullmatch(value) is not None  # RFC 7692 7.1.2: 8 to 15, decimal, without a leading zero
