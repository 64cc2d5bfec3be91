"""JUnit XML, read back by an XML parser and by junitparser."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import junitparser
import msgspec
import pytest

from analyzer.model import Record, Severity
from analyzer.report import junit
from tests.command import wsanalyzer
from tests.conftest import SAMPLES
from tests.report import made


def suites(*records: Record, **look: object) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(made.rendered("junit", records, **look)))


def test_golden() -> None:
    text = made.rendered("junit", made.STORY)
    made.assert_golden("story.xml", text)
    made.assert_harmless(text)


@pytest.mark.parametrize(
    ("fail_on", "failed"), [(Severity.ERROR, {"0"}), (Severity.WARNING, {"0", "1"}), (None, set())]
)
def test_a_case_fails_from_the_severity_the_run_fails_on(fail_on: Severity | None, failed: set[str]) -> None:
    warning = msgspec.structs.replace(made.NO_VERSION, rule="TX-001")
    found = suites(
        made.RUN, made.UNMASKED, warning, made.connection(0), made.connection(1), made.SUMMARY, fail_on=fail_on
    )
    assert {suite.get("name", "").split()[1] for suite in found if suite.findall("testcase/failure")} == failed
    assert [suite.get("failures") for suite in found][:2] == [str(int(number in failed)) for number in ("0", "1")]


def test_counts_are_those_of_the_cases() -> None:
    for suite in suites(*made.STORY):
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))


def test_every_rule_is_a_case_of_the_first_suites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "IN_FULL", 1)
    first, second, capture = suites(made.RUN, made.connection(0), made.connection(1), made.SUMMARY)
    assert [case.get("name") for case in first] == ["MK-001 unmasked-client-frame", "TX-001"]
    assert [case.get("name") for case in second] == [case.get("name") for case in capture] == ["no finding"]


def test_an_analysis_cut_short_is_an_error() -> None:
    (*_, capture) = suites(made.RUN, made.connection(0))
    assert capture.get("errors") == "1"
    assert capture.findall("testcase/error")


def test_junitparser_reads_the_gallery(tmp_path: Path) -> None:
    ran = wsanalyzer(
        "analyze", SAMPLES / "violations.pcap", "--isolated", "-o", "r.xml", "-o", "findings.csv", folder=tmp_path
    )
    assert ran.returncode == 1, ran.stderr
    read = junitparser.JUnitXml.fromfile(str(tmp_path / "r.xml"))
    suites = list(read)
    assert sum(suite.failures for suite in suites) == read.failures
    assert sum(suite.tests for suite in suites) == read.tests == sum(len(list(suite)) for suite in suites)
    failed = {
        case.name.partition(" ")[0]
        for suite in suites
        for case in suite
        if any(isinstance(result, junitparser.Failure) for result in case.result)
    }
    rows = [line.split(",") for line in (tmp_path / "findings.csv").read_text(encoding="utf-8").splitlines()]
    rule, severity = rows[0].index("rule"), rows[0].index("severity")
    assert failed == {row[rule] for row in rows if row[severity] == "error"}
