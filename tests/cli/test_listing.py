"""The tables of ``show``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.cli.listing import Overview, frame_lines, frame_row, header_bytes, one_frame
from analyzer.errors import UsageError
from analyzer.model import Record
from analyzer.wire.frame import build_frame
from tests.report import made


def overview(records: list[Record], wanted: int | None = None, direction: str | None = None) -> str:
    return "\n".join(Overview(wanted, direction).lines(iter(records))) + "\n"


def test_golden_of_several_connections() -> None:
    made.assert_golden("show.txt", overview(made.STORY))


def test_golden_of_one_connection() -> None:
    made.assert_golden("show-0.txt", overview(made.STORY, wanted=0))


def test_the_only_connection_is_shown_in_full() -> None:
    shown = overview([made.RUN, made.handshake(0), made.frame(), made.connection(0), made.CLEAN])
    assert "\nOpening 0 of connection 0, accepted\n" in shown
    assert "\nFrames\n" in shown


def test_a_direction_leaves_out_the_other() -> None:
    records: list[Record] = [made.frame(1), made.frame(2, "server"), made.connection(0)]
    shown = overview(records, direction="server")
    assert "      2 server" in shown
    assert "      1 client" not in shown


def test_nothing_found() -> None:
    assert overview([made.RUN, made.CLEAN]) == "No WebSocket connection found\n"
    with pytest.raises(UsageError, match="no such connection"):
        overview(made.STORY, wanted=7)


def test_golden_of_a_frame() -> None:
    frame = made.frame(
        opcode=8,
        payload_length=300,
        header_length=8,
        close_code=1006,
        close_reason=made.HOSTILE,
        masking_key="37fa213d",
    )
    text = "\n".join(frame_lines(frame)) + "\n"
    made.assert_harmless(text)
    made.assert_golden("show-frame.txt", text)


def test_both_directions_have_a_frame_of_that_index() -> None:
    records: list[Record] = [made.frame(), made.frame(3, "server"), made.frame(4)]
    both = [line for line in one_frame(iter(records), 0, 3, None) if line.startswith("Frame")]
    assert both == ["Frame 3 of the client, connection 0", "Frame 3 of the server, connection 0"]
    one = [line for line in one_frame(iter(records), None, 3, "server") if line.startswith("Frame")]
    assert one == ["Frame 3 of the server, connection 0"]


def test_a_frame_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="connection 0 has no such frame from the server"):
        list(one_frame(iter([made.frame()]), 0, 3, "server"))
    with pytest.raises(UsageError, match="several connections"):
        list(one_frame(iter(made.STORY), None, 3, None))


@given(
    size=st.sampled_from([0, 1, 125, 126, 127, 65535, 65536]),
    key=st.none() | st.binary(min_size=4, max_size=4),
    longer=st.sampled_from([None, 126, 127]),
    opcode=st.integers(0, 15),
    bits=st.tuples(*[st.booleans()] * 4),
)
def test_the_header_is_rebuilt_as_it_stood_on_the_wire(
    size: int, key: bytes | None, longer: int | None, opcode: int, bits: tuple[bool, bool, bool, bool]
) -> None:
    form = None if longer == 126 and size > 65535 else longer
    fin, rsv1, rsv2, rsv3 = bits
    wire = build_frame(opcode, bytes(size), key, fin=fin, rsv1=rsv1, rsv2=rsv2, rsv3=rsv3, form=form)
    record = made.frame(
        fin=fin,
        rsv1=rsv1,
        rsv2=rsv2,
        rsv3=rsv3,
        opcode=opcode,
        masked=key is not None,
        masking_key=None if key is None else key.hex(),
        header_length=len(wire) - size,
        payload_length=size,
    )
    assert header_bytes(record) == wire[: len(wire) - size]
    assert frame_row(record, made.START)


def test_a_cut_header_is_not_rebuilt() -> None:
    assert header_bytes(made.frame(masking_key=None, header_length=3, complete=False)) is None
    assert "does not hold the whole header" in "\n".join(frame_lines(made.frame(masking_key=None)))
