"""``wsanalyzer walkthrough``: one connection told stage by stage, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from analyzer.cli import words

if TYPE_CHECKING:
    from analyzer.model import Record

FORMATS = ("text", "markdown", "html")
SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}


def walkthrough(
    capture: Annotated[str, typer.Argument(metavar="CAPTURE", help="A file, folder or pattern; - is stdin.")],
    connection: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Tell this connection; needed where there are several.")
    ] = None,
    format: Annotated[
        str | None, typer.Option("-f", "--format", metavar="FORMAT", help="text, markdown or html.")
    ] = None,
    output: Annotated[str, typer.Option("-o", "--output", metavar="PATH", help="Where to write; - is stdout.")] = "-",
    decode_as: words.DecodeAs = None,
    keylog: words.Keylog = None,
    redact: words.Redact = None,
    color: words.Color = None,
) -> int:
    """Tell one connection from the wire: TCP, opening handshake, data, closing handshake.

    For those who learn the protocol and those who look for what went wrong: every field and frame is shown with what
    it is for, what each side has to check, and which rule held or broke.
    """
    import shutil
    from pathlib import PurePath

    from analyzer.capture.paths import expand
    from analyzer.capture.spare import readable_twice
    from analyzer.cli.options import COLORS, choice, port
    from analyzer.cli.options import keylog as chosen_keylog
    from analyzer.cli.options import words as several
    from analyzer.cli.startup import settle
    from analyzer.cli.terminal import use_color
    from analyzer.report.outputs import STDOUT, Output, refuse_overlap
    from analyzer.walkthrough import html, markdown, text
    from analyzer.walkthrough.story import walkthrough as told

    wanted = choice("--format", format or SUFFIXES.get(PurePath(output).suffix.lower(), "text"), FORMATS)
    wish = choice("--color", color or "auto", COLORS)
    ports = [port(word) for word in several(decode_as or [])]
    secrets = chosen_keylog(keylog)
    settle()
    paths = expand([capture])
    with readable_twice(paths) as files:
        document = told(files, connection, decode_as=ports, keylog=secrets, redact=bool(redact))
    if wanted == "text":
        to_terminal = output == STDOUT
        columns = shutil.get_terminal_size((text.USUAL, 24)).columns if to_terminal else text.USUAL
        lines = text.lines(document, columns, color=use_color(wish, to_terminal) and (to_terminal or wish == "always"))
    else:
        lines = markdown.lines(document) if wanted == "markdown" else html.lines(document)
    refuse_overlap([output], paths)
    target = Output(output)
    target.attach(_Lines(target.stream, lines))
    try:
        target.close()
    finally:
        target.abandon()
    return 0


class _Lines:
    """A sink that takes no records: all there is to write is known when it is made."""

    def __init__(self, out: BinaryIO, lines: Iterator[str]) -> None:
        self._out = out
        self._lines = lines

    def write(self, record: Record) -> None:
        """Never called."""
        raise AssertionError(record)

    def close(self) -> None:
        """Write it all."""
        for line in self._lines:
            self._out.write(line.encode() + b"\n")
