"""Packets as they come, in the same batches as from a file.

A capture program writes pcapng on a pipe (`analyzer.capture.child`). One thread reads it, with the reader of files,
and puts each batch into a queue; the analysis takes from there. The thread never waits for the analysis: where the
queue is full a batch is counted and passed over, and what was in it is a gap like any other. What is to be written to
a file is written by the same thread, before the queue, so it is there whether it was analysed or not.

Where no packet comes, time still goes by: an empty batch says what time it is (`Batch.count` is 0, the time stands in
its first row), a little behind the clock on the wall, because a packet captured earlier may still be on its way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import msgspec
import numpy as np

from analyzer.capture import dumpcap, packet_socket
from analyzer.capture import interfaces as network
from analyzer.capture.batch import PACKET_COLUMNS, Batch
from analyzer.capture.buffer import ALIGNMENT
from analyzer.capture.child import Child
from analyzer.capture.dumpcap import NotPermittedError
from analyzer.capture.handover import Handover
from analyzer.capture.keylog import GrowingKeylog
from analyzer.capture.ledger import Ledger
from analyzer.capture.reader import Reader
from analyzer.capture.writer import Tee, Writer
from analyzer.errors import AnalyzerError, MissingDependencyError, UsageError
from analyzer.model import Input
from analyzer.settings import SECOND, Settings
from analyzer.wire import pcap, pcapng

BACKENDS: dict[str, Callable[[Sequence[str], str | None, Settings], Child]] = {
    "dumpcap": dumpcap.start,
    "socket": packet_socket.start,
}
"""In the order of preference."""
AUTO = "auto"

POLL = 0.1
"""Seconds between two looks at what may end the capture, where no packet comes."""
LOOK = 1.0
"""Seconds between two looks at the interfaces."""
HEAD: int = pcapng.ENHANCED_PACKET[pcap.LITTLE].sizeof()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be captured, how, and how long."""

    interfaces: Sequence[str]
    backend: str = AUTO
    """One of BACKENDS, or `AUTO`: the first that is there and permitted."""
    expression: str | None = None
    """A filter in libpcap's language."""
    packets: int | None = None
    duration: int | None = None
    """Nanoseconds."""


class Live:
    """A capture that is going on; a context manager. Offers what `analyzer.capture.source.Source` does."""

    waits = True
    """What is known should be told after each batch."""
    size: int | None = None

    def __init__(
        self,
        child: Child,
        plan: Plan,
        settings: Settings,
    ) -> None:
        """Read ``child``, which captures as ``plan`` says."""
        self._child = child
        self._interfaces = [name for name in plan.interfaces if name != network.ANY]
        self._settings = settings
        self._most = plan.packets
        self._duration = plan.duration
        self._name = ", ".join(plan.interfaces)
        self._ledger = Ledger(self._name)
        self.unreadable: list[str] = []
        self._added = [f"captured on {self._name} with {plan.backend}"]
        self._keylog = GrowingKeylog(settings.keylog, settings.keylog_size)
        self._writer: Writer | None = None
        self._path = self._name
        self._queue = Handover(settings.live_queue)
        self._unseen = 0
        self._packets = 0
        self._asked = False
        self._thread: threading.Thread | None = None
        self._failure: str | None = None

    def __enter__(self) -> Self:
        """The capture itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def write_to(self, writer: Writer, path: str | None) -> None:
        """Keep all packets; ``path`` names the file where it is one: it is the input then. Before `batches`."""
        self._writer = writer
        self._path = path or self._path

    def stop(self) -> None:
        """End the capture soon; what came until now is still given. From any thread, or a signal's handler."""
        self._asked = True
        self._queue.wake()

    def close(self) -> None:
        """End the capture program, and leave nothing of it."""
        self._asked = True
        self._child.stop()
        if self._thread is not None:
            while self._thread.is_alive():
                self._child.press()
                self._thread.join(POLL)
        self._child.close()
        if self._writer is not None:
            self._writer.close()

    # --- what is told beside the packets

    @property
    def inputs(self) -> list[Input]:
        """What stands for the capture in records: the file it is written to, or its interfaces."""
        return [Input(self._path, None)]

    @property
    def notes(self) -> list[str]:
        """What a person should know about the capture, a line each."""
        notes = [*self._added, *self._ledger.notes]
        if self._unseen:
            notes.append(
                f"{self._name}: the analysis did not keep up; {self._unseen} packets were captured and not looked at"
            )
        if self._writer is not None:
            notes.append(self._writer.note)
        if self._failure is not None:
            notes.append(self._failure)
        return notes

    @property
    def failed(self) -> str | None:
        """Why the capture ended too early; None where it did not."""
        return self._failure

    @property
    def limits(self) -> dict[str, int]:
        """How often each limit was reached, by the name of the setting; of the queue: packets."""
        own = {"live_queue": self._unseen} if self._unseen else {}
        return self._ledger.limits | own

    @property
    def drops(self) -> int:
        """Packets that the kernel or the interface dropped."""
        return self._ledger.drops

    @property
    def skipped(self) -> dict[str, int]:
        """Packets passed over, by reason."""
        return self._ledger.skipped

    @property
    def secrets(self) -> list[bytes]:
        """TLS key logs so far: peers write theirs while they talk."""
        return self._ledger.secrets

    @property
    def position(self) -> int:
        """Bytes captured."""
        return self._child.position

    @property
    def backlog(self) -> int:
        """Bytes that were captured and wait for the analysis."""
        return self._queue.waiting

    # --- the thread that reads

    def _read(self) -> None:
        try:
            stream = self._child if self._writer is None else Tee(self._child, self._writer)
            reader = Reader(stream, 0, self._settings, self._ledger, self._settings.buffer_size)
            while (batch := reader.read()) is not None:
                self._take(reader, batch)
            if self._writer is not None and not self._full():
                self._writer.commit(reader.consumed)
        except AnalyzerError as error:
            self._failure = str(error)
        finally:
            self._queue.end()

    def _unwritten(self) -> bool:
        return self._writer is not None and self._writer.failed is not None

    def _full(self) -> bool:
        return self._most is not None and self._packets >= self._most

    def _take(self, reader: Reader, batch: Batch) -> None:
        """Write the packets of a batch, and put them into the queue."""
        if self._full():
            return
        end = reader.consumed
        if self._most is not None and self._packets + batch.count > self._most:
            batch.count = self._most - self._packets
            end = int(batch.file_offset[batch.count]) - HEAD
        if self._writer is not None:
            if not self._packets:
                self._writer.began(int(batch.file_offset[0]) - HEAD)
            self._writer.commit(end)
        self._packets += batch.count
        kept = _copied([batch])
        if not self._queue.offer(kept):
            self._unseen += kept.count

    # --- the batches

    def batches(self) -> Iterator[Batch]:
        """All packets as they come, and empty batches where none do. To be called once."""
        self._thread = threading.Thread(target=self._read, name="capture", daemon=True)
        self._thread.start()
        started = quiet = looked = time.monotonic()
        try:
            while True:
                now = time.monotonic()
                over = self._duration is not None and (now - started) * SECOND >= self._duration
                if self._asked or over or self._full() or self._unwritten():
                    self._child.stop()
                    self._child.press()
                elif now - looked >= LOOK:
                    looked = now
                    self._look()
                batches, ended = self._queue.take(self._settings.batch_packets, self._settings.buffer_size, POLL)
                if secrets := self._keylog.more():
                    self._ledger.secrets.append(secrets)
                if batches:
                    quiet = time.monotonic()
                    yield batches[0] if len(batches) == 1 else _copied(batches)
                elif not ended and not self._child.stopped and (now - quiet) * SECOND >= self._settings.quiet_time:
                    quiet = now
                    yield self._tick()
                if ended:
                    break
            self._conclude(over=over)
        finally:
            self.close()

    def _tick(self) -> Batch:
        batch = Batch(bytearray(ALIGNMENT), 1)
        batch.time_ns[0] = time.time_ns() - self._settings.quiet_time
        return batch

    def _look(self) -> None:
        """Notice interfaces that went down; when none is left, the capture ends."""
        for name in [name for name in self._interfaces if not network.is_up(name)]:
            self._interfaces.remove(name)
            self._added.append(f"{name}: the interface went down")
            if not self._interfaces:
                self._asked = True

    def _conclude(self, *, over: bool) -> None:
        """Say why the capture ended, where nobody asked for it."""
        if self._writer is not None and self._writer.failed is not None:
            self._failure = f"{self._writer.failed}; the capture was ended"
        elif not self._child.stopped and self._failure is None:
            lines = [line for line in self._child.said().splitlines() if line.strip()]
            reason = f": {lines[0].removeprefix('dumpcap: ')}" if lines else ""
            self._failure = f"{self._name}: the capture program ended by itself{reason}"


def _copied(batches: Sequence[Batch]) -> Batch:
    """The rows of all ``batches``, over a buffer of their own."""
    data = bytearray()
    offsets = []
    for batch in batches:
        count = batch.count
        first = int(batch.offset[0])
        last = int(batch.offset[count - 1] + batch.captured[count - 1])
        offsets.append(batch.offset[:count] - first + len(data))
        data += memoryview(batch.data)[first:last]
    data += bytes(-len(data) % ALIGNMENT or (0 if data else ALIGNMENT))
    made = Batch(data, 0)
    made.count = sum(batch.count for batch in batches)
    for name in PACKET_COLUMNS:
        if name != "offset":
            setattr(made, name, np.concatenate([getattr(batch, name)[: batch.count] for batch in batches]))
    made.offset = np.concatenate(offsets)
    return made


def open_live(plan: Plan, settings: Settings) -> Live:
    """A capture, begun. Raises UsageError, InputError, MissingDependencyError."""
    if plan.backend != AUTO and plan.backend not in BACKENDS:
        raise UsageError(f"--backend {plan.backend}: not known; choose from {', '.join([AUTO, *BACKENDS])}")
    interfaces = network.check(plan.interfaces)
    refused: AnalyzerError | None = None
    for name, start in BACKENDS.items():
        if plan.backend in (AUTO, name):
            try:
                child = start(interfaces, plan.expression, settings)
            except (NotPermittedError, MissingDependencyError) as error:
                refused = error if refused is None or isinstance(error, NotPermittedError) else refused
                continue
            return Live(child, msgspec.structs.replace(plan, interfaces=interfaces, backend=name), settings)
    assert refused is not None, "no back end was tried"
    raise refused
