"""``[tool.wsanalyzer]`` in pyproject.toml: the command line's options under the same names.

    [tool.wsanalyzer]
    select = ["FR", "MK"]          # also: ignore, format, output, records, decode-as: a list or one string
    severity = { "FR-002" = "warning" }
    fail-on = "warning"            # also: color
    baseline = "known.json"        # also: keylog; relative to the working directory
    payloads = true                # also: progress, redact
    timeout = { pong = 30 }        # seconds
    limits = { message-size = 1048576 }   # any other numeric setting: bytes, counts, or -time in seconds

The file is looked for in the working directory and upwards, as other tools do; a pyproject.toml without the
table ends the search with the defaults. An unknown key is an error: a misspelt one must not be ignored.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from analyzer.api import nearest
from analyzer.cli.options import COLORS, FAIL_ON, TIMEOUTS, Options, choice, merge, pairs
from analyzer.errors import UsageError
from analyzer.settings import SECOND, Settings

FILE = "pyproject.toml"
LISTS = ("format", "output", "select", "ignore", "records", "decode-as")
TABLES = ("severity", "timeout")
WORDS = ("fail-on", "color")
PATHS = ("baseline", "keylog")
SWITCHES = ("payloads", "progress", "redact")
KEYS = (*LISTS, *TABLES, *WORDS, *PATHS, *SWITCHES, "limits")

_DEFAULTS = Settings()
LIMITS = {
    name.replace("_", "-"): SECOND if name.endswith("_time") else 1
    for name in Settings.__struct_fields__
    if type(getattr(_DEFAULTS, name)) is int and name not in TIMEOUTS.values()
}
"""Numeric settings that are not time-outs, and what one unit in the file means in the setting's own."""


def asked(path: Path | None, isolated: bool, **words: Any) -> Options:
    """What the command line's ``words`` say, by field of `Options`, and the configuration where they say nothing.

    ``isolated``: there is no configuration. Raises UsageError.
    """
    if isolated and path is not None:
        raise UsageError("--config and --isolated exclude each other")
    said = {name: None if value == [] else value for name, value in words.items()}
    for name in TABLES:
        value = said.get(name)
        if value is not None:
            said[name] = pairs(f"--{name}", value)
    options = Options(**said)
    if not isolated:
        options = merge(options, load(path, Path.cwd()))
    choice("--fail-on", options.fail_on or "error", FAIL_ON)
    choice("--color", options.color or "auto", COLORS)
    return options


def load(path: Path | None, start: Path) -> Options:
    """The options in ``path``, or in the nearest pyproject.toml at or above ``start``. Raises UsageError."""
    if path is None:
        path = next((folder / FILE for folder in (start, *start.parents) if (folder / FILE).is_file()), None)
        if path is None:
            return Options()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the configuration: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    tool = document.get("tool", {})
    table = tool.get("wsanalyzer", {}) if isinstance(tool, dict) else {}
    try:
        return _options(table)
    except UsageError as error:
        raise UsageError(f"{path}: [tool.wsanalyzer] {error}") from None


def _options(table: Any) -> Options:
    if not isinstance(table, dict):
        raise UsageError("is not a table")
    for key in table:
        if key not in KEYS:
            raise UsageError(f"has no key {key!r}{nearest(key, KEYS)}")
    values: dict[str, Any] = {}
    for key, value in table.items():
        values[key.replace("-", "_")] = _value(key, value)
    return Options(**values)


def _value(key: str, value: Any) -> Any:
    if key in LISTS:
        items = value if isinstance(value, list) else [value]
        if all(isinstance(item, str) or (key == "decode-as" and type(item) is int) for item in items):
            return [str(item) for item in items]
        raise UsageError(f"{key}: expected a string or a list of strings")
    if key in TABLES:
        if isinstance(value, dict):
            return {name: str(item) for name, item in value.items()}
        raise UsageError(f"{key}: expected a table of name = value")
    if key in WORDS:
        return choice(key, value, FAIL_ON if key == "fail-on" else COLORS)
    if key in PATHS:
        if isinstance(value, str):
            return value
        raise UsageError(f"{key}: expected a string")
    if key in SWITCHES:
        if isinstance(value, bool):
            return value
        raise UsageError(f"{key}: expected true or false")
    return _limits(value)


def _limits(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        raise UsageError("limits: expected a table of name = number")
    limits = {}
    for name, number in value.items():
        if name not in LIMITS:
            raise UsageError(f"limits has no key {name!r}{nearest(name, LIMITS)}")
        if type(number) is not int or number < 0:
            raise UsageError(f"limits.{name}: expected a whole number, 0 or more")
        limits[name.replace("-", "_")] = number * LIMITS[name]
    return limits
