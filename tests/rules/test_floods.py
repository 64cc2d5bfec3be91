"""Where very much begins: one more than the threshold, told once, and not what comes near it."""

from __future__ import annotations

import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Finding, Opcode
from analyzer.settings import Settings
from analyzer.wire.frame import build_frame
from samples.traffic import Conversation, Wire, write_pcap
from tests.rules.judging import judge, sent

MIB = 1 << 20


def head(length: int) -> bytes:
    return bytes([0x82, 127]) + length.to_bytes(8, "big")


@pytest.mark.parametrize(
    ("length", "found"),
    [
        (64 * MIB, []),
        (64 * MIB + 1, ["info"]),
        (1 << 40, ["info"]),
        ((1 << 40) + 1, ["warning"]),
        ((1 << 63) - 1, ["warning"]),
        (1 << 63, []),
        ((1 << 64) - 1, []),
    ],
)
def test_announced_lengths(length: int, found: list[str]) -> None:
    findings = judge(f"{sent('server', head(length) + b'some')}\nserver: FIN", "SEC-021")
    assert [finding.severity.value for finding in findings] == found
    for finding in findings:
        assert finding.found == f"{length} bytes in a frame, 4 of them captured"


def story(tmp_path: object, data: bytes, batch: int = 8192, **settings: object) -> list[Finding]:
    """SEC-02x findings of what a server sends after an opening."""
    wire = Wire()
    talk = Conversation(wire)
    talk.open()
    talk.send("server", data)
    path = f"{tmp_path}/flood.pcap"
    write_pcap(path, wire.packets)
    chosen = Settings(records=frozenset({"findings"}), select=("SEC-02",), frame_rows=batch, **settings)  # type: ignore[arg-type]
    return [each for each in pipeline.run(open_source([path], chosen), chosen) if isinstance(each, Finding)]


@pytest.mark.parametrize("batch", [64, 8192])
def test_a_message_is_told_when_its_fragments_come_to_too_much(tmp_path: object, batch: int) -> None:
    part = build_frame(Opcode.CONTINUATION, bytes(100), None, fin=False)
    data = build_frame(Opcode.BINARY, bytes(100), None, fin=False) + part * 200 + build_frame(0, b"", None)
    assert story(tmp_path, data, batch, large_message=201 * 100) == []
    (finding,) = story(tmp_path, data, batch, large_message=10_000)
    assert (finding.rule, finding.frame, finding.found) == ("SEC-021", 100, "10100 bytes in a message")
    (finding,) = story(tmp_path, build_frame(Opcode.BINARY, bytes(101), None) + data, batch, large_message=20_099)
    assert (finding.frame, finding.found) == (201, "20100 bytes in a message")


@pytest.mark.parametrize("batch", [64, 8192])
@pytest.mark.parametrize(
    ("fragments", "empty", "found"),
    [
        (9_999, 0, []),
        (10_000, 0, [(10_000, "10001 fragments so far, 0 of them empty")]),
        (20_000, 0, [(10_000, "10001 fragments so far, 0 of them empty")]),
        (10, 100, []),
        (10, 101, [(111, "112 fragments so far, 101 of them empty")]),
        (10, 20_000, [(111, "112 fragments so far, 101 of them empty")]),
        (10_000, 200, [(10_000, "10001 fragments so far, 0 of them empty")]),
    ],
)
def test_fragments(tmp_path: object, batch: int, fragments: int, empty: int, found: list[tuple[int, str]]) -> None:
    """A first fragment, so many of one byte, so many empty ones, and a whole message after them."""
    data = b"\x01\x01a" + b"\x00\x01a" * fragments + b"\x00\x00" * empty + b"\x80\x01a" + b"\x81\x00"
    if fragments == 9_999:
        data = data.replace(b"\x80\x01a\x81", b"\x81")  # 10 000 in all, and then a new message
    findings = story(tmp_path, data, batch)
    assert [(finding.frame, finding.found) for finding in findings if finding.rule == "SEC-022"] == found


def test_the_next_message_is_counted_afresh(tmp_path: object) -> None:
    message = b"\x01\x00" + b"\x00\x00" * 98 + b"\x80\x00"
    assert story(tmp_path, message * 5 + b"\x81\x00" * 500) == []


def pings(tmp_path: object, *spans: tuple[int, float, float], batch: int = 8192) -> list[int | None]:
    """Frames at which a flood is told. Each span: so many pings, seconds between them, and a pause after."""
    wire = Wire(step_ns=1)
    talk = Conversation(wire, sparing=True)
    talk.open()
    for count, gap, pause in spans:
        for _ in range(count):
            wire.wait(int(gap * 1e9))
            talk.send("server", b"\x89\x00")
        wire.wait(int(pause * 1e9))
    path = f"{tmp_path}/pings.pcap"
    write_pcap(path, wire.packets)
    settings = Settings(records=frozenset({"findings"}), select=("SEC-023",), frame_rows=batch)
    return [each.frame for each in pipeline.run(open_source([path], settings), settings) if isinstance(each, Finding)]


@pytest.mark.parametrize("batch", [64, 8192])
def test_a_flood_is_told_once_until_a_silence(tmp_path: object, batch: int) -> None:
    assert pings(tmp_path, (1000, 0.001, 0), batch=batch) == [500]
    assert pings(tmp_path, (1000, 0.001, 6), (501, 0.0, 0), batch=batch) == [500, 1500]


def test_what_is_no_flood(tmp_path: object) -> None:
    assert pings(tmp_path, (500, 0.0, 0)) == []
    assert pings(tmp_path, (1500, 0.0101, 0)) == []
    assert pings(tmp_path, (400, 0.0, 5), (400, 0.0, 0)) == []
    assert pings(tmp_path, (250, 0.001, 4), (250, 0.001, 4), (250, 0.001, 0)) == []


def test_a_flood_after_sparse_pings(tmp_path: object) -> None:
    assert len(pings(tmp_path, (10, 1.0, 0), (1200, 0.006, 0))) == 1
