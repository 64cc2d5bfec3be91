"""The parts that transcripts of whole connections are made of, and what is asked of their records."""

from __future__ import annotations

from analyzer.model import Finding, Frame, Record
from samples import transcript
from tests.running import only

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"
EMPTY = "client: 81 80 37 fa 21 3d"
TO_SERVER = "server: 81 05 48 65 6c 6c 6f"
REFUSAL = "server: http HTTP/1.1 403 Forbidden | Content-Length: 0"
GOODBYE = "client: 88 82 37 fa 21 3d 34 12"
ECHOED = "server: 88 02 03 e8"


def lines(*parts: str) -> str:
    """A transcript of these parts."""
    return "\n".join(parts)


def rules(records: list[Record]) -> list[str]:
    """The rules that spoke, but for those that do on every transcript here: an open end, the RFC's own key, no TLS."""
    return sorted({finding.rule for finding in only(Finding, records)} - {"ST-008", "SEC-008", "SEC-010"})


def errors(records: list[Record]) -> list[str]:
    """What is told of severity error."""
    return [str(finding) for finding in only(Finding, records) if finding.severity.value == "error"]


def read(records: list[Record], side: str = "client") -> list[tuple[int, bool]]:
    """Opcode of each frame of a side, and whether it is complete."""
    return [(frame.opcode, frame.complete) for frame in only(Frame, records) if frame.direction == side]


def heads(*texts: str) -> list[bytes]:
    """The bytes of HTTP heads, as a transcript writes them."""
    wanted = [step.data for step in transcript.parse(lines(*texts)) if step.kind == "http"]
    return [data.replace(b"{accept}", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") for data in wanted]
