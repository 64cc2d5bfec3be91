"""An hour's worth of live traffic, replayed into the pipeline as fast as it goes: memory should be flat.

    python tests/bench/live_hour.py [--packets N]

The capture program is played (`Played`): it sends what it has when it is asked to, a minute of traffic at a time, with
the times of an hour. In each minute connections open, talk and close, some say nothing any more without closing, and
some clients break a rule. The next minute comes when the analysis has caught up, and what the process takes is noted.
What is kept of connections that never close, and of past ones to compare later ones with, is bounded by settings in
the tens of thousands. They are set lower here, so that the limits are reached within the first minutes, and growth
beyond them would show.

Exit status 1 where memory is not flat, or something was not looked at.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

sys.path.append(str(Path(__file__).resolve().parents[2]))  # behind an installed package, if there is one

from analyzer import pipeline
from analyzer.capture.live import Live, Plan
from analyzer.model import Summary
from analyzer.settings import SECOND, Settings
from analyzer.wire import pcap
from samples.traffic import START_NS, Conversation, Wire, pcap_bytes
from tests.bench import make_capture

MINUTES = 60
CONNECTIONS, SILENT, WRONG = 12, 4, 2
"""In each minute: those that talk and close, those that only open, and those that send an unmasked frame."""
UNMASKED = bytes.fromhex("81 05 48 65 6c 6c 6f")
WARM = 10
"""Minutes until everything has been at its size once; from then on it should stay."""
SLACK = 0.05
"""By what part it may grow: what Python's allocator does not give back."""
PAGE = resource.getpagesize()


def minute(number: int, packets: int) -> bytes:
    """A minute of traffic, as a capture."""
    ports = CONNECTIONS + SILENT + WRONG
    first = 10_000 + ports * number
    wire = Wire(START_NS + number * 60 * SECOND, 60 * SECOND // (packets + 20 * ports))
    out = io.BytesIO()
    make_capture.write(out, make_capture.Plan(packets, 1, 40, CONNECTIONS, first), wire)
    wire.packets.clear()
    for port in range(first + CONNECTIONS, first + CONNECTIONS + SILENT + WRONG):
        conversation = Conversation(wire, ("192.0.2.1", port))
        conversation.open()
        if port >= first + CONNECTIONS + SILENT:
            conversation.client(UNMASKED)
            conversation.fin("client")
            conversation.fin("server")
    return out.getvalue() + pcap_bytes(wire.packets)[pcap.HEADER[pcap.LITTLE].sizeof() :]


class Played:
    """Stands for a child (`analyzer.capture.child.Child`)."""

    kind = None

    def __init__(self, packets: int) -> None:
        self._packets = packets
        self.live: Live | None = None
        self.position = 0
        self.stopped = False
        self.memory: list[int] = []
        """Bytes at the end of each minute."""
        self._parts = self._hour()

    def _hour(self) -> Iterator[memoryview]:
        for number in range(MINUTES):
            data = memoryview(minute(number, self._packets))
            if number:
                data = data[pcap.HEADER[pcap.LITTLE].sizeof() :]
            while data:
                yield data[: 64 << 10]
                data = data[64 << 10 :]
                self._wait(8 << 20)
            self._wait(0)
            self.memory.append(resident())
            print(f"minute {number + 1:>2}: {self.memory[-1] / 1e6:>6.1f} MB", flush=True)

    def _wait(self, most: int) -> None:
        assert self.live is not None
        while self.live.backlog > most:
            time.sleep(0.001)

    def readinto(self, view: memoryview) -> int:
        part = next(self._parts, memoryview(b""))
        view[: len(part)] = part
        self.position += len(part)
        self.stopped = not part  # it ends because the hour is over
        return len(part)

    def stop(self) -> None: ...

    def press(self) -> None: ...

    def close(self) -> None: ...

    def said(self) -> str:
        return ""


def resident() -> int:
    """Bytes that the process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Replay an hour of traffic into the live pipeline.")
    parser.add_argument("--packets", type=int, default=60_000, help="in each minute, about")
    packets = parser.parse_args().packets
    played = Played(packets)
    # No packet for a while means here that the next minute is being made.
    settings = Settings(quiet_time=10**6 * SECOND, connections=50, peers=50, mask_key_windows=50, history=1 << 18)
    live = played.live = Live(cast(Any, played), Plan(interfaces=["played"], backend="bench"), settings)
    started, cpu = time.monotonic(), time.process_time()
    summary = None
    for record in pipeline.run(live, settings):
        if isinstance(record, Summary):
            summary = record
    assert summary is not None, "the last record"
    print(
        f"{summary.packets} packets, {summary.connections} connections, {summary.frames} frames, "
        f"{summary.findings.get('MK-001', 0)} unmasked, {time.monotonic() - started:.0f} s, "
        f"{time.process_time() - cpu:.0f} s of CPU with making the traffic; limits reached: {summary.limits or 'none'}"
    )
    before, after = max(played.memory[:WARM]), max(played.memory[WARM:])
    flat = after <= before * (1 + SLACK)
    said = "flat" if flat else "NOT flat"
    print(f"most in the first {WARM} minutes {before / 1e6:.1f} MB, later {after / 1e6:.1f} MB: {said}")
    whole = summary.findings.get("MK-001") == MINUTES * WRONG and "live_queue" not in summary.limits
    return not (flat and whole)


if __name__ == "__main__":
    sys.exit(main())
