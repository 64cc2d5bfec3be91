"""Charts: within the drawing, with the figures they stand for."""

from __future__ import annotations

import msgspec

from analyzer.report.html.charts import HEIGHT, WIDTH, charts, compression, lasting, short, sizes, span_of
from analyzer.report.html.figures import Figures
from tests.report import made


def full() -> Figures:
    found = Figures()
    for size in (0, 1, 5, 70):
        found.frame(made.frame(payload_length=size))
    for ping in range(3):
        facts = {"payload_length": 1, "bytes": f"8901{ping:02x}", "header_length": 2, "masking_key": None}
        found.frame(made.frame(opcode=9, time_ns=100 * ping, **facts))
        found.frame(made.frame(opcode=10, time_ns=100 * ping + 50, direction="server", **facts))
    return found


def test_nothing_to_draw() -> None:
    assert charts(Figures()) == []


def test_everything_stays_within_the_drawing() -> None:
    found = charts(full())
    for chart in found:
        for mark in chart.marks:
            assert 0 <= mark.x <= mark.x + mark.width <= WIDTH + 1
            assert 0 <= mark.y <= mark.y + mark.height <= HEIGHT
        assert all(0 <= word.x <= WIDTH and 0 <= word.y <= HEIGHT for word in chart.words)
    assert [chart.title for chart in found] == ["Payload sizes", "Overhead of framing", "Ping round trips"]


def test_bars_carry_their_figures() -> None:
    chart = sizes(full())
    assert chart is not None
    assert "4 B to 7 B: 1 frame of the client" in [mark.title for mark in chart.marks]


def test_compression_is_told_as_a_ratio() -> None:
    found = Figures()
    found.frame(made.frame(payload_length=50))
    found.message(msgspec.structs.replace(made.message(), compressed=True, length=100))
    chart = compression(found)
    assert chart is not None
    assert chart.words[0].text == "client: 2.00 to 1, 1 message, 100 B inflated"


def test_sizes_in_words() -> None:
    assert [span_of(bits) for bits in (0, 1, 2, 10, 11)] == [
        "0 B",
        "1 B",
        "2 B to 3 B",
        "512 B to 1023 B",
        "1 KiB to 2 KiB",
    ]
    assert [short(size) for size in (0, 1536, 1 << 40, 1 << 63)] == ["0 B", "1.5 KiB", "1 TiB", "8 EiB"]
    assert [lasting(time) for time in (50, 2_500_000, 3_000_000_000)] == ["0.05 µs", "2.5 ms", "3 s"]
