"""JUnit XML: a suite for each connection, a case for each rule. CI systems show it as a table of tests.

A case fails where a finding of its rule is at or above the severity the run fails on (``--fail-on``); lesser
findings are its output. Rules without a finding are cases that passed, in the first `IN_FULL` suites; after
that a suite holds only the cases that have something to tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from analyzer.model import Connection, Finding, Handshake, Record, Run, Severity, Summary
from analyzer.report.concise import line
from analyzer.report.escape import elide, visible
from analyzer.report.listed import Listed
from analyzer.report.sink import Look
from analyzer.report.tally import Group, Tally
from analyzer.report.wording import endpoint

IN_FULL = 100
"""Suites that list every rule."""
LONGEST = 200
"""Characters of a suite's name."""


class JUnit:
    """Holds one finding of each kind and the connections, and writes the document when closed."""

    def __init__(self, out: BinaryIO, look: Look) -> None:
        """Write to ``out`` in UTF-8."""
        self._out = out
        self._look = look
        self._tally = Tally(look.kept_findings, verbose=True)
        self._listed = Listed(look.kept_connections)
        self._rules: list[str] = []
        self._whole = False

    def write(self, record: Record) -> None:
        """Take the record in."""
        match record:
            case Finding():
                self._tally.add(record)
            case Connection() | Handshake():
                self._listed.add(record)
            case Run():
                self._rules = record.rules
            case Summary():
                self._whole = True

    def close(self) -> None:
        """Write the document. An analysis that did not come to its end is an error of the first suite."""
        for text in self._lines():
            self._out.write(text.encode() + b"\n")

    def _lines(self) -> Iterator[str]:
        found = self._tally.by_connection()
        numbers = sorted({*self._listed.connections, *(number for number in found if number is not None)})
        yield '<?xml version="1.0" encoding="UTF-8"?>'
        yield '<testsuites name="wsanalyzer">'
        for place, number in enumerate(numbers):
            yield from self._suite(self._name(number), found.get(number, []), place < IN_FULL, number)
        yield from self._suite("capture", found.get(None, []), False, None)
        yield "</testsuites>"

    def _name(self, number: int) -> str:
        connection = self._listed.connections.get(number)
        between = "" if connection is None else f" {endpoint(connection.client)} -> {endpoint(connection.server)}"
        return f"connection {number}{between} {elide(self._listed.requests.get(number, ''), LONGEST)}".rstrip()

    def _suite(self, name: str, groups: list[Group], in_full: bool, number: int | None) -> Iterator[str]:
        told: dict[str, list[Finding]] = {}
        counts: dict[str, int] = {}
        for group in groups:
            told.setdefault(group.first.rule, []).append(group.first)
            counts[group.first.rule] = counts.get(group.first.rule, 0) + group.instances
        known = set(self._rules)
        cases = [rule for rule in self._rules if in_full or rule in told] + [rule for rule in told if rule not in known]
        failed = sum(any(self._fails(finding) for finding in findings) for findings in told.values())
        unfinished = number is None and not self._whole
        total = len(cases) + (not cases) + unfinished
        yield (
            f'<testsuite name={quoteattr(visible(name))} tests="{total}" failures="{failed}" '
            f'errors="{int(unfinished)}" skipped="0">'
        )
        if unfinished:
            yield '<testcase classname="wsanalyzer" name="analysis">'
            yield '<error message="it did not come to its end"/></testcase>'
        for rule in cases:
            yield from self._case(rule, told.get(rule, []), counts.get(rule, 0))
        if not cases:
            yield '<testcase classname="wsanalyzer" name="no finding"/>'
        yield "</testsuite>"

    def _case(self, rule_id: str, findings: list[Finding], count: int) -> Iterator[str]:
        rule = self._look.rules.get(rule_id)
        name = rule_id if rule is None else f"{rule_id} {rule.name}"
        start = f"<testcase classname={quoteattr(rule_id.partition('-')[0])} name={quoteattr(name)}"
        if not findings:
            yield f"{start}/>"
            return
        yield f"{start}>"
        failures = [finding for finding in findings if self._fails(finding)]
        others = [finding for finding in findings if not self._fails(finding)]
        if failures:
            first = failures[0]
            times = f" ({count} times)" if count > 1 else ""
            body = "\n".join(line(finding) for finding in failures)
            yield (
                f"<failure type={quoteattr(str(first.severity))} message={quoteattr(visible(first.text) + times)}>"
                f"{escape(body)}</failure>"
            )
        if others:
            yield f"<system-out>{escape(chr(10).join(line(finding) for finding in others))}</system-out>"
        yield "</testcase>"

    def _fails(self, finding: Finding) -> bool:
        return self._look.fail_on is not None and finding.severity.rank <= Severity(self._look.fail_on).rank
