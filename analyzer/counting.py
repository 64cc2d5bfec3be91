"""What is counted of a run as a whole: records for its summary, and what the rules about the capture look at.

Neither depends on how packets fall into batches: a packet is compared with the one before it, in whichever batch that
was, and the first of a kind is told by its number in the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from analyzer.capture.batch import Batch
from analyzer.model import Finding, Place, Record, Severity
from analyzer.rules.capture_facts import STEPS, Capture
from analyzer.settings import Settings
from analyzer.tcp.signs import Signs


class Tally:
    """Counts for the summary, over every finding whether it is written or not."""

    def __init__(self, settings: Settings) -> None:
        """Nothing counted; ``settings`` say which records are wanted."""
        self._findings_wanted = "findings" in settings.records
        self._placed = settings.engine == "native"
        self.packets = 0
        self.bytes = 0
        self.findings: dict[str, int] = {}
        self.severities = {severity.value: 0 for severity in Severity}

    def pass_on(self, records: Iterable[Record]) -> Iterator[Record]:
        """Those of the records that were asked for, counted."""
        for record in records:
            if isinstance(record, Finding):
                self.findings[record.rule] = self.findings.get(record.rule, 0) + record.count
                self.severities[record.severity] += record.count
                if not self._findings_wanted:
                    continue
                if not self._placed:  # tshark does not tell where in the file a byte stands, and it may be deciphered
                    record = msgspec.structs.replace(record, file_offset=None)
            yield record


def note(capture: Capture, batch: Batch, signs: Signs, ordinal: int, step: int) -> None:
    """Count what concerns the run as a whole: packets cut, out of time, with a wrong checksum, captured twice.

    ``ordinal`` is the number of packets before the batch; a packet ``step`` nanoseconds older than the one before shows
    that the clock was set back.
    """
    count = batch.count
    cut = np.flatnonzero(batch.captured[:count] < batch.wire[:count])
    if len(cut):
        capture.cut += len(cut)
        capture.cut_first = capture.cut_first or _place(batch, int(cut[0]), ordinal)
    times = np.concatenate(([capture.latest_ns], batch.time_ns[:count]))
    ahead = np.diff(times)
    backwards = np.flatnonzero(ahead < 0)
    capture.latest_ns = int(times[-1])
    if len(backwards):
        back = np.flatnonzero(ahead <= -step)[: STEPS - len(capture.steps)]
        capture.steps += zip((ordinal + back).tolist(), times[back].tolist(), strict=True)
        capture.backwards += len(backwards)
        capture.backwards_first = capture.backwards_first or _place(batch, int(backwards[0]), ordinal)
    if signs.bad:
        capture.bad += signs.bad
        capture.bad_ip += signs.bad_ip
        capture.bad_tcp += signs.bad_tcp
        capture.unfinished += signs.unfinished
        capture.bad_first = capture.bad_first or _place(batch, signs.first_bad, ordinal)
    if signs.twice:
        capture.twice += signs.twice
        capture.twice_first = capture.twice_first or _place(batch, signs.first_twice, ordinal)


def _place(batch: Batch, row: int, ordinal: int) -> Place:
    return Place(
        int(batch.file[row]),
        int(batch.number[row]),
        ordinal + row,
        int(batch.time_ns[row]),
        int(batch.file_offset[row]),
    )
