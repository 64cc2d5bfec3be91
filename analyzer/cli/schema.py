"""``wsanalyzer schema``: the records as JSON Schema, with the descriptions that `analyzer.model` gives them."""

from __future__ import annotations

import sys
from typing import Any


def schema() -> int:
    """Print the JSON Schema of the records."""
    import json

    sys.stdout.write(json.dumps(document(), indent=2) + "\n")
    return 0


def document() -> dict[str, Any]:
    """JSON Schema 2020-12: any one record, or the whole document under ``$defs/Report``."""
    import msgspec

    from analyzer import model

    (record, _), components = msgspec.json.schema_components(
        (model.Record, model.Report), schema_hook=_anything, ref_template="#/$defs/{name}"
    )
    for name, text in descriptions().items():
        struct, _, field = name.partition(".")
        properties = components.get(struct, {}).get("properties", {})
        if field in properties:
            properties[field] = {"description": text, **properties[field]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wsanalyzer record",
        "description": "One line of JSON Lines output; the JSON document is $defs/Report.",
        **record,
        "$defs": components,
    }


def _anything(kind: type) -> dict[str, Any]:
    """The settings in a run record: values of many types."""
    if kind is not object:
        raise NotImplementedError(kind)
    return {"description": "a value of the kind the setting has"}


def descriptions() -> dict[str, str]:
    """What the string below each field of `analyzer.model` says, by ``Struct.field``."""
    import ast
    import inspect

    from analyzer import model

    found = {}
    for struct in ast.parse(inspect.getsource(model)).body:
        if not isinstance(struct, ast.ClassDef):
            continue
        for field, text in zip(struct.body, struct.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            ):
                found[f"{struct.name}.{field.target.id}"] = " ".join(text.value.value.split())
    return found
