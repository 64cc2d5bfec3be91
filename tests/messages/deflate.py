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


def matches(data: bytes) -> tuple[list[tuple[int, int]], int]:
    """Distance of each match and the output before it, and the output in all, of whole blocks: bit by bit, as a person
    would read RFC 1951. Where the last block is cut, what came before it.
    """
    bits = "".join(f"{byte:08b}"[::-1] for byte in data)
    at = produced = 0
    found: list[tuple[int, int]] = []

    def number(size: int) -> int:
        nonlocal at
        if at + size > len(bits):
            raise EOFError
        at += size
        return int("0" + bits[at - size : at][::-1], 2)

    def symbol(code: dict[str, int]) -> int:
        nonlocal at
        for size in range(1, 16):
            found = code.get(bits[at : at + size])
            if found is not None:
                at += size
                return found
        raise EOFError

    def code(lengths: list[int]) -> dict[str, int]:
        made, value = {}, 0
        for size in range(1, 16):
            for letter, length in enumerate(lengths):
                if length == size:
                    made[f"{value:0{size}b}"] = letter
                    value += 1
            value <<= 1
        return made

    try:
        while at < len(bits):
            final, kind = number(1), number(2)
            if kind == 0:
                at = -(-at // 8) * 8
                size, _ = number(16), number(16)
                for _ in range(size):
                    number(8)
                    produced += 1
            else:
                literals, distances = code([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8), code([5] * 30)
                if kind == 2:
                    counts = 257 + number(5), 1 + number(5), 4 + number(4)
                    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)[: counts[2]]
                    lengths = dict.fromkeys(range(19), 0) | {place: number(3) for place in order}
                    inner, read = code(list(lengths.values())), list[int]()
                    while len(read) < counts[0] + counts[1]:
                        letter = symbol(inner)
                        if letter < 16:
                            read.append(letter)
                        elif letter == 16:
                            read += [read[-1]] * (3 + number(2))
                        else:
                            read += [0] * (3 + number(3) if letter == 17 else 11 + number(7))
                    literals, distances = code(read[: counts[0]]), code(read[counts[0] :])
                while (letter := symbol(literals)) != 256:
                    if letter < 256:
                        produced += 1
                        continue
                    size = _grown(letter - 257, 3, 4) if letter < 285 else (258, 0)
                    length = size[0] + number(size[1])
                    start, extra = _grown(symbol(distances), 1, 2)
                    found.append((start + number(extra), produced))
                    produced += length
            if final:
                at = -(-at // 8) * 8
    except EOFError:
        pass
    return found, produced


def _grown(index: int, first: int, apart: int) -> tuple[int, int]:
    """Start and extra bits of a length or distance code: after the first ones they double every ``apart`` codes."""
    extra = max(0, index // apart - 1)
    group = index - extra * apart
    return first + (group << extra), extra
