"""Messages are looked at where the rule is asked for, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.messages import assemble
from analyzer.model import Finding, Opcode
from analyzer.settings import Settings
from analyzer.wire.frame import build_frame
from samples.traffic import Conversation, Wire, write_pcap

LOGIN = b'{"op":"login","password":"hunter2"}'


def told(path: Path, data: bytes, side: str = "server", **settings: object) -> list[Finding]:
    wire = Wire()
    talk = Conversation(wire)
    talk.open()
    talk.send(side, data)  # type: ignore[arg-type]
    write_pcap(path / "a.pcap", wire.packets)
    chosen = Settings(records=frozenset({"findings"}), **settings)  # type: ignore[arg-type]
    records = pipeline.run(open_source([str(path / "a.pcap")], chosen), chosen)
    return [each for each in records if isinstance(each, Finding) and each.rule == "SEC-013"]


@pytest.mark.parametrize("select", [("SEC-013",), ("ALL",)])
def test_a_login_in_the_clear(tmp_path: Path, select: tuple[str, ...]) -> None:
    masked = build_frame(Opcode.TEXT, LOGIN, bytes.fromhex("37fa213d"))
    (finding,) = told(tmp_path, masked, "client", select=select)
    assert (finding.direction, finding.found) == ("client", '"password" in a text message')
    assert "hunter2" not in str(finding)
    assert finding.evidence is None


def test_one_finding_a_message_also_over_fragments(tmp_path: Path) -> None:
    parts = [build_frame(Opcode.TEXT, LOGIN[:20], None, fin=False), build_frame(0, LOGIN[20:] + LOGIN, None)]
    other = build_frame(Opcode.TEXT, b'{"op":"ping"}', None)
    assert len(told(tmp_path, b"".join([other, *parts, other]), select=("SEC-013",))) == 1


def test_binary_messages_and_unfinished_ones_are_not_told_of(tmp_path: Path) -> None:
    assert told(tmp_path, build_frame(Opcode.BINARY, LOGIN, None), select=("SEC-013",)) == []
    assert told(tmp_path, build_frame(Opcode.TEXT, LOGIN, None, fin=False), select=("SEC-013",)) == []


@pytest.mark.parametrize("select", [(), ("SEC",), ("SEC-01",)])
def test_nothing_is_looked_at_unasked(tmp_path: Path, select: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "Search", None)
    assert told(tmp_path, build_frame(Opcode.TEXT, LOGIN, None), select=select) == []
