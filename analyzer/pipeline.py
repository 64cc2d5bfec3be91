"""The whole flow, on one page: a capture in, records out.

A source gives batches of packets. `Flows` finds the TCP segment in each and its connection, `Reassembly` puts them in
order, and `Connections` reads the bytes as HTTP and then as frames and messages (as TLS before that, where there are
keys), which a `Judge` holds against the rules. What comes of a batch is passed on before the next one is read, so
memory does not grow with the capture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from analyzer.capture.keylog import read_keylog
from analyzer.capture.source import Source
from analyzer.connections import Connections, Glance
from analyzer.counting import Tally, note
from analyzer.judge import Judge
from analyzer.model import Record, Run, Summary
from analyzer.rules.engine import selected
from analyzer.rules.registry import load
from analyzer.settings import Settings, changed
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
    tally = Tally(settings)
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
        settings=changed(settings),
        rules=[rule.id for rule in rules.values() if selected(rule, settings)],
    )
    for batch in source.batches():
        if not batch.count:  # nobody sends anything, but time goes by
            reassembly.idle(int(batch.time_ns[0]))
            yield from tally.pass_on(connections.take(reassembly.chunks, bytearray()))
            yield from tally.pass_on(connections.collect())
            after_batch()
            continue
        flows.decode(batch, segments, unwrapper)
        signs.look(batch, segments, flows.slots)
        note(connections.capture, batch, signs, tally.packets, settings.clock_step)
        reassembly.begin(batch, segments, flows.slots)
        decryption.learn(source.secrets)
        if decryption.keylog.given:
            connections.decryption = decryption
        row = 0
        while row < segments.count:
            row = reassembly.deliver(row)
            yield from tally.pass_on(connections.take(reassembly.chunks, batch.data))
        reassembly.finish()
        tally.packets += batch.count
        tally.bytes += int(batch.captured[: batch.count].sum())
        if source.waits:
            yield from tally.pass_on(connections.collect())
        after_batch()
    connections.capture.drops = source.drops
    connections.capture.lossy = source.drops > 0 or "live_queue" in source.limits
    for _ in reassembly.end():
        yield from tally.pass_on(connections.take(reassembly.chunks, bytearray()))
    limits = unwrapper.limits | source.limits
    yield from tally.pass_on(connections.finish(tally.packets, limits))

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
