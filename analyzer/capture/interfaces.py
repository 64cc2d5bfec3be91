"""The network interfaces of this machine: their names, and whether they are up.

Asked through an ordinary socket, so in the network namespace that the process is in, and without privileges.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Sequence

from analyzer.errors import InputError, UsageError

ANY = "any"
"""Stands for all interfaces."""

_GET_FLAGS = 0x8913  # SIOCGIFFLAGS
_UP = 0x1  # IFF_UP
_NAME = 16  # IFNAMSIZ
_REQUEST = struct.Struct(f"@{_NAME}sH22x")
"""struct ifreq as far as it holds flags."""


def names() -> list[str]:
    """All interfaces, in the system's order."""
    return [name for _, name in socket.if_nameindex()]


def is_up(name: str) -> bool:
    """Whether the interface is there, and up. Where the system cannot be asked, it is."""
    try:
        import fcntl
    except ImportError:  # no Unix
        return True
    if len(name.encode()) >= _NAME:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking, _GET_FLAGS, _REQUEST.pack(name.encode(), 0))
        except OSError as error:
            return error.errno not in (errno.ENODEV, errno.ENXIO)
    return bool(_REQUEST.unpack(answer)[1] & _UP)


def check(wanted: Sequence[str]) -> list[str]:
    """``wanted`` without repetitions. Raises UsageError for none or an unknown one, InputError for one that is down."""
    if not wanted:
        raise UsageError(f"name an interface with -i: {', '.join([*names(), ANY])}")
    chosen = list(dict.fromkeys(wanted))
    for name in chosen:
        if name == ANY:
            continue
        if name not in names():
            raise UsageError(f"{name}: no such interface; there are {', '.join([*names(), ANY])}")
        if not is_up(name):
            raise InputError(f"{name}: the interface is down")
    if ANY in chosen and len(chosen) > 1:
        raise UsageError(f"-i {ANY} stands for all interfaces; name no other beside it")
    return chosen
