"""Captures that lack bytes: what is all there is found, nothing is made up, and what is missing is said.

Which bytes of each stream a capture holds is worked out here from its packets, by a reader of its own: Ethernet, IPv4
or IPv6, TCP, sequence numbers. The truth tells which stretch of the stream each message took.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Connection, Direction, Finding, Frame, Message, Record, Severity
from analyzer.settings import RECORDS, Settings
from tests import truth
from tests.running import only
from tests.test_truth import PATTERNS

SIDES: tuple[Direction, Direction] = ("client", "server")
KEYS = {"client": "c2s", "server": "s2c"}
Span = tuple[int, int]
"""First byte of a stream, and one past the last."""

TORN = {
    "rw_gap.pcap": "ST-002",
    "rw_truncfile.pcap": "ST-008",
    "rw_mid_nosyn.pcap": "ST-001",
    "rw_mid_nohs.pcap": "ST-006",
    "rw_oneway_c2s.pcap": "ST-006",
}
"""And the finding that says of a connection what is missing."""


class Stream(msgspec.Struct):
    """What a capture holds of one direction."""

    first: int = -1
    """Sequence number that stands for offset 0."""
    parts: list[tuple[int, bytes, int]] = []
    """Offset, captured bytes and length on the wire, of each segment."""

    def spans(self) -> list[Span]:
        """The stretches of the stream that are there, joined."""
        joined: list[Span] = []
        for start, end in sorted((offset, offset + len(data)) for offset, data, _ in self.parts if data):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return joined


def packets(path: Path) -> Iterator[tuple[bytes, int]]:
    """The whole records of a little-endian pcap file: captured bytes, length on the wire."""
    data = path.read_bytes()
    assert data[:4] == b"\xd4\xc3\xb2\xa1"
    at = 24
    while at + 16 <= len(data):
        captured, wire = struct.unpack_from("<II", data, at + 8)
        if at + 16 + captured > len(data):
            return
        yield data[at + 16 : at + 16 + captured], wire
        at += 16 + captured


def streams(path: Path, starts: dict[tuple[int, str], int], ports: set[int]) -> dict[tuple[int, Direction], Stream]:
    """By the client's port, which is one of ``ports``, and the side. ``starts``: offset of the first captured byte."""
    found: dict[tuple[int, Direction], Stream] = defaultdict(Stream)
    for data, wire in packets(path):
        version = data[14] >> 4
        ip = 20 if version == 4 else 40
        end = 14 + (
            struct.unpack_from(">H", data, 16)[0] if version == 4 else 40 + struct.unpack_from(">H", data, 18)[0]
        )
        source, target, seq = struct.unpack_from(">HHI", data, 14 + ip)
        begin, flags = 14 + ip + (data[14 + ip + 12] >> 4) * 4, data[14 + ip + 13]
        side: Direction = "client" if source in ports else "server"
        port = source if side == "client" else target
        one = found[port, side]
        if flags & 2:
            one.first = (seq + 1) % (1 << 32)
        elif min(wire, end) > begin:
            if one.first < 0:
                one.first = seq - starts.get((port, KEYS[side]), 0)
            offset = (seq - one.first + (1 << 31)) % (1 << 32) - (1 << 31)
            one.parts.append((offset, data[begin:end], end - begin))
    return found


def read(path: Path) -> list[Record]:
    settings = Settings(records=frozenset(RECORDS))
    return list(pipeline.run(open_source([str(path)], settings), settings))


def messages(records: list[Record], number: int, side: Direction) -> list[tuple[Span, Message]]:
    """The complete messages of one side, and the stretch of the stream that each took."""
    frames = [one for one in only(Frame, records) if (one.connection, one.direction) == (number, side)]
    said = [one for one in only(Message, records) if (one.connection, one.direction) == (number, side)]
    spans: list[Span] = []
    begin = at = -1  # where the message in progress begins, and where the next frame should
    for frame in frames:
        if frame.stream_offset != at or not frame.complete:
            begin = -1
        at = frame.stream_offset + frame.header_length + frame.payload_length
        if frame.opcode in (1, 2):
            begin = frame.stream_offset if frame.complete else -1
        if frame.opcode < 8 and frame.fin and begin >= 0:
            spans.append((begin, at))
        if frame.opcode < 8 and frame.fin:
            begin = -1
    complete = [one for one in said if one.complete]
    assert len(spans) == len(complete), (number, side)
    return list(zip(spans, complete, strict=True))


def errors(records: list[Record]) -> set[str]:
    return {finding.rule for finding in only(Finding, records) if finding.severity is Severity.ERROR}


def truth_of(folder: Path, name: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(truth.truth_file(folder / name).read_text())
    return known


@pytest.mark.parametrize("name", TORN)
def test_what_is_all_there_is_found_and_nothing_else(shared_captures: Path, name: str) -> None:
    known = truth_of(shared_captures, name)
    ports = {connection["client"][1] for connection in known["connections"]}
    cut = known.get("cut") or []
    starts = {(one["client_port"], one["dir"]): one["first_stream_offset_in_capture"] for one in cut}
    held = streams(shared_captures / name, starts, ports)
    records = read(shared_captures / name)
    by_port = {one.client[1]: one for one in only(Connection, records)}
    assert set(by_port) == ports
    assert errors(records) <= errors(read(shared_captures / "base_small.pcap"))
    dropped = [(one.connection, one.direction) for one in only(Finding, records) if one.rule == "ST-017"]
    assert len(dropped) == len(set(dropped)), "that inflating ended is told once"
    missing: list[str] = []
    for connection in known["connections"]:
        port = connection["client"][1]
        number, lacking = by_port[port].connection, False
        for side in SIDES:
            shift = starts.get((port, KEYS[side]), 0)
            ours = {(start + shift, end + shift): one for (start, end), one in messages(records, number, side)}
            theirs = list(
                zip(
                    [tuple(span) for span in connection["message_stream_ranges"][KEYS[side]]],
                    connection["messages"][side],
                    strict=True,
                )
            )
            spans = held[port, side].spans()
            whole = [(span, sent) for span, sent in theirs if any(a <= span[0] and span[1] <= b for a, b in spans)]
            lacking = lacking or len(whole) < len(theirs) or bool(shift)
            missing += [f"{port} {side} {span} {sent[:2]}" for span, sent in whole if span not in ours]
            sent_at = dict(theirs)
            for span, one in ours.items():
                assert span in sent_at, f"{port} {side}: nobody sent {span}"
                assert one.sha256 in (None, sent_at[span][2])
                assert one.sha256 is not None or one.compressed or "deflate" in connection["label"]
        rules = {finding.rule for finding in only(Finding, records) if finding.connection == number}
        assert not lacking or TORN[name] in rules
    assert not missing


def walked(stream: Stream) -> list[tuple[Span, bytes]]:
    """The uncompressed messages that are all there, up to the first header that is not; the HTTP head is a segment."""
    held: dict[int, int] = {}
    for offset, data, _ in stream.parts:
        held.update(enumerate(data, offset))
    found: list[tuple[Span, bytes]] = []
    at = min(stream.parts)[2]
    begin, payload, whole = at, b"", False
    while at in held and at + 1 in held:
        first, second = held[at], held[at + 1]
        extended = {126: 2, 127: 8}.get(second & 127, 0)
        header = 2 + extended + (4 if second & 128 else 0)
        if not all(at + n in held for n in range(header)):
            return found
        size = int.from_bytes(bytes(held[at + 2 + n] for n in range(extended)), "big") if extended else second & 127
        key = [held[at + 2 + extended + n] for n in range(4)] if second & 128 else [0] * 4
        if first & 15 in (1, 2):
            begin, payload, whole = at, b"", not first & 64
        if first & 15 < 3:
            whole = whole and all(at + header + n in held for n in range(size))
            if whole:
                payload += bytes(held[at + header + n] ^ key[n % 4] for n in range(size))
            if whole and first & 128:
                found.append(((begin, at + header + size), payload))
        at += header + size
    return found


def test_what_short_packets_leave_is_found(shared_captures: Path) -> None:
    known = truth_of(shared_captures, "var_snap96.pcap")
    ports = {connection["client"][1] for connection in known["connections"]}
    held = streams(shared_captures / "var_snap96.pcap", {}, ports)
    records = read(shared_captures / "var_snap96.pcap")
    by_port = {one.client[1]: one for one in only(Connection, records)}
    assert set(by_port) == ports
    assert {one.role_evidence for one in by_port.values()} == {"opening"}, "the request line was captured"
    findings = only(Finding, records)
    assert errors(records) <= errors(read(shared_captures / "base_small.pcap"))
    assert "ST-003" in {finding.rule for finding in findings}
    found = 0
    for connection in known["connections"]:
        number = by_port[connection["client"][1]].connection
        assert {"ST-002", "ST-006"} <= {finding.rule for finding in findings if finding.connection == number}
        for side in SIDES:
            ours = dict(messages(records, number, side))
            for span, payload in walked(held[connection["client"][1], side]):
                assert (ours[span].length, ours[span].sha256) == (len(payload), hashlib.sha256(payload).hexdigest())
                found += 1
            sent = iter(connection["messages"][side])
            for one in ours.values():
                if one.sha256 is not None:
                    assert [one.opcode, one.length, one.sha256] in sent, "nobody sent it, or not then"
    assert found > 20


def test_every_rewritten_capture_is_compared(shared_captures: Path) -> None:
    """With the whole truth in `tests.test_truth`, or here with what the capture leaves of it."""
    rewritten = ("rw_*", "var_*", "net_*", "multi_iface*", "port_reuse*")
    names = {path.name for kind in rewritten for path in shared_captures.glob(kind) if truth.SUFFIX.search(path.name)}
    left = {name for name in names if not any(fnmatch(name, pattern) for pattern in PATTERNS)}
    assert left == {*TORN, "var_snap96.pcap"} - {"rw_mid_nosyn.pcap"}
