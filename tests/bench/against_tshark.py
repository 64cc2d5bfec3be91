"""CPU time and memory of ``wsanalyzer analyze`` against tshark's listing of frames, on the same capture.

    python tests/bench/against_tshark.py [CAPTURE] [--keylog FILE] [--rounds N]
    python tests/bench/against_tshark.py --tls [--frames N]

Without a capture, one of a million small frames is made for the occasion; with --tls one over TLS 1.3, by OpenSSL,
for which both programs get the key log. The two programs take turns in one run,
so that a busy machine slows both. wsanalyzer judges every frame by all rules; tshark prints number, opcode and
length. Measured is what the system accounts to each process and its children (`os.wait4`). Nothing here fails: it
prints a table, and the reader judges.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).resolve().parents[2]))  # behind an installed package, if there is one

FIELDS = ("frame.number", "websocket.opcode", "websocket.payload_length")


class Cost(NamedTuple):
    """What one run took."""

    cpu: float
    """Seconds, user and system."""
    wall: float
    """Seconds."""
    peak: float
    """Largest resident size in megabytes (10**6 bytes)."""
    status: int
    complaint: str
    """Why the run does not count; empty where it does."""


def measure(command: list[str], folder: str) -> Cost:
    """Run ``command`` with its output thrown away. Status 1 is what wsanalyzer ends with when it found errors.

    Python may keep its bytecode, as it does unless the environment forbids it: to compile all modules at every start
    takes 0.13 s.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        errors = said.read().decode(errors="replace")
    failed = process.returncode not in (0, 1) or "Traceback" in errors or "No module named" in errors
    complaint = (errors.strip() or f"exit status {process.returncode}").splitlines()[-1] if failed else ""
    # Linux counts ru_maxrss in kibibytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * unit / 1e6, process.returncode, complaint)


def commands(capture: Path, keylog: Path | None) -> dict[str, list[str]]:
    """What is compared, by name; tshark only where it is installed."""
    found = {"wsanalyzer": [sys.executable, "-m", "analyzer", "analyze", "-q", str(capture)]}
    if keylog is not None:
        found["wsanalyzer"] += ["--keylog", str(keylog)]
    tshark = shutil.which("tshark")
    if tshark:
        fields = [argument for field in FIELDS for argument in ("-e", field)]
        found["tshark"] = [tshark, "-r", str(capture), "-Y", "websocket", "-T", "fields", *fields]
        if keylog is not None:
            found["tshark"] += ["-o", f"tls.keylog_file:{keylog}"]
    return found


COPIES = 10
"""How often a connection over TLS is put into the capture, each time on another port: making one takes long."""


def write_tls(folder: Path, frames: int) -> None:
    """Into ``folder`` a capture of ``frames`` frames over TLS 1.3, a record each, every tenth of 3 kB, and its key log.

    Of the copies the checksums are wrong, as where a network card fills them in.
    """
    from analyzer.wire.frame import build_frame
    from samples import opening
    from samples.traffic import pcap_bytes
    from tests.tls.peers import Contexts, Recorder, Secured

    keylog, recorder = folder / "keys", Recorder()
    conversation = recorder.conversation(sparing=True)
    cut = lambda data: [data[start : start + 1440] for start in range(0, len(data), 1440)]  # noqa: E731
    secured = Secured(Contexts(keylog), conversation, cut=cut)
    secured.send("client", opening.head(opening.request(conversation.key)))
    secured.send("server", opening.head(opening.response(conversation.key)))
    for number in range(frames // COPIES):
        secured.send("server", build_frame(1, b"x" * (3000 if number % 10 == 0 else 40)))
    first = recorder.wire.packets
    port, span = (40001).to_bytes(2, "big"), first[-1][0] - first[0][0] + 1
    packets = [
        (time_ns + copy * span, frame[:34] + frame[34:38].replace(port, (40001 + copy).to_bytes(2, "big")) + frame[38:])
        for copy in range(COPIES)
        for time_ns, frame in first
    ]
    (folder / "frames.pcap").write_bytes(pcap_bytes(packets))


def compare(capture: Path, rounds: int, keylog: Path | None = None) -> None:
    """Run both in turn, and print the table."""
    size = capture.stat().st_size / 1e6
    print(f"{capture.name}: {size:.1f} MB, {rounds} rounds\n")
    print(f"{'round':>5}  {'program':<10}  {'CPU s':>8}  {'wall s':>8}  {'peak MB':>8}  {'exit':>4}")
    costs: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, rounds + 1):
            for name, command in commands(capture, keylog).items():
                cost = measure(command, folder)
                costs.setdefault(name, []).append(cost)
                numbers = f"{cost.cpu:>8.2f}  {cost.wall:>8.2f}  {cost.peak:>8.1f}  {cost.status:>4}"
                print(f"{number:>5}  {name:<10}  {numbers}", flush=True)
    complaints = {name: cost.complaint for name, each in costs.items() for cost in each if cost.complaint}
    if complaints:
        for name, complaint in complaints.items():
            print(f"\n{name} failed, so there is nothing to compare: {complaint}")
        return
    medians = {name: statistics.median(cost.cpu for cost in each) for name, each in costs.items()}
    print()
    for name, each in costs.items():
        print(f"{name}: median {medians[name]:.2f} s of CPU, peak {max(cost.peak for cost in each):.1f} MB")
    if "tshark" in medians:
        print(f"tshark takes {medians['tshark'] / medians['wsanalyzer']:.1f} times the CPU time of wsanalyzer")
    else:
        print("tshark is not installed: nothing to compare with")
    from analyzer import tcp

    compiled = any(Path(tcp.__file__ or "").parent.glob("packets.*.so"))
    print(f"wsanalyzer's hot modules are {'compiled' if compiled else 'interpreted'}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Compare wsanalyzer with tshark.")
    parser.add_argument("capture", type=Path, nargs="?")
    parser.add_argument("--keylog", type=Path, help="decrypt with it")
    parser.add_argument("--tls", action="store_true", help="make a capture over TLS; a tenth of the frames")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=1_000_000, help="of the capture made where none is given")
    arguments = parser.parse_args()
    if arguments.capture is not None:
        compare(arguments.capture.resolve(), arguments.rounds, arguments.keylog and arguments.keylog.resolve())
        return
    if arguments.tls:
        with tempfile.TemporaryDirectory() as folder:
            # In a process of its own: what this one holds would count as the first memory of those that are measured.
            maker = multiprocessing.Process(target=write_tls, args=(Path(folder), arguments.frames // 10))
            maker.start()
            maker.join()
            compare(Path(folder) / "frames.pcap", arguments.rounds, Path(folder) / "keys")
        return
    from tests.bench import make_capture

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.pcap"
        with path.open("wb") as out:
            make_capture.write(out, make_capture.Plan(arguments.frames, per_segment=1, size=20, connections=50))
        compare(path, arguments.rounds)


if __name__ == "__main__":
    main()
