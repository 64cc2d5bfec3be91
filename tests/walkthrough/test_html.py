"""Walkthroughs as one HTML page."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analyzer.walkthrough import html
from samples import transcript
from tests.browser import browser
from tests.command import wsanalyzer
from tests.report import made, test_hostile
from tests.report.html.test_page import ATTACK
from tests.report.made import FORBIDDEN
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


ATTACKS = f"{ATTACK} {test_hostile.PAYLOAD}"
"""All that the report is attacked with: in its page, and through the command line in every format."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The document above, and the walkthrough of the hostile connection that the report is tested with."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "x.pcap").write_bytes(transcript.capture(test_hostile.STORY))
    told = wsanalyzer("walkthrough", "x.pcap", "-o", "wire.html", folder=folder)
    assert (told.returncode, told.stderr) == (0, b"")
    (folder / "every.html").write_text("\n".join(html.lines(hostile.document(ATTACKS))), encoding="utf-8")
    return {"wire": folder / "wire.html", "every": folder / "every.html"}


@pytest.mark.parametrize("name", ["wire", "every"])
def test_what_attacks_the_report_does_not_hurt_the_walkthrough(pages: dict[str, Path], name: str) -> None:
    text = pages[name].read_text(encoding="utf-8")
    assert [char for char in FORBIDDEN if char in text] == []
    assert "alert" in text, "the stranger's words are there, made harmless"
    for tag in ("<script", "<img", "<iframe", "<!--"):
        assert tag not in text.lower()
    parsed = Page()
    parsed.feed(text)
    parsed.close()
    assert parsed.open == []
    assert not {name for _, name, _ in parsed.attributes if name.startswith("on")}


@pytest.mark.parametrize("name", ["wire", "every"])
def test_in_a_browser_hostile_words_stay_words(pages: dict[str, Path], name: str) -> None:
    with browser() as tab:
        tab.open(pages[name])
        shown = tab.value("document.body.innerText")
        made.assert_harmless(shown.replace("\t", " "))
        assert "<script>" in shown
        assert tab.value("typeof window.hit") == "undefined"
        assert tab.value("document.querySelectorAll('script, img, iframe, object, embed').length") == 0
        assert tab.value("document.querySelectorAll('[onfocus], [onerror], [autofocus]').length") == 0
        assert tab.trouble == []
        assert tab.requests == [pages[name].resolve().as_uri()]


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
