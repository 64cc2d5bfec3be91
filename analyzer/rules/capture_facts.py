"""ST: what concerns the capture as a whole, each told once, with a count (policy P5).

How a capture was made shows in its packets: cut ones, times that jump, checksums that a network card had still to
fill in, packets that a mirror port gave twice. No peer is to blame for any of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from analyzer.model import Level, Place, Role, Severity
from analyzer.rules.dialogue import NEVER
from analyzer.rules.faults import Fault, several
from analyzer.rules.registry import rule

NOT_LOSSES = frozenset(("findings_per_rule", "held_findings", "total_held_findings", "packet_items", "kept_losses"))
"""Limits beyond which nothing is lost: what is found is counted exactly, or only comes in another order."""
STEPS = 1000
"""Times at which the clock was set back that are remembered; after more of them no time is believed."""
LATEST = 1 << 62
"""Stands for a time after all others."""


class Capture(msgspec.Struct):
    """The run as a whole, looked at when it is over."""

    cut: int = 0
    """Packets stored shorter than they were on the wire; then where the first is."""
    cut_first: Place | None = None
    backwards: int = 0
    """Packets with a time before their predecessor's."""
    backwards_first: Place | None = None
    encrypted: dict[str, tuple[int, Place]] = {}
    """Connections that are TLS and were not decrypted, by the reason; of each how many, and where the first is."""
    unreadable: int = 0
    """TLS records that do not authenticate, in connections that were decrypted."""
    unreadable_first: Place | None = None
    clear: int = 0
    """Openings without TLS; how many of them on loopback; where the first is."""
    clear_loopback: int = 0
    clear_first: Place | None = None
    bad: int = 0
    """Packets with a wrong checksum, in the IP header or the TCP segment, and how many of each."""
    bad_ip: int = 0
    bad_tcp: int = 0
    unfinished: int = 0
    """Of the latter, those whose checksum was left to the network card."""
    bad_first: Place | None = None
    twice: int = 0
    """Packets that are second copies."""
    twice_first: Place | None = None
    latest_ns: int = 0
    """Time of the packet before."""
    steps: list[tuple[int, int]] = []
    """Packets before which the clock was set back, as far as they are remembered: ordinal, and the time before."""
    drops: int = 0
    """Packets that were there and were not recorded, as the capture itself says."""
    lossy: bool = False
    """That is so, or recorded ones were not looked at: what comes last in a connection may be missing without a gap.
    Known when the capture is over."""
    limits: dict[str, int] = {}
    """How often each limit was reached, by the name of its setting."""

    def sure(self, first: int, last: Place) -> tuple[int, int]:
        """From which packet on times mean nothing to what began with packet ``first`` and ended at ``last``.

        And the time up to then.
        """
        at = bisect_right(self.steps, (first, LATEST))
        if at == len(self.steps):
            return (NEVER, last.time_ns) if at < STEPS else (first, 0)
        ordinal, before_ns = self.steps[at]
        return (NEVER, last.time_ns) if ordinal > last.ordinal else (ordinal, before_ns)

    def sealed(self, reason: str, place: Place) -> None:
        """One more connection that cannot be decrypted, for that reason."""
        count, first = self.encrypted.get(reason, (0, place))
        self.encrypted[reason] = count + 1, first


@rule("ST-003", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def snaplen_cut(capture: Capture) -> Iterator[Fault]:
    """Packets are stored shorter than they were on the wire.

    The capture was made with a snapshot length, so payloads are cut and most messages cannot be read. Record again
    without one (``tcpdump -s 0``).

    Violates:
        snaplen 90
        client: 82 fe 00 80 00 00 00 00 41*128

    Conforms:
        client: 82 fe 00 80 00 00 00 00 41*128
    """
    if capture.cut:
        found = several(capture.cut, "packet", "cut")
        yield _once("whole packets", found, capture.cut, capture.cut_first)


@rule("ST-005", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def encrypted(capture: Capture) -> Iterator[Fault]:
    """Connections are TLS, and were not decrypted.

    Only their TCP level can be seen; nothing is known about what they carry. With a key log (``--keylog``), or with its
    secrets inside the capture, all rules apply to what is decrypted; the reason told for each kind of connection says
    what is missing. So is 0-RTT data that its own secret is missing for, though the rest is decrypted. Records that do
    not authenticate under the right key are told here as well: they were damaged, or others were lost unseen.

    Violates:
        client: raw 16 03 01 00 05 01 00 00 01 00

    Conforms:
        client: 81 80 37 fa 21 3d

        tls
        client: 81 80 37 fa 21 3d
    """
    for reason, (count, place) in capture.encrypted.items():
        yield _once("plaintext, or keys", f"{several(count, 'TLS connection')}: {reason}", count, place)
    if capture.unreadable:
        found = several(capture.unreadable, "TLS record", "that cannot be read")
        yield _once("records that authenticate", found, capture.unreadable, capture.unreadable_first)


@rule("ST-010", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def timestamps_unordered(capture: Capture) -> Iterator[Fault]:
    """Packet times go backwards.

    The capture was put together from several, or its clock was set. Times between packets mean little.

    Violates:
        client: 81 80 37 fa 21 3d
        -5s
        client: 81 80 37 fa 21 3d

    Conforms:
        client: 81 80 37 fa 21 3d
        client: 81 80 37 fa 21 3d
    """
    if capture.backwards:
        found = several(capture.backwards, "packet", "earlier than the one before")
        yield _once("rising times", found, capture.backwards, capture.backwards_first)


@rule("ST-011", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def bad_checksum(capture: Capture) -> Iterator[Fault]:
    """TCP or IP checksums are wrong.

    The packets are analysed all the same. Where the capture was made on the sending host this is usual and means
    nothing: the network card fills the checksum in after the packet was recorded (offloading), and then most of what
    that host sent is listed here. Otherwise the bytes were damaged, and the receiver dropped the packet.

    Violates:
        badsum
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    if capture.bad:
        kinds = [f"{count} {name}" for count, name in ((capture.bad_ip, "IP"), (capture.bad_tcp, "TCP")) if count]
        left = f", {capture.unfinished} left to the network card" if capture.unfinished else ""
        found = f"{several(capture.bad, 'packet')} with a wrong checksum ({' and '.join(kinds)}{left})"
        yield _once("checksums that match", found, capture.bad, capture.bad_first)


@rule("ST-012", severity=Severity.INFO, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def duplicate_packets(capture: Capture) -> Iterator[Fault]:
    """Packets were captured twice.

    The same packet, with the same IP identification, came again within a millisecond. The capture sees it at two
    places, as with a mirror port or several interfaces; TCP retransmitted nothing. The second copies change nothing,
    but a count of packets or bytes is too high by them.

    Violates:
        unacked
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        again client 11: 81 85 37 fa 21 3d 7f 9f 4d 51 58

    Conforms:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        +300ms
        again client 11: 81 85 37 fa 21 3d 7f 9f 4d 51 58
    """
    if capture.twice:
        found = several(capture.twice, "packet", "captured again within 1 ms")
        yield _once("each packet once", found, capture.twice, capture.twice_first)


@rule("ST-013", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="n/a", role=Role.BOTH)
def analysis_limit_reached(capture: Capture) -> Iterator[Fault]:
    """A limit of the analysis or of the capture was reached.

    What lies beyond it was not looked at. Each limit has a name and can be raised, on the command line in the
    ``limits`` table of the configuration. Packets that the capturing program had no room for leave gaps, where they
    were part of a connection: a larger buffer (``capture_buffer``, or ``tcpdump -B``) or a filter avoids that.

    Violates:
        client: raw 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 58 3a 20 61*70000

    Conforms:
        client: 81 80 37 fa 21 3d
    """
    if capture.drops:
        yield _once("every packet recorded", several(capture.drops, "packet", "dropped by the capture"), capture.drops)
    for name, count in sorted(capture.limits.items()):
        if name not in NOT_LOSSES:
            yield _once(f"less than {name}", several(count, "time", "reached"), count)


def _once(expected: str, found: str, count: int, first: Place | None = None) -> Fault:
    """What happened ``count`` times, told at the first."""
    return Fault(expected=expected, found=found, place=first, count=count)
