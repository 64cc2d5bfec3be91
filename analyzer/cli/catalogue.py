"""``wsanalyzer rules`` and ``wsanalyzer explain``: what the registry knows, for people and programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from analyzer.rules.registry import Rule


def rules(
    format: Annotated[str, typer.Option("-f", "--format", metavar="FORMAT", help="text or json.")] = "text",
    select: Annotated[
        list[str] | None, typer.Option("--select", metavar="RULES", help="Only these ids or prefixes.")
    ] = None,
) -> int:
    """List the rules."""
    from analyzer.cli.options import choice, known_rules, words
    from analyzer.rules import registry

    choice("--format", format, ("text", "json"))
    catalogue = registry.load()
    prefixes = tuple(known_rules(word, catalogue, "--select") for word in words(select or []))
    chosen = [rule for rule in catalogue.values() if not prefixes or rule.id.startswith(prefixes)]
    if format == "json":
        import json

        sys.stdout.write(json.dumps([stated(rule) for rule in chosen], indent=2) + "\n")
        return 0
    from analyzer.report.paint import table

    rows = [["id", "severity", "level", "side", "name", "section"]]
    rows += [[rule.id, weight(rule), rule.level, rule.role, rule.name, rule.rfc] for rule in chosen]
    for line in table(rows):
        sys.stdout.write(line + "\n")
    return 0


def weight(rule: Rule) -> str:
    """Severity, and whether it takes more than the defaults to see the rule."""
    return str(rule.severity) if rule.default else f"{rule.severity}, off"


def stated(rule: Rule) -> dict[str, Any]:
    """All there is to say of a rule: its fields but the function, and what the function's docstring holds."""
    import msgspec

    fields = {name: value for name, value in msgspec.structs.asdict(rule).items() if name != "check"}
    fields |= {"prose": rule.prose, "violates": rule.violates, "conforms": rule.conforms}
    plain: dict[str, Any] = msgspec.to_builtins(fields)
    return plain


def explain(
    what: Annotated[str, typer.Argument(metavar="ID", help="A rule's id or name, an opcode, a close code, a header.")],
) -> int:
    """Explain a rule, opcode, close code or header."""
    from analyzer.api import nearest
    from analyzer.errors import UsageError
    from analyzer.report import glossary
    from analyzer.rules import registry

    catalogue = registry.load()
    named = {rule.name: rule for rule in catalogue.values()}
    rule = catalogue.get(what.upper()) or named.get(what.lower().replace("_", "-"))
    if rule is not None:
        for line in explained(rule):
            sys.stdout.write(line.rstrip() + "\n")
        return 0
    entry = glossary.look_up(what)
    if entry is None:
        known = [*catalogue, *named, *glossary.words()]
        raise UsageError(
            f"nothing to explain is called {what!r}{nearest(what, known)} (wsanalyzer rules lists the rules)"
        )
    sys.stdout.write(entry + "\n")
    return 0


def explained(rule: Rule) -> list[str]:
    """The rule as lines of text."""
    lines = [f"{rule.id} {rule.name}", f"{rule.title}.", ""]
    facts = [
        ["severity", str(rule.severity)],
        ["section", f"{rule.rfc} ({rule.level})"],
        ["side", str(rule.role)],
        ["looks at", rule.subject],
    ]
    if not rule.default:
        facts.append(["by default", f"off; --select {rule.id} (or ALL) turns it on"])
    if rule.close_code is not None:
        duty = "must fail" if rule.fail_required else "may fail"
        facts.append(["the peer", f"{duty} the connection with close code {rule.close_code}"])
    from analyzer.report.paint import table

    lines += table(facts)
    if rule.prose:
        lines += ["", *rule.prose.splitlines()]
    for heading, examples in (("Violates", rule.violates), ("Conforms", rule.conforms)):
        if examples:
            lines += ["", f"{heading}:"]
        for number, example in enumerate(examples):
            lines += [*([""] if number else []), *(f"    {line}" for line in example.splitlines())]
    return lines
