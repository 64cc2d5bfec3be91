"""What a finding's fingerprint depends on, and what not."""

from __future__ import annotations

import msgspec

from analyzer.model import Finding, Handshake
from analyzer.report.fingerprint import Fingerprints
from tests.report import made


def kind(finding: Finding, *openings: Handshake, limit: int = 10) -> str:
    prints = Fingerprints(limit)
    for opening in openings:
        prints.see(opening)
    return prints.kind(finding)


def test_the_endpoint_counts_and_its_query_does_not() -> None:
    plain = kind(made.UNMASKED, made.handshake(0, target="/chat"))
    assert plain == kind(made.UNMASKED, made.handshake(0, target="/chat?token=1"))
    assert plain != kind(made.UNMASKED, made.handshake(0, target="/other"))
    assert plain != kind(made.UNMASKED, made.handshake(0, target="/chat", host="b.example"))


def test_the_connection_s_number_does_not_count() -> None:
    moved = msgspec.structs.replace(made.UNMASKED, connection=5)
    assert kind(made.UNMASKED, made.handshake(0)) == kind(moved, made.handshake(5))


def test_what_was_found_does_not_count_and_the_field_does() -> None:
    assert kind(made.NO_VERSION) == kind(msgspec.structs.replace(made.NO_VERSION, found="12"))
    assert kind(made.NO_VERSION) != kind(msgspec.structs.replace(made.NO_VERSION, header="Host"))


def test_beyond_the_limit_the_endpoint_is_unknown() -> None:
    assert kind(made.UNMASKED, made.handshake(1), made.handshake(0), limit=1) == kind(made.UNMASKED)


def test_like_findings_are_counted() -> None:
    prints = Fingerprints(10)
    names = [prints.name(made.UNMASKED) for _ in range(3)]
    assert [name.rpartition(":")[2] for name in names] == ["0", "1", "2"]
