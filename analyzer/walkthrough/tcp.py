"""The first stage: TCP's own handshake, before either side knows of WebSocket (RFC 6455 4.1; RFC 9293 3.5)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from analyzer.model import Connection
from analyzer.walkthrough.document import Block, Section, paragraph
from analyzer.walkthrough.gather import Gathered
from analyzer.walkthrough.moments import duration
from analyzer.walkthrough.segments import Spotted, Traffic


def section(gathered: Gathered, traffic: Traffic) -> Section:
    """What the packets say about the beginning of TCP, in one line, and what follows from it."""
    connection = gathered.connection
    assert connection is not None
    named = {"SYN": traffic.syn, "SYN-ACK": traffic.syn_ack, "ACK": traffic.ack}
    seen = [(name, spot) for name, spot in named.items() if spot is not None]
    missing = [name for name, spot in named.items() if spot is None]
    blocks: list[Block] = []
    if seen:
        blocks.append(paragraph("; ".join(_seen(seen)), "."))
    if missing:
        later = "The capture begins after it. " if not seen else ""
        blocks.append(paragraph(f"{later}Not in the capture: {', '.join(missing)}."))
    if traffic.syn is not None and traffic.syn_ack is not None and traffic.ack is not None:
        answer = traffic.syn_ack.time_ns - traffic.syn.time_ns
        rest = traffic.ack.time_ns - traffic.syn_ack.time_ns
        here = " Both ends are on one machine, so there is no network in these times." if _local(connection) else ""
        blocks.append(
            paragraph(
                f"Now each side knows that the other hears it. The server's machine answered within {duration(answer)},"
                f" the client's within {duration(rest)}, as seen from where the capture was taken; together that is one"
                f" round trip, {duration(answer + rest)}, the least that a question and its answer can take here.{here}"
            )
        )
    if connection.tls:
        blocks.append(
            paragraph(
                "On top of TCP lies TLS. What follows was decrypted with keys that were at hand, and stream bytes are"
                " counted in what was decrypted."
            )
        )
    return Section("The TCP handshake", blocks)


def _seen(seen: list[tuple[str, Spotted]]) -> Iterator[str]:
    before = None
    for name, spot in seen:
        after = "" if before is None else f", {duration(spot.time_ns - before.time_ns)} later"
        yield f"{name} in packet {spot.packet}{after}"
        before = spot


def _local(connection: Connection) -> bool:
    return all(ip_address(address).is_loopback for address, _ in (connection.client, connection.server))
