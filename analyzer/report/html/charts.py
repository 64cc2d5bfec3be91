"""The charts, as geometry: rectangles, points and words that the template writes as inline SVG.

Coordinates are the units of a view box WIDTH wide; colours are classes of the style sheet, so that the same chart is
readable in the dark, in the light and on paper. Each mark carries the figures it stands for as its title.
"""

from __future__ import annotations

from typing import NamedTuple

from analyzer.report.html.figures import Figures
from analyzer.report.verdict import plural
from analyzer.settings import SECOND

WIDTH = 260
TOP = 8
PLOT = 70
"""Height of what is drawn, between the words."""
HEIGHT = 96
BAR = 16
"""Height of a lying bar."""
POINT = 5
AXIS = 0.8
"""Height of the line that a chart stands on."""


class Mark(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    title: str


class Word(NamedTuple):
    """Text at the foot of the drawing or within it."""

    x: float
    y: float
    anchor: str
    text: str


class Chart(NamedTuple):
    """One drawing."""

    title: str
    summary: str
    """All that it says, in words."""
    note: str
    """What of it the drawing leaves unsaid."""
    marks: list[Mark]
    words: list[Word]


def charts(figures: Figures) -> list[Chart]:
    """The drawings there is something to draw for."""
    drawn = (sizes(figures), overhead(figures), compression(figures), round_trips(figures))
    return [chart for chart in drawn if chart is not None]


def sizes(figures: Figures) -> Chart | None:
    """How many frames have a payload of which size, by powers of two."""
    present = [bits for counted in figures.sizes.values() for bits in counted]
    if not present:
        return None
    low, high = min(present), max(present)
    most = max(max(counted.values(), default=0) for counted in figures.sizes.values())
    step = WIDTH / max(high - low + 1, 4)
    marks = []
    for bits in range(low, high + 1):
        for at, (side, counted) in enumerate(figures.sizes.items()):
            count = counted[bits]
            if count:
                height = max(PLOT * count / most, 1)
                title = f"{span_of(bits)}: {plural(count, 'frame')} of the {side}"
                x = (bits - low) * step + at * step / 2 + 1
                marks.append(
                    Mark(round(x, 1), round(TOP + PLOT - height, 1), round(step / 2 - 1, 1), height, side, title)
                )
    marks.append(axis())
    words = [Word(0, HEIGHT - 4, "start", span_of(low))]
    if high > low:
        words.append(Word(round((high - low + 1) * step, 1), HEIGHT - 4, "end", span_of(high)))
    frames = {side: sum(counted.values()) for side, counted in figures.sizes.items()}
    summary = (
        f"{plural(frames['client'], 'frame')} of the client, {frames['server']} of the server; highest bar: {most}"
    )
    return Chart("Payload sizes", summary, summary, marks, words)


def axis() -> Mark:
    """What bars and points stand on."""
    return Mark(0, TOP + PLOT, WIDTH, AXIS, "axis", "")


def span_of(bits: int) -> str:
    """The sizes whose bit length is ``bits``."""
    return f"{bits} B" if bits < 2 else f"{short(1 << (bits - 1))} to {short((1 << bits) - 1)}"


def short(size: int) -> str:
    """Bytes in the unit that keeps it short."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if isinstance(size, float) else f"{size} {unit}"
        size = size / 1024 if size % 1024 else size // 1024  # type: ignore[assignment]
    return f"{size:.3g} EiB"


def lasting(time_ns: int) -> str:
    """A length of time in the unit that keeps it short."""
    for unit, name in ((SECOND, "s"), (SECOND // 1000, "ms")):
        if time_ns >= unit:
            return f"{time_ns / unit:.3g} {name}"
    return f"{time_ns / 1000:.3g} µs"


def overhead(figures: Figures) -> Chart | None:
    """Bytes of headers beside bytes of payload."""
    if not any(figures.header.values()):
        return None
    rows = []
    for side in figures.header:
        if not figures.header[side]:
            continue
        header, payload = figures.header[side], figures.payload[side]
        parts = [
            (header, "header", f"{side}: {header} bytes of headers"),
            (payload, side, f"{side}: {payload} bytes of payload"),
        ]
        share = 100 * header / max(header + payload, 1)
        rows.append((parts, f"{side}: {share:.1f} % of {short(header + payload)} is headers"))
    return lying("Overhead of framing", rows)


def compression(figures: Figures) -> Chart | None:
    """Compressed messages on the wire, and inflated."""
    rows = []
    for side, (count, wire, inflated) in figures.compression().items():
        parts = [
            (wire, side, f"{side}: {wire} bytes on the wire"),
            (max(inflated - wire, 0), "saved", f"{inflated} bytes inflated"),
        ]
        ratio = f"{inflated / wire:.2f} to 1" if wire else "nothing on the wire"
        rows.append((parts, f"{side}: {ratio}, {plural(count, 'message')}, {short(inflated)} inflated"))
    return lying("Compression", rows) if rows else None


def lying(title: str, rows: list[tuple[list[tuple[int, str, str]], str]]) -> Chart:
    """Stacked bars, one under the other, each with its words below it."""
    longest = max(sum(size for size, _, _ in parts) for parts, _ in rows) or 1
    marks, words = [], []
    for row, (parts, label) in enumerate(rows):
        x, y = 0.0, TOP + row * (PLOT + TOP) / 2
        for size, colour, text in parts:
            width = size * WIDTH / longest
            if size:
                marks.append(Mark(round(x, 1), y, round(max(width, 0.5), 1), BAR, colour, text))
            x += width
        words.append(Word(0, y + BAR + 12, "start", label))
    return Chart(title, "; ".join(label for _, label in rows), "", marks, words)


def round_trips(figures: Figures) -> Chart | None:
    """Each Ping's round trip over time."""
    count, total = figures.total
    if not count:
        return None
    start = figures.trips[0][0]
    stretch = max(max(at for at, _, _ in figures.trips) - start, 1)
    slowest = max(max(took for _, took, _ in figures.trips), 1)
    marks = [
        Mark(
            round(max(at - start, 0) * (WIDTH - POINT) / stretch, 1),
            round(TOP + (PLOT - POINT) * (1 - took / slowest), 1),
            POINT,
            POINT,
            side,
            f"Ping of the {side}: {lasting(took)}",
        )
        for at, took, side in figures.trips
    ]
    marks.append(axis())
    slow = f" to {lasting(figures.worst)}" if figures.worst > figures.best else ""
    words = [Word(0, HEIGHT - 4, "start", f"{plural(count, 'round trip')}, {lasting(figures.best)}{slow}")]
    more = f"; the first {len(marks)} are drawn" if count > len(marks) else ""
    note = f"mean {lasting(total // count)}{more}"
    return Chart("Ping round trips", f"{words[0].text}, {note}", note, marks, words)
