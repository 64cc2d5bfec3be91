"""JSON Lines."""

from __future__ import annotations

import json

import msgspec

from analyzer.model import Input, Record
from analyzer.report.jsonl import encode
from tests.report import made


def test_golden() -> None:
    text = made.rendered("jsonl", made.STORY)
    made.assert_golden("story.jsonl", text)
    made.assert_harmless(text)


def test_every_line_reads_back_as_the_record() -> None:
    lines = made.rendered("jsonl", [record for record in made.STORY if "\udc9b" not in repr(record)]).splitlines()
    assert len(lines) > 8
    for line in lines:
        record = msgspec.json.decode(line, type=Record)
        assert encode(record).decode() == line


def test_a_name_that_is_not_utf8_is_spelled_out() -> None:
    run = msgspec.structs.replace(made.RUN, inputs=[Input(path="\udcff.pcap")])
    assert json.loads(encode(run))["inputs"][0]["path"] == "\\udcff.pcap"


def test_lengths_of_64_bits_pass() -> None:
    assert json.loads(encode(made.frame(payload_length=2**64 - 1)))["payload_length"] == 2**64 - 1


def test_only_the_records_asked_for() -> None:
    text = made.rendered("jsonl", made.STORY, records=frozenset({"messages"}))
    assert [json.loads(line)["type"] for line in text.splitlines()] == ["run", "message", "summary"]
