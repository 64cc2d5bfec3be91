"""What the framing cost, against what the same messages would have cost as HTTP."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.report.verdict import plural
from analyzer.walkthrough.document import Block, Section, Table, paragraph, words
from analyzer.walkthrough.gather import DIRECTIONS, Gathered
from analyzer.walkthrough.opening import plain_size
from analyzer.walkthrough.segments import Traffic


def section(gathered: Gathered, traffic: Traffic) -> Section | None:
    """The step; None where there were no messages."""
    if not any(side.messages for side in gathered.sides.values()):
        return None
    return Section("What the framing cost", list(_blocks(gathered, traffic)), 2)


def _blocks(gathered: Gathered, traffic: Traffic) -> Iterator[Block]:
    rows = []
    for name in DIRECTIONS:
        side = gathered.sides[name]
        mean = f"{side.data_headers / side.messages:.1f}" if side.messages else "-"
        cells = (name, side.messages, side.data_frames, side.data_payload, side.data_headers, mean)
        rows.append([words(str(cell)) for cell in cells])
    head = ["sent by", "messages", "data frames", "payload bytes", "header bytes", "header a message"]
    yield Table(head, rows, frozenset(range(1, len(head))))
    messages = [gathered.sides[name].messages for name in DIRECTIONS]
    headers = sum(side.data_headers for side in gathered.sides.values())
    opening = gathered.openings[-1] if gathered.openings else None
    assert gathered.connection is not None
    if gathered.connection.transport == "h2":
        yield paragraph("What HTTP would have cost is not reckoned: HTTP/2 compresses its heads.")
    elif opening is None or opening.request is None or opening.response is None:
        yield paragraph("What HTTP would have cost cannot be reckoned: the opening's heads are not in the capture.")
    else:
        request, response = opening.request, opening.response
        sizes = [head.end_offset - head.stream_offset for head in (request, response)]
        plain = [plain_size(request), plain_size(response)]
        exchanges = max(messages)
        cost = exchanges * sum(plain)
        yield paragraph(
            f"As HTTP the same messages would take at least {plural(exchanges, 'exchange')}, if each carried"
            " one message each"
            f" way. Reckoned with the heads that these two peers sent here ({sizes[0]} + {sizes[1]} bytes),"
            " without the fields"
            f" that only an opening needs ({plain[0]} + {plain[1]} bytes), that is {cost} bytes of heads,"
            " where the frames took"
            f" {plural(headers, 'byte')} of headers{_times(cost, headers)}. The opening itself, {sum(sizes)}"
            " bytes, was paid once."
        )
    if traffic.packets:
        yield paragraph(
            f"Below both lie IP and TCP: {plural(traffic.packets, 'packet')} with"
            f" {plural(traffic.headers, 'byte')} of their headers,"
            f" {traffic.empty} of them without any payload."
        )


def _times(cost: int, headers: int) -> str:
    return f", {cost / headers:.0f} times less" if headers and cost >= 2 * headers else ""
