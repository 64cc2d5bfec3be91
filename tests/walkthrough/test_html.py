"""Walkthroughs as one HTML page."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from analyzer.walkthrough import html
from tests.report import made
from tests.walkthrough import hostile

VOID = {"meta", "br"}
ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "h1",
        "h2",
        "h3",
        "main",
        "nav",
        "ol",
        "ul",
        "li",
        "a",
    ),
    *("p", "pre", "code", "strong", "span", "dl", "dt", "dd", "div", "table", "thead", "tbody", "tr", "th", "td"),
}


class Page(HTMLParser):
    """Notes the elements, and whether each is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.style = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data


def page() -> tuple[str, Page]:
    written = "\n".join(html.lines(hostile.document()))
    parsed = Page()
    parsed.feed(written)
    parsed.close()
    return written, parsed


def test_nothing_a_stranger_sent_is_markup() -> None:
    written, parsed = page()
    assert parsed.open == []
    made.assert_harmless(written)
    assert {name for _, name, _ in parsed.attributes} <= {
        *("lang", "charset", "http-equiv", "content", "name", "id", "href", "class", "scope", "tabindex", "aria-label"),
    }
    assert all(value and value.startswith("#") for _, name, value in parsed.attributes if name == "href")


def test_the_policy_allows_nothing_but_its_own_style() -> None:
    _, parsed = page()
    (policy,) = [value for tag, name, value in parsed.attributes if tag == "meta" and value and "default-src" in value]
    digest = base64.b64encode(hashlib.sha256(parsed.style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"url\(|@import|expression", parsed.style)


def test_it_is_made_for_dark_light_and_paper() -> None:
    written, _ = page()
    assert "prefers-color-scheme: dark" in written
    assert "@media print" in written
