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
    head = ["sent by", "messages", "data frames", "payload", "headers", "header bytes per message"]
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
            f"The same content as HTTP would take at least {plural(exchanges, 'exchange')} of request and answer, even"
            " if each carried a message both ways. These two peers' heads have"
            f" {sizes[0]} + {sizes[1]} bytes here, {plain[0]} + {plain[1]} without the fields that only an opening"
            f" needs; so HTTP would pay {exchanges} x {sum(plain)} = {plural(cost, 'byte')} of heads, where the frames"
            f" paid {headers}{_times(cost, headers)}. Before that, the opening cost {sum(sizes)} bytes, once."
        )
    if traffic.packets:
        yield paragraph(
            f"Below both lie IP and TCP: {plural(traffic.packets, 'packet')} with"
            f" {plural(traffic.headers, 'byte')} of their headers. {traffic.empty} of these packets carried nothing:"
            " they began TCP, ended it, or acknowledged."
        )


def _times(cost: int, headers: int) -> str:
    return f", {cost / headers:.0f} times less" if headers and cost >= 2 * headers else ""
