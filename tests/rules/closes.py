"""Close frames for transcripts, and the rules that are asked about them."""

from __future__ import annotations

from analyzer.wire.frame import CLOSE_BODY, build_frame
from tests.rules.judging import sent

FAMILIES = ("FR", "CT-001", "CT-002", "FG", "CL", "SC-001", "SC-002", "SC-003", "SC-018")
KEY = bytes.fromhex("37fa213d")


def close(side: str, code: int, reason: bytes = b"") -> str:
    """A line of a transcript in which ``side`` sends a Close."""
    key = KEY if side == "client" else None
    return sent(side, build_frame(8, CLOSE_BODY.build({"code": code, "reason": reason}), key))
