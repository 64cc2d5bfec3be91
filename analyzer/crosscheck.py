"""Where tshark's decoding and ours differ: a comparison of two lists of frames.

Both sides tell, of every frame, the packet that completed it and what its header says; of a Close also code and
reason, and with the last frame of a text message its payload. The frames of one direction of one TCP stream are
compared packet by packet, in order. What is left over on both sides with the same content belongs together: after
reordering, tshark names the packet that closed the hole, we the one that holds the frame's last byte.

A difference is no verdict. tshark has defects of its own: those in `DEFECTS` are recognised by its version and by
what the frames around show. Everything else is for a person to look at.
"""

from __future__ import annotations

import ipaddress
from base64 import b64decode
from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Hashable, Iterable
from contextlib import suppress

import msgspec
import numpy as np

from analyzer.capture.source import open_source
from analyzer.capture.tshark import Seen
from analyzer.model import Connection, Finding, Frame, Handshake, Message, Opcode, Record
from analyzer.settings import Settings
from analyzer.tcp.exotic import Unwrapper
from analyzer.tcp.packets import NEW, Flows, Segments

FIELDS = ("fin", "rsv", "opcode", "masked", "masking_key", "payload_length", "close_code", "close_reason")
Version = tuple[int, ...]


class Own(msgspec.Struct, frozen=True):
    """One of our frames in tshark's terms, and what tells whether a defect of tshark's can touch it."""

    seen: Seen
    connection: int
    direction: str
    index: int
    complete: bool
    traits: frozenset[str] = frozenset()
    """Which of `DEFECTS` the frame, or one before it in its direction, gives occasion for."""

    def __str__(self) -> str:
        return f"connection {self.connection}, {self.direction} frame {self.index}"


class Defect(msgspec.Struct, frozen=True):
    """Something that tshark is known to get wrong."""

    title: str
    touches: tuple[str, ...]
    """What it spoils: fields by name, ``missing`` (frames that tshark does not give), ``extra`` (ones it makes up)."""
    before: Version | None = None
    """The first version without it; None where none is known."""

    def applies(self, version: Version) -> bool:
        """Whether tshark of this version has it."""
        return self.before is None or version < self.before


DEFECTS = {
    "no-opening": Defect("without the opening handshake it does not decode WebSocket", ("missing",)),
    "early": Defect("it does not decode frames that were sent before the 101", ("missing",)),
    "gap": Defect("after bytes that the capture lacks it waits for them, and decodes nothing more", ("missing",)),
    "other": Defect("it takes what follows the opening of another protocol for WebSocket", ("extra",)),
    "h2": Defect("it does not decode WebSocket over HTTP/2", ("missing",), before=(4, 6)),
    "h2-split": Defect("over HTTP/2 it misreads a frame that two DATA frames share", (*FIELDS, "missing", "extra")),
    "overlap": Defect(
        "where segments overlap in part it puts the stream together wrongly", (*FIELDS, "missing", "extra", "text")
    ),
    "length": Defect("it cuts 64-bit payload lengths to 32 bits, and reads on at the wrong place", ("extra", *FIELDS)),
    "empty-final": Defect("it loses or glues together messages ended by an empty continuation", ("text",)),
    "crossed": Defect("it mixes up messages that both sides send in fragments at the same time", ("text",)),
    "large": Defect("it cuts masked payloads longer than 256 KiB", ("text",)),
    "final-block": Defect("a DEFLATE block with BFINAL ends its inflating without a word", ("text",)),
    "empty-compressed": Defect("it does not inflate an empty message sent as the byte 00", ("text",), before=(4, 2)),
    "same-packet": Defect(
        "it drops the text of messages in a packet that also holds a continuation", ("text",), before=(4, 2)
    ),
    "fragmented": Defect("it does not inflate compressed messages sent in fragments", ("text",), before=(4, 2)),
    "one-sided": Defect("no_context_takeover of one side is applied to the other", ("text",), before=(4, 2)),
}
"""By the trait that gives occasion for it. Those that end before 4.2 were seen in 4.0 only."""

LARGE = 256 << 10
"""Bytes of a masked payload that tshark unmasks."""
WORD = 1 << 32
LONGEST_CONTROL = 125
"""Bytes of payload, RFC 6455 5.5."""
PARTS = 64
"""Stretches of a direction's bytes, with holes between them, that are remembered."""
FINAL_BLOCK, GAP, LEGACY = RULES = "EX-208", "ST-002", "ST-015"
"""The rules that tell of a block with BFINAL, of missing bytes, and of a protocol older than RFC 6455."""


class Difference(msgspec.Struct, frozen=True):
    """One frame that both tell differently, or only one tells."""

    ours: Own | None
    theirs: Seen | None
    fields: tuple[str, ...]
    defect: str | None
    """Title of the known defect of tshark that accounts for all of it."""

    @property
    def packet(self) -> int:
        """Where to look."""
        seen = self.theirs if self.ours is None else self.ours.seen
        assert seen is not None
        return seen.packet


class Side(msgspec.Struct):
    """All that is ours."""

    frames: list[Own] = []
    """Of each direction in the order of its bytes."""
    streams: dict[int, frozenset[str]] = {}
    """Traits of whole TCP streams."""
    ports: set[int] = set()
    """Servers' ports at which every connection spoke HTTP/1.1 in the clear."""


class Comparison(msgspec.Struct):
    """The outcome."""

    frames: int = 0
    """Frames that either side tells, each counted once."""
    equal: int = 0
    texts: int = 0
    """Text messages whose payload was compared."""
    differences: list[Difference] = []

    @property
    def unexplained(self) -> list[Difference]:
        """What no known defect accounts for."""
        return [difference for difference in self.differences if difference.defect is None]


# --- the comparison -------------------------------------------------------------------------------------


def compare(ours: Side, theirs: Iterable[Seen], version: Version) -> Comparison:
    """Our frames against those of tshark of that version, which are in the order of each sender's bytes too."""
    senders: defaultdict[tuple[int, Hashable], tuple[list[Own], list[Seen]]] = defaultdict(lambda: ([], []))
    for own in ours.frames:
        senders[own.seen.stream, own.seen.source][0].append(own)
    for seen in map(normal, theirs):
        senders[seen.stream, seen.source][1].append(seen)
    result = Comparison()
    for (stream, _), (own_frames, seen_frames) in senders.items():
        _compare_sender(own_frames, seen_frames, ours.streams.get(stream, frozenset()), version, result)
    result.differences.sort(key=lambda difference: difference.packet)
    return result


def _compare_sender(
    ours: list[Own], theirs: list[Seen], common: frozenset[str], version: Version, result: Comparison
) -> None:
    left, others = list(range(len(ours))), list(range(len(theirs)))
    pairs: list[tuple[int, int]] = []

    def join(own_key: Callable[[Seen], Hashable], allowed: Callable[[int, int], bool]) -> list[tuple[int, int]]:
        """Take out what has the same key on both sides, in order."""
        waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for at in left:
            waiting[own_key(ours[at].seen)].append(at)
        joined = []
        for other in others:
            queue = waiting.get(own_key(theirs[other]))
            if queue and allowed(queue[0], other):
                joined.append((queue.popleft(), other))
        taken, gone = {at for at, _ in joined}, {other for _, other in joined}
        left[:] = [at for at in left if at not in taken]
        others[:] = [other for other in others if other not in gone]
        return joined

    pairs += join(lambda seen: (seen.packet, _content(seen)), lambda at, other: True)
    known = sorted(pairs)

    def before_the_next(at: int, other: int) -> bool:
        """Packets are named in the order of the bytes: so none beyond that of the next frame we agree on."""
        after = bisect_right(known, (at, len(theirs)))
        return after == len(known) or other < known[after][1]

    pairs += join(_content, before_the_next)
    with_fragments = {seen.packet for seen in theirs if seen.opcode == Opcode.CONTINUATION}
    for at, other in pairs:
        result.frames += 1
        own, seen = ours[at], theirs[other]
        fields = []
        if own.complete and seen.packet < own.seen.packet:
            fields.append("packet")
        if own.seen.text is not None and not ("handed-on" in own.traits and seen.text is None):
            result.texts += 1
            if (seen.text or b"") != own.seen.text:
                fields.append("text")
        traits = own.traits | {"same-packet"} if seen.packet in with_fragments else own.traits
        _tell(result, own, seen, fields, traits, version)
    unlike_pairs = join(lambda seen: seen.packet, lambda at, other: True)
    pairs += unlike_pairs
    for at, other in unlike_pairs:
        result.frames += 1
        own, seen = ours[at], theirs[other]
        unlike = [name for name in FIELDS if getattr(own.seen, name) != getattr(seen, name)]
        _tell(result, own, seen, unlike, own.traits, version)
    for at in left:
        if ours[at].complete:
            result.frames += 1
            _tell(result, ours[at], None, ["missing"], ours[at].traits, version)
    befores = sorted((other, at) for at, other in pairs)
    for other in others:
        result.frames += 1
        before = bisect_left(befores, (other, 0))
        traits = ours[befores[before - 1][1]].traits if before else common
        _tell(result, None, theirs[other], ["extra"], traits, version)


def _tell(
    result: Comparison,
    own: Own | None,
    seen: Seen | None,
    fields: list[str],
    traits: frozenset[str],
    version: Version,
) -> None:
    if not fields:
        result.equal += 1
        return
    occasions = [DEFECTS[trait] for trait in sorted(traits) if trait in DEFECTS]
    guilty = (each.title for each in occasions if each.applies(version) and set(fields) <= set(each.touches))
    result.differences.append(Difference(own, seen, tuple(fields), next(guilty, None)))


def _content(seen: Seen) -> Hashable:
    return tuple(getattr(seen, name) for name in FIELDS)


def normal(seen: Seen) -> Seen:
    """The same, with the address in its one canonical spelling (RFC 5952), and without what we do not keep.

    Of a control frame longer than RFC 6455 5.5 allows only the first bytes are kept.
    """
    address, port = seen.source
    with suppress(ValueError):
        address = ipaddress.ip_address(address).compressed
    reason = seen.close_reason if seen.payload_length <= LONGEST_CONTROL else None
    return msgspec.structs.replace(seen, source=(address, port), close_reason=reason)


# --- our side -------------------------------------------------------------------------------------------


class _Sent(msgspec.Struct):
    """What one direction of a connection sent."""

    frames: list[Frame] = []
    messages: list[Message] = []
    final_block: int | None = None
    """First frame with which a message ended that held a block with BFINAL."""
    gap: int | None = None
    """Stream offset of the first missing byte."""


def overlapped(capture: str) -> set[int]:
    """The TCP streams in which a segment brings bytes that are new together with some that came before.

    So looked at, a retransmission of what came is none. Raises InputError.
    """
    settings = Settings()
    flows = Flows(settings.connections, settings.linger_time, settings.idle_time)
    segments, unwrapper = Segments(settings.batch_packets), Unwrapper(settings)
    numbers: dict[int, int] = {}
    came: dict[int, _Came] = {}
    found: set[int] = set()
    count = 0
    with open_source([capture], settings) as source:
        for batch in source.batches():
            flows.decode(batch, segments, unwrapper)
            columns = (segments.direction, segments.seq, segments.length, segments.flags)
            rows = (np.asarray(column)[: segments.count].tolist() for column in columns)
            for direction, seq, length, flags in zip(*rows, strict=True):
                if flags & NEW:
                    numbers[direction >> 1] = count
                    count += 1
                    came.pop(direction, None)
                    came.pop(direction ^ 1, None)
                if length > 0 and came.setdefault(direction, _Came(seq)).overlaps(seq, length):
                    found.add(numbers[direction >> 1])
    return found


class _Came:
    """Which bytes of a direction came, in order."""

    __slots__ = ("_last", "_parts")

    def __init__(self, seq: int) -> None:
        self._last = seq
        self._parts: list[tuple[int, int]] = []

    def overlaps(self, seq: int, length: int) -> bool:
        """Whether the next segment brings both, old bytes and new ones."""
        half = WORD >> 1
        self._last = begin = self._last + (seq - self._last + half) % WORD - half
        end = begin + length
        touched = [part for part in self._parts if part[0] <= end and begin <= part[1]]
        if any(part[0] <= begin and end <= part[1] for part in touched):
            return False
        joined = min([begin, *(part[0] for part in touched)]), max([end, *(part[1] for part in touched)])
        self._parts = [*(part for part in self._parts if part not in touched), joined][-PARTS:]
        return any(part[0] < end and begin < part[1] for part in touched)


def own_side(records: Iterable[Record], overlapped: Collection[int] = ()) -> Side:
    """Our records of connections, handshakes, frames, messages with payloads, and findings of `RULES`.

    ``overlapped``: see the function of that name.
    """
    sides: defaultdict[tuple[int, str], _Sent] = defaultdict(_Sent)
    connections: list[Connection] = []
    openings: dict[int, Handshake] = {}
    legacy: set[int] = set()
    for record in records:
        match record:
            case Frame():
                sides[record.connection, record.direction].frames.append(record)
            case Message():
                sides[record.connection, record.direction].messages.append(record)
            case Handshake(accepted=True):
                openings[record.connection] = record
            case Connection():
                connections.append(record)
            case Finding(rule=rule, connection=int(number)) if rule == LEGACY:
                legacy.add(number)
            case Finding(connection=int(number), direction=str(direction)):
                side = sides[number, direction]
                if record.rule == FINAL_BLOCK and side.final_block is None:
                    side.final_block = record.frame
                elif record.rule == GAP and side.gap is None:
                    side.gap = record.byte_offset
    result = Side()
    others: set[int] = set()
    for connection in connections:
        number, stream, port = connection.connection, connection.tcp_stream, connection.server[1]
        (result.ports if not connection.tls and connection.transport == "http1" else others).add(port)
        opening = openings.get(number)
        common = _common(connection, opening)
        if number in legacy or connection.state == "not-websocket":
            common |= {"other"}
        if stream in overlapped:
            common |= {"overlap"}
        result.streams[stream] = result.streams.get(stream, frozenset()) | common
        client, server = sides[number, "client"], sides[number, "server"]
        answered = opening.response.packet if opening is not None and opening.response is not None else 0
        result.frames += _direction(client, server, stream, connection.client, common, answered)
        result.frames += _direction(server, client, stream, connection.server, common, 0)
    result.ports -= others
    return result


def _common(connection: Connection, opening: Handshake | None) -> frozenset[str]:
    """The traits that all frames of a connection share."""
    traits = set()
    if opening is None or opening.request is None or opening.response is None:
        traits.add("no-opening")
    if connection.transport == "h2":
        traits |= {"h2", "h2-split"}
    if opening is not None:
        if opening.subprotocol is not None:
            traits.add("handed-on")
        params = {name for extension in opening.extensions for name, _ in extension.params}
        if len(params & {"client_no_context_takeover", "server_no_context_takeover"}) == 1:
            traits.add("one-sided")
    return frozenset(traits)


def _direction(
    side: _Sent, other: _Sent, stream: int, source: tuple[str, int], common: frozenset[str], answered: int
) -> list[Own]:
    """The frames of one direction; ``answered`` is the packet of the 101."""
    messages = deque(message for message in side.messages if message.complete)
    crossing = [message for message in other.messages if message.frames > 1]
    ends = [message.last_packet for message in crossing]
    lasting = set(common)  # from here on
    passing: set[str] = set()  # of the open message
    fragments, compressed = 0, False
    found = []
    for frame in side.frames:
        text = None
        if frame.payload_length >= WORD:
            lasting.add("length")
        if frame.last_packet < answered:
            lasting.add("early")
        if side.gap is not None and frame.stream_offset + frame.header_length + frame.payload_length > side.gap:
            lasting.add("gap")
        if frame.opcode < Opcode.CLOSE:
            if frame.opcode != Opcode.CONTINUATION:
                fragments, compressed = 0, frame.rsv1
            fragments += 1
            if frame.masked and frame.payload_length > LARGE:
                passing.add("large")
            if compressed:
                passing |= {"fragmented"} if fragments > 1 or not frame.fin else set()
                passing |= {"empty-compressed"} if frame.payload_length == 1 else set()
                lasting |= passing - {"empty-compressed"}  # what is not inflated is missing from the next one's window
            if frame.index == side.final_block:
                lasting.add("final-block")
            if frame.fin and fragments > 1:
                passing |= {"empty-final"} if frame.payload_length == 0 else set()
        ends_message = frame.fin and frame.opcode < Opcode.CLOSE
        if ends_message:
            message = _ended_by(frame, messages)
            if message is not None:
                text = _text(message)
                after = bisect_left(ends, message.first_packet)
                if message.frames > 1 and after < len(ends) and crossing[after].first_packet <= message.last_packet:
                    passing.add("crossed")
        found.append(_own(frame, stream, source, text, frozenset(lasting | passing)))
        if ends_message:
            # what an empty end left behind goes into the next message that is put together
            passing = {"empty-final"} & passing if frame.payload_length == 0 or fragments == 1 else set()
            fragments = 0
    return found


def _ended_by(frame: Frame, messages: deque[Message]) -> Message | None:
    """The message whose last frame this is, taken from those that remain; None where that is not sure."""
    while messages and messages[0].last_packet < frame.last_packet:
        messages.popleft()
    if not messages or messages[0].last_packet != frame.last_packet or messages[0].first_packet > frame.packet:
        return None
    return messages.popleft()


def _text(message: Message) -> bytes | None:
    if message.opcode != Opcode.TEXT or not isinstance(message.payload, msgspec.Struct):
        return None
    if message.payload.text is not None:
        return message.payload.text.encode()
    return b64decode(message.payload.base64 or "")


def _own(frame: Frame, stream: int, source: tuple[str, int], text: bytes | None, traits: frozenset[str]) -> Own:
    seen = Seen(
        stream=stream,
        source=source,
        packet=frame.last_packet,
        fin=frame.fin,
        rsv=frame.rsv1 << 2 | frame.rsv2 << 1 | frame.rsv3,
        opcode=frame.opcode,
        masked=frame.masked,
        masking_key=frame.masking_key,
        payload_length=frame.payload_length,
        close_code=frame.close_code,
        close_reason=frame.close_reason or None,
        text=text,
    )
    return Own(normal(seen), frame.connection, frame.direction, frame.index, frame.complete, traits)
