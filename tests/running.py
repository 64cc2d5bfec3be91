"""A transcript through the whole pipeline, with any settings."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, TypeVar

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Finding, Record
from analyzer.settings import RECORDS, Settings
from samples import transcript

REQUEST = (
    "client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade"
    " | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== | Sec-WebSocket-Version: 13"
)
ANSWER = (
    "server: http HTTP/1.1 101 Switching Protocols | Upgrade: websocket | Connection: Upgrade"
    " | Sec-WebSocket-Accept: {accept}"
)

_Kind = TypeVar("_Kind")


def analysed(capture: bytes, **chosen: Any) -> list[Record]:
    """Every record of a capture file's bytes."""
    settings = Settings(**{"records": frozenset(RECORDS), **chosen})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.pcap"
        path.write_bytes(capture)
        return list(pipeline.run(open_source([str(path)], settings), settings))


def played(text: str, **chosen: Any) -> list[Record]:
    """Every record of a transcript (`samples.transcript`)."""
    return analysed(transcript.capture(text), **chosen)


def only(kind: type[_Kind], records: list[Record]) -> list[_Kind]:
    """The records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def weights(records: list[Record], *families: str) -> list[tuple[str, str]]:
    """Rule and weight of the findings of rules whose ids start so, in order: the severity, or ``secondary``."""
    return [
        (finding.rule, "secondary" if finding.secondary else finding.severity.value)
        for finding in only(Finding, records)
        if finding.rule.startswith(families or ("FR", "MK", "TX", "ST-019"))
    ]
