"""The verdict, and what is worth noticing even to those who know the protocol."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Finding, Severity
from analyzer.report.verdict import plural
from analyzer.report.wording import ended
from analyzer.walkthrough import checks
from analyzer.walkthrough.document import Block, Section, Table, Words, outcome, paragraph, points, words
from analyzer.walkthrough.gather import DIRECTIONS, Gathered
from analyzer.walkthrough.moments import duration
from analyzer.walkthrough.segments import Traffic

LISTED = 40
"""Rules listed."""


def section(gathered: Gathered, traffic: Traffic) -> Section:
    """The last section."""
    return Section("The verdict", list(_blocks(gathered, traffic)))


def _blocks(gathered: Gathered, traffic: Traffic) -> Iterator[Block]:
    findings = gathered.findings
    blamed = [
        finding for finding in findings if finding.severity is not Severity.INFO and not finding.rule.startswith("ST-")
    ]
    counts = {level: sum(finding.count for finding in findings if finding.severity is level) for level in Severity}
    connection = gathered.connection
    assert connection is not None
    doubt = [finding for finding in findings if finding.rule in checks.DOUBT]
    told = ", ".join(
        plural(counts[level], name)
        for level, name in ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "observation"))
        if counts[level]
    )
    if blamed:
        yield paragraph(outcome("broken"), f": {told}. The connection ended: {ended(connection)}.")
    else:
        reserve = " as far as the capture shows" if doubt else ""
        yield paragraph(
            outcome("held"),
            f": no rule was broken{reserve}{f' ({told})' if told else ''}. The connection ended: {ended(connection)}.",
        )
    if findings:
        yield _table(findings)
    if gathered.findings_more:
        yield paragraph(f"{plural(gathered.findings_more, 'finding')} more: wsanalyzer analyze lists all.")
    missing = list(_missing(gathered, findings))
    if missing:
        yield paragraph("What the capture does not show:")
        yield points(*missing)
    notable = list(_notable(gathered, traffic))
    if notable:
        yield paragraph("Worth noticing:")
        yield points(*notable)


def _table(findings: list[Finding]) -> Table:
    """A row for each rule and side, the worst first."""
    groups: dict[tuple[int, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity.rank, finding.rule, finding.direction or "-"), []).append(finding)
    rows = [
        [
            words(group[0].severity),
            words(rule),
            words(side),
            words(str(sum(each.count for each in group))),
            words(group[0].text),
        ]
        for (_, rule, side), group in sorted(groups.items())
    ]
    return Table(["severity", "rule", "by", "times", "what"], rows[:LISTED], frozenset({3}))


def _missing(gathered: Gathered, findings: list[Finding]) -> Iterator[Words]:
    summary = gathered.summary
    if not gathered.openings:
        yield words("the opening handshake")
    elif gathered.openings[-1].response is None and any(side.frames for side in gathered.sides.values()):
        yield words("the answer to the opening")
    if summary is not None and summary.drops:
        yield words(f"{plural(summary.drops, 'packet')} that the capture itself says were not recorded")
    if summary is not None:
        for name, count in sorted(summary.limits.items()):
            yield words(f"what lies beyond the limit {name}, reached {plural(count, 'time')} somewhere in the capture")
    if any(side.pieces for side in gathered.sides.values()):
        yield words(f"parts of {plural(sum(side.pieces for side in gathered.sides.values()), 'frame')}")


def _notable(gathered: Gathered, traffic: Traffic) -> Iterator[Words]:
    sides = gathered.sides
    opening = gathered.openings[-1] if gathered.openings else None
    if (
        opening is not None
        and opening.request is not None
        and opening.response is not None
        and traffic.syn is not None
        and traffic.ack is not None
    ):
        trip = traffic.ack.time_ns - traffic.syn.time_ns
        took = opening.response.time_ns - opening.request.time_ns
        if took > 2 * trip >= 0:
            yield words(
                f"The server thought about the opening: its answer took {duration(took)}, a round trip of TCP"
                f" {duration(trip)}."
            )
    application = sum(side.length for side in sides.values())
    wire = traffic.headers + traffic.payload
    if application and wire:
        headers = sum(side.headers for side in sides.values())
        yield words(
            f"Of {wire} bytes that IP carried for this connection, {application}"
            f" ({100 * application / wire:.1f} %) were the"
            f" application's, {headers} were frame headers and {traffic.headers} headers of IP and TCP."
        )
    for name in DIRECTIONS:
        side = sides[name]
        if side.spanning:
            yield words(
                f"{plural(side.spanning, 'frame')} of the {name} ended in another packet than they began in:"
                " TCP knows no frames."
            )
        if side.compressed and not side.unknown and side.length and side.data_payload >= side.length:
            yield words(
                f"The {name}'s compression did not pay: {side.length} bytes of messages took"
                f" {side.data_payload} bytes of payload."
            )
    shared = _sharing(gathered)
    if shared:
        yield words(f"{plural(shared, 'packet')} held more than one frame: frames may share a segment.")
    first = gathered.first[0] if gathered.first else None
    if first is not None and opening is not None and opening.response is not None:
        yield words(
            f"The first frame came from the {first.direction},"
            f" {duration(first.time_ns - opening.response.time_ns)} after the 101."
        )


def _sharing(gathered: Gathered) -> int:
    seen: dict[tuple[str, int, str], int] = {}
    for frame in [*gathered.first, *gathered.last]:
        key = (frame.file, frame.packet, frame.direction)
        seen[key] = seen.get(key, 0) + 1
    return sum(count > 1 for count in seen.values())
