"""The nouns: what the analyzer knows about, and nothing it does.

Every record that leaves the program (``wsanalyzer schema``) is one of the tagged structs below; the tag
is the record's ``type``. Offsets and lengths are bytes, times are integer nanoseconds since 1970, packet
numbers count from 1 within a file as Wireshark counts them, all other indices count from 0.

A *stream offset* is a position in what one side sent: 0 is the first byte after its SYN (after TLS
decryption, if there was any; in the DATA of the stream, for HTTP/2).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Literal

import msgspec


class Severity(StrEnum):
    """How much a finding matters, from worst to least."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for error, 1 for warning, 2 for info."""
        return list(Severity).index(self)


class Level(StrEnum):
    """The key word of the cited text (RFC 2119), or OBSERVATION where no text demands anything."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"
    MAY = "MAY"
    OBSERVATION = "OBSERVATION"


class Role(StrEnum):
    """Which side can break a rule."""

    CLIENT = "client"
    SERVER = "server"
    BOTH = "both"
    INTERMEDIARY = "intermediary"


Direction = Literal["client", "server"]
"""Who sent the bytes."""


class Opcode(IntEnum):
    """RFC 6455 11.8, the registered opcodes."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Cut(IntEnum):
    """Why a frame's row was written before the frame was whole."""

    WHOLE = 0
    FIN = 1
    RST = 2
    GAP = 3
    END = 4
    """The capture, or what it shows of the connection, ended."""
    LENGTH = 5
    """The announced length is impossible (RFC 6455 5.2: the most significant bit must be 0)."""
    HTTP = 6
    """HTTP text stands where the frame should begin: no frame at all (FR-008)."""
    HOLE = 7
    """Payload bytes are missing, but where the frame ends is known."""


NOWHERE = -(1 << 62)
"""The file offset of what is no byte of the file: a message as a whole, or one in joined IP fragments. What is counted
on from there stays below 0."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where bytes were captured."""

    file: int
    """Index into the run's inputs."""
    packet: int
    ordinal: int
    """Number of the packet in the whole run, from 0: the order in which things came to be known."""
    time_ns: int
    file_offset: int
    """Of the byte in question, in the (decompressed) capture file."""

    def __str__(self) -> str:
        where = f", byte {self.file_offset}" if self.file_offset >= 0 else ""
        return f"packet {self.packet} (file {self.file}{where})"


# --- records -----------------------------------------------------------------------------------------


class Input(msgspec.Struct, frozen=True):
    """One capture the run read."""

    path: str
    bytes: int | None = None
    """Size of the file as stored; null for a pipe."""
    sha256: str | None = None


class Run(msgspec.Struct, frozen=True, tag_field="type", tag="run"):
    """The first record: what was analysed, by what, and how."""

    version: str
    inputs: list[Input]
    settings: dict[str, object]
    """The settings that differ from the defaults, by name."""
    rules: list[str]
    """Ids of the rules selected."""


class Extension(msgspec.Struct, frozen=True):
    """One element of Sec-WebSocket-Extensions (RFC 6455 9.1)."""

    name: str
    params: list[tuple[str, str | None]] = []

    def __str__(self) -> str:
        return "; ".join([self.name, *(k if v is None else f"{k}={v}" for k, v in self.params)])


class HeadRecord(msgspec.Struct, frozen=True):
    """An HTTP head as it stood on the wire. Bytes that are not ASCII are given as Latin-1."""

    line: str
    headers: list[tuple[str, str]]
    """Name and value, in order, repeated as often as sent."""
    stream_offset: int
    end_offset: int
    """One past the empty line."""
    header_offsets: list[int]
    """Stream offset of each field line."""
    packet: int
    """Of the first byte."""
    last_packet: int
    file: str
    time_ns: int


class Handshake(msgspec.Struct, frozen=True, tag_field="type", tag="handshake"):
    """One opening request and its answer."""

    connection: int
    exchange: int
    request: HeadRecord | None
    response: HeadRecord | None
    status: int | None
    accepted: bool
    subprotocol: str | None
    extensions: list[Extension]


class Connection(msgspec.Struct, frozen=True, tag_field="type", tag="connection"):
    """One WebSocket connection, written when it has ended."""

    connection: int
    tcp_stream: int
    client: tuple[str, int]
    server: tuple[str, int]
    start_ns: int
    end_ns: int
    transport: Literal["http1", "h2"]
    h2_stream: int | None
    tls: bool
    state: str
    """How it ended: closed (both sent a Close), closed-by-client, closed-by-server (only that side did), reset or fin
    (TCP ended without any), open (the capture shows no end), unclear (it ended, and a Close may have been among bytes
    that the capture lacks). Without frames: refused, unanswered (the last opening was), or not-websocket (a 101 to
    something else).
    """
    role_evidence: Literal["opening", "port", "masks"]
    """What tells the client from the server: the opening, the port named by ``--decode-as``, or that only one side
    masks its frames."""
    client_frames: int
    server_frames: int
    client_messages: int
    server_messages: int
    client_bytes: int
    """Bytes the client sent after the opening."""
    server_bytes: int
    client_close_code: int | None
    client_close_reason: str | None
    server_close_code: int | None
    server_close_reason: str | None


class Frame(msgspec.Struct, frozen=True, tag_field="type", tag="frame"):
    """One frame (RFC 6455 5.2), also one that was cut short."""

    connection: int
    direction: Direction
    index: int
    packet: int
    """Of the first byte."""
    last_packet: int
    file: str
    time_ns: int
    """Of the packet that holds the first byte."""
    stream_offset: int
    fin: bool
    rsv1: bool
    rsv2: bool
    rsv3: bool
    opcode: int
    masked: bool
    masking_key: str | None
    header_length: int
    payload_length: int
    complete: bool
    close_code: int | None
    close_reason: str | None
    bytes: str | msgspec.UnsetType = msgspec.UNSET
    """Header and first payload bytes as on the wire, in hex; only where a report shows frames."""

    def __str__(self) -> str:
        named = self.opcode in Opcode.__members__.values()  # a plain int `in Opcode` raises TypeError before 3.12
        name = Opcode(self.opcode).name.lower() if named else f"opcode {self.opcode:#x}"
        fin = "" if self.fin else ", more follows"
        return f"{self.direction} frame {self.index}: {name}, {self.payload_length} bytes{fin}"


class Message(msgspec.Struct, frozen=True, tag_field="type", tag="message", omit_defaults=False):
    """One data message: its fragments joined, unmasked and inflated."""

    connection: int
    direction: Direction
    index: int
    opcode: int
    length: int | None
    """Of the application payload, in bytes; as far as it came, where the message is not finished. Null where it was
    compressed and could not be inflated, or where an extension may have changed it that is not known.
    """
    sha256: str | None
    """Null where the payload is not known whole (lost bytes, a limit, a failed inflate), or nobody asked."""
    compressed: bool
    frames: int
    first_packet: int
    last_packet: int
    file: str
    time_ns: int
    complete: bool
    """It was finished, and every byte of its frames was captured."""
    payload: Payload | msgspec.UnsetType = msgspec.UNSET
    """Only where payloads were asked for."""
    inflated: str | msgspec.UnsetType = msgspec.UNSET
    """First bytes of the application payload of a compressed message, in hex; only where a report shows frames."""


class Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    """An application payload: ``text`` where it is text and valid UTF-8, else ``base64``."""

    text: str | None = None
    base64: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """The bytes a finding is about, with the offending ones marked."""

    stream_offset: int
    hex: str
    mark: tuple[int, int]
    """Start and length of the offending bytes, counted from the first byte of ``hex``."""


class Cause(msgspec.Struct, frozen=True):
    """What was left unanswered, for findings about something that was not done."""

    direction: Direction
    frame: int | None
    packet: int
    stream_offset: int | None


class Finding(msgspec.Struct, frozen=True, tag_field="type", tag="finding"):
    """One rule broken, or one thing worth knowing."""

    rule: str
    name: str
    severity: Severity
    level: Level
    rfc: str
    connection: int | None
    direction: Direction | None
    """Who broke the rule."""
    frame: int | None
    packet: int | None
    """The one that carries the byte at ``byte_offset``."""
    time_ns: int | None
    stream_offset: int | None
    """Start of the frame, or of the request or response head."""
    byte_offset: int | None
    """The offending byte or field, in the same count."""
    header: str | None
    file: str | None
    file_offset: int | None
    text: str
    expected: str
    found: str
    close_code: int | None
    """The code of a peer that fails the connection over this."""
    secondary: bool = False
    count: int = 1
    cause: Cause | None = None
    evidence: Evidence | None = None

    def __str__(self) -> str:
        return f"{self.rule} {self.name}: {self.text}"


class Summary(msgspec.Struct, frozen=True, tag_field="type", tag="summary"):
    """The last record: its absence shows that a result was cut."""

    packets: int
    bytes: int
    """Captured bytes."""
    tcp_streams: int
    connections: int
    frames: int
    messages: int
    findings: dict[str, int]
    """By rule, counting each instance."""
    severities: dict[str, int]
    """By severity, counting each instance."""
    gaps: int
    gap_bytes: int
    drops: int
    limits: dict[str, int]
    """Limits hit, by the name of the setting."""
    skipped: dict[str, int]
    """Packets that were not TCP, by reason."""
    notes: list[str]
    """What a person should know about the input: a cut file, an unknown block."""
    elapsed_ns: int
    unreadable: list[str] = []
    """Inputs of which nothing could be read, beside others; the notes say why."""
    known: int = 0
    """Findings passed over because a baseline lists them; the counts above are without them."""


Record = Run | Connection | Handshake | Frame | Message | Finding | Summary
"""Everything that can stand on a line of a result."""


class Report(msgspec.Struct):
    """A whole result, with the findings kept within ``Settings.kept_findings``."""

    run: Run
    connections: list[Connection]
    handshakes: list[Handshake]
    findings: list[Finding]
    frames: list[Frame]
    messages: list[Message]
    summary: Summary

    def worst(self) -> Severity | None:
        """The worst severity found, or None."""
        found = [Severity(name) for name, count in self.summary.severities.items() if count]
        return min(found, key=lambda severity: severity.rank, default=None)
