"""The nouns: what they say of themselves."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.model import Extension, Frame, Input, Place, Report, Run, Severity, Summary


def frame(opcode: int, *, fin: bool = True) -> Frame:
    return Frame(
        connection=0,
        direction="client",
        index=3,
        packet=8,
        last_packet=8,
        file="x.pcap",
        time_ns=1,
        stream_offset=157,
        fin=fin,
        rsv1=False,
        rsv2=False,
        rsv3=False,
        opcode=opcode,
        masked=True,
        masking_key="37fa213d",
        header_length=6,
        payload_length=5,
        complete=True,
        close_code=None,
        close_reason=None,
    )


def summary(**severities: int) -> Summary:
    return Summary(
        packets=0,
        bytes=0,
        tcp_streams=0,
        connections=0,
        frames=0,
        messages=0,
        findings={},
        severities=severities,
        gaps=0,
        gap_bytes=0,
        drops=0,
        limits={},
        skipped={},
        notes=[],
        elapsed_ns=0,
    )


@given(st.integers(0, 15))
def test_every_frame_can_be_told(opcode: int) -> None:
    assert str(frame(opcode)).startswith("client frame 3: ")
    assert str(frame(opcode, fin=False)).endswith("more follows")


def test_a_few_words_for_the_log() -> None:
    assert str(Place(0, 7, 6, 1, 40)) == "packet 7 (file 0, byte 40)"
    assert str(Extension("permessage-deflate", [("a", None), ("b", "9")])) == "permessage-deflate; a; b=9"
    assert str(frame(1)) == "client frame 3: text, 5 bytes"


def test_severities_have_an_order() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == [Severity.ERROR, Severity.WARNING, Severity.INFO]


@pytest.mark.parametrize(
    ("counts", "worst"),
    [
        ({"error": 0, "warning": 2, "info": 9}, Severity.WARNING),
        ({"error": 1, "warning": 0, "info": 0}, Severity.ERROR),
        ({"error": 0, "warning": 0, "info": 0}, None),
    ],
)
def test_the_worst_of_a_report(counts: dict[str, int], worst: Severity | None) -> None:
    run = Run(version="1", inputs=[Input("x.pcap")], settings={}, rules=[])
    assert Report(run, [], [], [], [], [], summary(**counts)).worst() is worst


def test_a_record_says_what_it_is() -> None:
    assert msgspec.json.decode(msgspec.json.encode(frame(1)))["type"] == "frame"
    assert msgspec.json.decode(msgspec.json.encode(summary()))["type"] == "summary"
