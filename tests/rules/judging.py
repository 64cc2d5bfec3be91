"""A transcript in, what a user would be told out."""

from __future__ import annotations

import tempfile
from pathlib import Path

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Finding
from analyzer.settings import Settings
from samples import transcript

SETTINGS = Settings(records=frozenset({"findings"}))


def judge(text: str, *families: str) -> list[Finding]:
    """The findings of a transcript (`samples.transcript`), in order; of rules whose ids start so, if any are given."""
    return judge_capture(transcript.capture(text), *families)


def judge_capture(capture: bytes, *families: str) -> list[Finding]:
    """The same of a pcap file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.pcap"
        path.write_bytes(capture)
        records = list(pipeline.run(open_source([str(path)], SETTINGS), SETTINGS))
    found = [record for record in records if isinstance(record, Finding)]
    return [finding for finding in found if not families or finding.rule.startswith(families)]


def ids(text: str, *families: str) -> list[str]:
    """Their rules' ids."""
    return [finding.rule for finding in judge(text, *families)]


def sent(side: str, data: bytes) -> str:
    """A line of a transcript in which ``side`` sends ``data``."""
    return f"{side}: {data.hex(' ')}"


def at(finding: Finding) -> int:
    """The offending byte, counted from the first of its frame."""
    assert finding.byte_offset is not None
    assert finding.stream_offset is not None
    return finding.byte_offset - finding.stream_offset
