"""Records made by hand, hostile ones among them: what every format is tested with."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import msgspec

from analyzer.model import (
    Cause,
    Connection,
    Evidence,
    Extension,
    Finding,
    Frame,
    Handshake,
    HeadRecord,
    Input,
    Level,
    Message,
    Payload,
    Record,
    Role,
    Run,
    Severity,
    Summary,
)
from analyzer.report.formats import FORMATS
from analyzer.report.sink import Look
from analyzer.rules.registry import Rule
from analyzer.settings import RECORDS
from analyzer.wire.frame import build_frame

GOLDEN = Path(__file__).parent / "golden"
START = 1_700_000_000_123_456_789
HOSTILE = "a\x1b[31mred\x00\u202egpj.exe\n\x9b0m\u200f\udc9b"
"""ANSI, NUL, bidirectional override, line feed, C1 control, RTL mark, an undecodable byte (PEP 383)."""
FORBIDDEN = ["\x1b", "\x00", "\u202e", "\x9b", "\u200f", "\x7f", "\udc9b"]

RUN = Run(version="1.2.3", inputs=[Input(path="chat.pcap", bytes=1234)], settings={}, rules=["MK-001", "TX-001"])


def head(line: str, *headers: tuple[str, str], packet: int = 4) -> HeadRecord:
    return HeadRecord(
        line=line,
        headers=list(headers),
        stream_offset=0,
        end_offset=150,
        header_offsets=[20 + 10 * at for at in range(len(headers))],
        packet=packet,
        last_packet=packet,
        file="chat.pcap",
        time_ns=START + packet * 1_000_000,
    )


def handshake(number: int, target: str = "/chat", host: str = "a.example") -> Handshake:
    return Handshake(
        connection=number,
        exchange=0,
        request=head(f"GET {target} HTTP/1.1", ("Host", host), ("Upgrade", "websocket")),
        response=head("HTTP/1.1 101 Switching Protocols", ("Upgrade", "websocket"), packet=6),
        status=101,
        accepted=True,
        subprotocol="chat",
        extensions=[Extension("permessage-deflate", [("client_max_window_bits", None)])],
    )


def connection(number: int, state: str = "closed", reason: str | None = None) -> Connection:
    return Connection(
        connection=number,
        tcp_stream=number,
        client=("192.0.2.1" if number != 1 else "2001:db8::1", 50_000 + number),
        server=("192.0.2.2", 80),
        start_ns=START,
        end_ns=START + 5_000_000_000,
        transport="http1",
        h2_stream=None,
        tls=False,
        state=state,
        role_evidence="opening",
        client_frames=12,
        server_frames=13,
        client_messages=10,
        server_messages=11,
        client_bytes=345,
        server_bytes=456,
        client_close_code=1000 if state == "closed" else None,
        client_close_reason=reason,
        server_close_code=1000 if state == "closed" else None,
        server_close_reason=None,
    )


def frame(index: int = 3, direction: str = "client", **changes: object) -> Frame:
    made = Frame(
        connection=0,
        direction="client",
        index=index,
        packet=17,
        last_packet=17,
        file="chat.pcap",
        time_ns=START + 17_000_000,
        stream_offset=345,
        fin=True,
        rsv1=False,
        rsv2=False,
        rsv3=False,
        opcode=1,
        masked=True,
        masking_key="37fa213d",
        header_length=6,
        payload_length=5,
        complete=True,
        close_code=None,
        close_reason=None,
    )
    return msgspec.structs.replace(made, direction=direction, **changes)


def message(index: int = 0, text: str = "Hello") -> Message:
    return Message(
        connection=0,
        direction="client",
        index=index,
        opcode=1,
        length=5,
        sha256="185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969",
        compressed=False,
        frames=1,
        first_packet=17,
        last_packet=17,
        file="chat.pcap",
        time_ns=START + 17_000_000,
        complete=True,
        payload=Payload(text=text),
    )


UNMASKED = Finding(
    rule="MK-001",
    name="unmasked-client-frame",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 5.1, 5.3",
    connection=0,
    direction="client",
    frame=3,
    packet=17,
    time_ns=START + 17_000_000,
    stream_offset=345,
    byte_offset=346,
    header=None,
    file="chat.pcap",
    file_offset=4567,
    text="Client frame is not masked",
    expected="MASK set",
    found="MASK clear",
    close_code=1002,
    evidence=Evidence(stream_offset=345, hex="810548656c6c6f", mark=(1, 1)),
)
BAD_TEXT = msgspec.structs.replace(
    UNMASKED,
    rule="TX-001",
    name="text-invalid-utf8",
    frame=5,
    packet=21,
    time_ns=START + 21_000_000,
    stream_offset=400,
    byte_offset=408,
    text="Text message is not valid UTF-8",
    expected="UTF-8",
    found="byte ff",
    close_code=1007,
    secondary=True,
    evidence=Evidence(stream_offset=400, hex=build_frame(1, b"ab\xffcd", bytes.fromhex("37fa213d")).hex(), mark=(8, 1)),
)
NO_VERSION = msgspec.structs.replace(
    UNMASKED,
    rule="HS-111",
    name="version-unsupported",
    severity=Severity.WARNING,
    connection=1,
    frame=None,
    packet=4,
    time_ns=START + 4_000_000,
    stream_offset=0,
    byte_offset=39,
    header="Sec-WebSocket-Version",
    text="Sec-WebSocket-Version is not 13",
    expected="13",
    found=HOSTILE,
    close_code=None,
    evidence=Evidence(
        stream_offset=0, hex=b"GET / HTTP/1.1\r\nSec-WebSocket-Version: 1\x1b\r\nHost: a\r\n".hex(), mark=(39, 2)
    ),
)
NO_PONG = msgspec.structs.replace(
    UNMASKED,
    rule="CT-003",
    name="ping-unanswered",
    level=Level.SHOULD,
    direction="server",
    connection=1,
    frame=None,
    stream_offset=None,
    byte_offset=None,
    file_offset=None,
    text="Ping was not answered",
    expected="a Pong within 20 s",
    found="none",
    close_code=None,
    count=3,
    cause=Cause(direction="client", frame=7, packet=30, stream_offset=500),
    evidence=None,
)
INFO = msgspec.structs.replace(
    NO_PONG,
    rule="ST-013",
    name="analysis-limit-reached",
    severity=Severity.INFO,
    level=Level.OBSERVATION,
    connection=None,
)

SUMMARY = Summary(
    packets=100,
    bytes=12345,
    tcp_streams=3,
    connections=3,
    frames=75,
    messages=63,
    findings={"MK-001": 4, "TX-001": 1, "HS-111": 1, "CT-003": 3, "ST-013": 3},
    severities={"error": 8, "warning": 1, "info": 3},
    gaps=2,
    gap_bytes=99,
    drops=1,
    limits={"findings_per_rule": 1},
    skipped={"not IP": 4},
    notes=[f"chat.pcap: cut inside packet 101's record; {HOSTILE}"],
    elapsed_ns=123_456_789,
)
CLEAN = msgspec.structs.replace(
    SUMMARY, connections=1, findings={}, severities={}, gaps=0, drops=0, limits={}, skipped={}, notes=[]
)


def _unmasked() -> None:
    """A client sent a frame without masking it.

    Why it matters: caches.

    Violates:
        client: 81 05 48 65 6c 6c 6f

    Conforms:
        client: 81 80 37 fa 21 3d
        server: 81 00

        server: 81 00
    """


RULE = Rule(
    id="MK-001",
    name="unmasked-client-frame",
    title="A client sent a frame without masking it",
    severity=Severity.ERROR,
    level=Level.MUST,
    rfc="RFC 6455 5.1, 5.3",
    role=Role.CLIENT,
    close_code=1002,
    fail_required=True,
    subject="FrameColumns",
    check=_unmasked,
)


def later(finding: Finding, packet: int) -> Finding:
    return msgspec.structs.replace(finding, packet=packet, time_ns=START + packet * 1_000_000)


STORY: list[Record] = [
    RUN,
    handshake(0),
    handshake(1, target="/" + HOSTILE, host="b.example"),
    UNMASKED,
    later(UNMASKED, 19),
    frame(),
    message(text=HOSTILE),
    later(UNMASKED, 40),
    BAD_TEXT,
    connection(0, reason=HOSTILE.replace("\udc9b", "")),
    NO_VERSION,
    NO_PONG,
    connection(1, state="reset"),
    handshake(2),
    connection(2),
    INFO,
    SUMMARY,
]


def rendered(name: str, records: Iterable[Record], /, **look: object) -> str:
    """What the format makes of the records."""
    out = BytesIO()
    sink = FORMATS[name].make(
        out,
        Look(**{"records": frozenset(RECORDS), "rules": {RULE.id: RULE}, **look}),  # type: ignore[arg-type]
    )
    for record in records:
        sink.write(record)
    sink.close()
    return out.getvalue().decode("utf-8")


def assert_golden(name: str, text: str, folder: Path = GOLDEN) -> None:
    """``text`` is what the golden file holds. To accept a change: delete the file, run, and read the diff."""
    path = folder / name
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        raise AssertionError(f"{path} did not exist; it does now: read it, then commit it")
    assert text == path.read_text(encoding="utf-8")


def assert_harmless(text: str) -> None:
    """Nothing in ``text`` can act on a terminal, and no stranger's line feed made a line."""
    assert [char for char in FORBIDDEN if char in text] == []
    assert all(char.isprintable() or char == "\n" for char in text)
