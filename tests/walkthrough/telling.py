"""A transcript or a capture in, its walkthrough out, as the tests read it."""

from __future__ import annotations

from pathlib import Path

from analyzer.settings import RECORDS, Settings
from analyzer.walkthrough import text
from analyzer.walkthrough.document import Document, Section
from analyzer.walkthrough.gather import FRAME_BYTES, Gathered, gather
from analyzer.walkthrough.segments import Traffic, look
from analyzer.walkthrough.story import walkthrough
from samples import transcript

SAMPLES = Path(__file__).parent.parent.parent / "samples"


def capture(folder: Path, conversation: str) -> str:
    """The path of the capture of a transcript."""
    path = folder / "example.pcap"
    path.write_bytes(transcript.capture(conversation))
    return str(path)


def told(folder: Path, conversation: str, **options: object) -> Document:
    """The walkthrough of a transcript's only connection."""
    return walkthrough([capture(folder, conversation)], None, **options)  # type: ignore[arg-type]


def plain(document: Document, width: int = 100) -> str:
    """As text."""
    return "\n".join([*text.lines(document, width), ""])


def flat(document: Document) -> str:
    """As text on one line, so that it does not matter where lines are wrapped."""
    return " ".join(plain(document).split())


def section(document: Document, title: str) -> str:
    """The part of the text under one title, on one line."""
    found = [each for each in document.sections if each.title == title]
    assert found, [each.title for each in document.sections]
    return " ".join(alone(found[0]).split())


def alone(one: Section) -> str:
    """One section as text."""
    return plain(Document("", [], [one]))


def gathered(folder: Path, conversation: str, wanted: int | None = None) -> tuple[Gathered, Traffic]:
    """What the story is told from."""
    from analyzer import api

    path = capture(folder, conversation)
    records = api.records([path], records=RECORDS, payloads=True, frame_bytes=FRAME_BYTES)
    known = gather(records, wanted)
    assert known.connection is not None
    return known, look([path], Settings(), known.connection)
