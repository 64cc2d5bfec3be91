"""The commented capture, as Wireshark reads it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from analyzer.errors import UsageError
from analyzer.model import Input
from analyzer.report.pcapng import MOST, comment
from tests.command import wsanalyzer
from tests.conftest import CAPTURES, SAMPLES
from tests.report import made

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark here")
needs_capinfos = pytest.mark.skipif(shutil.which("capinfos") is None, reason="no capinfos here")


def fields(capture: Path, *names: str) -> list[str]:
    """A line a packet, as tshark sees it."""
    command = ["tshark", "-r", str(capture), "-T", "fields", "-E", "aggregator=\x1f"]
    for name in names:
        command += ["-e", name]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()


@needs_tshark
@pytest.mark.parametrize("capture", [SAMPLES / "violations.pcap", CAPTURES / "violators_a.pcap"])
def test_tshark_sees_the_same_packets_and_the_comments(capture: Path, tmp_path: Path) -> None:
    out, result = tmp_path / "out.pcapng", tmp_path / "r.jsonl"
    ran = wsanalyzer("analyze", capture, "--isolated", "-f", "pcapng,jsonl", "-o", out, "-o", result, folder=tmp_path)
    assert ran.returncode == 1, ran.stderr
    same = ("frame.number", "frame.time_epoch", "frame.len", "frame.cap_len", "frame.protocols", "tcp.seq_raw")
    assert fields(out, *same) == fields(capture, *same)
    findings = [
        record
        for line in result.read_bytes().splitlines()
        if (record := msgspec.json.decode(line))["type"] == "finding" and record["packet"] is not None
    ]
    commented = {
        int(number): text
        for number, _, text in (line.partition("\t") for line in fields(out, "frame.number", "frame.comment"))
        if text
    }
    assert set(commented) == {finding["packet"] for finding in findings}
    for finding in findings:
        comment = commented[finding["packet"]]
        assert f"{finding['severity']} {finding['rule']} {finding['name']}" in comment or "more findings" in comment


@needs_tshark
@pytest.mark.parametrize("capture", ["violations.pcap", "wss.pcapng"])
def test_redacted_packets_end_with_their_tcp_headers(capture: str, tmp_path: Path) -> None:
    out, whole = tmp_path / "out.pcapng", tmp_path / "whole.pcapng"
    for redact, path in ((["--redact"], out), ([], whole)):
        ran = wsanalyzer("analyze", SAMPLES / capture, "--isolated", *redact, "-o", path, folder=tmp_path)
        assert ran.returncode in (0, 1), ran.stderr
    same = ("frame.number", "frame.time_epoch", "frame.len", "ip.src", "tcp.srcport", "tcp.seq_raw", "tcp.flags")
    assert fields(out, *same) == fields(SAMPLES / capture, *same)
    lengths = [tuple(map(int, line.split("\t"))) for line in fields(out, "frame.cap_len", "ip.hdr_len", "tcp.hdr_len")]
    assert lengths
    assert all(captured == 14 + ip + tcp for captured, ip, tcp in lengths)
    commented = [bool(text) for text in fields(out, "frame.comment")]
    assert commented == [bool(text) for text in fields(whole, "frame.comment")]
    assert b"CLIENT_" not in out.read_bytes(), "the secrets of TLS connections"


@needs_capinfos
def test_capinfos_has_nothing_to_say_against_it(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    wsanalyzer("analyze", SAMPLES / "violations.pcap", "--isolated", "-o", out, folder=tmp_path)
    ran = subprocess.run(["capinfos", "-T", str(out)], capture_output=True, check=False, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


@needs_tshark
def test_several_captures_become_sections_of_one_file(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    inputs = (SAMPLES / "violations.pcap", SAMPLES / "echo.pcap")
    ran = wsanalyzer("analyze", *inputs, "--isolated", "-o", out, folder=tmp_path)
    assert ran.returncode == 1, ran.stderr
    assert len(fields(out, "frame.number")) == sum(len(fields(path, "frame.number")) for path in inputs)


def test_standard_input_cannot_be_copied(tmp_path: Path) -> None:
    data = (SAMPLES / "echo.pcap").read_bytes()
    ran = wsanalyzer("analyze", "-", "--isolated", "-f", "pcapng", "-o", "x.pcapng", folder=tmp_path, stdin=data)
    assert ran.returncode == 2
    assert ran.stderr.decode().splitlines() == [
        "wsanalyzer: pcapng: standard input cannot be read a second time; save the capture to a file"
    ]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError):
        made.rendered("pcapng", [msgspec.structs.replace(made.RUN, inputs=[Input(path="-")])])


def test_a_comment_is_one_harmless_line() -> None:
    for finding in (made.UNMASKED, made.NO_VERSION, made.NO_PONG, made.INFO):
        text = comment(finding)
        made.assert_harmless(text)
        assert text.startswith(f"wsanalyzer: {finding.severity} {finding.rule} ")


def test_a_packet_gets_so_many_comments(tmp_path: Path) -> None:
    capture = SAMPLES / "echo.pcap"
    run = msgspec.structs.replace(made.RUN, inputs=[Input(path=str(capture))])
    many = [msgspec.structs.replace(made.UNMASKED, file=str(capture))] * (MOST + 5)
    from io import BytesIO

    from analyzer.report.formats import FORMATS
    from analyzer.report.sink import Look

    out = BytesIO()
    sink = FORMATS["pcapng"].make(out, Look())
    for record in (run, *many):
        sink.write(record)
    sink.close()
    assert out.getvalue().count(b"wsanalyzer: error MK-001") == MOST
    assert b"wsanalyzer: 5 more findings" in out.getvalue()
