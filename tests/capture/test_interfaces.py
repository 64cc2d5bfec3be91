"""Interfaces by name."""

from __future__ import annotations

import pytest

from analyzer.capture import interfaces
from analyzer.errors import InputError, UsageError


def test_loopback_is_there_and_up() -> None:
    assert "lo" in interfaces.names()
    assert interfaces.is_up("lo")
    assert not interfaces.is_up("nosuch")
    assert not interfaces.is_up("a name longer than any interface has")


def test_each_is_named_once() -> None:
    assert interfaces.check(["lo", "lo"]) == ["lo"]
    assert interfaces.check(["any"]) == ["any"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([], "name an interface with -i: .*lo.*, any"),
        (["lo", "nosuch"], "nosuch: no such interface; there are .*lo.*, any"),
        (["lo", "any"], "-i any stands for all interfaces; name no other beside it"),
    ],
)
def test_what_makes_no_sense(wanted: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        interfaces.check(wanted)


def test_one_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "is_up", lambda name: False)
    with pytest.raises(InputError, match="lo: the interface is down"):
        interfaces.check(["lo"])
