"""The verdict, and what is worth noticing even to those who know the protocol."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Finding, Severity
from analyzer.report.verdict import plural
from analyzer.report.wording import ended
from analyzer.walkthrough import checks, notes
from analyzer.walkthrough.document import Block, Section, Table, Words, outcome, paragraph, points, words
from analyzer.walkthrough.gather import Gathered
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
    loose = [finding for finding in findings if finding.rule.startswith("SEC-") and finding.frame is None]
    if loose:
        yield checks.told(loose[:LISTED])
    if gathered.findings_more:
        yield paragraph(f"{plural(gathered.findings_more, 'finding')} more: wsanalyzer analyze lists all.")
    missing = list(_missing(gathered, findings))
    if missing:
        yield paragraph("What the capture does not show:")
        yield points(*missing)
    notable = list(notes.notable(gathered, traffic))
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
