"""The whole flow, on one page: a capture in, records out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from analyzer.capture.batch import Batch
from analyzer.capture.keylog import read_keylog
from analyzer.capture.source import Source
from analyzer.connections import Connections, Glance
from analyzer.judge import Judge
from analyzer.model import Finding, Place, Record, Run, Severity, Summary
from analyzer.rules.capture_facts import STEPS, Capture
from analyzer.rules.engine import selected
from analyzer.rules.registry import load
from analyzer.settings import Settings
from analyzer.tcp.exotic import Unwrapper
from analyzer.tcp.packets import FRAGMENT, SKIPPED, Flows, Segments
from analyzer.tcp.reassembly import Reassembly
from analyzer.tcp.signs import Signs
from analyzer.tls.decryption import Decryption
from analyzer.version import version

if TYPE_CHECKING:
    from analyzer.capture.live import Live


def run(
    source: Source | Live,
    settings: Settings,
    progress: Callable[[], None] | None = None,
    watch: Callable[[Callable[[], Glance]], None] | None = None,
) -> Iterator[Record]:
    """Analyse ``source``: Run first, then the records asked for as they come to be known, Summary last.

    ``progress`` is called after each batch, and ``watch`` with a way to look at how things stand. Raises InputError
    where the source cannot be read on at all.
    """
    started = time.monotonic_ns()
    rules = load()
    files = [given.path for given in source.inputs]
    flows = Flows(settings.connections, settings.linger_time, settings.idle_time)
    unwrapper = Unwrapper(settings)
    reassembly = Reassembly(settings)
    connections = Connections(settings, flows, reassembly, Judge(settings, rules, files))
    decryption = Decryption(settings)
    if settings.keylog:
        decryption.keylog.add(read_keylog(settings.keylog, settings.keylog_size))
    tally = _Tally(settings)
    segments = Segments(settings.batch_packets)
    signs = Signs(settings.idle_timeout)

    def after_batch() -> None:
        if progress is not None:
            progress()
        if watch is not None:
            watch(connections.glance)

    yield Run(
        version=version(),
        inputs=source.inputs,
        settings=_changed(settings),
        rules=[rule.id for rule in rules.values() if selected(rule, settings)],
    )
    for batch in source.batches():
        if not batch.count:  # nobody sends anything, but time goes by
            reassembly.idle(int(batch.time_ns[0]))
            for record in chain(connections.take(reassembly.chunks, bytearray()), connections.collect()):
                yield from tally.pass_on(record)
            after_batch()
            continue
        flows.decode(batch, segments, unwrapper)
        signs.look(batch, segments, flows.slots)
        _note(connections.capture, batch, signs, tally.packets, settings.clock_step)
        reassembly.begin(batch, segments, flows.slots)
        decryption.learn(source.secrets)
        if decryption.keylog.given:
            connections.decryption = decryption
        row = 0
        while row < segments.count:
            row = reassembly.deliver(row)
            for record in connections.take(reassembly.chunks, batch.data):
                yield from tally.pass_on(record)
        reassembly.finish()
        tally.packets += batch.count
        tally.bytes += int(batch.captured[: batch.count].sum())
        if source.waits:
            for record in connections.collect():
                yield from tally.pass_on(record)
        after_batch()
    connections.capture.drops = source.drops
    connections.capture.lossy = source.drops > 0 or "live_queue" in source.limits
    for _ in reassembly.end():
        for record in connections.take(reassembly.chunks, bytearray()):
            yield from tally.pass_on(record)
    limits = unwrapper.limits | source.limits
    for record in connections.finish(tally.packets, limits):
        yield from tally.pass_on(record)

    flows.skipped[FRAGMENT] += unwrapper.waiting
    skipped = {reason: int(count) for reason, count in zip(SKIPPED, flows.skipped, strict=True) if count}
    yield Summary(
        packets=tally.packets,
        bytes=tally.bytes,
        tcp_streams=reassembly.tcp_streams,
        connections=connections.count,
        frames=connections.frames,
        messages=connections.messages,
        findings=tally.findings,
        severities=tally.severities,
        gaps=reassembly.gaps,
        gap_bytes=reassembly.gap_bytes,
        drops=source.drops,
        limits=connections.all_limits() | limits,
        skipped=source.skipped | skipped | unwrapper.links,
        notes=source.notes + unwrapper.notes,
        unreadable=source.unreadable,
        elapsed_ns=time.monotonic_ns() - started,
    )


class _Tally:
    """Counts for the summary, over every finding whether it is written or not."""

    def __init__(self, settings: Settings) -> None:
        self._findings_wanted = "findings" in settings.records
        self._placed = settings.engine == "native"
        self.packets = 0
        self.bytes = 0
        self.findings: dict[str, int] = {}
        self.severities = {severity.value: 0 for severity in Severity}

    def pass_on(self, record: Record) -> Iterator[Record]:
        """The record again, counted, if it was asked for."""
        if isinstance(record, Finding):
            self.findings[record.rule] = self.findings.get(record.rule, 0) + record.count
            self.severities[record.severity] += record.count
            if not self._findings_wanted:
                return
            if not self._placed:  # tshark does not tell where in the file a byte stands, and it may be deciphered
                record = msgspec.structs.replace(record, file_offset=None)
        yield record


def _note(capture: Capture, batch: Batch, signs: Signs, ordinal: int, step: int) -> None:
    """Count what concerns the run as a whole: packets cut, out of time, with a wrong checksum, captured twice."""
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


def _changed(settings: Settings) -> dict[str, object]:
    """The settings that differ from the defaults, as JSON would have them."""
    defaults = Settings()
    changed = {
        name: getattr(settings, name)
        for name in settings.__struct_fields__
        if getattr(settings, name) != getattr(defaults, name)
    }
    if settings.tshark_options:
        changed["tshark_options"] = [option.partition(":")[0] for option in settings.tshark_options]
    result: dict[str, object] = msgspec.to_builtins(changed, order="deterministic")
    return result
