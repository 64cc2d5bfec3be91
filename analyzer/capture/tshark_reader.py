"""One capture as tshark opens it, through pyshark: the TCP segments inside, handed on as packets of raw IP.

tshark decrypts Wi-Fi and IPsec, knows every tunnel and reads dozens of file formats. Of each packet in which it finds
TCP the innermost IP header, the TCP header and the payload are taken as they stand (`-x` prints them in hex), put
behind each other, and from there on everything is as with our own reading: reassembly, TLS, HTTP, frames, rules. So
what tshark makes of TCP streams, TLS and WebSocket, and what it gets wrong there, has no part in any verdict.

What changes in the headers: where IP carried something else that carried TCP (ESP, AH, UDP, fragments), length,
protocol, fragment field and checksum of IP are those of a packet that holds the segment alone.

Of pyshark's modes JSON is ten times as fast as PDML; that it loses the second frame of a packet does not matter here.
One packet after the other is read, so our memory stays the same; tshark's own grows with the capture.

The file is also read once by ourselves, if it is one that we can read: for the TLS secrets and drop counters in it,
and to say how many packets tshark found no TCP in.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

from analyzer.capture import tshark
from analyzer.capture.batch import Batch
from analyzer.capture.buffer import ALIGNMENT
from analyzer.capture.layout import LATEST
from analyzer.capture.ledger import Ledger
from analyzer.capture.reader import Reader
from analyzer.capture.stream import open_stream
from analyzer.errors import AnalyzerError, InputError, UsageError
from analyzer.settings import SECOND, Settings
from analyzer.wire import link, packet

FILTER = "tcp && !icmp && !icmpv6"
"""An ICMP error quotes the beginning of the packet that it is about."""
PREFERENCES = {
    "tcp.desegment_tcp_streams": "FALSE",
    "tcp.analyze_sequence_numbers": "FALSE",
    "ipv6.tso_support": "TRUE",
}
"""What tshark need not do for us, and what it must."""
PARAMETERS = ["-J", "frame ip ipv6 tcp", "--disable-protocol", "http", "--disable-protocol", "tls"]
"""Layers that are printed in full, and dissectors whose work nobody looks at."""
ROWS = 1024
"""Packets handed on at once, at most: a fifth of a second of pyshark's work."""
IP = ("ip", "ipv6")
SHORTEST_PART = 4
"""Characters of an option's value from which on a message must not repeat them."""
NO_TCP = "no TCP that tshark finds"


class Opened(NamedTuple):
    """A packet as it is handed on."""

    number: int
    time_ns: int
    data: bytes
    wire: int
    """Bytes on the wire."""


class TsharkReader:
    """One input, being read; what `analyzer.capture.reader.Reader` is for our own reading."""

    def __init__(self, path: str, file: int, settings: Settings, ledger: Ledger, size: int) -> None:
        """The capture at ``path``, the run's input number ``file``; batches hold about ``size`` bytes."""
        self.ledger = ledger
        self._path = path
        self._file = file
        self._settings = settings
        self._size = size
        self._given = 0
        self._total = self._survey()
        self._stored = ledger.position
        ledger.position = 0
        self._packets = self._opened()

    def read(self) -> Batch | None:
        """The next packets, at least one; None at the end. Raises InputError where tshark can read none."""
        rows: list[Opened] = []
        held = 0
        most = min(self._settings.batch_packets, ROWS)
        for each in self._packets:
            rows.append(each)
            held += len(each.data)
            if len(rows) >= most or held >= self._size:
                break
        if not rows:
            self._end()
            return None
        self._given += len(rows)
        if self._total:
            self.ledger.position = self._stored * min(rows[-1].number, self._total) // self._total
        return _batch(rows, self._file)

    def close(self) -> None:
        """End tshark."""
        self._packets.close()

    def _survey(self) -> int:
        """Read the file by ourselves; how many packets it holds, 0 where nobody here knows its format."""
        try:
            stream = open_stream(self._path)
            reader = Reader(stream, self._file, self._settings, self.ledger, self._settings.buffer_size)
            try:
                while reader.read() is not None:
                    pass
            finally:
                reader.close()
        except AnalyzerError:
            return 0
        return self.ledger.packets

    def _end(self) -> None:
        self.ledger.position = self._stored
        if self._total > self._given:
            self.ledger.skipped[NO_TCP] = self._total - self._given

    def _opened(self) -> Generator[Opened, None, None]:
        notes: list[str] = []
        how = {
            "display_filter": FILTER,
            "use_json": True,
            "include_raw": True,
            "override_prefs": PREFERENCES,
            "custom_parameters": [
                *PARAMETERS,
                *(word for each in self._settings.tshark_options for word in ("-o", each)),
            ],
        }
        try:
            for each in tshark.packets(Path(self._path), notes, **how):
                found = opened(each)
                if found is not None:
                    yield found
        except InputError as error:
            raise InputError(self._without_secrets(str(error))) from None
        self.ledger.notes += [
            f"{self.ledger.name}: tshark: {self._without_secrets(note)}"
            for note in notes
            if not (self._total and "cut short" in note)  # that was found out by ourselves
        ]

    def _without_secrets(self, text: str) -> str:
        """Leave out what tshark quotes of options that it does not understand: their values may be keys."""
        for option in self._settings.tshark_options:
            _, _, value = option.partition(":")
            for part in sorted({value, *re.split(r'[":,]', value)}, key=len, reverse=True):
                if len(part) >= SHORTEST_PART:
                    text = text.replace(part, "...")
        return text


def check_options(options: tuple[str, ...]) -> None:
    """Raise UsageError where one of ``--tshark-option`` is not NAME:VALUE. Values are not told: they may be keys."""
    for option in options:
        name, colon, value = option.partition(":")
        if not (name and colon and value) or name.startswith("-"):
            raise UsageError("--tshark-option: expected NAME:VALUE, as tshark's -o takes it")


def opened(found: Any) -> Opened | None:
    """The innermost TCP segment of a packet of pyshark's, as a packet of raw IP; None where there is none."""
    protocols = str(found.frame_info.get_field("frame.protocols")).split(":")
    if "tcp" not in protocols:
        return None
    inner = len(protocols) - 1 - protocols[::-1].index("tcp")
    carrier = next((name for name in reversed(protocols[:inner]) if name in IP), None)
    if carrier is None:
        return None
    layers = {layer.layer_name: layer for layer in found.layers}
    headers = _raw(layers.get(f"{carrier}_raw"))
    count = protocols[:inner].count(carrier)
    tcp = _raw(layers.get("tcp_raw"))
    if len(headers) < count or not tcp:
        return None
    layer = layers["tcp"].duplicate_layers[-1] if layers["tcp"].duplicate_layers else layers["tcp"]
    segment = tcp[-1] + _payload(layer)
    length = len(tcp[-1]) + _number(layer, "tcp.len", len(segment) - len(tcp[-1]))
    header = (_header4 if carrier == "ip" else _header6)(headers[count - 1], length)
    wire = len(header) + max(length, len(segment))
    return Opened(int(found.number), nanoseconds(str(found.sniff_timestamp)), header + segment, wire)


def nanoseconds(stated: str) -> int:
    """A time as tshark states it, ``1700000000.000150000``, in nanoseconds; 0 where it is something else.

    Kept within LATEST of 1970, as in our own reading.
    """
    whole, _, decimals = stated.partition(".")
    sign = -1 if whole.startswith("-") else 1
    digits = whole.removeprefix("-")
    if not (digits.isdecimal() and (not decimals or decimals.isdecimal())):
        return 0
    return sign * min(int(digits) * SECOND + int(decimals[:9].ljust(9, "0")), LATEST)


def _header4(header: bytes, length: int) -> bytes:
    """An IPv4 header as it stood, or as that of a packet that holds ``length`` bytes of TCP and nothing else."""
    if len(header) < packet.IPV4_SHORTEST:
        return header
    fields = packet.IPV4.parse(header)
    whole = not (fields.fragment.more_fragments or fields.fragment.offset)
    if fields.protocol == packet.PROTOCOL_TCP and whole:
        return header
    total = len(header) + length
    fields.fragment.more_fragments, fields.fragment.offset = False, 0
    fields.protocol = packet.PROTOCOL_TCP
    fields.total_length = total if total <= packet.LONGEST else 0
    fields.checksum = 0
    fields.checksum = packet.checksum(packet.IPV4.build(fields))
    rebuilt: bytes = packet.IPV4.build(fields)
    return rebuilt


def _header6(header: bytes, length: int) -> bytes:
    """The same for IPv6, without extension headers."""
    size: int = packet.IPV6.sizeof()
    fields_at = header[:size]
    if len(fields_at) < size or fields_at[link.offset(packet.IPV6, "next_header")] == packet.PROTOCOL_TCP:
        return fields_at
    fields = packet.IPV6.parse(fields_at)
    fields.next_header = packet.PROTOCOL_TCP
    fields.payload_length = length if length <= packet.LONGEST else 0
    rebuilt: bytes = packet.IPV6.build(fields)
    return rebuilt


def _raw(layer: Any) -> list[bytes]:
    """The bytes of each layer of one name: pyshark gives the first as a value, the others as its duplicates."""
    if layer is None:
        return []
    if isinstance(layer.value, str):  # hex, place, length, mask, type: of one layer
        return [bytes.fromhex(layer.value)]
    return [bytes.fromhex(layer.value[0]), *(bytes.fromhex(each.value) for each in layer.duplicate_layers)]


def _payload(tcp: Any) -> bytes:
    try:
        return bytes.fromhex(str(tcp.get_field("tcp.payload_raw")[0]))
    except AttributeError:  # pyshark's way to say that there is none
        return b""


def _number(layer: Any, name: str, default: int) -> int:
    try:
        return int(str(layer.get_field(name)), 0)
    except (AttributeError, ValueError):
        return default


def _batch(rows: list[Opened], file: int) -> Batch:
    data = bytearray()
    offsets = []
    for each in rows:
        offsets.append(len(data))
        data += each.data
    data += bytes(-len(data) % ALIGNMENT)
    batch = Batch(data, len(rows))
    batch.count = len(rows)
    batch.offset[:] = offsets
    batch.captured[:] = [len(each.data) for each in rows]
    batch.wire[:] = [each.wire for each in rows]
    batch.time_ns[:] = [each.time_ns for each in rows]
    batch.number[:] = [each.number for each in rows]
    batch.file[:] = file
    batch.link[:] = link.LINK_RAW
    return batch
