"""The schema of the records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from analyzer.cli.schema import descriptions, document
from analyzer.settings import RECORDS
from tests.conftest import CAPTURES, SAMPLES
from tests.report import made

Cli = Callable[..., tuple[int, str, str]]
KINDS = {"run", "summary", *(kind.removesuffix("s") for kind in RECORDS)}


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(document())
    return jsonschema.Draft202012Validator(document())


def invalid(validator: Any, lines: str) -> list[str]:
    """The first few lines that are no record, and why. The line's type picks the definition: faster, and clearer."""
    mapping = document()["discriminator"]["mapping"]
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        record = json.loads(line)
        one = validator.evolve(schema={**document_of(validator), "$ref": mapping[record["type"]]})
        found += [f"line {number}: {error.json_path} {error.message[:200]}" for error in one.iter_errors(record)]
    return found[:5]


def document_of(validator: Any) -> dict[str, Any]:
    """The schema without its choice between the records."""
    return {key: value for key, value in validator.schema.items() if key not in ("anyOf", "discriminator")}


@pytest.mark.parametrize(
    "capture",
    [SAMPLES / "violations.pcap", SAMPLES / "echo.pcap", SAMPLES / "wss.pcapng", *sorted(CAPTURES.glob("*.pcap*"))],
    ids=lambda path: path.name,
)
def test_every_line_of_a_result_is_valid(validator: Any, cli: Cli, capture: Path) -> None:
    options = ("--isolated", "-f", "jsonl", "--records", "all", "--payloads", "--select", "ALL")
    status, out, err = cli("analyze", capture, *options)
    assert status in (0, 1), err
    types = {json.loads(line)["type"] for line in out.splitlines()}
    assert {"run", "summary"} <= types <= KINDS
    if capture.name == "violations.pcap":
        assert types == KINDS
    assert invalid(validator, out) == []
    for line in out.splitlines()[:: max(1, len(out.splitlines()) // 50)]:
        validator.validate(json.loads(line))  # by the schema as it is printed, choice and all


def test_what_is_no_record_is_invalid(validator: Any) -> None:
    for line in ('{"type":"nothing"}', '{"type":"frame"}', "[]", '{"type":"summary","packets":"many"}'):
        assert list(validator.iter_errors(json.loads(line)))


@pytest.mark.parametrize("capture", ["violations.pcap", "echo.pcap"])
def test_the_json_document_is_the_report_of_the_schema(validator: Any, cli: Cli, capture: str) -> None:
    _, out, _ = cli("analyze", SAMPLES / capture, "--isolated", "-f", "json", "--records", "all")
    report = {"$schema": document()["$schema"], "$defs": document()["$defs"], "$ref": "#/$defs/Report"}
    assert [error.message[:200] for error in validator.evolve(schema=report).iter_errors(json.loads(out))][:5] == []


def test_every_record_of_the_story_has_the_properties_the_schema_requires() -> None:
    schema = document()
    mapping = schema["discriminator"]["mapping"]
    for record in made.STORY:
        plain = msgspec.to_builtins(record)
        struct = schema["$defs"][mapping[plain["type"]].rpartition("/")[2]]
        assert set(struct["required"]) <= set(plain) <= set(struct["properties"])
    assert len(schema["anyOf"]) == 7


def test_fields_carry_their_descriptions() -> None:
    assert descriptions()["Frame.packet"] == "Of the first byte."
    assert document()["$defs"]["Frame"]["properties"]["packet"]["description"] == "Of the first byte."
    assert "Report" in document()["$defs"]


def test_the_command_prints_it(cli: Cli) -> None:
    assert json.loads(cli("schema")[1]) == document()
