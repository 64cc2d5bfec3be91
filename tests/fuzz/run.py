"""Mutates captures and analyses them until the time is up; `README.md` beside says what for and how.

python -m tests.fuzz.run --seconds 600 [--seed 1] [--keep FOLDER] [CAPTURE...]
"""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import time
import traceback
from pathlib import Path
from random import Random

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.errors import InputError
from analyzer.settings import RECORDS, Settings
from tests import transform
from tests.fuzz.mutate import capture

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (*ROOT.glob("tests/captures/*.pcap"), *ROOT.glob("samples/*.pcap"))
ASKED = Settings(records=frozenset(RECORDS), payloads=True)
SLOW = 1.0
"""Seconds of CPU for each 100 KB."""
UNIT = 100_000
COLLECT = 100
"""Captures after which what only cycles hold is collected: it is no growth, but may be large."""
GROWTH = 64 << 10
"""KiB that the peak may grow in the second half of the time, when modules and caches are loaded."""


def failure(data: bytes, path: Path) -> str | None:
    """What is wrong about the analysis of ``data``, None if nothing."""
    path.write_bytes(data)
    start = time.process_time()
    try:
        with open_source([str(path)], ASKED) as source:
            for record in pipeline.run(source, ASKED):
                str(record)
    except InputError:
        pass
    except Exception:
        return traceback.format_exc()
    spent = time.process_time() - start
    allowed = SLOW * max(1.0, len(data) / UNIT)
    return f"{spent:.1f} s of CPU for {len(data)} bytes" if spent > allowed else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", nargs="*", type=Path, default=SEEDS)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    asked = parser.parse_args()
    sets = [transform.connections(transform.parsed(path.read_bytes())) for path in asked.captures]
    asked.keep.mkdir(exist_ok=True)
    path = asked.keep / "current.bin"
    begun, count, size, failed, settled = time.monotonic(), 0, 0, 0, 0
    while time.monotonic() - begun < asked.seconds:
        seed = asked.seed + count
        random = Random(seed)
        data = capture(random, random.choice(sets))
        why = failure(data, path)
        count, size = count + 1, size + len(data)
        if why is not None:
            failed += 1
            (asked.keep / f"{seed}.bin").write_bytes(data)
            print(f"seed {seed}: {why}", flush=True)
        if count % COLLECT == 0:
            gc.collect()
        if not settled and time.monotonic() - begun > asked.seconds / 2:
            settled = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path.unlink(missing_ok=True)
    grown = peak - settled if settled else 0
    print(f"{count} captures, {size} bytes, {failed} failed, peak {peak} KiB, {grown} KiB grown")
    return int(failed > 0 or grown > GROWTH)


if __name__ == "__main__":
    sys.exit(main())
