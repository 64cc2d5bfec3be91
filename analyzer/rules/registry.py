"""The rule book: a rule is one decorated function, and everything else is read off it.

The decorator states what the catalogue states (id, severity, level, section, role). The function's name is
the rule's name, its first docstring line the title, and the rest of the docstring its documentation: prose,
then a ``Violates:`` and a ``Conforms:`` section whose indented blocks are transcripts (`samples/transcript.py`
turns them into packets; the tests run them). The type of the function's first argument is the subject: what
the rule looks at, and how often it is called.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

import msgspec

from analyzer.model import Level, Role, Severity

MODULES = (
    "request_line",
    "request_fields",
    "request_key",
    "request_offers",
    "response_head",
    "response_accept",
    "response_subprotocol",
    "response_switch",
    "refusal",
    "opening_order",
    "wire_http",
    "legacy",
    "framing",
    "control",
    "text",
    "opening_text",
    "heartbeat",
    "closing",
    "close_codes",
    "leaving",
    "failing",
    "extensions",
    "deflate_offer",
    "deflate_answer",
    "compression",
    "transport",
    "path",
    "capture_facts",
    "masking",
    "exposure",
    "origins",
    "handshake_key",
    "secrets",
    "secure",
    "floods",
    "relations",
)
"""The modules of this package that hold rules, in the order of the catalogue."""


FAMILIES = ("HS", "FR", "MK", "CT", "FG", "TX", "CL", "EX", "SC", "H2", "ST", "SEC")
"""In the order of the catalogue."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as the catalogue and its function state it."""

    id: str
    name: str
    title: str
    """First line of the docstring, without its full stop."""
    severity: Severity
    level: Level
    rfc: str
    role: Role
    close_code: int | None
    """Close code of a peer that fails the connection over a violation; None where the text names none."""
    fail_required: bool
    """The text obliges the receiver to fail the connection."""
    subject: str
    """Name of the subject class."""
    opcode: int | None = None
    """Of the only frames the rule looks at, where its subject are frames; None: all."""
    default: bool = True
    """Reported where nothing is selected; one that is not must be selected by its whole id, or by ALL."""
    together: bool = False
    """Where every frame of a direction breaks it, one finding is written and the others are counted."""
    check: Callable[..., Any]

    @property
    def family(self) -> str:
        """The letters of the id."""
        return self.id.partition("-")[0]

    # The docstring is read when somebody asks: to do so for all rules takes a tenth of the program's start.

    @property
    def prose(self) -> str:
        """The docstring between title and examples."""
        return _sections(self.check)[0]

    @property
    def violates(self) -> tuple[str, ...]:
        """The transcripts that break the rule."""
        return _sections(self.check)[1]["Violates"]

    @property
    def conforms(self) -> tuple[str, ...]:
        """The transcripts that do not."""
        return _sections(self.check)[1]["Conforms"]


RULES: dict[str, Rule] = {}
"""By id, as their modules are imported; `load` gives them all, in order."""

_Check = TypeVar("_Check", bound=Callable[..., Any])


def rule(
    rule_id: str,
    *,
    severity: Severity,
    level: Level,
    rfc: str,
    role: Role,
    close_code: int | None = None,
    fail_required: bool = False,
    opcode: int | None = None,
    default: bool = True,
    together: bool = False,
) -> Callable[[_Check], _Check]:
    """Register the decorated function as rule ``rule_id``.

    ``opcode``: it looks at frames with this opcode only, and gets no others, which saves time where they are rare.
    ``default``: False where it is off unless it is asked for.
    ``together``: findings are counted, after the first, as long as every frame of the direction broke the rule.
    """

    def register(check: _Check) -> _Check:
        if rule_id in RULES:
            raise AssertionError(f"{rule_id} is registered twice")
        RULES[rule_id] = Rule(
            id=rule_id,
            name=check.__name__.replace("_", "-"),
            title=(check.__doc__ or "").partition("\n")[0].rstrip("."),
            severity=severity,
            level=level,
            rfc=rfc,
            role=role,
            close_code=close_code,
            fail_required=fail_required,
            subject=_subject(check),
            opcode=opcode,
            default=default,
            together=together,
            check=check,
        )
        return check

    return register


def load() -> dict[str, Rule]:
    """Import every rule module; the rules by id, in the order of the catalogue."""
    for module in MODULES:
        import_module(f"analyzer.rules.{module}")
    return dict(sorted(RULES.items(), key=lambda item: (FAMILIES.index(item[1].family), item[0])))


def _subject(check: Callable[..., Any]) -> str:
    """The type of the first argument, as the rule modules write it: annotations are strings there."""
    first = check.__code__.co_varnames[0]
    return str(check.__annotations__[first])


@cache
def _sections(check: Callable[..., Any]) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Prose and examples."""
    _, _, rest = (inspect.getdoc(check) or "").partition("\n")
    parts = re.split(r"^(Violates|Conforms):\n", rest, flags=re.MULTILINE)
    examples: dict[str, tuple[str, ...]] = {"Violates": (), "Conforms": ()}
    for heading, block in zip(parts[1::2], parts[2::2], strict=True):
        blocks = re.split(r"\n\s*\n", inspect.cleandoc(block))
        examples[heading] = tuple(text.strip() for text in blocks if text.strip())
    return parts[0].strip(), examples
