"""The tables of ``show``. Rows of frames and messages are spooled, so a long connection costs no memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import Any

from analyzer import api
from analyzer.errors import UsageError
from analyzer.model import Connection, Frame, Handshake, HeadRecord, Message, Record, Summary
from analyzer.report import glossary
from analyzer.report.drawing import field_value, frame_fields, opcode_name
from analyzer.report.escape import elide, visible
from analyzer.report.paint import painter, table
from analyzer.report.spool import spool
from analyzer.report.wording import ended, endpoint, requested, seconds
from analyzer.settings import Settings
from analyzer.wire.frame import EXTENDED, FIRST, HEADER, LENGTH_16, LENGTH_64, MASKING_KEY, SECOND, spans

FRAME_ROW = "{:>7} {:<7} {:>7} {:>12} {:>11} {:<4} {:<12} {:<8} {:>11} {}"
MESSAGE_ROW = "{:>7} {:<7} {:>7} {:>12} {:>7} {:<7} {:>11} {:<9} {}"


def listed(
    captures: list[str],
    unreadable: list[str],
    *,
    connection: int | None,
    frame: int | None,
    direction: str | None,
    decode_as: list[int],
    keylog: str,
) -> Iterator[str]:
    """The lines to print. Raises InputError, and UsageError where the frame or connection does not exist.

    Captures that cannot be read, beside others, are added to ``unreadable``.
    """
    kinds = ("connections", "handshakes", "frames", "messages")
    with closing(api.records(captures, *kinds, decode_as=decode_as, keylog=keylog)) as given:
        records = _watched(given, unreadable)
        if frame is None:
            yield from Overview(connection, direction).lines(records)
        else:
            yield from one_frame(records, connection, frame, direction)


def _watched(records: Iterator[Record], unreadable: list[str]) -> Iterator[Record]:
    for record in records:
        if isinstance(record, Summary):
            unreadable += record.unreadable
        yield record


class Overview:
    """Connections and openings of a capture, and one connection in full."""

    def __init__(self, wanted: int | None, direction: str | None) -> None:
        """``wanted`` is the connection to show in full; None: the only one, if there is only one."""
        self._wanted = wanted
        self._direction = direction
        self._connections: list[Connection] = []
        self._handshakes: list[Handshake] = []
        self._hidden = 0
        self._first: int | None = None
        self._several = False
        self._start = 0
        self._frames = spool(self)
        self._messages = spool(self)

    def lines(self, records: Iterator[Record]) -> Iterator[str]:
        """Take all records in, then give the lines."""
        for record in records:
            if isinstance(record, (Connection, Handshake, Frame, Message)):
                self._take(record)
        if self._wanted is not None and self._first is None:
            raise UsageError(f"--connection {self._wanted}: no such connection in the capture")
        yield from self._tables()
        if self._first is None or (self._several and self._wanted is None):
            return
        for handshake in self._handshakes:
            yield from ["", *handshake_lines(handshake)]
        head = ("frame", "sent by", "packet", "stream byte", "time", "FIN", "opcode", "masked", "payload", "notes")
        yield from self._spooled("Frames", FRAME_ROW.format(*head), self._frames)
        titles = ("message", "sent by", "packet", "time", "frames", "kind", "length", "state", "sha256")
        yield from self._spooled("Messages", MESSAGE_ROW.format(*titles), self._messages)

    def _take(self, record: Connection | Handshake | Frame | Message) -> None:
        number = record.connection
        if self._wanted is not None and number != self._wanted:
            return
        if self._first is None:
            self._first = number
        self._several |= number != self._first
        match record:
            case Connection():
                self._keep(self._connections, record)
            case Handshake():
                self._keep(self._handshakes, record)
            case Frame() | Message() if self._several or self._direction not in (None, record.direction):
                pass
            case Frame():
                self._start = self._start or record.time_ns
                self._frames.write(frame_row(record, self._start).encode() + b"\n")
            case Message():
                self._messages.write(message_row(record, self._start).encode() + b"\n")

    def _keep(self, kept: list[Any], record: Record) -> None:
        if len(kept) < Settings().kept_connections:
            kept.append(record)
        else:
            self._hidden += 1

    def _tables(self) -> Iterator[str]:
        yield "Connections" if self._connections else "No WebSocket connection found"
        rows = [["#", "client", "server", "over", "frames", "messages", "bytes", "roles from", "ended"]]
        rows += [connection_row(row) for row in sorted(self._connections, key=lambda row: row.connection)]
        yield from table(rows, right=frozenset({0, 4, 5, 6})) if len(rows) > 1 else ()
        if self._handshakes and (self._several and self._wanted is None):
            yield from ("", "Openings")
            rows = [["#", "request", "status", "subprotocol", "extensions"]]
            rows += [
                [
                    str(row.connection),
                    elide(requested(row), 48),
                    "no answer" if row.status is None else str(row.status),
                    elide(row.subprotocol or "-", 24),
                    elide(", ".join(map(str, row.extensions)) or "-", 40),
                ]
                for row in self._handshakes
            ]
            yield from table(rows, right=frozenset({0}))
            yield from ("", "--connection N shows the handshake, frames and messages of one")
        if self._hidden:
            yield f"{self._hidden} more not listed"

    @staticmethod
    def _spooled(title: str, head: str, rows: SpooledTemporaryFile[bytes]) -> Iterator[str]:
        with rows:
            if not rows.tell():
                return
            yield from ("", title, head)
            rows.seek(0)
            for line in rows:
                yield line.decode().rstrip("\n")


def connection_row(row: Connection) -> list[str]:
    """One connection's cells."""
    return [
        str(row.connection),
        endpoint(row.client),
        endpoint(row.server),
        row.transport + (" tls" if row.tls else ""),
        f"{row.client_frames}/{row.server_frames}",
        f"{row.client_messages}/{row.server_messages}",
        f"{row.client_bytes}/{row.server_bytes}",
        row.role_evidence,
        ended(row),
    ]


def handshake_lines(handshake: Handshake) -> Iterator[str]:
    """Both heads as they stood on the wire."""
    verdict = "accepted" if handshake.accepted else "not accepted"
    yield f"Opening {handshake.exchange} of connection {handshake.connection}, {verdict}"
    yield from _head("client", handshake.request)
    yield from _head("server", handshake.response)


def _head(side: str, head: HeadRecord | None) -> Iterator[str]:
    if head is None:
        yield f"  {side}: not captured"
        return
    yield f"  {side}, packet {head.packet}, stream bytes {head.stream_offset} to {head.end_offset - 1}"
    yield f"    {visible(head.line)}"
    for name, value in head.headers:
        yield f"    {visible(name)}: {visible(value)}"


def frame_row(frame: Frame, start: int) -> str:
    """One frame's row; ``start`` is the time that counts as 0, in nanoseconds."""
    notes = [f"RSV{bit}" for bit, on in enumerate((frame.rsv1, frame.rsv2, frame.rsv3), 1) if on]
    if not frame.complete:
        notes.append("cut")
    if frame.close_code is not None:
        notes.append(f"code {frame.close_code}")
    if frame.close_reason:
        notes.append(f'"{elide(frame.close_reason, 40)}"')
    return FRAME_ROW.format(
        frame.index,
        frame.direction,
        frame.packet,
        frame.stream_offset,
        relative(frame.time_ns, start),
        "fin" if frame.fin else "more",
        opcode_name(frame.opcode),
        frame.masking_key or ("yes" if frame.masked else "no"),
        frame.payload_length,
        " ".join(notes),
    ).rstrip()


def message_row(message: Message, start: int) -> str:
    """One message's row."""
    return MESSAGE_ROW.format(
        message.index,
        message.direction,
        message.first_packet,
        relative(message.time_ns, start),
        message.frames,
        opcode_name(message.opcode),
        "?" if message.length is None else message.length,
        ("deflated" if message.compressed else "whole") if message.complete else "cut",
        message.sha256 or "-",
    ).rstrip()


def relative(time_ns: int, start: int) -> str:
    """Seconds since ``start`` with a sign."""
    return f"{'-' if time_ns < start else '+'}{seconds(abs(time_ns - start))}"


def one_frame(records: Iterator[Record], wanted: int | None, index: int, direction: str | None) -> Iterator[str]:
    """Every field of the frame with this index, of each direction asked for."""
    found: dict[str, Frame] = {}
    first: int | None = None
    connection = wanted
    for record in records:
        if isinstance(record, (Connection, Handshake, Frame)):
            first = record.connection if first is None else first
            if wanted is None and record.connection != first:
                raise UsageError(f"--frame {index}: the capture holds several connections; add --connection N")
            connection = first if wanted is None else wanted
        if not isinstance(record, Frame) or record.connection != connection or record.index != index:
            continue
        if direction in (None, record.direction):
            found[record.direction] = record
            if wanted is not None and (len(found) == 2 or direction is not None):
                break
    if not found:
        side = f" from the {direction}" if direction else ""
        raise UsageError(f"--frame {index}: connection {connection or 0} has no such frame{side}")
    for number, side in enumerate(sorted(found)):
        yield from [""] * bool(number)
        yield from frame_lines(found[side])


def frame_lines(frame: Frame) -> Iterator[str]:
    """The frame's place, its header drawn and listed by the schema, and its body as far as it is known."""
    yield f"Frame {frame.index} of the {frame.direction}, connection {frame.connection}"
    span = str(frame.packet) if frame.packet == frame.last_packet else f"{frame.packet} to {frame.last_packet}"
    yield f"  packet {span} of {visible(frame.file)}, stream byte {frame.stream_offset}, {seconds(frame.time_ns)} s"
    yield f"  {glossary.opcode(frame.opcode)}"
    header = header_bytes(frame)
    if header is None:
        yield "  the capture does not hold the whole header"
    else:
        paint = painter(False)
        yield ""
        yield from (f"    {paint(line)}" for line in frame_fields(header, 0, 0))
        yield f"    {header.hex(' ')}"
        yield ""
        rows = [["field", "bits", "value"]]
        for field in spans(header):
            last = field.bit + field.width - 1
            bits = str(field.bit) if field.width == 1 else f"{field.bit}-{last}"
            rows.append([field.name, bits, field_value(header, field)])
        yield from (f"    {line}" for line in table(rows))
        yield ""
    whole = "" if frame.complete else ", not all of it captured"
    yield f"  payload {frame.payload_length} bytes{whole}, header {frame.header_length} bytes"
    if frame.close_code is not None:
        yield f"  {glossary.close_code(frame.close_code)}"
    if frame.close_reason:
        yield f'  reason "{visible(frame.close_reason)}"'


def header_bytes(frame: Frame) -> bytes | None:
    """The frame's header as it stood on the wire, from its record; None where it was cut.

    The length form is not in the record but follows from the header's length.
    """
    key = None if frame.masking_key is None else bytes.fromhex(frame.masking_key)
    if frame.masked and key is None:
        return None
    rest = frame.header_length - FIRST.sizeof() - SECOND.sizeof() - (MASKING_KEY.sizeof() if key is not None else 0)
    forms = {EXTENDED[form].sizeof(): form for form in (LENGTH_16, LENGTH_64)}
    if rest and rest not in forms:
        return None
    header: bytes = HEADER.build(
        {
            "first": {
                "fin": frame.fin,
                "rsv1": frame.rsv1,
                "rsv2": frame.rsv2,
                "rsv3": frame.rsv3,
                "opcode": frame.opcode,
            },
            "second": {"masked": frame.masked, "length7": forms[rest] if rest else frame.payload_length},
            "extended": frame.payload_length if rest else None,
            "masking_key": key,
        }
    )
    return header
