"""Reads one capture, whichever its format and compression: bytes in, batches out.

The loop is the same for all: walk what the buffer holds, hand on what came of it, read once more when nothing did. So
a slow pipe's packets are analysed as they come, and how the bytes were chopped changes no row.
"""

from __future__ import annotations

from typing import Protocol

from analyzer.capture.batch import PACKET_COLUMNS, Batch
from analyzer.capture.buffer import Buffer
from analyzer.capture.ledger import Ledger
from analyzer.capture.pcap import Pcap
from analyzer.capture.pcapng import Pcapng
from analyzer.capture.stream import DamageError, Stream
from analyzer.errors import InputError
from analyzer.settings import Settings
from analyzer.wire import pcap, pcapng

MAGIC = len(pcapng.MAGIC)
"""Bytes that tell a format; pcap's magic numbers have as many."""
SHOWN = 8
"""Bytes of an unknown file that a message quotes."""


class Format(Protocol):
    """What reads one format; `analyzer.capture.pcap` and `analyzer.capture.pcapng` say what each member does."""

    header: str

    @property
    def at(self) -> int: ...
    @property
    def boundary(self) -> int: ...
    def moved(self) -> None: ...
    def begin(self, buffer: Buffer, batch: Batch) -> int: ...
    def walk(self, buffer: Buffer, batch: Batch, columns: dict[str, memoryview]) -> int: ...
    def inside(self, buffer: Buffer) -> str | None: ...


class Reader:
    """One input, being read."""

    def __init__(self, stream: Stream, file: int, settings: Settings, ledger: Ledger, size: int) -> None:
        """Read ``stream``, the run's input number ``file``, through a buffer of ``size`` bytes, which may grow."""
        self.ledger = ledger
        self._settings = settings
        self._stream = stream
        self._buffer = Buffer(size)
        self._batch = Batch(self._buffer.data, settings.batch_packets)
        self._batch.file[:] = file
        self._columns = {name: getattr(self._batch, name).data for name in PACKET_COLUMNS}
        self._format: Format | None = None
        self._ended = False

    def read(self) -> Batch | None:
        """The next packets, at least one, valid until the next call; None at the end.

        Raises InputError where not even the file's header can be read; whatever is wrong later ends the reading with a
        note.
        """
        batch = self._batch
        batch.count = 0
        form = self._format or self._begin()
        while not self._ended and not batch.count:
            need = 0
            try:
                need = form.walk(self._buffer, batch, self._columns)
            except DamageError as error:
                self._end(form, self._buffer.base + form.at, str(error))
            if not self._ended and not batch.count:
                self._refill(form, need)
        batch.data = self._buffer.data
        self.ledger.position = self._stream.position
        return batch if batch.count else None

    @property
    def consumed(self) -> int:
        """Bytes of the (decompressed) file up to the end of the last whole record or block that was dealt with."""
        return 0 if self._format is None else self._buffer.base + self._format.boundary

    def close(self) -> None:
        """Give the file back."""
        self._ended = True
        self.ledger.position = self._stream.position
        self._stream.close()

    def _refill(self, form: Format, need: int) -> None:
        damage = None
        try:
            if self._buffer.refill(self._stream, form.at, need):
                return
        except DamageError as error:
            damage = str(error)
        finally:
            form.moved()
        self._end(form, self._buffer.base + self._buffer.end, damage)

    def _end(self, form: Format, position: int, damage: str | None = None) -> None:
        self._ended = True
        packets = self.ledger.packets
        read = "1 packet read" if packets == 1 else f"{packets} packets read"
        if damage is not None:
            self.ledger.note(f"stopped at byte {position}: {damage}; {read}")
        elif (cut := form.inside(self._buffer)) is not None:
            self.ledger.note(f"cut inside {cut} at byte {position}; {read}")
        elif not packets:
            self.ledger.note("no packets")

    def _begin(self) -> Format:
        """Tell the format and read the file's header."""
        buffer, name = self._buffer, self.ledger.name
        try:
            form = self._recognise()
            while need := form.begin(buffer, self._batch):
                if not self._collect(need):
                    raise InputError(
                        f"{name}: cut inside its {form.header} at byte {buffer.end}; there is nothing to read"
                    )
        except DamageError as error:
            raise InputError(f"{name}: {error}; there is nothing to read") from None
        self._format = form
        return form

    def _collect(self, need: int) -> bool:
        """Have ``need`` bytes of the file's beginning in the buffer; False where the file has fewer."""
        while self._buffer.end < need:
            if not self._buffer.refill(self._stream, 0, need):
                return False
        return True

    def _recognise(self) -> Format:
        ledger, buffer = self.ledger, self._buffer
        self._collect(MAGIC)
        magic = bytes(buffer.view[: min(buffer.end, MAGIC)])
        if magic == pcapng.MAGIC:
            return Pcapng(self._settings, ledger)
        if magic in pcap.VARIANTS:
            return Pcap(self._settings, ledger)
        self._collect(SHOWN)
        start = bytes(buffer.view[: min(buffer.end, SHOWN)])
        kind = self._stream.kind
        if not start:
            raise InputError(f"{ledger.name}: {'empty file' if kind is None else f'{kind} of an empty file'}")
        raise InputError(
            f"{ledger.name}: {'' if kind is None else f'{kind} of something that is '}"
            f"not a pcap or pcapng capture (starts with {start.hex(' ')})"
        )
