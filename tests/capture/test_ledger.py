"""A note names its input."""

from analyzer.capture.ledger import Ledger


def test_a_note_begins_with_the_name() -> None:
    ledger = Ledger("a.pcap")
    ledger.note("no packets")
    assert ledger.notes == ["a.pcap: no packets"]
