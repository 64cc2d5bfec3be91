"""What decryption costs, against tshark's CPU time for the same file and key log, side by side for all captures.

    python tests/bench/decryption.py [FOLDER] [--rounds N] [--frames N]

FOLDER holds ``tls*`` captures with key logs beside them, by default the recorded ones; one of ``--frames`` frames is
made in addition. Three programs take turns in one run: ``wsanalyzer analyze`` with the key log, the same without it,
and tshark with it. The first less the second is what decryption costs, with all that is judged because of it; the
median of the rounds counts. Start-up is most of the whole on captures of a few hundred packets.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # behind an installed package, if there is one

from tests.bench.against_tshark import commands, measure, write_tls

RECORDED = Path(os.environ.get("WSANALYZER_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "captures"
HEAD = ("capture", "with keys", "without", "decryption", "tshark", "whole/tshark", "decryption/tshark")


def row(capture: Path, keylog: Path, rounds: int) -> tuple[float, float, float]:
    """Median seconds of CPU: with the key log, without, and tshark's."""
    with_keys = commands(capture, keylog)
    programs = [with_keys["wsanalyzer"], commands(capture, None)["wsanalyzer"], with_keys["tshark"]]
    costs: list[list[float]] = [[], [], []]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for each, command in zip(costs, programs, strict=True):
                cost = measure(command, folder)
                if cost.complaint:
                    raise SystemExit(f"{command[0]}: {cost.complaint}")
                each.append(cost.cpu)
    ours, bare, theirs = (statistics.median(each) for each in costs)
    return ours, bare, theirs


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="What decryption costs, against tshark.")
    parser.add_argument("folder", type=Path, nargs="?", default=RECORDED)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=50_000, help="of the capture that is made")
    arguments = parser.parse_args()
    os.environ.pop("SSLKEYLOGFILE", None)
    print("  ".join(f"{word:>17}" for word in HEAD))
    with tempfile.TemporaryDirectory() as folder:
        pairs = [(path, path.with_suffix(".keys")) for path in sorted(arguments.folder.glob("tls*.pcap"))]
        if arguments.frames:
            # In a process of its own: what this one holds would count as the first memory of those that are measured.
            maker = multiprocessing.Process(target=write_tls, args=(Path(folder), arguments.frames))
            maker.start()
            maker.join()
            pairs.append((Path(folder) / "frames.pcap", Path(folder) / "keys"))
        for capture, keylog in pairs:
            ours, bare, theirs = row(capture.resolve(), keylog.resolve(), arguments.rounds)
            numbers = (ours, bare, ours - bare, theirs, ours / theirs, (ours - bare) / theirs)
            print("  ".join([f"{capture.stem:>17}", *(f"{number:>17.2f}" for number in numbers)]), flush=True)


if __name__ == "__main__":
    main()
