"""Markdown, read back by a Markdown parser."""

from __future__ import annotations

import msgspec
from markdown_it import MarkdownIt

from analyzer.report.markdown import code, entities
from tests.report import made

ACTIVE = "<script>alert(1)</script> [a](http://b) ![i](x) @user #1 `c` *d* |e| www.f.example <!-- \"'&amp; \\"


def tags(text: str) -> list[str]:
    """The HTML that a parser finds in ``text``, with GitHub's tables and links."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    return [
        child.content or child.type
        for token in tokens
        for child in (token.children or [token])
        if child.type in ("html_inline", "html_block", "link_open", "image", "em_open", "strong_open")
    ]


def test_golden() -> None:
    text = made.rendered("markdown", made.STORY)
    made.assert_golden("story.md", text)
    made.assert_harmless(text)


def test_what_a_stranger_sent_is_text_to_a_parser() -> None:
    found = msgspec.structs.replace(made.UNMASKED, found=ACTIVE, expected=ACTIVE, evidence=None)
    text = made.rendered("markdown", [made.RUN, made.handshake(0, target="/" + ACTIVE), found, made.connection(0)])
    assert "<script" not in text
    assert set(tags(text)) == {"<code>", "</code>"}


def test_code_shows_the_text_itself() -> None:
    html = MarkdownIt().render(code(ACTIVE))
    shown = html.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert ACTIVE in shown
    assert entities("a.b:80, c/d; e-f") == "a.b:80, c/d; e-f"


def test_a_drawing_may_hold_html() -> None:
    evidence = msgspec.structs.replace(made.NO_VERSION.evidence, hex=b"X: </pre><script>\r\n".hex(), mark=(3, 6))
    text = made.rendered("markdown", [msgspec.structs.replace(made.NO_VERSION, evidence=evidence)])
    assert "</pre><script" not in text
    assert "&lt;/pre&gt;&lt;script&gt;" in text


def test_many_clean_connections_are_counted() -> None:
    many = [made.connection(number) for number in range(50)]
    text = made.rendered("markdown", [*many, msgspec.structs.replace(made.UNMASKED, connection=7), made.CLEAN])
    assert text.count("\n| ") == 2
    assert "49 connections not listed" in text
