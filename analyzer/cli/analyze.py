"""``wsanalyzer analyze``: its options, and where they are read together with the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Several = list[str] | None


def analyze(
    captures: Annotated[list[str], typer.Argument(metavar="CAPTURE", help="Files, folders, patterns; - is stdin.")],
    format: Annotated[
        Several,
        typer.Option(
            "-f",
            "--format",
            metavar="FORMAT",
            help="text, concise, jsonl, json, markdown, sarif, junit, github or csv; repeatable.",
        ),
    ] = None,
    output: Annotated[
        Several, typer.Option("-o", "--output", metavar="PATH", help="Where the -f of the same rank goes; - is stdout.")
    ] = None,
    select: Annotated[Several, typer.Option(metavar="RULES", help="Report only these ids or prefixes.")] = None,
    ignore: Annotated[Several, typer.Option(metavar="RULES", help="Do not report these ids or prefixes.")] = None,
    severity: Annotated[
        Several, typer.Option(metavar="ID=LEVEL", help="Another severity for a rule: error, warning, info.")
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="Exit 1 from this severity on: error, warning, info, never.")
    ] = None,
    records: Annotated[
        Several,
        typer.Option(metavar="KINDS", help="connections, handshakes, frames, messages, findings, or all."),
    ] = None,
    payloads: Annotated[bool | None, typer.Option("--payloads", help="Put payloads into message records.")] = None,
    decode_as: Annotated[
        Several, typer.Option(metavar="PORT", help="Treat this TCP port as WebSocket without an opening handshake.")
    ] = None,
    timeout: Annotated[
        Several, typer.Option(metavar="NAME=SECONDS", help="Patience: pong, close, fail, teardown, follow.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for what is still written to the last file; Ctrl-C ends it.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="The verdict only; nothing on stderr but errors.")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show every connection and observation.")] = False,
    color: Annotated[str | None, typer.Option(metavar="WHEN", help="auto, always or never.")] = None,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="No progress bar.")] = False,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read [tool.wsanalyzer] here instead of ./pyproject.toml.")
    ] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="Read no configuration file.")] = False,
) -> int:
    """Judge the WebSocket traffic of captures.

    Exit status: 0 nothing at or above --fail-on, 1 findings at or above it, 2 usage, input or output errors. An
    input that cannot be read is left out: what the others hold is still reported, and the status is 2.
    """
    from analyzer.cli import config as files
    from analyzer.cli.options import COLORS, FAIL_ON, Options, choice, merge, pairs
    from analyzer.cli.run import run
    from analyzer.errors import UsageError

    if isolated and config is not None:
        raise UsageError("--config and --isolated exclude each other")
    options = Options(
        format=format or None,
        output=output or None,
        select=select or None,
        ignore=ignore or None,
        severity=pairs("--severity", severity) if severity else None,
        fail_on=fail_on,
        records=records or None,
        payloads=payloads,
        decode_as=decode_as or None,
        timeout=pairs("--timeout", timeout) if timeout else None,
        follow=follow or None,
        color=color,
        progress=False if no_progress else None,
    )
    if not isolated:
        options = merge(options, files.load(config, Path.cwd()))
    choice("--fail-on", options.fail_on or "error", FAIL_ON)
    choice("--color", options.color or "auto", COLORS)
    return run(captures, options, quiet=quiet, verbose=verbose)
