"""Lines and tables."""

from __future__ import annotations

from analyzer.report.paint import ROLES, painter, table


def test_roles_are_colours_only_where_asked() -> None:
    line = [("bad", "error"), (" word ", "")]
    assert painter(False)(line) == "bad word"
    assert painter(True)(line) == "\x1b[1;31mbad\x1b[0m word "
    assert all(painter(True)([("x", role)]) != "x" for role in ROLES)


def test_text_is_not_markup() -> None:
    assert painter(True)([("[bold]x[/bold]", "")]) == "[bold]x[/bold]"


def test_columns_align() -> None:
    assert table([["#", "name"], ["10", "x"]], right=frozenset({0})) == [" #  name", "10  x"]
    assert table([]) == []
