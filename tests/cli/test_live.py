"""``wsanalyzer sniff`` on loopback, with real peers, for each back end."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import analyzer
from tests import live
from tests.command import wsanalyzer

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(params=live.BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    live.require(live.missing(request.param))
    return str(request.param)


@pytest.fixture
def port() -> Iterator[int]:
    with live.server() as number:
        yield number


def told(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(findings, key=lambda finding: (finding["rule"], finding["packet"] or 0))


def of_file(*paths: Path) -> list[dict[str, Any]]:
    """The findings of an analysis of what was written."""
    return told([msgspec.json.decode(msgspec.json.encode(each)) for each in analyzer.iter_findings(paths)])


def test_findings_are_those_of_the_written_file(backend: str, port: int, tmp_path: Path) -> None:
    kept = tmp_path / "kept.pcapng"
    arguments = ("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend, "--write", kept)
    with live.Sniff(*arguments) as sniff:
        live.talk(port)
        latencies = []
        for number in range(1, 4):
            live.violate(port)
            read, finding = sniff.await_finding("MK-001", number)[-1]
            latencies.append(read - finding["time_ns"] / 1e9)
        children = sniff.children()
        assert children
        assert sniff.end() == 1, sniff.errors()
        assert not any(map(live.alive, children))
        assert min(latencies) < 1, latencies
        assert {finding["rule"] for finding in sniff.findings()} >= {"MK-001", "CL-015"}
        assert told(sniff.findings()) == of_file(kept)
        summary = sniff.summary
        assert (summary["connections"], summary["drops"], summary["gaps"]) == (4, 0, 0)
        assert f"captured on lo with {backend}" in summary["notes"]
        assert sniff.records[0][1]["inputs"] == [{"path": str(kept), "bytes": None, "sha256": None}]


def test_what_the_kernel_dropped_is_told(backend: str, port: int) -> None:
    """The capture program is held up, so that the kernel has to drop; its own counter stands beside ours."""
    found: list[analyzer.Finding] = []
    before = live.children(os.getpid())
    with analyzer.sniff("lo", bpf=f"tcp port {port}", backend=backend, capture_buffer=1 << 20) as findings:
        reading = threading.Thread(target=lambda: found.extend(findings))
        reading.start()
        capturing = [each for each in live.children(os.getpid()) if each not in before]
        live.talk(port)
        for process in capturing:
            os.kill(process, signal.SIGSTOP)
        live.talk(port, 200, text="x" * 30_000)
        for process in capturing:
            os.kill(process, signal.SIGCONT)
        live.talk(port)
        kernel = live.kernel_drops(capturing)
        findings.stop()
        reading.join(live.PATIENCE)
        assert not reading.is_alive()
        assert not any(map(live.alive, capturing))
    summary = findings.summary
    assert summary is not None
    assert summary.drops > 0
    assert kernel in (None, summary.drops)
    told = [each for each in found if each.rule == "ST-013"]
    assert [each.count for each in told] == [summary.drops]
    assert {each.rule for each in found if each.severity is analyzer.Severity.ERROR} == set()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_it_with_a_full_report(backend: str, port: int, number: int) -> None:
    with live.Sniff("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend) as sniff:
        live.talk(port, 2)
        live.eventually(lambda: any(r["type"] == "connection" for _, r in sniff.records), "the connection's end")
        children = sniff.children()
        assert sniff.end(number) == 0, sniff.errors()
        assert not any(map(live.alive, children))
        assert sniff.summary["messages"] == 4


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_comes_while_the_process_is_held_up(backend: str, number: int) -> None:
    """As on a busy machine: its time for waiting is up before it gets the signal. No packet comes to its help."""
    with live.Sniff("-i", "lo", "--bpf", "tcp port 9", "--backend", backend) as sniff:
        time.sleep(0.5)
        sniff.process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        sniff.process.send_signal(number)
        assert sniff.end(signal.SIGCONT) == 0, sniff.errors()
        assert sniff.summary["packets"] == 0


def test_a_signal_at_any_moment_ends_it(backend: str) -> None:
    """From the moment on when there is a capture program. What Python does with one while it starts is its own."""
    for tenths in (0, 0.2, 0.5, 1, 2, 4, 8):
        with live.Sniff("-i", "lo", "--bpf", "tcp port 9", "--backend", backend, "-f", "jsonl", lines=False) as sniff:
            live.eventually(sniff.children, "the capture program")
            time.sleep(tenths / 10)
            children = sniff.children()
            assert sniff.end() == 0, (tenths, sniff.errors())
            assert len(sniff.output.read().splitlines()) == 2
            assert not any(map(live.alive, children)), tenths


def test_nothing_stays_behind_a_killed_one(backend: str, port: int) -> None:
    with live.Sniff("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend) as sniff:
        children = sniff.children()
        assert children
        sniff.end(signal.SIGKILL)
        live.eventually(lambda: not any(map(live.alive, children)), "its children's end", 10)


def test_time_goes_by_without_packets(backend: str, tmp_path: Path) -> None:
    """The server does not react, so what the client does next is held back until the time-out has passed."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        filtered = ("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend)
        with live.Sniff(*filtered, "--timeout", "fail=2") as sniff, live.answered(silent) as (client, _):
            client.sendall(live.UNMASKED)
            client.sendall(bytes.fromhex("83 80 00 00 00 00"))
            sniff.await_finding("MK-001")
            assert not [each for each in sniff.findings() if each["rule"] == "FR-002"]
            read, finding = sniff.await_finding("FR-002")[0]
            assert 2 < read - finding["time_ns"] / 1e9 < 10
            assert sniff.end() == 1


def test_packets_and_duration_end_it(backend: str, port: int, tmp_path: Path) -> None:
    kept = tmp_path / "kept.pcapng"
    filtered = ("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend)
    with live.Sniff(*filtered, "--packets", "7", "--write", kept) as sniff:
        live.talk(port)
        assert sniff.wait() == 0
        assert sniff.summary["packets"] == 7
    assert analyzer.analyze(kept).summary.packets == 7
    with live.Sniff(*filtered, "--duration", "1s") as sniff:
        assert sniff.wait() == 0
        assert sniff.summary["packets"] == 0


def test_the_written_files_rotate(backend: str, port: int, tmp_path: Path) -> None:
    kept = tmp_path / "kept.pcapng"
    arguments = ("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend, "--write", kept, "--rotate", "1kB")
    with live.Sniff(*arguments) as sniff:
        for number in range(1, 4):
            live.violate(port)
            sniff.await_finding("MK-001", number)
        sniff.end()
        found = sniff.findings()
        packets = sniff.summary["packets"]
    files = sorted(tmp_path.glob("kept-*.pcapng"))
    assert len(files) >= 3
    assert not kept.exists()
    report = analyzer.analyze(files)
    assert report.summary.packets == packets
    assert [f.rule for f in report.findings] == [f["rule"] for f in found]


def test_a_full_disk_ends_it(backend: str, port: int) -> None:
    arguments = ("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend, "--write", "/dev/full")
    with live.Sniff(*arguments) as sniff:
        live.violate(port)
        assert sniff.wait() == 2
        assert sniff.summary["packets"] > 0
        assert sniff.summary["notes"][-1] == "/dev/full: No space left on device; the capture was ended"


def read_by_tshark(path: Path) -> int:
    """How many packets it finds in the file, which must be whole."""
    live.require(None if shutil.which("tshark") else "tshark is not installed")
    done = subprocess.run(
        ["tshark", "-r", path, "-T", "fields", "-e", "frame.number"], capture_output=True, timeout=live.PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert b"cut short" not in done.stderr
    return len(done.stdout.splitlines())


def test_what_a_killed_one_wrote_is_whole(backend: str, port: int, tmp_path: Path) -> None:
    kept = tmp_path / "kept.pcapng"
    arguments = ("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend, "--write", kept)
    with live.Sniff(*arguments) as sniff:
        live.violate(port)
        sniff.await_finding("MK-001")
        talking = threading.Thread(target=live.talk, args=(port, 2000))
        talking.start()
        live.eventually(lambda: kept.stat().st_size > 10_000, "more packets")
        sniff.end(signal.SIGKILL)
        talking.join(live.PATIENCE)
    report = analyzer.analyze(kept)
    assert report.summary.packets == read_by_tshark(kept) > 50
    assert "MK-001" in {finding.rule for finding in report.findings}
    assert not [note for note in report.summary.notes if "cut" in note]


def test_a_small_disk_that_fills_up_ends_it(backend: str, port: int, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], capture_output=True, timeout=live.PATIENCE
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted ({mounted.stderr.decode().strip()})")
    try:
        kept = disk / "kept.pcapng"
        arguments = ("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend, "--write", kept)
        with live.Sniff(*arguments) as sniff:
            children = sniff.children()
            live.violate(port)
            sniff.await_finding("MK-001")
            live.talk(port, 50, text="x" * 10_000)
            assert sniff.wait() == 2, sniff.errors()
            assert sniff.summary["notes"][-1] == f"{kept}: No space left on device; the capture was ended"
            assert not any(map(live.alive, children))
        report = analyzer.analyze(kept)
        assert report.summary.packets == read_by_tshark(kept) > 0
        assert not [note for note in report.summary.notes if "cut" in note]
        assert "MK-001" in {finding.rule for finding in report.findings}
    finally:
        subprocess.run(["umount", disk], check=True, timeout=live.PATIENCE)


def test_root_is_given_up_for_who_called_sudo(backend: str, port: int) -> None:
    """The program, what captures for it, and the file are the caller's."""
    if os.geteuid() != 0:
        pytest.skip("only root can give up root")
    nobody = {"SUDO_UID": "65534", "SUDO_GID": "65534"}
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, 65534, 65534)
        kept = Path(folder) / "kept.pcapng"
        arguments = ("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend, "--write", kept)
        with live.Sniff(*arguments, **nobody) as sniff:
            assert sniff.records, sniff.errors()
            if rights(sniff.process.pid)["Uid"][0] == "0":
                pytest.skip("the installation can be read by root only")
            capturing, *rest = sniff.children()
            assert rights(sniff.process.pid)["Uid"] == rights(capturing)["Uid"] == ["65534"] * 4
            assert rights(sniff.process.pid)["Groups"] == ["65534"]
            assert rights(sniff.process.pid)["CapEff"] == ["0000000000000000"]
            # cap_net_admin and cap_net_raw at most
            assert int(rights(capturing)["CapEff"][0], 16) & ~(1 << 12 | 1 << 13) == 0
            live.violate(port)
            sniff.await_finding("MK-001")
            assert sniff.end() == 1, sniff.errors()
            assert not any(map(live.alive, [capturing, *rest]))
        assert kept.stat().st_uid == 65534
        assert "MK-001" in {finding.rule for finding in analyzer.analyze(kept).findings}


def rights(process: int) -> dict[str, list[str]]:
    """Whom a process runs as, and what it may."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def test_lines_are_what_nobody_asked_for_otherwise(backend: str, port: int) -> None:
    filtered = ("-i", "lo", "--bpf", f"tcp port {port}", "--backend", backend)
    with live.Sniff(*filtered, lines=False) as sniff:
        live.eventually(lambda: live.violate(port) or select.select([sniff.output], [], [], 1)[0], "a line")
        assert re.match(rb"lo:[0-9]+: error MK-001 unmasked-client-frame ", sniff.output.readline())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-i", "nosuch"], "nosuch: no such interface; there are "),
        ([], "name an interface with -i: "),
        (["-i", "lo", "--rotate", "1MB"], "--rotate: name the file with --write"),
        (["-i", "lo", "--write", "-"], "--write -: packets are kept in files only"),
        (["-i", "lo", "-f", "pcapng"], "-: pcapng copies the captured packets; keep them in one file with --write"),
        (["-i", "lo", "-w", "x.pcapng", "-f", "jsonl", "-o", "x.pcapng"], "x.pcapng: this is a capture being read"),
    ],
)
def test_what_makes_no_sense_is_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = wsanalyzer("sniff", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"wsanalyzer: {said}")
    assert done.stderr.count(b"\n") == 1
    assert list(tmp_path.iterdir()) == []
