"""The comparison with the truth can fail: each kind of difference is noticed, and what was not recorded is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from analyzer.model import Connection, Finding, Frame, Level, Message, Record, Severity
from tests import truth

CONNECTION = Connection(
    connection=0, tcp_stream=0, client=("192.0.2.1", 40001), server=("192.0.2.80", 80), start_ns=1, end_ns=2,
    transport="http1", h2_stream=None, tls=False, state="closed", role_evidence="opening", client_frames=1,
    server_frames=0, client_messages=1, server_messages=0, client_bytes=11, server_bytes=0, client_close_code=None,
    client_close_reason=None, server_close_code=None, server_close_reason=None,
)  # fmt: skip
FRAME = Frame(
    connection=0, direction="client", index=0, packet=8, last_packet=8, file="a", time_ns=1, stream_offset=189,
    fin=True, rsv1=False, rsv2=False, rsv3=False, opcode=1, masked=True, masking_key="00000000", header_length=6,
    payload_length=5, complete=True, close_code=None, close_reason=None,
)  # fmt: skip
MESSAGE = Message(
    connection=0, direction="client", index=0, opcode=1, length=5, sha256="ab", compressed=False, frames=1,
    first_packet=8, last_packet=8, file="a", time_ns=1, complete=True,
)  # fmt: skip
FINDING = Finding(
    rule="FR-001", name="rsv", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 5.2", connection=0,
    direction="client", frame=0, packet=8, time_ns=1, stream_offset=189, byte_offset=190, header=None, file="a",
    file_offset=1, text="", expected="", found="", close_code=1002,
)  # fmt: skip
RECORDS: list[Record] = [CONNECTION, FRAME, MESSAGE, FINDING]

TRUTH: dict[str, Any] = {
    "client": ["192.0.2.1", 40001],
    "server": ["192.0.2.80", 80],
    "label": "one",
    "violations": [{"rules": ["FR-001"], "direction": "client", "stream_offset": 189, "frame": 0, "what": "RSV"}],
    "frames": {"client": [{"opcode": 1, "fin": True, "rsv": 0, "payload_length": 5, "stream_offset": 189}]},
    "messages": {"client": [[1, 5, "ab"]]},
}


def judged(records: list[Record], **changed: Any) -> truth.Compared:
    return truth.judge("a.pcap", [{**TRUTH, **changed}], records)


def test_agreement() -> None:
    outcome = judged(RECORDS)
    assert outcome.problems == []
    assert outcome.row() == ("a.pcap", 1, 1, 1, 1, 1, 0, 0)


def test_what_was_not_recorded_is_not_compared() -> None:
    outcome = judged([CONNECTION, FINDING], frames=None, messages=None, client=[None, 40001])
    assert outcome.row() == ("a.pcap", 1, 0, 0, 1, 1, 0, 0)


@pytest.mark.parametrize(
    "records",
    [
        [FRAME, MESSAGE, FINDING][:0],
        [CONNECTION, MESSAGE, FINDING],
        [CONNECTION, msgspec.structs.replace(FRAME, rsv1=True), MESSAGE, FINDING],
        [CONNECTION, msgspec.structs.replace(FRAME, stream_offset=190), MESSAGE, FINDING],
        [CONNECTION, msgspec.structs.replace(FRAME, complete=False), MESSAGE, FINDING],
        [CONNECTION, FRAME, FRAME, MESSAGE, FINDING],
        [CONNECTION, FRAME, FINDING],
        [CONNECTION, FRAME, msgspec.structs.replace(MESSAGE, sha256="cd"), FINDING],
        [CONNECTION, FRAME, msgspec.structs.replace(MESSAGE, sha256=None), FINDING],
        [CONNECTION, FRAME, MESSAGE],
        [CONNECTION, FRAME, MESSAGE, msgspec.structs.replace(FINDING, direction="server")],
        [CONNECTION, FRAME, MESSAGE, msgspec.structs.replace(FINDING, stream_offset=0, byte_offset=1)],
        [CONNECTION, FRAME, msgspec.structs.replace(MESSAGE, length=None, sha256=None), FINDING],
        [*RECORDS, msgspec.structs.replace(FINDING, rule="FR-002")],
        [*RECORDS, msgspec.structs.replace(FINDING, rule="SEC-001", severity=Severity.WARNING)],
        [*RECORDS, msgspec.structs.replace(FINDING, stream_offset=289, byte_offset=290)],
        [*RECORDS, msgspec.structs.replace(FINDING, connection=None)],
        [*RECORDS, msgspec.structs.replace(CONNECTION, connection=1), msgspec.structs.replace(FINDING, connection=1)],
    ],
)
def test_each_difference_is_a_problem(records: list[Record]) -> None:
    assert judged(records).problems


def test_a_listed_reaction_and_a_note_are_no_problem() -> None:
    reaction = msgspec.structs.replace(FINDING, rule="SC-007", direction="server")
    note = msgspec.structs.replace(FINDING, rule="SC-016", severity=Severity.INFO)
    listed = {"reactions": [{"rules": ["SC-007"], "direction": "server"}]}
    assert judged([*RECORDS, reaction, note], **listed).problems == []
    assert judged([*RECORDS, reaction, note]).unexpected == 1


def test_a_port_used_again_is_told_apart_by_order() -> None:
    later = msgspec.structs.replace(CONNECTION, connection=1, start_ns=10)
    outcome = truth.judge(
        "a.pcap", [TRUTH, {**TRUTH, "violations": [], "frames": None, "messages": None}], [later, *RECORDS]
    )
    assert outcome.problems == []
    assert outcome.connections == 2
