"""Compressed messages as a sender makes them (RFC 7692 7.2.1)."""

from __future__ import annotations

import zlib

TAIL = b"\x00\x00\xff\xff"


class Compressor:
    """One direction's compressor: message in, payload out."""

    def __init__(self, takeover: bool, *, flush: int = zlib.Z_SYNC_FLUSH) -> None:
        self._takeover = takeover
        self._flush = flush
        self._stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)

    def __call__(self, message: bytes) -> bytes:
        """The payload of ``message``."""
        if not self._takeover:
            self._stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        out = self._stream.compress(message) + self._stream.flush(self._flush)
        if not out:
            return b"\x00"  # nothing to flush: the empty message of 7.2.3.6
        assert out.endswith(TAIL)
        return out[: -len(TAIL)]


def final_block(data: bytes) -> bytes:
    """``data`` as blocks of which the last has BFINAL set."""
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush(zlib.Z_FINISH)
