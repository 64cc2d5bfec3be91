"""What strangers sent reaches no format in a form that acts: from packets through the command line, every format."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from analyzer.report.formats import FORMATS
from samples import transcript
from tests.command import wsanalyzer
from tests.report.made import FORBIDDEN

SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"
TERMINAL = r"\x1b[31mred\x00\xe2\x80\xae\xe2\x80\x8f\x9b0m"
"""ANSI, NUL, right-to-left override and mark, C1; escaped as a transcript writes them."""


def _hex(text: str) -> str:
    return text.encode().hex(" ")


PAYLOAD = f"{FORMULA} {SCRIPT} \"quoted\" 'single' \x1b[31m\x00\u202e\u200f `code` ::error::x"
STORY = f"""
client: http POST /{SCRIPT}?"'`::error::{TERMINAL} HTTP/1.1 | Host: {SCRIPT}{TERMINAL} | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Key: {FORMULA}{SCRIPT} | Sec-WebSocket-Version: 13 | Sec-WebSocket-Protocol: {FORMULA}, {SCRIPT}{TERMINAL} | {SCRIPT}: "x" | X: {TERMINAL}
server: http HTTP/1.1 101 {SCRIPT}{TERMINAL} | Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: {SCRIPT} | Sec-WebSocket-Protocol: {FORMULA}{SCRIPT} | Sec-WebSocket-Extensions: {SCRIPT}; a="{FORMULA}"
server: 81 {len(PAYLOAD.encode()):02x} {_hex(PAYLOAD)}
client: 81 {len(PAYLOAD.encode()):02x} {_hex(PAYLOAD)}
server: 81 {len(PAYLOAD.encode()) + 1:02x} {_hex(PAYLOAD)} ff
server: 88 {len(PAYLOAD.encode()) + 2:02x} 03 ed {_hex(PAYLOAD)}
server: FIN
"""  # noqa: E501 - a head stands on one line


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The result in every format, of one run."""
    folder = tmp_path_factory.mktemp("hostile")
    capture = folder / "=evil,'<script>alert(1)<" / "x.pcap"
    capture.parent.mkdir(parents=True)
    capture.write_bytes(transcript.capture(STORY))
    outputs = [word for name in FORMATS for word in ("-f", name, "-o", folder / f"out.{name}")]
    ran = wsanalyzer("analyze", capture, "--isolated", "--records", "all", "--payloads", "-v", *outputs, folder=folder)
    assert ran.returncode == 1, ran.stderr
    return {name: Path(folder / f"out.{name}").read_bytes() for name in FORMATS}


TEXT = [name for name, entry in FORMATS.items() if not entry.copies and name != "parquet"]


@pytest.mark.parametrize("name", TEXT)
def test_nothing_acts_on_a_terminal(results: dict[str, bytes], name: str) -> None:
    text = results[name].decode("utf-8")
    assert [char for char in FORBIDDEN if char in text] == []
    assert "alert" in text, "the stranger's words are there, made harmless"


@pytest.mark.parametrize("name", ["html", "markdown", "junit"])
def test_no_tag_of_a_stranger_s(results: dict[str, bytes], name: str) -> None:
    assert b"<script>alert" not in results[name].lower()
    assert b"<img" not in results[name].lower()


def test_xml_is_well_formed(results: dict[str, bytes]) -> None:
    root = ElementTree.fromstring(results["junit"])
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "system-out", "error",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["json", "sarif"])
def test_json_holds_one_document(results: dict[str, bytes], name: str) -> None:
    json.loads(results[name])


def test_no_line_is_a_workflow_command_of_a_stranger_s(results: dict[str, bytes]) -> None:
    lines = results["github"].decode().splitlines()
    shape = re.compile(r"::(error|warning|notice) [^:]*::[^\r\n]*")
    assert all(shape.fullmatch(line) for line in lines if line.startswith("::"))
    assert sum(not line.startswith("::") for line in lines) == 1


def test_no_cell_is_a_formula(results: dict[str, bytes]) -> None:
    for row in csv.reader(io.StringIO(results["csv"].decode(), newline="")):
        assert [cell for cell in row if cell[:1] in set("=+-@\t\r")] == []


def test_comments_for_wireshark_are_single_lines(results: dict[str, bytes]) -> None:
    comments = re.findall(rb"wsanalyzer: (?:error|warning|info) [^\x00-\x1f]*", results["pcapng"])
    assert comments
    text = b" ".join(comments).decode("utf-8", "replace")
    assert not any(char in text for char in ("\x1b", "\u202e", "\u200f"))
