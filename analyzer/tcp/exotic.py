"""Packets the fast pass cannot open: rare link types, tunnels and IP fragments, through scapy.

Theory of operation. `Unwrapper` is given the packets whose headers the compiled pass knows only by name. scapy
dissects one down to the innermost IP packet that carries TCP; that packet's bytes go back to the fast pass as if
they had been captured as raw IP. Fragments are kept until a datagram is whole, then put together by scapy, and may
turn out to be tunnels again. The TCP bytes are those of the capture, so what is found in them still has a place.

scapy takes 0.6 s to import and a tenth of a millisecond for a packet, which is why it is asked only here and only
then. Where it is not installed such packets are counted, and a note says what to install.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from analyzer.settings import Settings
from analyzer.wire import packet
from analyzer.wire.link import ETHERTYPE_VLAN

LAYERS = 32
"""Headers around TCP that are opened, at most: tunnels in tunnels end somewhere."""
FRAGMENT = 512
"""What a fragment counts beside its bytes: its bookkeeping, and its datagram's."""


class Unwrapped(NamedTuple):
    """An IP packet that carries TCP and was found inside another packet."""

    data: bytes
    start: int
    """Where it stands in the captured packet; 0 where it was put together from several."""
    missing: int
    """Bytes of it that were not captured."""


class _Datagram(msgspec.Struct):
    """The fragments of one datagram so far."""

    fragments: list[tuple[int, bytes]] = []
    """Offset of the payload in the datagram, and the whole IP packet."""
    size: int = 0
    end: int = -1
    """Length of the datagram's payload, once its last fragment came."""


class Unwrapper:
    """Opens what the fast pass cannot."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scapy: Any = None
        self._missing = False
        self._datagrams: OrderedDict[tuple[bytes, ...], _Datagram] = OrderedDict()
        self._size = 0
        self._given_up = 0
        self.kept = False
        """The latest packet was a fragment and waits for others: nothing was passed over."""
        self.limits: dict[str, int] = {}
        self.links: dict[str, int] = {}
        """Packets of link types that nobody here knows, by name."""

    @property
    def notes(self) -> list[str]:
        """What a person should know."""
        hint = "install wsanalyzer[exotic] to read link types, tunnels and IP fragments that need scapy"
        return [hint] if self._missing else []

    @property
    def waiting(self) -> int:
        """Fragments whose datagram is not whole, or was given up."""
        return self._given_up + sum(len(datagram.fragments) for datagram in self._datagrams.values())

    def unwrap(self, link_type: int, data: bytes, wire: int) -> Unwrapped | None:
        """The IP packet with TCP inside ``data``, a packet of ``link_type`` with ``wire`` bytes on the wire.

        None where there is none, or not yet, or scapy cannot tell. Never raises, whatever the bytes.
        """
        self.kept = False
        scapy = self._load()
        if scapy is None:
            return None
        first = scapy.l2types.num2layer.get(link_type)
        if first is None:
            name = f"link type {link_type}"
            self.links[name] = self.links.get(name, 0) + 1
            return None
        try:
            return self._open(first(data), data, max(wire - len(data), 0))
        except Exception:  # scapy raises what it likes on hostile bytes; the packet then stays unread
            return None

    def _load(self) -> Any:
        if self._scapy is None and not self._missing:
            try:
                import scapy.contrib.geneve
                import scapy.contrib.gtp
                import scapy.contrib.mpls
                import scapy.layers.all  # noqa: F401 - registers the link types
                from scapy import config
                from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
                from scapy.packet import bind_bottom_up
            except ImportError:
                self._missing = True
            else:
                config.conf.debug_dissector = False
                for lower in (Ether, Dot1Q, Dot1AD):  # the one VLAN number that scapy does not know
                    bind_bottom_up(lower, Dot1AD, type=ETHERTYPE_VLAN[-1])
                self._scapy = config.conf
        return self._scapy

    def _open(self, layer: Any, data: bytes, missing: int) -> Unwrapped | None:
        from scapy.layers.inet import IP, TCP
        from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment

        inner: Any = None
        for _ in range(LAYERS):
            if isinstance(layer, IP | IPv6):
                inner = layer
                if isinstance(layer, IP) and (layer.flags.MF or layer.frag):
                    return self._fragment4(layer, bytes(layer.original))
            elif isinstance(layer, IPv6ExtHdrFragment) and (layer.m or layer.offset):
                return self._fragment6(inner, layer)
            elif isinstance(layer, TCP):
                break
            layer = layer.payload
            if not layer:
                return None
        else:
            return None
        if inner is None:
            return None
        original = bytes(inner.original)
        start = data.find(original)
        return Unwrapped(original, max(start, 0), missing if start >= 0 and start + len(original) == len(data) else 0)

    # --- fragments

    def _fragment4(self, ip: Any, whole: bytes) -> Unwrapped | None:
        header = ip.ihl * packet.WORD
        payload = whole[header : ip.len] if ip.len else whole[header:]
        key = (b"4", ip.original[12:20], bytes([ip.proto]), ip.id.to_bytes(2, "big"))
        datagram = self._keep(key, ip.frag * 8, payload, not ip.flags.MF)
        if datagram is None:
            return None
        joined = ip.copy()
        joined.remove_payload()
        joined.flags, joined.frag, joined.chksum = 0, 0, None
        joined.len = _total(header + len(datagram))
        return self._again(bytes(joined), datagram, ip.proto)

    def _fragment6(self, ip: Any, fragment: Any) -> Unwrapped | None:
        payload = bytes(fragment.original)[8:]
        key = (b"6", bytes(ip.original[8:40]), fragment.id.to_bytes(4, "big"))
        datagram = self._keep(key, fragment.offset * 8, payload, not fragment.m)
        if datagram is None:
            return None
        header = packet.IPV6.parse(ip.original)
        header.next_header, header.payload_length = fragment.nh, len(datagram)
        return self._again(packet.IPV6.build(header), datagram, fragment.nh)

    def _again(self, header: bytes, payload: bytes, protocol: int) -> Unwrapped | None:
        """A datagram that is whole: TCP, or a tunnel to be opened in its turn."""
        from scapy.layers.inet import IP
        from scapy.layers.inet6 import IPv6

        kind: Any = IPv6 if header[0] >> 4 == 6 else IP
        whole = header + payload
        if protocol == packet.PROTOCOL_TCP:
            return Unwrapped(whole, 0, 0)
        found = self._open(kind(whole), whole, 0)
        return None if found is None else found._replace(start=0)  # the place is one in no captured packet

    def _keep(self, key: tuple[bytes, ...], offset: int, payload: bytes, last: bool) -> bytes | None:
        """Keep a fragment; the datagram's payload, once it is whole. Of overlapping bytes the first copy counts."""
        self.kept = True
        datagram = self._datagrams.setdefault(key, _Datagram())
        self._datagrams.move_to_end(key)
        datagram.fragments.append((offset, payload))
        datagram.size += len(payload)
        self._size += len(payload) + FRAGMENT
        if last:
            datagram.end = offset + len(payload)
        while self._size > self._settings.fragments or len(datagram.fragments) > self._settings.datagram_fragments:
            oldest = next(iter(self._datagrams))
            self._given_up += len(self._datagrams[oldest].fragments)
            self._forget(oldest)
            self.limits["fragments"] = self.limits.get("fragments", 0) + 1
            if key not in self._datagrams:
                return None
        if datagram.end < 0 or datagram.size < datagram.end:
            return None
        joined = bytearray(datagram.end)
        filled = bytearray(datagram.end)
        for at, data in reversed(datagram.fragments):  # so that the first copy is written last
            part = data[: max(datagram.end - at, 0)]
            joined[at : at + len(part)] = part
            filled[at : at + len(part)] = b"\1" * len(part)
        if not all(filled):
            return None
        self._forget(key)
        return bytes(joined)

    def _forget(self, key: tuple[bytes, ...]) -> None:
        datagram = self._datagrams.pop(key)
        self._size -= datagram.size + FRAGMENT * len(datagram.fragments)


def _total(length: int) -> int:
    """A total length as a header can hold it: fragments may come to more, and 0 means that it is not said."""
    return length if length <= packet.LONGEST else 0
