"""What live capture loses under load: both back ends, and ``tcpdump -w`` at the same time on the same traffic.

    python tests/bench/live.py [--seconds N]

Two Python processes exchange WebSocket messages on loopback as fast as they can (the library ``websockets``, no
compression): small messages, large ones, and large ones while the capture programs are held up for half of the time,
so that the kernel has to drop; one round for each back end.

"On lo" is the interface's own count of the packets that went by in the round, in a network namespace where nothing
else does; "missing" is what the program has not seen of them. It must be what the program says was dropped. Of dumpcap
and tcpdump that is up to twice as many, because loopback gives them each packet twice, of which they leave one out
after the kernel has counted. "Kernel" is the kernel's own counter, where it shows one to others (``ss``; not for the
rings of dumpcap and tcpdump). "Not seen" is what was captured, and found the queue full.

Exit status 1 where a program lost more than it says. Needs the permission to capture; without root no namespace is
made, and "on lo" counts strangers.
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


SMALL, LARGE = 64, 16 << 10
"""Bytes of a message."""


class Seen(NamedTuple):
    """What one program says of a round."""

    program: str
    packets: int
    dropped: int
    """By the kernel, as the program says."""
    kernel: int | None
    """By the kernel, as it says itself."""
    unseen: int
    """Captured, and not analysed."""
    cpu: float
    """Seconds of the program and its children."""
    copies: int
    """How often the kernel may have counted a packet."""


def passed() -> int:
    """Packets that have come in on loopback, which is all that went out."""
    with open("/proc/net/dev", encoding="ascii") as file:
        return next(int(line.split()[2]) for line in file if line.lstrip().startswith("lo:"))


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
    return Seen("tcpdump -w", captured, dropped, None, 0, usage.ru_utime + usage.ru_stime, 2)


def sniffed(backend: str, port: int, flood: list[str], stall: float, beside: list[int]) -> tuple[Seen, int]:
    """One round under ``wsanalyzer sniff``; what it says, and the messages that went each way."""
    command = [sys.executable, "-m", "analyzer", "sniff", "-i", "lo", "--backend", backend, "-f", "jsonl"]
    process = subprocess.Popen(
        [*command, "--bpf", f"tcp port {port}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.readline()
    capturing = live.children(process.pid)
    with subprocess.Popen(flood, stdout=subprocess.PIPE) as flooding:
        if stall:
            for number in (signal.SIGSTOP, signal.SIGCONT):
                time.sleep(stall / 2)
                for each in capturing + beside:
                    os.kill(each, number)
        messages = int(flooding.communicate()[0])
    time.sleep(1)
    kernel = live.kernel_drops(capturing)
    process.send_signal(signal.SIGINT)
    summary = json.loads(process.stdout.read().splitlines()[-1])
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    unseen = summary["limits"].get("live_queue", 0)
    cpu = usage.ru_utime + usage.ru_stime
    copies = 2 if backend == "dumpcap" else 1
    return Seen(
        f"sniff ({backend})", summary["packets"] + unseen, summary["drops"], kernel, unseen, cpu, copies
    ), messages


def measure(backend: str, seconds: float, size: int, stall: float) -> bool:
    """One round, and its lines of the table; whether all that is missing was told."""
    with live.server() as port, tempfile.TemporaryDirectory() as folder:
        flood = [sys.executable, "-c", FLOOD, str(port), str(seconds), str(size)]
        beside = tcpdump(port, Path(folder) / "beside.pcap") if shutil.which("tcpdump") else None
        before = passed()
        mine, messages = sniffed(backend, port, flood, stall, [beside.pid] if beside is not None else [])
        there = passed() - before
        rows = [mine] + ([told(beside)] if beside is not None else [])
    for row in rows:
        kernel = "-" if row.kernel is None else row.kernel
        print(
            f"{messages / seconds:>10.0f}  {row.program:<15}  {there:>8}  {row.packets:>8}  {there - row.packets:>8}"
            f"  {row.dropped:>8}  {kernel:>8}  {row.unseen:>8}  {row.cpu:>6.2f}",
            flush=True,
        )
    return all(
        row.dropped <= row.copies * (there - row.packets) <= row.copies * row.dropped
        and row.kernel in (None, row.dropped)
        for row in rows
    )


def alone() -> None:
    """Go on in a network namespace of our own, where that is permitted."""
    if "--alone" in sys.argv:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    elif not subprocess.run(["unshare", "--net", "ip", "link"], capture_output=True, check=False).returncode:
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv, "--alone"])


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="What live capture loses under load.")
    parser.add_argument("--seconds", type=float, default=5, help="of a round")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    seconds = parser.parse_args().seconds
    alone()
    agreed = True
    for size, stall in ((SMALL, 0.0), (LARGE, 0.0), (LARGE, seconds)):
        held = f", capture held up for {stall / 2:.1f} s" if stall else ""
        print(f"messages of {size} bytes for {seconds:.0f} s, echoed{held}")
        print("messages/s  program             on lo   packets   missing   dropped    kernel  not seen   CPU s")
        for backend in live.BACKENDS:
            reason = live.missing(backend)
            if reason is None:
                agreed &= measure(backend, seconds, size, stall)
            else:
                print(f"{backend}: {reason}")
        print()
    print("all that is missing was told" if agreed else "NOT all that is missing was told")
    return not agreed


if __name__ == "__main__":
    sys.exit(main())
