"""How the rules of the opening word and place what they found.

A fault lies in a head: at its start line, at a field's line, or at some bytes of a field's value. What a peer wrote is
quoted, shortened.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http.fields import latin
from analyzer.http.head import Field, Head
from analyzer.model import Direction, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.opening import Opening

SHOWN = 60
"""Characters of a peer's text that a message quotes."""


def quoted(value: bytes) -> str:
    """A peer's bytes for a message: Latin-1, cut to `SHOWN`."""
    text = latin(value)
    return f'"{text[:SHOWN]}{"…" if len(text) > SHOWN else ""}"'


def missing(head: Head, name: str, expected: str) -> Fault:
    """A field that should be there."""
    return Fault(expected=expected, found=f"no {name}", offset=head.offset, header=name)


def at_start_line(
    head: Head, expected: str, found: str, *, header: str | None = None, severity: Severity | None = None
) -> Fault:
    """A head that is wrong as a whole, drawn at its first line; ``header`` names what it lacks."""
    line = head.raw.partition(b"\n")[0].rstrip(b"\r")
    return Fault(expected=expected, found=found, offset=head.offset, length=len(line), header=header, severity=severity)


def at_field(field: Field, expected: str, found: str, *, severity: Severity | None = None) -> Fault:
    """A field line that is wrong as a whole."""
    return Fault(
        expected=expected,
        found=found,
        offset=field.offset,
        length=len(field.line.rstrip(b"\r\n")),
        header=latin(field.name),
        severity=severity,
    )


def at_value(field: Field, offset: int, length: int, expected: str, found: str) -> Fault:
    """Some bytes of a field's value that are wrong."""
    return Fault(expected=expected, found=found, offset=offset, length=max(1, length), header=latin(field.name))


def repeated(fields: list[Field], expected: str) -> Iterator[Fault]:
    """A field that may stand only once: the second is the one too many."""
    if len(fields) > 1:
        yield at_field(fields[1], expected, f"{len(fields)} {latin(fields[0].name)} fields")


def syntax(head: Head) -> Iterator[Fault]:
    """The first departure of a head from the HTTP syntax, with the number of the others."""
    if not head.defects:
        return
    first = head.defects[0]
    more = len(head.defects) - 1
    found = first.kind + (f", and {more} more" if more else "")
    yield Fault(expected="HTTP/1.1 message syntax (RFC 9112)", found=found, offset=first.offset)


def connection_without_upgrade(opening: Opening, head: Head, side: Direction) -> Iterator[Fault]:
    """Connection does not list upgrade in that side's head."""
    fields = opening.field(side, "Connection")
    if not fields:
        yield missing(head, "Connection", "Connection: Upgrade")
    elif not any(element.text.lower() == b"upgrade" for element in opening.elements(side, "Connection")):
        yield at_field(fields[0], "Connection: Upgrade", quoted(b", ".join(field.value for field in fields)))
