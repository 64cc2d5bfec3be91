"""What the walkthrough knows about its connection: the pipeline's records, as many as a story can use.

The records of the other connections pass by. Of the connection itself, the first and the last frames are kept and what
lies between is counted, so that memory does not grow with the conversation. A message is kept with the beginning of
its payload.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterable
from heapq import merge

import msgspec

from analyzer.errors import UsageError
from analyzer.model import Connection, Direction, Finding, Frame, Handshake, Message, Opcode, Record, Run, Summary
from analyzer.report.escape import elide
from analyzer.report.redact import Redactor
from analyzer.report.verdict import plural
from analyzer.report.wording import endpoint
from analyzer.wire.frame import CONTROL_BIT, FIRST, MASKING_KEY, SECOND

FIRST_FRAMES = 150
"""Frames kept from the beginning of the conversation: more than anybody reads one by one."""
LAST_FRAMES = 30
"""And from its end, where what went wrong usually is."""
FIRST_MESSAGES, LAST_MESSAGES = 2 * FIRST_FRAMES, 4 * LAST_FRAMES
"""Messages kept, with their beginnings. More than there are frames kept, as the two come in different order."""
BEGINNING = 256
"""Characters of a message's payload that are kept."""
FRAME_BYTES = 64
"""Bytes of a frame's payload that are kept: two rows of a drawing, and room."""
FINDINGS = 200
"""Findings of the connection that are kept."""
OPENINGS = 20
"""Openings on one TCP connection that are kept."""
KEYS = 4096
"""Masking keys of a direction that are compared with each other."""
NAMED = 8
"""Connections named where one has to be chosen."""

DIRECTIONS: tuple[Direction, Direction] = ("client", "server")


class Beginning(msgspec.Struct, frozen=True):
    """How a message begins: as text, or as bytes where it is none."""

    text: str | None
    data: bytes
    whole: bool


Carried = tuple[str, int, int, int]
"""Direction, first packet, last packet and number of frames of a message."""


class Told(msgspec.Struct, frozen=True):
    """A message, and how it begins; None where the payload is not known."""

    message: Message
    beginning: Beginning | None


class Side(msgspec.Struct):
    """Sums over everything that one side sent after the opening."""

    frames: int = 0
    data_frames: int = 0
    headers: int = 0
    """Bytes of frame headers."""
    data_headers: int = 0
    """The same of data frames only."""
    payload: int = 0
    """Bytes of payload as it stood in the frames."""
    data_payload: int = 0
    masked: int = 0
    forms: dict[int, int] = {}
    """Frames by the bytes of their extended payload length: 0, 2, 8."""
    opcodes: dict[int, int] = {}
    keys: set[str] = set()
    keys_again: int = 0
    """Masked frames whose key was one of ``keys`` already."""
    key_bits: int = 0
    """Bits that are set in all keys together."""
    pieces: int = 0
    """Frames cut short in the capture."""
    spanning: int = 0
    """Frames that began in one packet and ended in another."""
    messages: int = 0
    length: int = 0
    """Bytes of the application's payloads, where they are known."""
    unknown: int = 0
    """Messages whose length is not."""
    compressed: int = 0
    grown: int = 0
    """Compressed messages of one frame that were longer than their payload."""
    closes: list[Frame] = []
    """The first two Close frames."""


class Gathered(msgspec.Struct):
    """One connection's records."""

    wanted: int | None
    """Its number; None: the only one."""
    redacted: bool = False
    connection: Connection | None = None
    openings: list[Handshake] = []
    findings: list[Finding] = []
    findings_more: int = 0
    first: list[Frame] = []
    last: deque[Frame] = msgspec.field(default_factory=lambda: deque(maxlen=LAST_FRAMES))
    folded: int = 0
    """Frames between the first and the last ones."""
    first_messages: list[Told] = []
    last_messages: deque[Told] = msgspec.field(default_factory=lambda: deque(maxlen=LAST_MESSAGES))
    sides: dict[Direction, Side] = msgspec.field(default_factory=lambda: {side: Side() for side in DIRECTIONS})
    run: Run | None = None
    summary: Summary | None = None
    others: dict[int, str] = {}
    """Other connections, as far as they are named."""

    def messages(self) -> dict[Carried, deque[Told]]:
        """The messages kept, in order, by what carried them."""
        found: dict[Carried, deque[Told]] = {}
        for told in (*self.first_messages, *self.last_messages):
            message = told.message
            key = (message.direction, message.first_packet, message.last_packet, message.frames)
            found.setdefault(key, deque()).append(told)
        return found


def gather(records: Iterable[Record], wanted: int | None, *, redact: bool = False) -> Gathered:
    """The records of one connection. Raises UsageError where it is not there, or not the only one."""
    gathered = Gathered(wanted, redact)
    redactor = Redactor(OPENINGS) if redact else None
    connections = 0
    chosen = wanted
    for record in records:
        match record:
            case Run():
                gathered.run = record
            case Summary():
                gathered.summary = record
            case Connection() | Handshake():
                if chosen is None:
                    chosen = record.connection
                if isinstance(record, Connection):
                    connections += 1
                    _name(gathered, record)
                if record.connection == chosen:
                    _take(gathered, record if redactor is None else redactor.see(record))
            case Frame() | Message() | Finding():
                if chosen is None and record.connection is not None:
                    chosen = record.connection
                if record.connection == chosen and chosen is not None:
                    beginning = _beginning(record) if isinstance(record, Message) and not redact else None
                    _take(gathered, record if redactor is None else redactor.see(record), beginning)
    if wanted is None and connections > 1:
        raise UsageError(
            f"{plural(connections, 'WebSocket connection')}; choose one with --connection N:"
            f" {_named(gathered, connections)}"
        )
    if gathered.connection is None:
        if wanted is not None:
            raise UsageError(f"--connection {wanted}: {_absent(connections)}")
        raise UsageError("no WebSocket connection in the capture (wsanalyzer analyze says what is there)")
    gathered.first = _in_order(gathered.first)
    gathered.last = deque(_in_order(gathered.last))
    return gathered


def _in_order(frames: Iterable[Frame]) -> list[Frame]:
    """As they were sent: where roles were not known at once, the records come side after side."""
    sides = [[frame for frame in frames if frame.direction == side] for side in DIRECTIONS]
    return list(merge(*sides, key=lambda frame: (frame.time_ns, frame.packet)))


def _absent(connections: int) -> str:
    if not connections:
        return "the capture holds no WebSocket connection"
    return f"the capture holds {plural(connections, 'WebSocket connection')}, numbered from 0"


def _name(gathered: Gathered, connection: Connection) -> None:
    gathered.others[connection.connection] = endpoint(connection.client)
    if len(gathered.others) > NAMED:
        del gathered.others[max(gathered.others)]


def _named(gathered: Gathered, connections: int) -> str:
    named = ", ".join(f"{number} from {name}" for number, name in sorted(gathered.others.items()))
    more = connections - len(gathered.others)
    return named + (f", and {more} more (wsanalyzer show lists them)" if more else "")


def _take(gathered: Gathered, record: Record, beginning: Beginning | None = None) -> None:
    match record:
        case Connection():
            gathered.connection = record
        case Handshake():
            if len(gathered.openings) == OPENINGS:
                del gathered.openings[OPENINGS // 2]
            gathered.openings.append(record)
        case Finding():
            if len(gathered.findings) < FINDINGS:
                gathered.findings.append(record)
            else:
                gathered.findings_more += record.count
        case Frame():
            _frame(gathered, record)
        case Message():
            _message(gathered, record, beginning)


def _frame(gathered: Gathered, frame: Frame) -> None:
    if len(gathered.first) < FIRST_FRAMES:
        gathered.first.append(frame)
    else:
        gathered.folded += len(gathered.last) == LAST_FRAMES
        gathered.last.append(frame)
    side = gathered.sides[frame.direction]
    side.frames += 1
    side.headers += frame.header_length
    side.payload += frame.payload_length if frame.complete else 0
    if frame.opcode < CONTROL_BIT:
        side.data_frames += 1
        side.data_headers += frame.header_length
        side.data_payload += frame.payload_length if frame.complete else 0
    side.masked += frame.masked
    side.opcodes[frame.opcode] = side.opcodes.get(frame.opcode, 0) + 1
    form = extended(frame)
    side.forms[form] = side.forms.get(form, 0) + 1
    side.pieces += not frame.complete
    side.spanning += frame.last_packet != frame.packet
    if frame.masking_key is not None:
        side.key_bits += int(frame.masking_key, 16).bit_count()
        if frame.masking_key in side.keys:
            side.keys_again += 1
        elif len(side.keys) < KEYS:
            side.keys.add(frame.masking_key)
    if frame.opcode == Opcode.CLOSE and len(side.closes) < 2:
        side.closes.append(frame)


def extended(frame: Frame) -> int:
    """Bytes of the frame's extended payload length: 0, 2 or 8, from the length of its header."""
    rest: int = frame.header_length - FIRST.sizeof() - SECOND.sizeof() - MASKING_KEY.sizeof() * frame.masked
    return max(0, rest)


def _message(gathered: Gathered, message: Message, beginning: Beginning | None) -> None:
    side = gathered.sides[message.direction]
    side.messages += 1
    if message.length is None:
        side.unknown += 1
    else:
        side.length += message.length
    side.compressed += message.compressed
    kept = gathered.first_messages if len(gathered.first_messages) < FIRST_MESSAGES else gathered.last_messages
    kept.append(Told(msgspec.structs.replace(message, payload=msgspec.UNSET), beginning))


def _beginning(message: Message) -> Beginning | None:
    if isinstance(message.payload, msgspec.UnsetType):
        return None
    text, encoded = message.payload.text, message.payload.base64
    if text is not None:
        return Beginning(text[:BEGINNING], b"", len(text) <= BEGINNING)
    data = base64.b64decode((encoded or "")[: BEGINNING // 3 * 4])
    return Beginning(None, data, message.length == len(data))


def shown(told: Told) -> str:
    """The message's beginning, as it is quoted."""
    beginning = told.beginning
    if beginning is None:
        return ""
    if beginning.text is not None:
        return elide(beginning.text, BEGINNING) + ("" if beginning.whole else "...")
    return beginning.data[:32].hex(" ") + ("" if beginning.whole and len(beginning.data) <= 32 else " ...")


def carried(frames: list[Frame]) -> Carried:
    """What tells a message from others: the frames that carried it."""
    return frames[0].direction, frames[0].packet, frames[-1].last_packet, len(frames)
