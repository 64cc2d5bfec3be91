"""Packets the fast pass cannot open: rare link types and tunnels, through scapy, and IP fragments.

Theory of operation. `Unwrapper` is given the packets whose headers the compiled pass knows only by name. scapy
dissects one down to the innermost IP packet that carries TCP; that packet's bytes go back to the fast pass as if
they had been captured as raw IP. Fragments wait until their datagram is whole (`analyzer.tcp.fragments`), which may
turn out to be a tunnel again. The TCP bytes are those of the capture, so what is found in them still has a place.

scapy takes 0.6 s to import and a tenth of a millisecond for a packet, which is why it is asked only here and only
then. Where it is not installed such packets are counted, and a note says what to install.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from construct import ConstructError

from analyzer.settings import Settings
from analyzer.tcp.fragments import Datagrams, Fragment
from analyzer.wire import link, packet

LAYERS = 32
"""Headers around TCP that are opened, at most: tunnels in tunnels end somewhere."""


class Unwrapped(NamedTuple):
    """An IP packet that carries TCP and was found inside another packet."""

    data: bytes
    start: int
    """Where it stands in the captured packet; -1 where it was put together from several."""
    missing: int
    """Bytes of it that were not captured."""


class Unwrapper:
    """Opens what the fast pass cannot."""

    def __init__(self, settings: Settings) -> None:
        self._scapy: Any = None
        self._missing = False
        self._datagrams = Datagrams(settings)
        self.now = 0
        """Capture time of the packet at hand, in nanoseconds."""
        self.kept = False
        """The latest packet was a fragment and waits for others: nothing was passed over."""
        self.foreign = False
        """The latest packet was a fragment of a datagram without TCP."""
        self.links: dict[str, int] = {}
        """Packets of link types that nobody here knows, by name."""

    @property
    def notes(self) -> list[str]:
        """What a person should know."""
        hint = "install wsanalyzer[exotic] to read link types and tunnels that need scapy"
        return [hint] if self._missing else []

    @property
    def waiting(self) -> int:
        """Fragments whose datagram is not whole, or was given up."""
        return self._datagrams.waiting

    @property
    def limits(self) -> dict[str, int]:
        """Limits reached, by name."""
        return self._datagrams.limits

    def unwrap(self, link_type: int, data: bytes, wire: int) -> Unwrapped | None:
        """The IP packet with TCP inside ``data``, a packet of ``link_type`` with ``wire`` bytes on the wire.

        None where there is none, or not yet, or scapy cannot tell. Never raises, whatever the bytes.
        """
        self.kept = self.foreign = False
        scapy = self._load()
        if scapy is None:
            return None
        start, end = 0, wire
        if link_type == link.LINK_NFLOG:
            (start, end), link_type = _logged(data), link.LINK_RAW
            data = data[:end]
        first = scapy.l2types.num2layer.get(link_type)
        if first is None:
            name = f"link type {link_type}"
            self.links[name] = self.links.get(name, 0) + 1
            return None
        try:
            return self._open(first(data[start:]), data, max(end - len(data), 0))
        except Exception:  # scapy raises what it likes on hostile bytes; the packet then stays unread
            return None

    def join(self, data: bytes, at: int) -> Unwrapped | None:
        """The IP packet of which ``data`` is the last fragment that was missing, or what a tunnel in it carries.

        The fragment header is at ``at`` where it is IPv6. None and no exception as above.
        """
        self.kept = self.foreign = False
        try:
            return self._fragment(Fragment.of_ipv6(data, at) if at else Fragment.of_ipv4(data))
        except ConstructError:
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
                    bind_bottom_up(lower, Dot1AD, type=link.ETHERTYPE_VLAN[-1])
                self._scapy = config.conf
        return self._scapy

    def _open(self, layer: Any, data: bytes, missing: int) -> Unwrapped | None:
        from scapy.layers.inet import IP, TCP
        from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment

        inner: Any = None
        at = 0
        for _ in range(LAYERS):
            if isinstance(layer, IP | IPv6):
                inner, at = layer, 0
                if isinstance(layer, IP) and (layer.flags.MF or layer.frag):
                    return self._fragment(Fragment.of_ipv4(bytes(layer.original)))
            elif isinstance(layer, IPv6ExtHdrFragment) and (layer.m or layer.offset):
                return self._fragment(Fragment.of_ipv6(bytes(inner.original), at))
            elif isinstance(layer, TCP):
                break
            at += packet.IPV6.sizeof() if layer is inner else len(layer.original) - len(layer.payload.original)
            layer = layer.payload
            if not layer:
                return None
        else:
            return None
        if inner is None:
            return None
        original = bytes(inner.original)
        start = data.find(original)
        return Unwrapped(original, start, missing if start >= 0 and start + len(original) == len(data) else 0)

    def _fragment(self, fragment: Fragment) -> Unwrapped | None:
        """Keep it, and open its datagram if that is whole now: TCP, or a tunnel."""
        self.foreign = self._datagrams.foreign(fragment, self.now)
        if self.foreign:
            return None
        payload = self._datagrams.add(fragment, self.now)
        self.kept = payload is None
        if payload is None:
            return None
        whole = fragment.whole(payload)
        if fragment.protocol == packet.PROTOCOL_TCP:
            return Unwrapped(whole, -1, 0)
        found = self.unwrap(link.LINK_RAW, whole, len(whole))
        return None if found is None else found._replace(start=-1)


def _logged(data: bytes) -> tuple[int, int]:
    """Where the IP packet in a packet of netfilter's log starts and ends; 0, 0 if it has none.

    The lengths tell the byte order: the wrong one leads out of the packet at once.
    """
    for attribute in link.NFLOG_ATTRIBUTES:
        at = link.NFLOG.sizeof()
        while at + attribute.sizeof() <= len(data):
            head = attribute.parse(data[at:])
            if head.length < attribute.sizeof():
                break
            if head.type == link.NFLOG_PAYLOAD:
                return at + attribute.sizeof(), at + head.length
            at += head.length + -head.length % link.NFLOG_UNIT
    return 0, 0
