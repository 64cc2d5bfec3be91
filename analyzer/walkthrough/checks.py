"""Which rules a stage of the connection was judged by, and how each fared.

A walkthrough shows also what was right, so the demands are put positively here, a line for the rules that guard one.
The verdicts are the engine's: a finding of one of the rules means that the demand was not met. Without one, it was
met, as far as the capture shows; where nothing is there that could meet it, it says so.
"""

from __future__ import annotations

import msgspec

from analyzer.model import Direction, Finding, Severity
from analyzer.walkthrough.document import Outcome, Points, Table, Words, code, outcome, strong, words


class Check(msgspec.Struct, frozen=True):
    """A demand of the RFCs on one side, or on each."""

    rules: tuple[str, ...]
    demand: str
    side: Direction | None = None


REQUEST = (
    Check(("HS-001", "HS-002"), "a GET in HTTP/1.1 or later", "client"),
    Check(("HS-101", "HS-102", "HS-103"), "one Host", "client"),
    Check(("HS-104",), "Upgrade names websocket", "client"),
    Check(("HS-105",), "Connection names Upgrade", "client"),
    Check(("HS-106", "HS-107", "HS-108"), "one key, the base64 of 16 bytes", "client"),
    Check(("HS-110", "HS-111", "HS-112", "HS-113"), "one version, and it is 13", "client"),
    Check(("HS-116", "HS-117"), "at most one Origin, well formed", "client"),
    Check(("HS-114", "HS-115"), "subprotocols offered are tokens, each once", "client"),
    Check(("EX-001", "EX-101", "EX-102", "EX-103"), "extensions offered are well formed", "client"),
)
"""What a server has to check of the request (RFC 6455 4.2.1)."""

RESPONSE = (
    Check(("HS-201", "HS-202"), "an HTTP/1.1 status line", "server"),
    Check(("HS-203", "HS-204"), "Upgrade is websocket", "server"),
    Check(("HS-205",), "Connection names Upgrade", "server"),
    Check(("HS-206", "HS-207", "HS-208"), "one accept value, computed from the key", "server"),
    Check(("HS-209", "HS-210", "HS-211"), "at most one subprotocol, of those offered", "server"),
    Check(("EX-003", "EX-005", "EX-006"), "only extensions that were offered", "server"),
    Check(
        ("EX-104", "EX-111", "EX-112", "EX-113", "EX-114", "EX-115", "EX-116", "EX-117"),
        "compression parameters that answer the offer",
        "server",
    ),
    Check(("HS-214",), "no 101 to a request that had to be rejected", "server"),
    Check(("HS-401",), "the client waited for the answer", "client"),
    Check(("HS-402",), "the client went on only if the answer was right", "client"),
)
"""What a client has to check of the answer (RFC 6455 4.1)."""

FRAMES = (
    Check(("FR-001", "EX-201", "EX-202"), "reserved bits only as an agreed extension defines them"),
    Check(("FR-002", "FR-003"), "only opcodes that are defined"),
    Check(("FR-004", "FR-005", "FR-006"), "the shortest form of each length"),
    Check(("CT-001", "CT-002"), "control frames of at most 125 bytes, in one piece"),
    Check(("FG-001", "FG-002"), "fragments of one message at a time"),
    Check(("TX-001", "TX-002"), "text is UTF-8"),
)
"""What both sides have to check of each frame (RFC 6455 5.2, 5.4 to 5.6)."""

INFLATE = Check(("EX-203", "EX-204", "EX-205", "EX-206", "EX-207"), "compressed messages can be inflated as agreed")
"""The same for compressed messages (RFC 7692 7.2)."""

PINGS = (Check(("CT-003", "CT-004"), "a Ping is answered, soon"), Check(("CT-007",), "with its own payload"))
"""RFC 6455 5.5.2, 5.5.3."""

MASKING = (
    Check(("MK-001",), "every frame of the client is masked", "client"),
    Check(("MK-002",), "no frame of the server is masked", "server"),
)
"""RFC 6455 5.1."""

CLOSING = (
    Check(("CL-001", "CL-009"), "a Close has no payload, or a code of two bytes and a reason in UTF-8"),
    Check(("CL-002", "CL-003", "CL-004", "CL-005", "CL-006", "CL-007", "CL-008"), "a code that may be sent"),
    Check(("SC-001",), "no data after one's own Close"),
)
"""RFC 6455 5.5.1, 7.4."""

BOTH = (Check(("SC-004", "SC-005"), "a Close is answered with a Close, soon"),)
"""The same where both sides sent one."""

ENDING = (
    Check(("SC-011", "SC-012"), "the server closes TCP first", "server"),
    Check(("SC-013", "SC-014", "SC-015"), "TCP ends by FIN, after the closing handshake"),
)
"""RFC 6455 7.1.1."""

ALL = (*REQUEST, *RESPONSE, *FRAMES, INFLATE, *MASKING, *PINGS, *CLOSING, *BOTH, *ENDING)

DOUBT = ("ST-002", "ST-003", "ST-004", "ST-007")
"""Observations after which "held" means: in what was captured."""

EXTENDED = ("FR-001", "EX-203")
"""What cannot be judged where it is not known which extensions are active, by the first rule of the demand."""
OF_REQUEST = ("HS-206", "HS-209", "EX-003", "EX-104", "HS-214", "HS-401", "HS-402")
"""What cannot be judged of an answer without the request."""
OF_ROLES = ("MK-001", "MK-002")
"""What cannot be judged where the masks are what tells the client from the server."""


def judged(
    checks: tuple[Check, ...], findings: list[Finding], seen: frozenset[Direction], *, unknown: tuple[str, ...] = ()
) -> Table:
    """A row for each demand; ``seen``: the sides that can be judged; ``unknown``: what cannot."""
    rows: list[list[Words]] = []
    for check in checks:
        hits = [finding for finding in findings if finding.rule in check.rules]
        side = check.side or "each side"
        known = check.rules[0] not in unknown
        rows.append(
            [
                words(outcome(_outcome(check, hits, seen if known else frozenset()))),
                words(side),
                words(check.demand),
                words(_rules(check, hits)),
            ]
        )
    return Table(["outcome", "of", "demand", "rules"], rows)


def _outcome(check: Check, hits: list[Finding], seen: frozenset[Direction]) -> Outcome:
    if any(hit.severity is not Severity.INFO for hit in hits):
        return "broken"
    if hits:
        return "noted"
    return "held" if (seen if check.side is None else check.side in seen) else "not seen"


def _rules(check: Check, hits: list[Finding]) -> str:
    return short(list(dict.fromkeys(hit.rule for hit in hits)) or list(check.rules))


def short(rules: list[str]) -> str:
    """``HS-206 to 208, 210``: rules of a family in a row are named by the first and the last."""
    runs: list[list[str]] = []
    for rule in rules:
        family, _, number = rule.partition("-")
        before = runs[-1][-1].partition("-") if runs else ("", "", "")
        if before[0] == family and number.isdecimal() and int(number) == int(before[2]) + 1:
            runs[-1].append(rule)
        else:
            runs.append([rule])
    told, last = [], ""
    for run in runs:
        family = run[0].partition("-")[0]
        first = run[0] if family != last else run[0].partition("-")[2]
        end = run[-1].partition("-")[2]
        told.append(first if len(run) == 1 else f"{first}, {end}" if len(run) == 2 else f"{first} to {end}")
        last = family
    return ", ".join(told)


def told(findings: list[Finding]) -> Points:
    """Findings as a list: what each found and what was expected."""
    return Points([_told(finding) for finding in findings])


def _told(finding: Finding) -> Words:
    broken: Outcome = "noted" if finding.severity is Severity.INFO else "broken"
    told = [outcome(broken), *words(" "), strong(finding.rule), *words(f": {finding.text}")]
    told += words(f" ({', '.join(_where(finding))})")
    if finding.expected:
        told += words("; expected ", code(finding.expected))
    if finding.found:
        told += words(", found ", code(finding.found))
    if finding.count > 1:
        told += words(f", {finding.count} times")
    return told


def _where(finding: Finding) -> list[str]:
    where = []
    if finding.direction is not None:
        where.append(finding.direction if finding.frame is None else f"{finding.direction} frame {finding.frame}")
    if finding.packet is not None:
        where.append(f"packet {finding.packet}")
    if finding.rfc != "n/a":
        where.append(finding.rfc)
    return where or ["the whole capture"]
