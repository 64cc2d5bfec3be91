"""Captures with packet sockets (Linux): one for each interface, read by a small process that has no privileges.

The sockets are opened here, with the privileges it takes (`start`); the process inherits them, stamps nothing and
judges nothing: it writes each packet as a pcapng block, with the kernel's time (SO_TIMESTAMPNS), and the kernel's
count of what was lost (PACKET_STATISTICS) as soon as there is some. A VLAN tag that the network card took off is put
back (PACKET_AUXDATA). A filter is compiled by libpcap, through scapy.

All interfaces (``any``) are those that are up at the start: one socket for whatever comes later too would need one
filter for all link types, and libpcap compiles a filter for one.

A loopback interface gives each packet twice, going out and coming in; the first is left out, as libpcap does.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Sequence

from analyzer.capture import interfaces as network
from analyzer.capture.child import Child
from analyzer.capture.dumpcap import NotPermittedError
from analyzer.capture.privileges import ADVICE, caller, search_path
from analyzer.errors import InputError, MissingDependencyError, UsageError
from analyzer.settings import Settings
from analyzer.wire import link, pcapng
from analyzer.wire.pcap import LITTLE

SNAPLEN = (256 << 10) - 4
"""Bytes of a packet that are kept: all of any, and with a VLAN tag put back no more than what readers believe."""
ROUND = 1 << 20
"""Bytes read before they are written."""
TELL = 1.0
"""Seconds between two looks at the kernel's counters."""

# linux/if_packet.h, linux/if_ether.h, asm/socket.h
_ALL = 0x0003
_SOL_PACKET = 263
_ADD_MEMBERSHIP = 1
_PROMISCUOUS = 1
_STATISTICS = struct.Struct("@II")
_GET_STATISTICS = 6
_AUXDATA = 8
_IGNORE_OUTGOING = 23
_TIMESTAMPNS = 35
_RCVBUFFORCE = 33
_OUTGOING = 4
_MEMBERSHIP = struct.Struct("@iHH8s")
_TIMESPEC = struct.Struct("@ll")
_AUXILIARY = struct.Struct("@IIIHHHH")
_VLAN_VALID, _TPID_VALID = 0x10, 0x40
_VLAN_TPID = 0x8100
_TAG = struct.Struct("!HH")
_TAG_AT = 12
"""Where a VLAN tag stands in an Ethernet frame: after the addresses."""
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_AUXILIARY.size)

LOOPBACK = 772
LINKS = {
    1: link.LINK_ETHERNET,
    LOOPBACK: link.LINK_ETHERNET,
    519: link.LINK_RAW,
    65534: link.LINK_RAW,
    768: link.LINK_RAW,
    769: link.LINK_RAW,
    776: link.LINK_RAW,
    778: link.LINK_RAW,
}
"""LINKTYPE_ value by ARPHRD_ number: Ethernet, loopback, raw IP (tun, WireGuard, IP in IP, GRE)."""

_HEAD = pcapng.packing(pcapng.ENHANCED_PACKET[LITTLE])
_END = struct.Struct(pcapng.TRAILER[LITTLE].fmtstr)
_PAST = pcapng.ALIGNMENT - 1


def present() -> bool:
    """Whether the system has packet sockets."""
    return hasattr(socket, "AF_PACKET")


def start(interfaces: Sequence[str], expression: str | None, settings: Settings) -> Child:
    """A running capture. Raises NotPermittedError, InputError, UsageError, MissingDependencyError."""
    if not present():
        raise MissingDependencyError("packet sockets exist on Linux only: install Wireshark's dumpcap")
    everything = list(interfaces) == [network.ANY]
    wanted = [name for name in network.names() if network.is_up(name)] if everything else interfaces
    with contextlib.ExitStack() as opened:
        taps = []
        for name in wanted:
            tap = opened.enter_context(_open(name, expression, settings))
            if _hardware(tap) in LINKS:
                taps.append(tap)
            elif not everything:
                raise InputError(f"{name}: its link type ({_hardware(tap)}) is not known; use --backend dumpcap")
        if not taps:
            raise InputError("no interface is up")
        numbers = [str(tap.fileno()) for tap in taps]
        # -P: nothing is imported from the current folder.
        child = Child(
            [sys.executable, "-P", "-c", f"from {__name__} import main; main()", *numbers],
            descriptors=[tap.fileno() for tap in taps],
            user=caller(),
            environment={**os.environ, "PYTHONPATH": search_path()},
        )
    if child.started():
        return child
    reason = (child.said().strip().splitlines() or ["no reason given"])[-1]
    child.close()
    raise InputError(f"{', '.join(interfaces)}: the capture process did not start: {reason}")


def _open(name: str, expression: str | None, settings: Settings) -> socket.socket:
    try:
        # Protocol 0 receives nothing: the filter is in its place before the first packet.
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise NotPermittedError(f"{name}: {ADVICE}") from None
    try:
        tap.bind((name, 0))
        try:
            tap.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, settings.capture_buffer)
        except OSError:  # within the limit for everybody, then
            tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, settings.capture_buffer)
        tap.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        tap.setsockopt(_SOL_PACKET, _AUXDATA, 1)
        if _hardware(tap) == LOOPBACK:
            with contextlib.suppress(OSError):  # before Linux 4.20; each packet's direction tells as well
                tap.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        else:
            wish = _MEMBERSHIP.pack(socket.if_nametoindex(name), _PROMISCUOUS, 0, b"")
            with contextlib.suppress(OSError):
                tap.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, wish)
        if expression:
            _attach(tap, name, expression)
        tap.bind((name, _ALL))
    except OSError as error:
        tap.close()
        raise InputError(f"{name}: cannot capture: {error.strerror or error}") from None
    except BaseException:
        tap.close()
        raise
    return tap


def _attach(tap: socket.socket, name: str, expression: str) -> None:
    try:
        from scapy.arch.linux import attach_filter
        from scapy.error import Scapy_Exception
    except ImportError:
        raise MissingDependencyError(
            "--bpf with packet sockets needs scapy: pip install 'wsanalyzer[exotic]', or install dumpcap"
        ) from None
    try:
        attach_filter(tap, expression, name)
    except ImportError:
        raise MissingDependencyError("--bpf with packet sockets needs libpcap: install it, or dumpcap") from None
    except Scapy_Exception as error:
        reason = str(error).rpartition("(")[2].rstrip(")") or str(error)
        raise UsageError(f"--bpf {expression}: not a capture filter ({reason})") from None


def _hardware(tap: socket.socket) -> int:
    """The interface's ARPHRD_ number."""
    number: int = tap.getsockname()[3]
    return number


# --- the process that reads


class Tap:
    """One socket, and what the kernel says of it."""

    def __init__(self, number: int, tap: socket.socket) -> None:
        """Interface ``number`` of the capture."""
        self.number = number
        self.socket = tap
        self.name: str = tap.getsockname()[0]
        self.loopback = _hardware(tap) == LOOPBACK
        self.received = 0
        self.dropped = 0

    def describe(self) -> bytes:
        """Its Interface Description Block."""
        values = [(pcapng.INTERFACE_NAME, self.name.encode()), (pcapng.TIME_RESOLUTION, pcapng.NANOSECONDS)]
        return pcapng.build_interface(LINKS[_hardware(self.socket)], SNAPLEN, values)

    def lost(self) -> bool:
        """Ask the kernel, which starts anew each time it is asked; whether it dropped packets since."""
        with contextlib.suppress(OSError):
            raw = self.socket.getsockopt(_SOL_PACKET, _GET_STATISTICS, _STATISTICS.size)
            received, dropped = _STATISTICS.unpack(raw)
            self.received += received
            self.dropped += dropped
            return bool(dropped)
        return False

    def statistics(self) -> bytes:
        """Its Interface Statistics Block. The kernel's drops are those of the socket's buffer."""
        counts = [(pcapng.INTERFACE_RECEIVED, self.received), (pcapng.SYSTEM_DROPS, self.dropped)]
        return pcapng.build_statistics(self.number, time.time_ns(), counts)


class Round:
    """The blocks of what was read since the last writing."""

    def __init__(self) -> None:
        """Empty."""
        self._room = bytearray(ROUND + _HEAD.size + SNAPLEN + _TAG.size + _PAST + _END.size)
        self._view = memoryview(self._room)
        self._end = 0
        self._marks: list[tuple[int, int, int]] = []
        """Time, start and end of each block."""

    @property
    def full(self) -> bool:
        """Whether another packet may not fit."""
        return self._end >= ROUND

    def read(self, tap: Tap, until: int | None = None) -> bool:
        """Read one packet; False where there is none, or none before the time ``until``."""
        at = self._end + _HEAD.size
        room = self._view[at : at + SNAPLEN]
        try:
            wire, ancillary, _, address = tap.socket.recvmsg_into(
                [room], _ANCILLARY, socket.MSG_DONTWAIT | socket.MSG_TRUNC
            )
        except OSError:  # nothing there, or the interface went down, which the other process sees
            return False
        if tap.loopback and address[2] == _OUTGOING:
            return True
        captured = min(wire, SNAPLEN)
        time_ns = 0
        for _, kind, value in ancillary:
            if kind == _TIMESTAMPNS:
                seconds, rest = _TIMESPEC.unpack(value)
                time_ns = seconds * 1_000_000_000 + rest
            elif kind == _AUXDATA and len(value) >= _AUXILIARY.size:
                status, _, _, _, _, tci, tpid = _AUXILIARY.unpack_from(value)
                if status & _VLAN_VALID and captured >= _TAG_AT:
                    tag = _TAG.pack(tpid if status & _TPID_VALID else _VLAN_TPID, tci)
                    rest_of_frame = bytes(self._view[at + _TAG_AT : at + captured])
                    self._view[at + _TAG_AT : at + _TAG_AT + _TAG.size] = tag
                    self._view[at + _TAG_AT + _TAG.size : at + captured + _TAG.size] = rest_of_frame
                    captured += _TAG.size
                    wire += _TAG.size
        padded = captured + (-captured & _PAST)
        total = _HEAD.size + padded + _END.size
        head = (total, tap.number, time_ns >> 32, time_ns & 0xFFFF_FFFF, captured, wire)
        _HEAD.pack_into(self._room, self._end, pcapng.PACKET, *head)
        self._view[at + captured : at + padded] = bytes(padded - captured)
        _END.pack_into(self._room, at + padded, total)
        self._marks.append((time_ns, self._end, self._end + total))
        self._end += total
        return until is None or time_ns < until

    def take(self, *, several: bool) -> bytes | memoryview:
        """The blocks, in the order of time where they come from ``several`` sockets; to be used before the next."""
        blocks: bytes | memoryview = self._view[: self._end]
        if several and any(one[0] > other[0] for one, other in zip(self._marks, self._marks[1:], strict=False)):
            blocks = b"".join(self._view[start:end] for _, start, end in sorted(self._marks))
        self._end = 0
        self._marks = []
        return blocks


def copy(taps: list[Tap], out: int, control: int) -> None:
    """Write what comes from ``taps`` to ``out``, until ``control`` ends."""
    _write(out, pcapng.build_section() + b"".join(tap.describe() for tap in taps))
    poll = select.poll()
    poll.register(control, select.POLLIN)
    for tap in taps:
        poll.register(tap.socket, select.POLLIN)
    batch = Round()
    due = time.monotonic() + TELL
    over = False
    while not over:
        over = any(descriptor == control for descriptor, _ in poll.poll(1000 * TELL))
        _drain(taps, batch, time.time_ns() if over else None, out)
        if over or time.monotonic() >= due:
            due = time.monotonic() + TELL
            _write(out, b"".join(tap.statistics() for tap in taps if tap.lost() or over))


def _drain(taps: list[Tap], batch: Round, until: int | None, out: int) -> None:
    """Write what waits; with ``until``, what came before that time, else one round of it."""
    waiting = list(taps)
    while waiting:
        for tap in list(waiting):
            while not batch.full:
                if not batch.read(tap, until):
                    waiting.remove(tap)
                    break
        _write(out, batch.take(several=len(taps) > 1))
        if until is None:
            return


def _write(out: int, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(out, rest) :]


def main() -> None:
    """Read the sockets whose descriptors are the arguments; write to standard output until standard input ends."""
    taps = [Tap(number, socket.socket(fileno=int(word))) for number, word in enumerate(sys.argv[1:])]
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        copy(taps, sys.stdout.fileno(), sys.stdin.fileno())
    os._exit(0)  # nothing to flush, nobody to tell
