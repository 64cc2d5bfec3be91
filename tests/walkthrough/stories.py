"""The six golden walkthroughs, and what each is told from: ``python -m tests.walkthrough.stories`` writes them anew.

Run it in the root of the repository after a change to the walkthrough, and read the difference as a reader would who
has never seen the protocol, before it is committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from analyzer.walkthrough import html, markdown, text
from analyzer.walkthrough.story import walkthrough

ROOT = Path(__file__).parent.parent.parent
GOLDEN = Path(__file__).parent / "golden"
WIDTH = 80
"""Columns of the terminal that RFC and tutorial alike were written for."""


class Story(NamedTuple):
    """A connection of a capture."""

    capture: str
    connection: int | None = None


STORIES = {
    "demo": Story("samples/echo/echo.pcap"),
    "unmasked": Story("tests/captures/violators_a.pcap", 0),
    "refused": Story("tests/captures/reject_chromium.pcap"),
    "compressed": Story("tests/walkthrough/captures/compressed.pcap"),
    "reset": Story("tests/walkthrough/captures/reset.pcap"),
    "midstream": Story("tests/walkthrough/captures/midstream.pcap"),
}
"""Chromium's demo; a client that does not mask, answered with 1002; a refusal of Chromium's opening; a conversation
with permessage-deflate; a client that vanishes with RST; a recording begun in the middle of a conversation."""


def written(name: str) -> dict[Path, str]:
    """The files that tell one of the stories, the text first. The demo's Markdown is the one README links to."""
    story = STORIES[name]
    document = walkthrough([str(ROOT / story.capture)], story.connection)
    files = {GOLDEN / f"{name}.txt": text.lines(document, WIDTH)}
    if name == "demo":
        files |= {ROOT / "samples/echo/WALKTHROUGH.md": markdown.lines(document)}
        files |= {GOLDEN / "demo.html": html.lines(document)}
    return {path: "\n".join([*lines, ""]) for path, lines in files.items()}


def main() -> None:
    """Write them all."""
    for name in STORIES:
        for path, content in written(name).items():
            path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
