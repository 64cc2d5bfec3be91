"""Words to settings and destinations."""

from __future__ import annotations

import pytest

from analyzer.cli.options import Options, destinations, merge, nanoseconds, pairs, settings
from analyzer.errors import UsageError
from analyzer.model import Severity
from tests.report.made import RULE

RULES = {"MK-001": RULE, "FR-001": RULE}


def test_every_option_becomes_a_setting() -> None:
    made = settings(
        Options(
            select=["mk,FR-0"],
            ignore=["FR-001"],
            severity={"mk-001": "info"},
            records=["frames,findings"],
            payloads=True,
            decode_as=["8080", "9000"],
            timeout={"pong": "1.5"},
            limits={"message_size": 10},
            engine="tshark",
            tshark_option=['uat:80211_keys:"wpa-pwd","a, b:c"'],
        ),
        RULES,
    )
    assert made.select == ("MK", "FR-0")
    assert made.ignore == ("FR-001",)
    assert made.severity == {"MK-001": Severity.INFO}
    assert made.records == {"frames", "findings"}
    assert made.payloads is True
    assert made.decode_as == {8080, 9000}
    assert made.pong_timeout == 1_500_000_000
    assert made.message_size == 10
    assert made.engine == "tshark"
    assert made.tshark_options == ('uat:80211_keys:"wpa-pwd","a, b:c"',)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(select=["MK-01x"]), "--select MK-01x: no rule has this id or prefix; did you mean MK-001"),
        (Options(severity={"MK": "info"}), "--severity MK: no rule has this id"),
        (
            Options(severity={"MK-001": "fatal"}),
            "--severity MK-001=fatal: not known; choose from error, warning, info",
        ),
        (Options(select=[""]), "--select '': empty"),
        (Options(select=["MK", " ,"]), "--select ' ,': empty"),
        (Options(records=[""]), "--records '': empty"),
        (Options(decode_as=[","]), "--decode-as ',': empty"),
        (Options(records=["frame"]), "did you mean frames"),
        (Options(engine="wireshark"), "--engine wireshark: not known; choose from native, tshark"),
        (Options(tshark_option=["a.b:1"]), "--tshark-option: only with --engine tshark"),
        (Options(decode_as=["0"]), "not a TCP port"),
        (Options(decode_as=["٣"]), "not a TCP port"),
        (Options(timeout={"ping": "1"}), "choose from follow, fail, pong, close, teardown"),
        (Options(timeout={"pong": "-1"}), "not a number of seconds"),
        (Options(timeout={"pong": "nan"}), "not a number of seconds"),
        (Options(timeout={"pong": "1e40"}), "not a number of seconds"),
    ],
)
def test_mistakes_are_named(options: Options, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings(options, RULES)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("formats", "outputs", "expected"),
    [
        ([], [], [("text", "-")]),
        (["jsonl"], [], [("jsonl", "-")]),
        ([], ["a.JSON"], [("json", "a.JSON")]),
        ([], ["-"], [("text", "-")]),
        (["text,jsonl"], ["a", "b"], [("text", "a"), ("jsonl", "b")]),
        (["jsonl"], ["a.x", "b.txt"], [("jsonl", "a.x"), ("text", "b.txt")]),
        (["jsonl", "text"], ["a.x"], [("jsonl", "a.x"), ("text", "-")]),
    ],
)
def test_destinations(formats: list[str], outputs: list[str], expected: list[tuple[str, str]]) -> None:
    assert destinations(Options(format=formats, output=outputs)) == expected


def test_an_unknown_format_lists_the_valid_ones() -> None:
    with pytest.raises(UsageError, match="text, concise, jsonl, json"):
        destinations(Options(format=["xml"]))


def test_an_unknown_suffix_lists_the_valid_ones() -> None:
    with pytest.raises(UsageError, match=r"\.txt, \.jsonl, \.ndjson, \.json"):
        destinations(Options(output=["a.bin"]))


def test_the_command_line_wins() -> None:
    both = merge(Options(fail_on="never"), Options(fail_on="info", color="never"))
    assert (both.fail_on, both.color) == ("never", "never")


def test_pairs() -> None:
    assert pairs("--timeout", ["pong=1,close=2", "pong=3"]) == {"pong": "3", "close": "2"}
    with pytest.raises(UsageError, match="expected NAME=VALUE"):
        pairs("--timeout", ["pong"])
    with pytest.raises(UsageError, match="--timeout '': empty"):
        pairs("--timeout", [""])


def test_seconds_are_exact() -> None:
    assert nanoseconds("pong", "0.123456789") == 123_456_789
