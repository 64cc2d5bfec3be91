"""The schema of the records."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec

from analyzer.cli.schema import descriptions, document
from tests.report import made


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


def test_the_command_prints_it(cli: Callable[..., tuple[int, str, str]]) -> None:
    assert json.loads(cli("schema")[1]) == document()
