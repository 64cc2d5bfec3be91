"""Annotations, decoded as the runner decodes them."""

from __future__ import annotations

import re

import msgspec

from tests.report import made

COMMAND = re.compile(r"::(error|warning|notice)(?: ([^:]*))?::(.*)")


def decoded(line: str) -> tuple[str, dict[str, str], str]:
    """Level, properties and message of a workflow command."""
    match = COMMAND.fullmatch(line)
    assert match is not None, line
    stated = dict(part.split("=", 1) for part in match[2].split(","))
    return match[1], {name: _decode(value) for name, value in stated.items()}, _decode(match[3])


def _decode(text: str) -> str:
    for code, char in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_golden() -> None:
    text = made.rendered("github", made.STORY)
    made.assert_golden("story.github", text)
    made.assert_harmless(text)


def test_the_worst_come_first_and_each_kind_once() -> None:
    lines = made.rendered("github", made.STORY).splitlines()
    levels = [decoded(line)[0] for line in lines if line.startswith("::")]
    assert levels == ["error", "error", "error", "warning"]
    assert "3 times" in lines[0]


def test_what_a_stranger_sent_ends_no_command() -> None:
    evil = "a\n::error::b%0A::c,file=d:e\r"
    finding = msgspec.structs.replace(made.UNMASKED, found=evil, expected="", file="x,line=9:y%.pcap")
    (line,) = made.rendered("github", [finding]).splitlines()
    level, stated, message = decoded(line)
    assert (level, stated["file"], stated["line"]) == ("error", "x,line=9:y%.pcap", "17")
    assert "found a\\x0a::error::b%0A::c,file=d:e\\x0d" in message
