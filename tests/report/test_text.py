"""The report for a person."""

from __future__ import annotations

import re

import msgspec

from analyzer.report import text
from tests.report import made


def test_golden() -> None:
    report = made.rendered("text", made.STORY)
    made.assert_golden("story.txt", report)
    made.assert_harmless(report)


def test_golden_verbose() -> None:
    made.assert_golden("verbose.txt", made.rendered("text", made.STORY, verbose=True))


def test_golden_clean() -> None:
    made.assert_golden(
        "clean.txt", made.rendered("text", [made.RUN, made.handshake(0), made.connection(0), made.CLEAN])
    )


def test_golden_without_websocket() -> None:
    none = msgspec.structs.replace(made.CLEAN, connections=0, frames=0, messages=0)
    made.assert_golden("none.txt", made.rendered("text", [made.RUN, none]))


def test_colour_changes_nothing_but_colour() -> None:
    plain = made.rendered("text", made.STORY)
    colored = made.rendered("text", made.STORY, color=True)
    assert "\x1b[1;31merror" in colored
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_many_connections_are_not_all_listed() -> None:
    records = [made.RUN, made.UNMASKED, *(made.connection(number) for number in range(100)), made.SUMMARY]
    report = made.rendered("text", records)
    assert report.count("closed 1000") == 1
    assert "99 connections without errors or warnings not listed (-v lists them)" in report
    assert made.rendered("text", records, verbose=True).count("closed 1000") == 100


def test_limits_are_said() -> None:
    report = made.rendered("text", made.STORY, kept_connections=1, kept_findings=1)
    assert "2 connections more, beyond kept_connections" in report
    assert "5 findings more, beyond kept_findings" in report
    assert report.startswith("8 errors, 1 warning in 2 of 3")


def test_a_report_cut_short_says_so() -> None:
    assert made.rendered("text", made.STORY[:5]).startswith("The analysis did not come to its end")


def test_quiet_is_one_line() -> None:
    assert len(made.rendered("text", made.STORY, quiet=True).splitlines()) == 1


def test_seconds_are_exact() -> None:
    assert text.seconds(made.START) == "1700000000.123456"


def test_how_a_connection_ended() -> None:
    one = made.connection(0)
    assert text.ended(one) == "closed 1000"
    assert text.ended(msgspec.structs.replace(one, server_close_code=1002)) == "closed 1000/1002"
    assert text.ended(msgspec.structs.replace(one, server_close_code=None)) == "closed 1000/-"
    assert text.ended(made.connection(0, state="closed-by-client")) == "closed by client"
