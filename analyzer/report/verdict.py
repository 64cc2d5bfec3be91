"""The first line of the text report, and what to say where there is nothing to judge."""

from __future__ import annotations

from analyzer.model import Summary
from analyzer.report.paint import Line


def plural(count: int, noun: str) -> str:
    """``1 error``, ``2 errors``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def verdict(summary: Summary, blamed: int, observed: int = 0) -> Line:
    """One line: how many violations in how many connections.

    ``blamed``: connections with any; ``observed``: rules with findings of severity info.
    """
    if not summary.connections and not any(summary.severities.get(name) for name in ("error", "warning")):
        return [(f"No WebSocket connection found in {plural(summary.packets, 'packet')}", "heading")]
    connections = plural(summary.connections, "WebSocket connection")
    errors, warnings = (summary.severities.get(name, 0) for name in ("error", "warning"))
    counted = [f"{plural(observed, 'kind')} of observation"] if observed else []
    if summary.known:
        counted.append(f"{summary.known} known")
    notes = f" ({', '.join(counted)})" if counted else ""
    new = "new " if summary.known else ""
    if errors or warnings:
        parts: Line = []
        for count, name in ((errors, "error"), (warnings, "warning")):
            if count:
                parts += [(", " if parts else "", ""), (plural(count, f"{new}{name}"), name)]
        where = f"{blamed} of {connections}" if summary.connections > 1 else connections
        return [*parts, (f" in {where}{notes}", "")]
    reserve = f", as far as the capture shows: {missing(summary)}" if summary.gaps else ""
    return [(f"No {new}violation", "good"), (f" in {connections}{notes}{reserve}", "")]


def missing(summary: Summary) -> str:
    """What the gaps hide."""
    return f"{plural(summary.gap_bytes, 'byte')} missing in {plural(summary.gaps, 'gap')}"


def limits(summary: Summary) -> list[str]:
    """What was reached of `analyzer.settings`, and how often."""
    return [
        f"limit {name} reached {'once' if count == 1 else f'{count} times'}"
        for name, count in sorted(summary.limits.items())
    ]


def hints(summary: Summary) -> list[str]:
    """Why a capture may show no WebSocket, and what to do about it."""
    if not summary.packets:
        return ["The capture holds no packets."]
    if not summary.tcp_streams:
        return [
            "The capture holds no TCP segment that could be read.",
            "A capture filter may have excluded it, or the wrong interface was recorded.",
        ]
    seen = [f"{plural(summary.tcp_streams, 'TCP connection')} seen, none with an opening handshake (RFC 6455 4)."]
    encrypted = summary.findings.get("ST-005", 0)
    if encrypted:
        seen.append(f"{encrypted} of them encrypted (TLS), which hides the handshake.")
    if encrypted < summary.tcp_streams:
        seen += [
            "Begun before the capture: name the server's port with --decode-as PORT.",
            "Another protocol, or a capture filter that left out the port: check what was recorded.",
        ]
    return seen
