"""The diagram's rows, where they stand, and what is counted instead of shown."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from analyzer.model import Finding, Frame
from analyzer.report.html.diagram import FURTHEST, QUIET, ROW, SPANS, Counted, Diagram, places, step
from analyzer.wire.frame import build_frame
from tests.report import made


def laid(diagram: Diagram, *findings: Finding, ended: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        diagram.laid_out(list(enumerate(findings)), made.connection(0) if ended else None)
    )
    assert len(found["y"]) == len(found["rows"]) + 1
    return found


def at(time: int, index: int = 0, **changes: Any) -> Frame:
    return made.frame(index, time_ns=made.START + time, **changes)


def test_rows_in_order_of_time() -> None:
    diagram = Diagram()
    diagram.handshake(made.handshake(0))
    diagram.frame(at(30_000_000, 1), room=True)
    diagram.frame(at(20_000_000, 0, direction="server"), room=True)
    found = laid(diagram)
    assert [row["kind"] for row in found["rows"]] == ["request", "response", "frame", "frame", "end"]
    assert found["rows"][0]["t"] == 0
    assert found["since"] == 4_000_000


def test_what_a_compressed_message_inflates_to_stands_with_its_first_frame() -> None:
    diagram = Diagram()
    diagram.frame(at(0, 0, rsv1=True, fin=False), room=True)
    diagram.frame(at(1, 1, opcode=0), room=True)
    diagram.frame(at(2, 2, rsv1=True), room=False)
    packet = at(0).packet
    whole = msgspec.structs.replace(made.message(), compressed=True, frames=2, first_packet=packet, length=9)
    diagram.message(msgspec.structs.replace(whole, inflated="Gr\u00fc".encode()[:3].hex()))
    diagram.message(msgspec.structs.replace(whole, frames=1, inflated="61"))  # its frame has no row
    assert laid(diagram)["inflated"] == {
        "client": {"0": {"bytes": "4772c3", "size": 9, "frames": 2, "text": "Gr"}},
        "server": {},
    }


def test_the_longer_nothing_happened_the_further() -> None:
    assert step(0) == step(QUIET) == ROW
    assert ROW < step(10 * QUIET) < step(1000 * QUIET) <= FURTHEST
    assert step(1 << 62) == FURTHEST
    assert step(-5) == ROW
    assert places([]) == [0]
    assert places([0, 0, QUIET]) == [0, ROW, 2 * ROW, 3 * ROW]


def test_frames_beyond_the_room_are_counted_exactly() -> None:
    diagram = Diagram()
    for number in range(5000):
        diagram.frame(at(number * 1_000_000, number), room=number < 10)
    found = laid(diagram, ended=False)
    assert [row["kind"] for row in found["rows"]].count("frame") == 10
    many = [row for row in found["rows"] if row["kind"] == "many"]
    assert len(many) <= SPANS
    assert sum(row["frames"][0] for row in many) == 4990
    assert sum(row["bytes"][0] for row in many) == 4990 * 11
    assert sum(client for client, _ in found["strip"]["frames"]) == 5000


def test_once_counted_always_counted() -> None:
    diagram = Diagram()
    assert not diagram.frame(at(0, 0), room=False)
    assert not diagram.frame(at(1, 1), room=True)


def test_spans_double_and_lose_nothing() -> None:
    counted = Counted()
    for time in (0, 1, 10**6, 10**9, 10**15, -5, 10**15):
        counted.add(at(time))
    assert len(counted.rows) <= SPANS
    assert sum(row[0] for row in counted.rows) == 7


def test_a_finding_whose_frame_is_not_shown_has_a_row_of_its_own() -> None:
    diagram = Diagram()
    diagram.handshake(made.handshake(0))
    diagram.frame(at(17_000_000, 3), room=True)
    head = msgspec.structs.replace(made.NO_VERSION, connection=0)
    other = msgspec.structs.replace(head, stream_offset=999)
    late = msgspec.structs.replace(made.UNMASKED, frame=4)
    found = laid(diagram, made.UNMASKED, head, other, late, made.NO_PONG)
    assert sorted(row["finding"] for row in found["rows"] if row["kind"] == "finding") == [2, 3, 4]


def test_text_goes_on_in_a_continuation_of_the_same_side() -> None:
    diagram = Diagram()
    facts: dict[str, Any] = {"header_length": 2, "masking_key": None}
    for index, (opcode, direction) in enumerate(
        [(1, "client"), (2, "server"), (0, "client"), (9, "client"), (0, "server")]
    ):
        data = build_frame(opcode, b"abc").hex()
        diagram.frame(at(index, index, opcode=opcode, direction=direction, bytes=data, **facts), room=True)
    assert [row.get("text") for row in laid(diagram, ended=False)["rows"]] == ["abc", None, "abc", "abc", None]


def test_a_gap_is_drawn_as_one() -> None:
    diagram = Diagram()
    gap = msgspec.structs.replace(made.UNMASKED, rule="ST-002", frame=None)
    rows = laid(diagram, gap, made.NO_PONG)["rows"]
    assert [row.get("gap", False) for row in rows if row["kind"] == "finding"] == [True, False]


def test_a_diagram_of_nothing() -> None:
    assert laid(Diagram(), ended=False)["rows"] == []
