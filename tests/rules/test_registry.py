"""The rule book reads a rule off its function, and refuses what is not one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from analyzer.model import Level, Role, Severity
from analyzer.rules import registry
from analyzer.rules.faults import Fault
from analyzer.rules.registry import FAMILIES, RULES, rule
from analyzer.rules.transport import Transport


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> dict[str, registry.Rule]:
    """A book of its own for the test."""
    empty: dict[str, registry.Rule] = {}
    monkeypatch.setattr(registry, "RULES", empty)
    return empty


def bad_thing(transport: Transport) -> Iterator[Fault]:
    """The bad thing is done.

    Why it is bad, in prose.

    More prose.

    Violates:
        client: 81 00
        server: FIN

        # another one
        client: 82 00

    Conforms:
        client: 81 80 00 00 00 00
    """
    yield Fault(expected=str(transport), found="")


STATED = {"severity": Severity.ERROR, "level": Level.MUST, "rfc": "RFC 6455 5.1", "role": Role.CLIENT}


def test_a_rule_is_read_off_its_function(book: dict[str, registry.Rule]) -> None:
    assert rule("MK-099", **STATED, close_code=1002)(bad_thing) is bad_thing  # type: ignore[arg-type]
    made = book["MK-099"]
    assert (made.name, made.title, made.family) == ("bad-thing", "The bad thing is done", "MK")
    assert made.prose == "Why it is bad, in prose.\n\nMore prose."
    assert made.violates == ("client: 81 00\nserver: FIN", "# another one\nclient: 82 00")
    assert made.conforms == ("client: 81 80 00 00 00 00",)
    assert (made.subject, made.opcode, made.close_code, made.fail_required) == ("Transport", None, 1002, False)
    assert made.check is bad_thing


def test_an_id_belongs_to_one_rule(book: dict[str, registry.Rule]) -> None:
    rule("MK-099", **STATED)(bad_thing)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="MK-099"):
        rule("MK-099", **STATED)(bad_thing)  # type: ignore[arg-type]


def test_the_book_is_in_the_order_of_the_catalogue() -> None:
    loaded = registry.load()
    assert list(loaded) == sorted(loaded, key=lambda one: (FAMILIES.index(one.partition("-")[0]), one))
    assert set(loaded) == set(RULES)
    assert len({one.name for one in loaded.values()}) == len(loaded), "a name stands for one rule"


def test_every_rule_says_what_a_reader_needs() -> None:
    for one in registry.load().values():
        assert one.title, one.id
        assert one.prose, one.id
        assert one.id.partition("-")[2].isdigit(), one.id
        if one.fail_required:
            assert one.severity is Severity.ERROR, one.id
