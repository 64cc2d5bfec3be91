"""Writes a capture of many small WebSocket frames, for measuring: ``python tests/bench/make_capture.py OUT``.

The conversations are legal and look like what echo-like services send: short text and binary messages both ways,
the client's masked with keys of their own, a Ping and its Pong now and then; segments acknowledge what came
before them. Openings and closings are built by `samples.traffic`. The frames between them come from a vectorised
path: one packet of each kind is built with the Construct schemas and copied, and the fields that differ (ports,
sequence numbers, masking keys, payload, checksum) are filled in by column. A million packets take some seconds
that way, and minutes with Construct alone; a test has both build the same bytes. The same arguments always give
the same file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parents[2]))  # samples/; behind an installed package, if there is one

from analyzer.model import Direction, Opcode
from analyzer.wire import frame, link, packet, pcap
from samples.traffic import Conversation, Wire, pcap_bytes

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]

CHUNK = 1 << 15
"""Packets built at once."""
LARGEST = 60_000
"""Bytes of a segment at most, as on a loopback interface."""
POOL = 1 << 16
"""Bytes of text the payloads are cut from."""
FIRST_PORT = 40_000
DIRECTIONS: tuple[Direction, Direction] = ("client", "server")

RECORD_HEAD = pcap.RECORD[pcap.LITTLE].sizeof()
TCP_AT = packet.ETHERNET.sizeof() + packet.IPV4_SHORTEST
PAYLOAD_AT = TCP_AT + packet.TCP_SHORTEST


class Kind(NamedTuple):
    """One of the segments a conversation is made of."""

    side: Direction
    opcode: Opcode
    length: int
    """Payload bytes of each of its frames."""


def mixed(size: int) -> list[Kind]:
    """Pairs of a message or Ping and its echo or Pong."""
    pairs: list[tuple[Direction, Opcode, int]] = [
        ("client", Opcode.TEXT, size),
        ("client", Opcode.TEXT, size // 2),
        ("client", Opcode.BINARY, size),
        ("client", Opcode.TEXT, size + size // 2),
        ("client", Opcode.TEXT, size + 3),
        ("server", Opcode.PING, 8),
        ("client", Opcode.BINARY, size // 2 + 1),
        ("client", Opcode.TEXT, size),
    ]
    kinds = []
    for side, opcode, length in pairs:
        other: Direction = "server" if side == "client" else "client"
        answer = Opcode.PONG if opcode is Opcode.PING else opcode
        kinds += Kind(side, opcode, length), Kind(other, answer, length)
    return kinds


def echoed(*opcodes: Opcode, size: int) -> list[Kind]:
    """The client sends frames of these opcodes, and the server the same."""
    return [Kind(side, opcode, size) for opcode in opcodes for side in DIRECTIONS]


def beats(size: int) -> list[Kind]:
    """Both sides ask and answer, and send nothing else."""
    ask, answer = Opcode.PING, Opcode.PONG
    sent: list[tuple[Direction, Opcode]] = [("server", ask), ("client", answer), ("client", ask), ("server", answer)]
    return [Kind(side, opcode, min(size, frame.CONTROL_LIMIT)) for side, opcode in sent]


SHAPES: dict[str, Callable[[int], list[Kind]]] = {
    "mixed": mixed,
    "text": lambda size: echoed(Opcode.TEXT, size=size),
    "binary": lambda size: echoed(Opcode.BINARY, size=size),
    "pings": beats,
    "unanswered": lambda size: [Kind("server", Opcode.PING, 8), Kind("client", Opcode.TEXT, size)],
    "unasked": lambda size: [Kind("client", Opcode.PONG, 8), Kind("server", Opcode.TEXT, size)],
}
"""What a connection sends over and over, by name and payload size."""


class Plan:
    """Which segment stands where: connection and step of every slot, in closed form."""

    def __init__(
        self,
        frames: int,
        per_segment: int,
        size: int,
        connections: int,
        first_port: int = FIRST_PORT,
        shape: str = "mixed",
    ) -> None:
        """``shape`` is one of SHAPES.

        Raises ValueError where ``per_segment`` frames of ``size`` bytes do not fit one segment.
        """
        self.per_segment = per_segment
        self.connections = connections
        self.first_port = first_port
        self.kinds = SHAPES[shape](size)
        if per_segment * (2 * size + 14) > LARGEST:
            raise ValueError(f"{per_segment} frames of {size} bytes are too much for one segment")
        pairs = -(-frames // (2 * per_segment * connections))
        self.steps = 2 * max(pairs, 1)
        """Segments of each connection: whole pairs."""
        self.slots = self.steps * connections
        random = np.random.Generator(np.random.PCG64(6455))
        self.pool: U8 = random.integers(ord(" "), ord("~"), POOL, dtype=np.uint8)
        self.starts: I64 = random.integers(0, POOL - 2 * size - 16, self.steps // 2 + 1, dtype=np.int64)
        """Where in the pool the payload of each pair stands."""

    def kind_of(self, connection: I64, step: I64) -> I64:
        """Index into ``kinds``; connections are out of step with each other, by whole pairs."""
        return (step + 2 * connection) % len(self.kinds)

    def keys(self, slot: int, count: int) -> U8:
        """Masking keys of ``count`` slots from ``slot``: (count, per_segment, 4)."""
        random = np.random.Generator(np.random.PCG64([6455, slot // CHUNK]))
        keys: U8 = random.integers(0, 256, (CHUNK, self.per_segment, 4), dtype=np.uint8)
        first = slot % CHUNK
        return keys[first : first + count]

    def wire_length(self, kind: Kind) -> int:
        """Bytes of the kind's segment."""
        return len(self.template(kind))

    def template(self, kind: Kind) -> bytes:
        """The kind's segment, with empty payloads and keys."""
        key = bytes(4) if kind.side == "client" else None
        return frame.build_frame(kind.opcode, bytes(kind.length), key) * self.per_segment


def write(out: BinaryIO, plan: Plan, wire: Wire | None = None) -> int:
    """Write the capture, with the clock of ``wire``; the number of packets."""
    wire = wire or Wire()
    conversations = [
        Conversation(wire, ("192.0.2.1", plan.first_port + number), sparing=True) for number in range(plan.connections)
    ]
    for conversation in conversations:
        conversation.open()
    out.write(pcap_bytes(wire.packets))
    packets = len(wire.packets)
    start_ns = wire.clock_ns
    bulk = Bulk(plan, conversations, start_ns, wire.step_ns)
    for part in bulk.parts():
        out.write(part)
    wire.packets.clear()
    wire.clock_ns = start_ns + plan.slots * wire.step_ns
    for number, conversation in enumerate(conversations):
        for side in ("client", "server"):
            conversation.skip(side, bulk.sent(number, side))
    for conversation in conversations:
        conversation.close("client")
        conversation.close("server")
        conversation.fin("server")
        conversation.fin("client")
    out.write(pcap_bytes(wire.packets)[pcap.HEADER[pcap.LITTLE].sizeof() :])
    return packets + plan.slots + len(wire.packets)


class Bulk:
    """The frames between opening and closing, by column."""

    def __init__(self, plan: Plan, conversations: list[Conversation], start_ns: int, step_ns: int) -> None:
        self.plan = plan
        self.start_ns = start_ns
        self.step_ns = step_ns
        kinds = plan.kinds
        lengths = np.array([plan.wire_length(kind) for kind in kinds])
        self.lengths: I64 = lengths
        by_client = np.array([kind.side == "client" for kind in kinds])
        self.before = {
            "client": np.concatenate([[0], np.cumsum(lengths * by_client)]),
            "server": np.concatenate([[0], np.cumsum(lengths * ~by_client)]),
        }
        """Bytes each side sends in the pattern before its n-th segment."""
        self.first = {side: np.array([each.sequence(side) for each in conversations]) for side in self.before}
        self.ports: I64 = plan.first_port + np.arange(plan.connections)

    def position(self, side: str, connection: I64, step: I64) -> I64:
        """Bytes ``side`` of ``connection`` has sent before its step."""
        before = self.before[side]
        begin = (2 * connection) % len(self.plan.kinds)
        rounds, rest = np.divmod(begin + step, len(self.plan.kinds))
        position: I64 = rounds * before[-1] + before[rest] - before[begin]
        return position

    def sent(self, connection: int, side: str) -> int:
        """Bytes ``side`` of ``connection`` sends in all."""
        return int(self.position(side, np.array([connection]), np.array([self.plan.steps]))[0])

    def parts(self) -> Iterator[memoryview]:
        """The packet records, some thousands at a time."""
        for start in range(0, self.plan.slots, CHUNK):
            yield self.records(start, min(CHUNK, self.plan.slots - start))

    def records(self, start: int, count: int) -> memoryview:
        """The records of ``count`` slots from ``start``."""
        slots = np.arange(start, start + count)
        step, connection = np.divmod(slots, self.plan.connections)
        kind_index = self.plan.kind_of(connection, step)
        sizes = RECORD_HEAD + PAYLOAD_AT + self.lengths[kind_index]
        ends = np.cumsum(sizes)
        data = np.empty(int(ends[-1]), dtype=np.uint8)
        keys = self.plan.keys(start, count)
        for index, kind in enumerate(self.plan.kinds):
            rows = np.flatnonzero(kind_index == index)
            if rows.size:
                built = self.build(kind, slots[rows], connection[rows], step[rows], keys[rows])
                data[(ends - sizes)[rows, None] + np.arange(built.shape[1])] = built
        return memoryview(data)

    def build(self, kind: Kind, slots: I64, connection: I64, step: I64, keys: U8) -> U8:
        """Records of one kind, one a row."""
        peer = "server" if kind.side == "client" else "client"
        rows = np.tile(np.frombuffer(self.template(kind), dtype=np.uint8), (slots.size, 1))
        seconds, fraction = np.divmod(self.start_ns + slots * self.step_ns, 1_000_000_000)
        fields = pcap.offsets(pcap.RECORD[pcap.LITTLE])
        rows[:, fields["seconds"] : fields["seconds"] + 4] = columns(seconds, "<u4")
        rows[:, fields["fraction"] : fields["fraction"] + 4] = columns(fraction, "<u4")

        tcp = RECORD_HEAD + TCP_AT
        port = tcp + link.offset(packet.TCP, "source" if kind.side == "client" else "destination")
        rows[:, port : port + 2] = columns(self.ports[connection], ">u2")
        numbers = {"sequence": kind.side, "acknowledgment": peer}
        for name, side in numbers.items():
            at = tcp + link.offset(packet.TCP, name)
            number = self.first[side][connection] + self.position(side, connection, step)
            rows[:, at : at + 4] = columns(number % packet.SEQUENCES, ">u4")

        self.fill(kind, rows[:, RECORD_HEAD + PAYLOAD_AT :], step, keys)
        at = tcp + link.offset(packet.TCP, "checksum")
        rows[:, at : at + 2] = columns(self.checksums(rows[:, RECORD_HEAD:]), ">u2")
        return rows

    def template(self, kind: Kind) -> bytes:
        """A record of this kind, with zeros where the records differ."""
        wire = Wire(start_ns=0)
        conversation = Conversation(wire, ("192.0.2.1", 0), midstream=True, sparing=True)
        conversation.send(kind.side, self.plan.template(kind), whole=True)
        ((_, built),) = wire.packets
        zeroed = bytearray(built)
        at = TCP_AT + link.offset(packet.TCP, "checksum")
        zeroed[at : at + 2] = bytes(2)
        return pcap.build_record(bytes(zeroed), magic=pcap.NANOSECONDS)

    def fill(self, kind: Kind, payload: U8, step: I64, keys: U8) -> None:
        """Masking keys and payloads of all frames in the rows."""
        masked = kind.side == "client"
        frame_length = payload.shape[1] // self.plan.per_segment
        text = self.plan.pool[self.plan.starts[step // 2][:, None] + np.arange(kind.length)]
        for number in range(self.plan.per_segment):
            end = (number + 1) * frame_length
            if masked:
                key = keys[:, number]
                payload[:, end - kind.length - 4 : end - kind.length] = key
                payload[:, end - kind.length : end] = text ^ key[:, np.arange(kind.length) % 4]
            else:
                payload[:, end - kind.length : end] = text

    @staticmethod
    def checksums(packets: U8) -> I64:
        """TCP checksums of Ethernet frames of one length whose checksum field is 0."""
        segment = packets[:, TCP_AT:]
        if segment.shape[1] % 2:
            segment = np.pad(segment, ((0, 0), (0, 1)))
        words = np.ascontiguousarray(segment).view(">u2").sum(axis=1, dtype=np.int64)
        addresses = link.offset(packet.IPV4, "source") + packet.ETHERNET.sizeof()
        source, destination = (bytes(packets[0, addresses + start : addresses + start + 4]) for start in (0, 4))
        pseudo = packet.pseudo_header(source, destination, packets.shape[1] - TCP_AT)
        total = (words + np.frombuffer(pseudo, dtype=">u2").sum(dtype=np.int64)) % 0xFFFF
        return 0xFFFF - np.where(total == 0, 0xFFFF, total)


def columns(numbers: I64, form: str) -> U8:
    """Each number's bytes, one number a row."""
    return numbers.astype(form).view(np.uint8).reshape(numbers.size, -1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write a capture of many small WebSocket frames.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--per-segment", type=int, default=1, help="frames in each TCP segment")
    parser.add_argument("--size", type=int, default=20, help="payload bytes, about")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--shape", choices=SHAPES, default="mixed", help="what the connections send")
    arguments = parser.parse_args()
    try:
        plan = Plan(
            arguments.frames, arguments.per_segment, arguments.size, arguments.connections, shape=arguments.shape
        )
    except ValueError as error:
        parser.error(str(error))
    with arguments.out.open("wb") as out:
        packets = write(out, plan)
    print(f"{arguments.out}: {plan.slots * plan.per_segment} frames in {packets} packets", file=sys.stderr)


if __name__ == "__main__":
    main()
