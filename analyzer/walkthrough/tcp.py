"""The first stage: TCP's own handshake, before either side knows of WebSocket (RFC 6455 4.1; RFC 9293 3.5)."""

from __future__ import annotations

from analyzer.report.wording import endpoint
from analyzer.walkthrough.document import Block, Section, code, paragraph
from analyzer.walkthrough.gather import Gathered
from analyzer.walkthrough.moments import duration, since
from analyzer.walkthrough.segments import Spotted, Traffic


def section(gathered: Gathered, traffic: Traffic, start_ns: int) -> Section:
    """What the packets say about the beginning of TCP, in one line."""
    connection = gathered.connection
    assert connection is not None
    blocks: list[Block] = [
        paragraph(
            "The client ", code(endpoint(connection.client)), " and the server ", code(endpoint(connection.server)),
            " first agree, as for any use of TCP, that each hears the other.",
        )
    ]  # fmt: skip
    named = {"SYN": traffic.syn, "SYN-ACK": traffic.syn_ack, "ACK": traffic.ack}
    seen = [_seen(name, spot, start_ns) for name, spot in named.items() if spot is not None]
    missing = [name for name, spot in named.items() if spot is None]
    if seen:
        blocks.append(paragraph("; ".join(seen), "."))
    if missing:
        later = " It began later." if traffic.syn is None and traffic.syn_ack is None else ""
        blocks.append(paragraph(f"Not in the capture: {', '.join(missing)}.{later}"))
    if traffic.syn is not None and traffic.syn_ack is not None and traffic.ack is not None:
        answer = traffic.syn_ack.time_ns - traffic.syn.time_ns
        rest = traffic.ack.time_ns - traffic.syn_ack.time_ns
        blocks.append(
            paragraph(
                f"From where the capture was taken, the server's side answered within {duration(answer)} and"
                " the client's"
                f" within {duration(rest)}; together they are one round trip, {duration(answer + rest)}: the"
                " least that"
                " any question and answer on this connection can take."
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


def _seen(name: str, spot: Spotted, start_ns: int) -> str:
    return f"{name} from the {spot.direction} in packet {spot.packet}, {since(spot.time_ns, start_ns)}"
