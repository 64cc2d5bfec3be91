"""Peak memory of ``wsanalyzer analyze`` on captures of 100 MB and of 1 GB: it should be the same.

    python tests/bench/memory.py

Measured is what the system accounts to the process. Nothing here fails: it prints a table, and the reader judges.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from against_tshark import measure  # noqa: E402

FRAMES = {"100 MB": 1_090_000, "1 GB": 10_900_000}
"""Small frames, one a packet, that make a capture of that size."""


def main() -> None:
    """Make both captures, one after the other, and analyse them."""
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for name, frames in FRAMES.items():
            capture = Path(folder) / "capture.pcap"
            subprocess.run([sys.executable, HERE / "make_capture.py", "--frames", str(frames), capture], check=True)
            cost = measure([sys.executable, "-m", "analyzer", "analyze", "-q", str(capture)], folder)
            peaks.append(cost.peak)
            size = capture.stat().st_size / 1e6
            print(f"{name}: {size:.0f} MB, {cost.cpu:.2f} s of CPU, peak {cost.peak:.1f} MB {cost.complaint}")
    print(f"the larger peak is {max(peaks) / min(peaks) - 1:.1%} above the smaller")


if __name__ == "__main__":
    main()
