"""Times and packets as the story names them: since the connection's first packet, in the unit that fits."""

from __future__ import annotations

from analyzer.model import Direction
from analyzer.report.wording import seconds
from analyzer.settings import SECOND

MILLISECOND = SECOND // 1000
MICROSECOND = SECOND // 1_000_000

OTHER: dict[Direction, Direction] = {"client": "server", "server": "client"}
"""The peer."""


def duration(time_ns: int) -> str:
    """``17 µs``, ``4.210 ms``, ``2.000 s``; the clock of most captures knows microseconds."""
    sign, time_ns = ("-", -time_ns) if time_ns < 0 else ("", time_ns)
    if time_ns < MILLISECOND:
        return f"{sign}{time_ns // MICROSECOND} µs"
    if time_ns < SECOND:
        return f"{sign}{time_ns // MILLISECOND}.{time_ns % MILLISECOND // MICROSECOND:03d} ms"
    return f"{sign}{time_ns // SECOND}.{time_ns % SECOND // MILLISECOND:03d} s"


def since(time_ns: int, start_ns: int) -> str:
    """``+0.004210 s``."""
    return f"{'-' if time_ns < start_ns else '+'}{seconds(abs(time_ns - start_ns))} s"


def packets(first: int, last: int) -> str:
    """``packet 4``, ``packets 4 to 7``."""
    return f"packet {first}" if first == last else f"packets {first} to {last}"


def sentence(text: str) -> str:
    """Our own words as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
