"""Bytes put aside until their turn: in memory while they are few, on disk beyond."""

from __future__ import annotations

import weakref
from tempfile import SpooledTemporaryFile

MEMORY = 1 << 20
"""Bytes of one spool that are held in memory."""


def spool(owner: object) -> SpooledTemporaryFile[bytes]:
    """An empty spool. It is closed, and its file gone, at the latest when ``owner`` is: also after a failure."""
    made = SpooledTemporaryFile(MEMORY)  # noqa: SIM115 - handed out open
    weakref.finalize(owner, made.close)
    return made
