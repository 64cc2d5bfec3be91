"""What live capture loses under load: both back ends, and ``tcpdump -w`` at the same time on the same traffic.

    python tests/bench/live.py [--seconds N] [--size BYTES]

Two Python processes exchange WebSocket messages on loopback as fast as they can (the library ``websockets``, no
compression), one round for each back end. The kernel counts for each program by itself what it could not take, and
what each program says of that stands beside it. On loopback it gives dumpcap and tcpdump each packet twice, of which
they leave one out: what they say was dropped counts both. "Not seen" is what was captured, and found the queue full.
Nothing here fails: it prints a table, and the reader judges. Needs the permission to capture.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).resolve().parents[2]))  # behind an installed package, if there is one

from tests import live

FLOOD = """
import sys, time
from websockets.sync.client import connect
port, seconds, size = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
message = b"x" * size
end = time.monotonic() + seconds
with connect(f"ws://127.0.0.1:{port}/", compression=None, max_size=None) as client:
    count = 0
    while time.monotonic() < end:
        for _ in range(8):
            client.send(message)
        for _ in range(8):
            client.recv(timeout=10)
        count += 8
print(count)
"""


class Seen(NamedTuple):
    """What one program says of a round."""

    program: str
    packets: int
    dropped: int
    """By the kernel, as the program says."""
    unseen: int
    """Captured, and not analysed."""
    cpu: float
    """Seconds of the program and its children."""


def tcpdump(port: int, path: Path) -> subprocess.Popen[str]:
    """tcpdump, writing to ``path``; returns when it listens."""
    process = subprocess.Popen(
        ["tcpdump", "-i", "lo", "-B", "32768", "-w", str(path), f"tcp port {port}"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "listening" not in process.stderr.readline():
        assert process.poll() is None, "tcpdump did not start"
    return process


def told(process: subprocess.Popen[str]) -> Seen:
    """End tcpdump; what it says."""
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    words = process.stderr.read()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    captured, dropped = (
        int(found[1]) if (found := re.search(rf"(\d+) packets? {what}", words)) else -1
        for what in ("captured", "dropped by kernel")
    )
    return Seen("tcpdump -w", captured, dropped, 0, usage.ru_utime + usage.ru_stime)


def sniffed(backend: str, port: int, flood: list[str]) -> tuple[Seen, int]:
    """One round under ``wsanalyzer sniff``; what it says, and the messages that went each way."""
    command = [sys.executable, "-m", "analyzer", "sniff", "-i", "lo", "--backend", backend, "-f", "jsonl"]
    process = subprocess.Popen(
        [*command, "--bpf", f"tcp port {port}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.readline()
    messages = int(subprocess.run(flood, capture_output=True, check=True).stdout)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    summary = json.loads(process.stdout.read().splitlines()[-1])
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    unseen = summary["limits"].get("live_queue", 0)
    cpu = usage.ru_utime + usage.ru_stime
    return Seen(f"sniff ({backend})", summary["packets"] + unseen, summary["drops"], unseen, cpu), messages


def measure(backend: str, seconds: float, size: int) -> None:
    """One round, and its lines of the table."""
    with live.server() as port, tempfile.TemporaryDirectory() as folder:
        flood = [sys.executable, "-c", FLOOD, str(port), str(seconds), str(size)]
        beside = tcpdump(port, Path(folder) / "beside.pcap") if shutil.which("tcpdump") else None
        mine, messages = sniffed(backend, port, flood)
        rows = [mine] + ([told(beside)] if beside is not None else [])
    for row in rows:
        rate = row.packets / seconds
        print(
            f"{messages / seconds:>10.0f}  {row.program:<16}  {row.packets:>9}  {rate:>9.0f}  {row.dropped:>9}"
            f"  {row.unseen:>9}  {row.cpu:>6.2f}",
            flush=True,
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="What live capture loses under load.")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--size", type=int, default=64, help="bytes of a message")
    arguments = parser.parse_args()
    print(f"messages of {arguments.size} bytes for {arguments.seconds:.0f} s a round, echoed\n")
    print("messages/s  program             packets  packets/s    dropped  not seen   CPU s")
    for backend in live.BACKENDS:
        reason = live.missing(backend)
        if reason is None:
            measure(backend, arguments.seconds, arguments.size)
        else:
            print(f"{backend}: {reason}")


if __name__ == "__main__":
    main()
