"""Masking keys in, what is known of them when the connection is over out: a `KeyTable` fed with made-up frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from analyzer.frames.columns import FrameColumns
from analyzer.frames.decode import OPENING_SEEN, ROLES_SURE, FrameRows
from analyzer.model import Finding, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.key_table import KeyTable
from analyzer.rules.mask_keys import Ended
from analyzer.rules.registry import load
from analyzer.settings import Settings

CONTEXT = ROLES_SURE | OPENING_SEEN
STEP_NS = 1_234_567
"""Between frames, where nothing else is said: no clock ticks like this."""
RULES = [rule for rule in load().values() if rule.subject == "MaskKeys"]


class Feeder:
    """Frames of several connections, batch by batch."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.table = KeyTable(settings or Settings())
        self.sent: dict[int, int] = {}
        self.clock_ns = 1_700_000_000_000_000_000

    def batch(
        self,
        frames: Sequence[tuple[int, int | None]],
        *,
        context: int = CONTEXT,
        client: bool = True,
        times: Sequence[int] | None = None,
    ) -> None:
        """Pings without payload: connection and key (None: not masked)."""
        count = len(frames)
        rows = FrameRows(max(count, 1), 0)
        rows.count = count
        columns = {name: np.asarray(getattr(rows, name)) for name in ("connection", "index", "key", "byte1", "header")}
        numbers = np.array([number for number, _ in frames], dtype=np.int64)
        keys = np.array([-1 if key is None else key for _, key in frames], dtype=np.int64)
        columns["connection"][:count] = numbers
        columns["key"][:count] = np.maximum(keys, 0)
        columns["byte1"][:count] = np.where(keys < 0, 0, 0x80)
        columns["header"][:count] = np.where(keys < 0, 2, 6)
        order = np.argsort(numbers, kind="stable")
        for number in np.unique(numbers).tolist():
            mine = order[numbers[order] == number]
            start = self.sent.get(number, 0)
            columns["index"][mine] = start + np.arange(len(mine))
            self.sent[number] = start + len(mine)
        np.asarray(rows.byte0)[:count] = 0x89
        np.asarray(rows.odd)[:count] = (keys < 0) == client
        np.asarray(rows.client)[:count] = int(client)
        np.asarray(rows.context)[:count] = context
        np.asarray(rows.offset)[:count] = 6 * np.asarray(rows.index)[:count]
        np.asarray(rows.time_ns)[:count] = times or self.clock_ns + STEP_NS * (1 + np.arange(count))
        self.clock_ns += STEP_NS * count
        self.table.take(FrameColumns(rows))

    def feed(self, keys: Iterable[int], size: int = 1000, times: Sequence[int] | None = None) -> Feeder:
        """Keys of connection 0, in batches of ``size``."""
        frames = [(0, key) for key in keys]
        for start in range(0, len(frames), size):
            self.batch(frames[start : start + size], times=times and times[start : start + size])
        return self

    def end(self, connection: int = 0) -> Ended:
        """The connection is over."""
        ended = self.table.finish(connection)
        assert ended is not None
        return ended


def faults(ended: Ended) -> dict[str, Fault]:
    """What the rules say, by id."""
    if ended.keys is None:
        return {}
    return {rule.id: fault for rule in RULES for fault in rule.check(ended.keys)}


def found(keys: Iterable[int], size: int = 1000, times: Sequence[int] | None = None) -> list[str]:
    """Ids of the rules that one direction's keys break."""
    return list(faults(Feeder().feed(keys, size, times).end()))


def warnings(findings: Iterable[Finding]) -> list[str]:
    """Ids of those that are no mere information."""
    return [finding.rule for finding in findings if finding.severity is not Severity.INFO]
