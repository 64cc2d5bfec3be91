"""From words on the command line and in the configuration to settings and destinations.

Both sources give the same `Options`, one field an option, None where it was not given. `merge` lays the
command line over the file; `settings` and `destinations` turn the result into what the analysis takes. Every
mistake is a UsageError that names the word and what would be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

import msgspec

from analyzer.api import make_settings, nearest
from analyzer.capture.keylog import from_environment
from analyzer.errors import MissingDependencyError, UsageError
from analyzer.model import Severity
from analyzer.report.formats import FORMATS, by_suffix
from analyzer.report.outputs import STDOUT
from analyzer.rules.registry import Rule
from analyzer.settings import ALL, SECOND, Settings

TIMEOUT, LATE = "_timeout", "_late"
"""Settings with these endings are what ``--timeout NAME=SECONDS`` sets."""
TIMEOUTS = {
    name.removesuffix(TIMEOUT).replace("_", "-"): name
    for name in Settings.__struct_fields__
    if name.endswith((TIMEOUT, LATE))
}
"""By the name on the command line: pong, pong-late and so on."""
TSHARK = "tshark"
ENGINES = ("native", TSHARK)
NEVER = "never"
FAIL_ON = (*Severity, NEVER)
COLORS = ("auto", "always", "never")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, as words; None: not said."""

    format: list[str] | None = None
    output: list[str] | None = None
    select: list[str] | None = None
    ignore: list[str] | None = None
    severity: dict[str, str] | None = None
    fail_on: str | None = None
    baseline: str | None = None
    update_baseline: bool | None = None
    redact: bool | None = None
    records: list[str] | None = None
    payloads: bool | None = None
    decode_as: list[str] | None = None
    keylog: str | None = None
    engine: str | None = None
    tshark_option: list[str] | None = None
    """As they are: values may hold commas."""
    timeout: dict[str, str] | None = None
    limits: dict[str, int] | None = None
    """Any other numeric setting, by its field name; only the configuration file has these."""
    follow: bool | None = None
    color: str | None = None
    progress: bool | None = None


def merge(command_line: Options, file: Options) -> Options:
    """The command line's options, and the file's where the command line says nothing."""
    said = {name: value for name, value in msgspec.structs.asdict(command_line).items() if value is not None}
    return msgspec.structs.replace(file, **said)


def settings(options: Options, rules: Mapping[str, Rule]) -> Settings:
    """The settings the options ask for."""
    chosen: dict[str, Any] = dict(options.limits or {})
    for name, ids in (("select", options.select), ("ignore", options.ignore)):
        if ids is not None:
            chosen[name] = [
                ALL if name == "select" and item.upper() == ALL else known_rules(item, rules, f"--{name}")
                for item in several(f"--{name}", ids)
            ]
    if options.severity is not None:
        chosen["severity"] = {
            known_rule(rule, rules): choice(f"--severity {rule}", level, list(Severity), "=")
            for rule, level in options.severity.items()
        }
    if options.records is not None:
        chosen["records"] = several("--records", options.records)
    if options.payloads is not None:
        chosen["payloads"] = options.payloads
    if options.decode_as is not None:
        chosen["decode_as"] = [port(item) for item in several("--decode-as", options.decode_as)]
    chosen["keylog"] = keylog(options.keylog)
    if options.engine is not None:
        chosen["engine"] = choice("--engine", options.engine, ENGINES)
    if options.tshark_option is not None:
        if options.engine != TSHARK:
            raise UsageError("--tshark-option: only with --engine tshark")
        chosen["tshark_options"] = options.tshark_option
    if options.follow is not None:
        chosen["follow"] = options.follow
    for name, value in (options.timeout or {}).items():
        chosen[TIMEOUTS[choice("--timeout", name, TIMEOUTS)]] = nanoseconds(name, value)
    return make_settings(chosen)


def destinations(options: Options) -> list[tuple[str, str]]:
    """Format and path of each result: formats and paths in pairs, the suffix where only a path is given.

    A format without a path goes to standard output, and so does the text report where nothing is said.
    """
    formats = [choice("--format", item, FORMATS) for item in several("--format", options.format or [])]
    paths = options.output or []
    pairs: list[tuple[str, str]] = []
    for at, path in enumerate(paths):
        if at < len(formats):
            pairs.append((formats[at], path))
        elif path == STDOUT:
            pairs.append(("text", path))
        else:
            name = by_suffix(path)
            if name is None:
                suffixes = ", ".join(suffix for entry in FORMATS.values() for suffix in entry.suffixes)
                raise UsageError(f"{path}: no format has this suffix; name one with -f, or use {suffixes}")
            pairs.append((name, path))
    pairs += [(name, STDOUT) for name in formats[len(paths) :]]
    return pairs or [("text", STDOUT)]


def words(values: Iterable[str]) -> list[str]:
    """Values that may each be several, joined by commas."""
    return [word.strip() for value in values for word in value.split(",") if word.strip()]


def several(option: str, values: Iterable[str]) -> list[str]:
    """`words`; each of ``values`` must hold one at least. Nothing given would mean everything, or nothing."""
    result = []
    for value in values:
        found = words([value])
        if not found:
            raise UsageError(f"{option} {value!r}: empty")
        result += found
    return result


def pairs(option: str, values: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` words as a dictionary; the last of a name wins."""
    found = {}
    for word in several(option, values):
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise UsageError(f"{option} {word}: expected NAME=VALUE")
        found[name.strip()] = value.strip()
    return found


def choice(option: str, word: str, known: Iterable[str], joint: str = " ") -> str:
    """``word`` if it is one of ``known``; ``joint`` is what stood between it and the ``option``."""
    names = [str(name) for name in known]
    if word not in names:
        raise UsageError(f"{option}{joint}{word}: not known; choose from {', '.join(names)}")
    return word


def known_rules(word: str, rules: Mapping[str, Rule], option: str) -> str:
    """``word`` in capitals if it is the beginning of any rule's id."""
    prefix = word.upper()
    if not any(rule.startswith(prefix) for rule in rules):
        families = dict.fromkeys(rule.family for rule in rules.values())
        raise UsageError(f"{option} {word}: no rule has this id or prefix{nearest(prefix, [*rules, *families])}")
    return prefix


def known_rule(word: str, rules: Mapping[str, Rule]) -> str:
    """``word`` in capitals if it is a rule's id."""
    if word.upper() not in rules:
        raise UsageError(f"--severity {word}: no rule has this id{nearest(word.upper(), rules)}")
    return word.upper()


def port(word: str) -> int:
    """A TCP port."""
    if not (word.isascii() and word.isdigit() and 0 < int(word) < 1 << 16):
        raise UsageError(f"--decode-as {word}: not a TCP port (1 to 65535)")
    return int(word)


def keylog(path: str | None) -> str:
    """The key log to use: the one that was named, else the environment's, if it can be; empty: none.

    Raises MissingDependencyError where one was named and nothing can be decrypted.
    """
    able = find_spec("cryptography") is not None
    if path is not None and not able:
        raise MissingDependencyError("--keylog needs cryptography: pip install 'wsanalyzer[tls]'")
    if path is None and able:
        path = from_environment()
    return path or ""


def nanoseconds(name: str, word: str) -> int:
    """Seconds, perhaps with decimals, as nanoseconds; exact, without a float."""
    from decimal import Decimal, InvalidOperation

    try:
        value = Decimal(word)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value < Decimal(1 << 63) / SECOND:
        raise UsageError(f"--timeout {name}={word}: not a number of seconds")
    return int(value * SECOND)
