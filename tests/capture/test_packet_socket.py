"""The process that reads packet sockets, over sockets that are not; real ones: `tests/cli/test_live.py`."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Any, cast

import pytest

from analyzer.capture import packet_socket
from analyzer.capture.dumpcap import NotPermittedError
from analyzer.capture.packet_socket import Round, Tap, copy
from analyzer.errors import InputError, UsageError
from analyzer.settings import Settings
from tests import live
from tests.capture.crafted import read_bytes

SECOND = 1_000_000_000
LARGE = bytes(range(256)) * (packet_socket.SNAPLEN // 256) + bytes(packet_socket.SNAPLEN % 256)


class Wire:
    """Stands for a packet socket: packets with a time and what the kernel says beside them."""

    def __init__(self, packets: list[tuple[int, bytes, dict[str, Any]]], hardware: int = 1) -> None:
        self.packets = packets
        self.hardware = hardware
        self.lost = [0]
        self.reader, self.writer = os.pipe()
        os.write(self.writer, b"ready")

    def fileno(self) -> int:
        return self.reader

    def getsockname(self) -> tuple[str, int, int, int, bytes]:
        return ("eth7", 3, 0, self.hardware, b"")

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return struct.pack("@II", 5, self.lost.pop() if self.lost else 0)

    def recvmsg_into(self, rooms: list[memoryview], ancillary: int, flags: int) -> tuple[int, list[Any], int, Any]:
        if not self.packets:
            raise BlockingIOError
        time_ns, data, more = self.packets.pop(0)
        rooms[0][: len(data)] = data[: len(rooms[0])]
        told = [(1, 35, struct.pack("@ll", *divmod(time_ns, SECOND)))]
        if "tag" in more:
            told.append((263, 8, struct.pack("@IIIHHHH", 0x50, 0, 0, 0, 0, more["tag"], 0x88A8)))
        return more.get("wire", len(data)), told, 0, ("eth7", 2048, more.get("kind", 0), self.hardware, b"")


def written(wires: list[Wire], folder: Path) -> bytes:
    """What is written of ``wires`` where the capture is to end at once."""
    control, other = os.pipe()
    os.close(other)
    with open(folder / "out", "wb") as out:
        copy([Tap(number, cast(socket.socket, wire)) for number, wire in enumerate(wires)], out.fileno(), control)
    os.close(control)
    return (folder / "out").read_bytes()


def test_packets_become_pcapng(tmp_path: Path) -> None:
    wire = Wire([(7 * SECOND + 1, b"one", {}), (8 * SECOND, LARGE, {"wire": len(LARGE) + 600})])
    rows, _ = read_bytes(written([wire], tmp_path))
    assert [(row.time_ns, row.data, row.wire, row.link) for row in rows] == [
        (7 * SECOND + 1, b"one", 3, 1),
        (8 * SECOND, LARGE, len(LARGE) + 600, 1),
    ]


def test_a_tag_is_put_back(tmp_path: Path) -> None:
    frame = bytes(range(12)) + bytes.fromhex("0800") + b"payload"
    rows = read_bytes(written([Wire([(1, frame, {"tag": 0x2005})])], tmp_path))[0]
    assert rows[0].data == bytes(range(12)) + bytes.fromhex("88a8 2005 0800") + b"payload"
    assert rows[0].wire == len(frame) + 4


def test_loopback_gives_each_packet_once(tmp_path: Path) -> None:
    wire = Wire([(1, b"out", {"kind": 4}), (1, b"in", {})], hardware=packet_socket.LOOPBACK)
    assert [row.data for row in read_bytes(written([wire], tmp_path))[0]] == [b"in"]


def test_several_sockets_are_read_in_the_order_of_time(tmp_path: Path) -> None:
    wires = [Wire([(1, b"a", {}), (4, b"d", {})]), Wire([(2, b"b", {}), (3, b"c", {})])]
    assert [row.data for row in read_bytes(written(wires, tmp_path))[0]] == [b"a", b"b", b"c", b"d"]


def test_the_kernels_losses_are_told(tmp_path: Path) -> None:
    wire = Wire([(1, b"a", {})])
    wire.lost = [3]
    assert read_bytes(written([wire], tmp_path))[1].drops == 3


def test_a_round_is_full_before_a_packet_does_not_fit() -> None:
    large = Wire([(1, bytes(packet_socket.SNAPLEN), {}) for _ in range(9)])
    batch, tap = Round(), Tap(0, cast(socket.socket, large))
    while not batch.full:
        assert batch.read(tap)
    assert len(batch.take(several=False)) >= packet_socket.ROUND


def test_who_is_not_permitted_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(NotPermittedError, match="lo: no permission to capture; run it with sudo"):
        packet_socket.start(["lo"], None, Settings())


def test_a_wrong_filter() -> None:
    live.require(live.missing("socket"))
    with pytest.raises(UsageError, match="--bpf tcp prt: not a capture filter"):
        packet_socket.start(["lo"], "tcp prt", Settings())


def test_a_link_type_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    live.require(live.missing("socket"))
    monkeypatch.setattr(packet_socket, "LINKS", {})
    with pytest.raises(InputError, match=r"lo: its link type \(772\) is not known; use --backend dumpcap"):
        packet_socket.start(["lo"], None, Settings())
