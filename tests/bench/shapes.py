"""CPU time of ``wsanalyzer analyze`` on captures of other shapes than the one of `against_tshark`.

    python tests/bench/shapes.py [--frames N]

Nothing but text, nothing but Pings and Pongs, Pings that nobody answers, Pongs that nobody asked for, many frames in
each segment, large frames: whether some kind of traffic takes much more time than another. Measured is what the system
accounts to the process. Nothing here fails: it prints a table, and the reader judges.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from against_tshark import measure  # noqa: E402

LARGE = 29_000
"""Bytes of a large frame; two fit a segment."""


def rows(frames: int) -> list[tuple[str, list[str]]]:
    """Name and options of each capture."""
    small = ["--frames", str(frames)]
    large = ["--frames", str(frames // 100), "--size", str(LARGE)]
    return [
        ("mixed", small),
        ("text", [*small, "--shape", "text"]),
        ("binary", [*small, "--shape", "binary"]),
        ("Pings and Pongs", [*small, "--shape", "pings"]),
        ("Pings unanswered", [*small, "--shape", "unanswered"]),
        ("Pongs unasked", [*small, "--shape", "unasked"]),
        ("100 a segment", [*small, "--per-segment", "100"]),
        ("large text", [*large, "--shape", "text"]),
        ("large binary", [*large, "--shape", "binary"]),
    ]


def main() -> None:
    """Make each capture, and analyse it."""
    parser = argparse.ArgumentParser(description="How long captures of several shapes take.")
    parser.add_argument("--frames", type=int, default=300_000, help="a hundredth of it where they are large")
    arguments = parser.parse_args()
    print(f"{'shape':<16}  {'MB':>6}  {'CPU s':>6}  {'peak MB':>7}  {'MB/s':>6}")
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "capture.pcap"
        for name, options in rows(arguments.frames):
            maker = [sys.executable, str(HERE / "make_capture.py"), *options, str(capture)]
            subprocess.run(maker, check=True, stderr=subprocess.DEVNULL)
            cost = measure([sys.executable, "-m", "analyzer", "analyze", "-q", str(capture)], folder)
            size = capture.stat().st_size / 1e6
            numbers = f"{size:>6.1f}  {cost.cpu:>6.2f}  {cost.peak:>7.1f}  {size / cost.cpu:>6.0f}"
            print(f"{name:<16}  {numbers}  {cost.complaint}", flush=True)


if __name__ == "__main__":
    main()
