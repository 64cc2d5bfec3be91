"""The time-outs of rules: the catalogue's default decides on either side of it, and a setting in its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from analyzer.model import Finding
from analyzer.settings import SECOND, Settings
from tests.running import only, played

PING, PONG = "server: 89 02 68 69", "client: 8a 82 37 fa 21 3d 5f 93"
TEXT, ANSWER = "client: 81 80 37 fa 21 3d", "server: 81 02 68 69"
CLOSE, CLOSED = "client: 88 82 37 fa 21 3d 34 12", "server: 88 02 03 e8"
UNMASKED = "client: 81 05 48 65 6c 6c 6f"

CASES: list[tuple[str, int, str, Callable[[str], tuple[str, ...]]]] = [
    ("pong_timeout", 20, "CT-003", lambda wait: (PING, TEXT, wait, TEXT)),
    ("pong_timeout", 20, "CT-007", lambda wait: (PING, "client: 8a 81 37 fa 21 3d 4f", wait, TEXT)),
    ("pong_late", 5, "CT-004", lambda wait: (PING, wait, PONG)),
    ("close_timeout", 10, "SC-004", lambda wait: (CLOSE, ANSWER, wait, ANSWER)),
    ("close_late", 2, "SC-005", lambda wait: (CLOSE, wait, CLOSED)),
    ("message_late", 1, "SC-006", lambda wait: (CLOSE, ANSWER, wait, ANSWER, CLOSED)),
    ("fail_timeout", 5, "SC-007", lambda wait: (UNMASKED, ANSWER, wait, ANSWER)),
    ("teardown_timeout", 2, "SC-011", lambda wait: (CLOSE, CLOSED, wait, "client: FIN", "server: FIN")),
    ("idle_timeout", 60, "ST-023", lambda wait: (TEXT, wait, TEXT)),
]
"""Setting, the catalogue's default in seconds, rule, and the story that breaks it if so much time goes by."""


def told(rule: str, story: tuple[str, ...], **chosen: int) -> bool:
    return any(finding.rule == rule for finding in only(Finding, played("\n".join(story), **chosen)))


@pytest.mark.parametrize(("setting", "default", "rule", "story"), CASES, ids=[case[2] for case in CASES])
def test_the_catalogues_default_decides_and_the_setting_instead(
    setting: str, default: int, rule: str, story: Callable[[str], tuple[str, ...]]
) -> None:
    assert getattr(Settings(), setting) == default * SECOND
    short, long = (f"+{default * 1000 + milliseconds}ms" for milliseconds in (-100, 100))
    assert not told(rule, story(short))
    assert told(rule, story(long))
    assert not told(rule, story(long), **{setting: 2 * default * SECOND})
    assert told(rule, story(short), **{setting: default * SECOND // 2})
